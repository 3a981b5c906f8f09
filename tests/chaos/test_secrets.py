"""No secret leaves a run: not in what it says, not in its reports and files, not in what it remembers."""

import json
import os
import re
import traceback
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleet_commands import Ended, Fleet
from tidewaiter.aws.chain import Chain
from tidewaiter.aws.permissions import session_policy
from tidewaiter.aws.targets import OrganizationRequest, organization
from tidewaiter.errors import CloudError
from tidewaiter.model.cloud import Lost
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.demonstration import debian_base
from tidewaiter.simulator.images import build_image, build_layer
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import Document, allowing, trusting

OF_THE_MANAGEMENT = "external-id-of-the-management"
OF_THE_MEMBERS = "external-id-of-the-members"
READER: Document = json.loads(session_policy("aws"))
SIGNED = re.compile(
    rb"X-Amz-(?:Signature|Credential|Security-Token)|Authorization: |(?:Basic|Bearer) [\w+/=-]{20}", re.IGNORECASE
)


@pytest.fixture
def base(cloud: SimulatedAws) -> Keys:
    """The keys of a session, which leads by external IDs to four accounts in which different things go wrong."""
    boss = cloud.account("boss", regions=["us-east-1"])
    tools = cloud.account("tools", outside=True)
    lister = allowing("sts:AssumeRole", "organizations:ListAccounts")
    boss.role("lister", trust=trusting(tools.id, external_id=OF_THE_MANAGEMENT), policy=[lister, READER])
    for name, policy in (
        ("sound", READER),
        ("denied", allowing("ec2:DescribeRegions", "ecr:DescribeRepositories", "ecr:DescribeImages")),
        ("by docker", READER),
        ("corrupt", READER),
    ):
        account = cloud.account(name, regions=["us-east-1"])
        account.role("reader", trust=trusting(boss.id, external_id=OF_THE_MEMBERS), policy=policy)
        registry = account.registry("us-east-1")
        registry.faults.unknown_configs = name == "by docker"
        image = build_image([debian_base(), build_layer({"srv/name": name.encode()})])
        registry.push("app", "1.0", image)
        if name == "corrupt":
            cloud.registries.blobs.faults.corrupt.add(image.layers[1].digest)
    cloud.account("stranger", regions=["us-east-1"]).role(
        "reader", trust=trusting(boss.id, external_id="another-one"), policy=READER
    )
    runner = tools.role("runner", trust=trusting("ec2.amazonaws.com"), policy=allowing("sts:AssumeRole"))
    keys = cloud.service_session(runner, "ec2.amazonaws.com")
    assert keys
    return keys


def secrets_of(cloud: SimulatedAws) -> set[bytes]:
    """All that proves who somebody is."""
    words = {OF_THE_MANAGEMENT, OF_THE_MEMBERS}
    for session in cloud.ring._sessions.values():
        words |= {session.keys.secret_access_key, session.keys.session_token}
    for password in cloud.registries.tokens._given:
        words |= {password, b64encode(f"AWS:{password}".encode()).decode()}
    return {word.encode() for word in words if word}


def assert_no_secret(content: bytes, cloud: SimulatedAws) -> None:
    assert not [word for word in secrets_of(cloud) if word in content]
    assert not SIGNED.search(content)


def fleet_of(cloud: SimulatedAws, base: Keys, database: Path, folder: Path) -> Fleet:
    own = {
        "TIDEWAITER_ORG_SCAN_MANAGEMENT_EXTERNAL_ID": OF_THE_MANAGEMENT,
        "TIDEWAITER_ORG_SCAN_EXTERNAL_ID": OF_THE_MEMBERS,
    }
    management = next(iter(cloud.organization.members))
    role = f"arn:aws:iam::{management}:role/lister"
    scan = ("org", "scan", "--management-role-arn", role, "--member-role-name", "reader")
    return Fleet(cloud, folder, database, {**cloud.environment(base), **own}, scan)


@pytest.fixture
def harbour(cloud: SimulatedAws, base: Keys, database: Path, tmp_path: Path) -> Fleet:
    return fleet_of(cloud, base, database, tmp_path)


def left_behind(folder: Path) -> Iterator[bytes]:
    """What stands in the files below a folder."""
    for place, _, names in os.walk(folder):
        for name in names:
            yield Path(place, name).read_bytes()


@pytest.mark.parametrize("format_", ["json", "table"])
def test_what_a_run_says_and_keeps_holds_no_secret(harbour: Fleet, format_: str) -> None:
    faults = harbour.cloud.registries.blobs.faults
    faults.drop_at, faults.drops = 100, 2
    ended = harbour.scanned("--format", format_, "--output-dir", str(harbour.folder / "reports"))
    assert ended.code == 2
    if format_ == "json":
        states = {(account["name"], image["state"]) for account, image in pairs(ended)}
        assert states == {("sound", "scanned"), ("denied", "failed"), ("by docker", "scanned"), ("corrupt", "failed")}
    assert harbour.cloud.registries.tokens._given, "the Docker API was logged in to"
    assert_no_secret(ended.out.encode(), harbour.cloud)
    assert_no_secret(ended.err.encode(), harbour.cloud)
    written = list(left_behind(harbour.folder))
    assert len(written) >= 4
    for content in written:
        assert_no_secret(content, harbour.cloud)


def pairs(ended: Ended) -> "Iterator[tuple[dict[str, str], dict[str, str]]]":
    """Each image with its account."""
    accounts = {account["id"]: account for account in ended.report["accounts"]}
    for image in ended.report["images"]:
        yield accounts[image["account"]], image


def test_a_refused_beginning_tells_no_secret(harbour: Fleet) -> None:
    wrong = replace(
        harbour, environment={**harbour.environment, "TIDEWAITER_ORG_SCAN_MANAGEMENT_EXTERNAL_ID": "wrong-external-id"}
    )
    ended = wrong.scanned()
    assert (ended.code, ended.out) == (2, "")
    assert "sts:AssumeRole" in ended.err
    assert "wrong-external-id" not in ended.err
    assert_no_secret(ended.err.encode(), harbour.cloud)


def test_an_external_id_on_the_command_line_is_not_kept(harbour: Fleet) -> None:
    given = {key: value for key, value in harbour.environment.items() if "EXTERNAL_ID" not in key}
    options = ("--management-external-id", OF_THE_MANAGEMENT, "--external-id", OF_THE_MEMBERS)
    ended = replace(harbour, environment=given).scanned(*options)
    assert ended.code == 2
    for content in (ended.out.encode(), ended.err.encode(), *left_behind(harbour.folder)):
        assert_no_secret(content, harbour.cloud)


def test_errors_show_no_secret_with_all_that_python_tells_of_them(
    cloud: SimulatedAws, base: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in cloud.environment(base).items():
        monkeypatch.setenv(name, value)
    management = next(iter(cloud.organization.members))
    request = OrganizationRequest(
        management_role_arn=f"arn:aws:iam::{management}:role/lister",
        management_external_id=OF_THE_MANAGEMENT,
        member_role_name="reader",
        member_external_id=OF_THE_MEMBERS,
    )
    chain = Chain.ambient()
    lost = [each for each in organization(chain, request) if isinstance(each, Lost)]
    assert lost
    wrong = replace(request, management_external_id="wrong-external-id")
    with pytest.raises(CloudError) as caught:
        list(organization(chain, wrong))
    told = (
        "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(chain) + repr(wrong) + repr(lost)
    )
    assert "sts:AssumeRole" in told
    assert "wrong-external-id" not in told
    assert_no_secret(told.encode(), cloud)
