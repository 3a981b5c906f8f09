"""Registries of ten thousand repositories, listed while AWS says that it is asked too often."""

import json
from pathlib import Path

from fakes.holds import HeldCalls
from fleet_commands import Fleet, Running
from tidewaiter.aws.permissions import session_policy
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.demonstration import debian_base
from tidewaiter.simulator.images import build_image
from tidewaiter.simulator.policies import allowing

REGIONS = ("us-east-1", "us-west-2", "eu-central-1", "ap-southeast-2")
EACH = 2_500
ALL = EACH * len(REGIONS)
MOST_MEMORY = 200 << 20


def test_ten_thousand_repositories_are_all_listed_though_the_cloud_throttles(
    cloud: SimulatedAws, database: Path, tmp_path: Path
) -> None:
    fleet = large(cloud, database, tmp_path)
    calls = HeldCalls.of(cloud)
    calls.throttle(3, "ecr:DescribeRepositories")
    late = calls.hold("ecr:DescribeImages", after=ALL // 2)
    last = calls.hold("ecr:DescribeImages", after=ALL)
    running = fleet.started()
    late.wait(lambda: running.is_alive)
    calls.throttle(10, "ecr:DescribeImages")
    late.release()
    last.wait(lambda: running.is_alive)
    memory = peak(running)
    last.release()
    ended = running.ended()
    assert ended.code == 0, ended.err
    answers = [(call.action, call.error) for call in cloud.calls]
    assert answers.count(("ecr:DescribeImages", "")) == ALL
    assert answers.count(("ecr:DescribeImages", "ThrottlingException")) == 10, "what was throttled is asked again"
    assert answers.count(("ecr:DescribeRepositories", "ThrottlingException")) == 3
    (account,) = ended.report["accounts"]
    assert {registry["region"]: registry["repositories"] for registry in account["registries"]} == dict.fromkeys(
        REGIONS, EACH
    )
    assert not account["gaps"]
    assert not any(registry["gaps"] for registry in account["registries"])
    assert [image["repository"] for image in ended.report["images"]] == ["team/app-02499"] * len(REGIONS)
    assert memory < MOST_MEMORY


def large(cloud: SimulatedAws, database: Path, folder: Path) -> Fleet:
    """An account with an image in the last repository of each region."""
    account = cloud.account("large", regions=REGIONS)
    for region in REGIONS:
        registry = account.registry(region)
        for number in range(EACH):
            registry.create(f"team/app-{number:05d}")
        registry.push(f"team/app-{EACH - 1:05d}", "latest", build_image([debian_base()]))
    keys = account.user("reader", policy=[json.loads(session_policy("aws")), allowing("sts:GetCallerIdentity")])
    return Fleet(cloud, folder, database, cloud.environment(keys), ("ecr", "list"), ("--format", "json"))


def peak(running: Running) -> int:
    """The most memory that the process had so far, in bytes."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) << 10
