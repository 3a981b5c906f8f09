"""Policies that IAM would not take are refused, with how long they are and what to do."""

import json

import pytest

from tidewaiter.errors import UsageError
from tidewaiter.iam.policies import render
from tidewaiter.iam.quotas import OF_ROLE, OF_TRUST, OF_USER, size
from tidewaiter.iam.rights import entering
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Runs, Target, Topology
from topology_samples import HOME, wished


def targets(count: int) -> tuple[Target, ...]:
    return tuple(Target(account=f"{number:012}", external_ids=(f"harbour-{number}",)) for number in range(count))


def test_white_space_does_not_count() -> None:
    document = entering(wished(Topology.CROSS_ACCOUNT), targets(2)).document
    assert size(document) == len("".join(document.text().split()))
    assert size(document) < len(document.text())


@pytest.mark.parametrize(("runs", "most"), [(Runs.EC2, OF_ROLE), (Runs.USER, OF_USER), (Runs.EXISTING, OF_USER)])
def test_as_many_accounts_can_be_entered_as_fit_into_the_policies(runs: Runs, most: int) -> None:
    def length(count: int) -> int:
        return size(entering(wished(Topology.CROSS_ACCOUNT), targets(count)).document)

    fitting = max(count for count in range(1, 100) if length(count) <= most)
    assert len(blueprint(wished(Topology.CROSS_ACCOUNT, runs, targets=targets(fitting))).parts) == fitting + 1
    with pytest.raises(UsageError, match=f"policies have {length(fitting + 1)} characters together; IAM takes {most}"):
        blueprint(wished(Topology.CROSS_ACCOUNT, runs, targets=targets(fitting + 1)))


def test_a_user_that_is_full_is_told_that_a_role_takes_more() -> None:
    with pytest.raises(UsageError, match=f"A role takes {OF_ROLE}"):
        blueprint(wished(Topology.CROSS_ACCOUNT, Runs.USER, targets=targets(40)))


def test_a_role_that_is_there_already_takes_as_much_as_a_new_one() -> None:
    arn = f"arn:aws:iam::{HOME}:role/scanner"
    found = blueprint(wished(Topology.CROSS_ACCOUNT, Runs.EXISTING, existing_arn=arn, targets=targets(40)))
    assert len(found.parts) == 41


def test_a_trust_policy_takes_so_many_external_ids() -> None:
    one = Target(account="222222222222", external_ids=tuple(f"{number:040}" for number in range(60)))
    with pytest.raises(UsageError, match=f"trust policy has .* characters; IAM takes {OF_TRUST}") as raised:
        blueprint(wished(Topology.CROSS_ACCOUNT, targets=(one,)))
    assert raised.value.where == "role tidewaiter-reader in account 222222222222, whose registries are looked at"
    assert "0" * 38 not in str(raised.value)


def test_repositories_count_too() -> None:
    globs = tuple(f"{number:0100}/*" for number in range(40))
    with pytest.raises(UsageError, match="fewer accounts or repositories"):
        blueprint(wished(Topology.SINGLE, repositories=globs))


def test_what_is_rendered_fits() -> None:
    for topology in Topology:
        for file in render(blueprint(wished(topology))):
            if file.name.endswith(".json"):
                assert len(json.dumps(json.loads(file.text), separators=(",", ":"))) <= OF_USER, file.name
