"""Policies put up in the simulated AWS, whose IAM then decides, and looked at by the real command."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import pytest

from aws_clients import client
from harbours import REGION, SCANNED, Harbour, Look
from policy_mutations import Change, Mutation, mutations
from policy_rollout import Files, Rollout, rendered
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Runs, Topology, Wishes
from topology_samples import GRANTS, TARGETS, wished

NARROW = ("team/*", "base/*")
WORKING: Final = {Change.ANYBODY, Change.ACCOUNT, Change.CONDITION}
"""Trust in too many: a scan works, and it is for the doctor to tell."""

FIRST: Final = {
    Topology.SINGLE: ("base",),
    Topology.CROSS_ACCOUNT: ("base-tidewaiter-assume", "target-222222222222-tidewaiter-reader-trust"),
    Topology.ORGANIZATION: ("base-tidewaiter-assume", "management-tidewaiter-", "member-tidewaiter-member-trust"),
}
"""Of which documents some changes are scanned: those that many accounts have alike, once."""

SPARE: Final = TARGETS[0].external_ids[0]
"""The external ID of another connection, which the scan does not give."""

UNUSED: Final = {"ecr:GetAuthorizationToken", "organizations:ListRoots"}
"""What only images ask for whose layers the API of ECR does not give, and only filters by unit."""


def gaps(value: Any) -> Iterator[Any]:
    """All gaps anywhere in a report."""
    match value:
        case dict():
            yield from value.get("gaps", [])
            for each in value.values():
                yield from gaps(each)
        case list():
            for each in value:
                yield from gaps(each)


def _all_ways() -> Iterator[Any]:
    """Each topology with each way to run; and with more and with less granted than usual.

    What is rendered for brokered accounts is the same as for others, as `test_mutations.py` holds it to.
    """
    for topology in Topology:
        runs = (Runs.EC2,) if topology is Topology.BROKERED else Runs
        yield from (pytest.param(topology, each, "usual", (), id=f"{topology}-{each}") for each in runs)
        for grants in ("all", "least"):
            yield pytest.param(topology, Runs.EC2, grants, NARROW, id=f"{topology}-{grants}-granted")


@pytest.mark.parametrize(("topology", "runs", "grants", "repositories"), list(_all_ways()))
def test_what_is_put_up_is_enough_for_the_scan_that_it_is_for_and_leaves_no_gap(
    harbour: Harbour, look: Look, topology: Topology, runs: Runs, grants: str, repositories: tuple[str, ...]
) -> None:
    wishes = wished(topology, runs, grants=GRANTS[grants], repositories=repositories)
    Rollout(harbour, wishes).put_up()
    before = len(harbour.cloud.calls)
    done = look(wishes)
    assert done.code == 1, done.err or done.out
    assert {(image["state"], image["account"]) for image in done.json["images"]} == {
        ("scanned", account) for account in SCANNED[topology]
    }
    assert list(gaps(done.json)) == []
    refused = {call.action for call in harbour.cloud.calls[before:] if not call.allowed}
    assert refused <= (set() if wishes.grants.regions else {"ec2:DescribeRegions"})


def test_pulls_leave_no_time_once_the_exclusion_is_put_up(harbour: Harbour, look: Look) -> None:
    wishes = wished(Topology.ORGANIZATION, exclusion_regions=(REGION,), events_regions=(REGION,))
    Rollout(harbour, wishes).put_up()
    assert look(wishes).code == 1
    for site in harbour.sites.values():
        ecr = client(harbour.cloud, site.operator, "ecr", REGION)
        (image,) = ecr.describe_images(repositoryName="team/app")["imageDetails"]
        assert "lastRecordedPullTime" not in image


@cache
def _wishes(topology: Topology) -> Wishes:
    return wished(topology)


@cache
def _files(topology: Topology) -> Files:
    return rendered(blueprint(_wishes(topology)))


def _samples() -> Iterator[Any]:
    """The first change of each kind in each kind of document, and of external IDs each."""
    for topology, first in FIRST.items():
        known: set[tuple[str, str]] = set()
        for file in (file for file in _files(topology) if file.startswith(first)):
            for each in mutations(file, _files(topology)[file]):
                kind = (file, each.what if each.change is Change.VALUE else each.change)
                if kind not in known:
                    known.add(kind)
                    yield pytest.param(topology, each, id=f"{topology}-{each}")


@pytest.mark.parametrize(("topology", "mutation"), list(_samples()))
def test_a_scan_that_misses_something_never_reads_as_clean(
    harbour: Harbour, look: Look, topology: Topology, mutation: Mutation
) -> None:
    rollout = Rollout(harbour, _wishes(topology))
    rollout.put_up()
    with rollout.replaced(mutation.file, mutation.document):
        done = look(_wishes(topology))
    if mutation.change in WORKING or mutation.what == SPARE or (mutation.lost and mutation.lost <= UNUSED):
        assert done.code == 1, done.err or done.out
        assert list(gaps(done.json)) == []
        return
    assert done.code == 2, done.err or done.out
    if mutation.lost:
        assert any(action in done.out + done.err for action in mutation.lost)
    elif mutation.file.startswith("base-"):
        assert "there are no AWS credentials here" in done.err
    else:
        assert "sts:AssumeRole" in done.out + done.err
