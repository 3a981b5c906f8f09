"""What happens in networks and clouds while a run is under way: it ends as one to which nothing happened."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from fakes.holds import HeldBlobs, HeldCalls
from fleet_commands import Ended, Fleet, Json
from tidewaiter.simulator.aws import SimulatedAccount
from tidewaiter.simulator.demonstration_organization import MEMBER_ROLE
from tidewaiter.simulator.policies import allowing, trusting


def test_sessions_and_addresses_that_expire_in_the_middle_of_a_layer(fleet: Fleet, undisturbed: Ended) -> None:
    cloud = fleet.cloud
    blobs = HeldBlobs.of(cloud)

    def expire() -> None:
        cloud.expire_all()
        cloud.registries.blobs.expire_all()

    blobs.drop_at, blobs.drops, blobs.on_cut = 100, 4, expire
    ended = fleet.scanned()
    assert ended.lasting == undisturbed.lasting
    assert ended.err == undisturbed.err
    parts = [fetch for fetch in cloud.registries.blobs.fetches if fetch.range]
    assert [fetch.status for fetch in parts] == [206] * 4, "each goes on where it was cut"
    assert renewed(fleet)
    assert cloud.registries.blobs.refused_authorizations == 0
    assert ended.report["run"]["layers_read"] == undisturbed.report["run"]["layers_read"]
    assert ended.report["run"]["bytes_pulled"] == undisturbed.report["run"]["bytes_pulled"]


def test_sessions_that_end_and_calls_that_are_too_many_in_the_middle_of_a_listing(
    fleet: Fleet, undisturbed: Ended
) -> None:
    cloud = fleet.cloud
    calls = HeldCalls.of(cloud)
    hold = calls.hold("ecr:DescribeImages", after=5)
    running = fleet.started()
    hold.wait(lambda: running.is_alive)
    cloud.clock.advance(timedelta(hours=2))
    calls.throttle(3, "ecr:DescribeImages")
    calls.throttle(1, "sts:AssumeRole")
    hold.release()
    ended = running.ended()
    assert ended.lasting == undisturbed.lasting
    assert ended.err == undisturbed.err
    errors = [call.error for call in cloud.calls]
    assert errors.count("ThrottlingException") + errors.count("Throttling") == 4
    assert renewed(fleet)


def test_servers_that_fail_and_connections_that_are_lost(fleet: Fleet, undisturbed: Ended) -> None:
    cloud = fleet.cloud
    blobs = cloud.registries.blobs.faults
    blobs.answers += [(503, {}), (500, {}), (503, {"Retry-After": "0"})]
    blobs.drop_at, blobs.drops = 50, 3
    cloud.faults.fail(1, "organizations:ListAccounts")
    cloud.faults.fail(1, "ecr:DescribeRepositories", unavailable=True)
    cloud.faults.drop(1, "ecr:DescribeImages")
    cloud.faults.drop(1, "ecr:BatchGetImage")
    cloud.faults.fail(2, "ecr:GetDownloadUrlForLayer")
    ended = fleet.scanned()
    assert ended.lasting == undisturbed.lasting
    assert ended.err == undisturbed.err
    assert (blobs.answers, blobs.drops) == ([], 0)
    assert sum(bool(call.error) for call in cloud.calls) == 6 + 1, "all faults were met, and one account refuses"


def test_credentials_that_are_gone_before_the_run_are_told_in_a_line(fleet: Fleet) -> None:
    fleet = on_a_machine_of(fleet)
    fleet.cloud.expire_all()
    ended = fleet.scanned()
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert "these credentials have expired, as sts:GetCallerIdentity was asked" in line


def test_credentials_that_are_gone_in_the_middle_leave_gaps_and_nothing_is_lost(
    fleet: Fleet, undisturbed: Ended
) -> None:
    hold = HeldCalls.of(fleet.cloud).hold("ecr:DescribeImages", after=5)
    running = on_a_machine_of(fleet).started()
    hold.wait(lambda: running.is_alive)
    fleet.cloud.expire_all()
    hold.release()
    ended = running.ended()
    assert ended.code == 2
    notes = [line for line in ended.err.splitlines() if "have expired" in line]
    assert len(notes) == 1, "every repository meets the same refusal, which is told once"
    gaps = all_gaps(ended.report)
    denied = [gap for gap in gaps if "expired" in gap["detail"]]
    assert denied
    assert {gap["why"] for gap in denied} == {"denied"}
    kept, fetched = fleet.kept_layers(), fleet.fetches()
    again = on_a_machine_of(fleet).scanned()
    assert anonymous(again) == anonymous(undisturbed)
    assert not kept & fleet.fetched_since(fetched)


def renewed(fleet: Fleet) -> bool:
    """Whether a role of a member was assumed again, with the renewed session of the role before it."""
    assumed = Counter(call.resource for call in fleet.cloud.calls if call.action == "sts:AssumeRole" and call.allowed)
    return any(count > 1 for role, count in assumed.items() if role.endswith(MEMBER_ROLE))


def on_a_machine_of(fleet: Fleet) -> Fleet:
    """Looked at from a machine of the tooling account, whose credentials are a session's that nobody renews."""
    cloud = fleet.cloud
    tooling = SimulatedAccount(cloud, cloud.organization.members["100000000002"])
    role = tooling.role("runner", trust=trusting("ec2.amazonaws.com"), policy=allowing("sts:AssumeRole"))
    keys = cloud.service_session(role, "ec2.amazonaws.com")
    assert keys
    return replace(fleet, environment=cloud.environment(keys))


def all_gaps(report: Json) -> list[Json]:
    """The gaps of accounts, registries and images."""
    places = [*report["accounts"], *(each for account in report["accounts"] for each in account["registries"])]
    failed = [image for image in report["images"] if image["state"] == "failed"]
    return [gap for place in places for gap in place["gaps"]] + failed


def anonymous(ended: Ended) -> Json:
    """What lasts, without who asked."""
    lasting = ended.lasting
    del lasting["run"]["identity"]
    return lasting
