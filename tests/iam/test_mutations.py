"""Take away one thing of what is rendered, or widen one: the doctor names it, and the document that it belongs to.

Everything stands in the simulated AWS, through its IAM, and is enforced. Documents of several accounts that say the
same are changed at once, each alike; a document that several topologies or ways to run have is changed once.
"""

import gc
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from harbours import REGION, Harbour
from policy_mutations import Change, Mutation, mutations
from policy_rollout import Files, Place, Rollout, rendered
from tidewaiter.aws.chain import Chain
from tidewaiter.aws.permissions import PERMISSIONS, Feature
from tidewaiter.aws.targets import AccountRequest, OrganizationRequest
from tidewaiter.iam.base import arn
from tidewaiter.iam.doctor import diagnose
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Runs, Topology, Wishes
from tidewaiter.model.diagnosis import Check, Diagnosis, Health, Topic
from tidewaiter.simulator.aws import SimulatedAws
from topology_samples import GRANTS, ISSUER, wished

GLOBS = ("team/*", "base/*")
REGIONS: Final = "ec2:DescribeRegions"

BEHIND: Final[Mapping[str, str]] = {
    "sts:GetServiceBearerToken": "ecr-public:GetAuthorizationToken",
    "ecr-public:GetAuthorizationToken": "ecr-public:DescribeRegistries",
    "ecr-public:DescribeRepositories": "ecr-public:DescribeRegistries",
    "ecr-public:DescribeImages": "ecr-public:DescribeRegistries",
    "organizations:ListRoots": "organizations:ListAccounts",
    "organizations:ListOrganizationalUnitsForParent": "organizations:ListRoots",
    "organizations:ListAccountsForParent": "organizations:ListOrganizationalUnitsForParent",
    "iam:GetRolePolicy": "iam:ListRolePolicies",
    "iam:ListAttachedRolePolicies": "iam:ListRolePolicies",
    "iam:GetPolicy": "iam:ListAttachedRolePolicies",
    "iam:GetPolicyVersion": "iam:GetPolicy",
}
"""Each action is asked for only once the other one was answered: where both are missing, it is told of next."""

EXPLAINING: Final = "iam:SimulatePrincipalPolicy"
"""It is asked only where AWS gives no reason for a refusal."""

OF_AWS: Final = ":iam::aws:policy/"
"""AWS' own policies, which the simulated IAM has none of: nobody here has one attached."""

FOR_DOCTOR: Final = {each.action for each in PERMISSIONS if each.feature is Feature.DOCTOR}

WIDENED: Final = {
    Change.ANYBODY: "trusts anybody (principal *)",
    Change.ACCOUNT: "trusts all of an account",
    Change.CONDITION: "lets in who gives no external ID",
}
"""What is said of a role that works, and trusts too many."""

Scene = tuple[Topology, Runs]


@dataclass(frozen=True, slots=True)
class Case:
    """A change, made alike in each of some documents; the first stands for all in names."""

    scene: Scene
    mutations: tuple[Mutation, ...]

    @property
    def change(self) -> Change:
        return self.mutations[0].change

    @property
    def what(self) -> str:
        return self.mutations[0].what

    @property
    def lost(self) -> frozenset[str]:
        return self.mutations[0].lost

    @property
    def is_of_base(self) -> bool:
        return self.mutations[0].file.startswith("base-")


@cache
def wishes(scene: Scene) -> Wishes:
    """All that can be granted, for some repositories only."""
    return wished(*scene, grants=GRANTS["all"], repositories=GLOBS)


def base_of(scene: Scene) -> str:
    """The ARN of who scans first."""
    return arn(wishes(scene))


@cache
def files(scene: Scene) -> Files:
    return rendered(blueprint(wishes(scene)))


def _cases() -> Iterator[Case]:
    """All changes of each document that no earlier scene has: of readers those for a role and for a user."""
    known: set[str] = set()
    for topology in (Topology.SINGLE, Topology.CROSS_ACCOUNT, Topology.ORGANIZATION):
        for runs in (Runs.EC2, Runs.USER, Runs.ECS, Runs.IRSA, Runs.POD_IDENTITY, Runs.EXISTING):
            scene = (topology, runs)
            for alike in _alike(files(scene)):
                if str(alike) in known or (runs is Runs.EXISTING and topology is not Topology.SINGLE):
                    continue
                known.add(str(alike))
                changes = (mutations(file, document) for file, document in alike.items())
                yield from (Case(scene, each) for each in zip(*changes, strict=True))


def _alike(given: Files) -> Iterator[Files]:
    """The documents, those together that let readers in different accounts do the same."""
    for end in ("-read-registries.json", "-doctor.json"):
        if alike := {file: document for file, document in given.items() if file.endswith(end)}:
            yield alike
    yield from ({file: given[file]} for file in given if not file.endswith(("-read-registries.json", "-doctor.json")))


CASES = list(_cases())
NEEDLESS = next(
    case
    for case in CASES
    if case.change is Change.UNASKED and case.scene[0] is Topology.CROSS_ACCOUNT and case.what == "sts:TagSession"
)
"""Where an association is made without session tags, the simulated cloud asks no trust for them."""

OF_RIGHTS = [case for case in CASES if case.lost and case.change is not Change.UNASKED]
OF_TRUST = [case for case in CASES if case not in OF_RIGHTS]


@dataclass(slots=True)
class Ground:
    """A topology that works, who scans in it, and what the doctor says of it by what it is asked."""

    rollout: Rollout
    chain: Chain
    sound: dict[str, frozenset[Check]]

    def places(self, case: Case) -> list[Place]:
        """Where the case changes something."""
        return [self.rollout.places[each.file][0] for each in case.mutations]

    def changed(self, case: Case) -> tuple[list[Check], Diagnosis]:
        """The checks that are not right in the case, and were not said before; and all that is said."""
        asked = self._request(case)
        if repr(asked) not in self.sound:
            self.sound[repr(asked)] = self._sound(asked)
        with ExitStack() as stack:
            self._change(case, stack)
            anew = case.is_of_base and case in OF_TRUST  # sessions that were given go on
            found = self._examined(asked, Chain.ambient(attempts=1) if anew else self.chain)
        before = self.sound[repr(asked)]
        return [each for each in found.checks if each.health is not Health.RIGHT and each not in before], found

    def is_given(self, case: Case) -> bool:
        """Whether the service still gives sessions of the base role."""
        wanted = self.rollout.wishes
        with ExitStack() as stack:
            self._change(case, stack)
            return self.rollout.harbour.service_session(wanted) is not None

    def _change(self, case: Case, stack: ExitStack) -> None:
        for each in case.mutations:
            stack.enter_context(self.rollout.replaced(each.file, each.document))

    def _sound(self, asked: Sequence[AccountRequest] | OrganizationRequest) -> frozenset[Check]:
        found = self._examined(asked, self.chain)
        assert found.healthy
        assert {each.resource for each in found.checks if each.health is Health.WIDE} == set()
        gc.collect()
        gc.freeze()  # what botocore and moto hold is looked through no more with each client that goes
        return frozenset(found.checks)

    def _examined(self, asked: Sequence[AccountRequest] | OrganizationRequest, chain: Chain) -> Diagnosis:
        return diagnose(chain, asked, public=True, repositories=GLOBS)

    def _request(self, case: Case) -> Sequence[AccountRequest] | OrganizationRequest:
        """What a scan asks for that the case can concern, in one region where it is not about finding them."""
        asked = self.rollout.request(external_id=case.what if case.change is Change.VALUE else "")
        if isinstance(asked, OrganizationRequest):
            return replace(asked, regions=(REGION,))
        accounts = {place.account for place in self.places(case)}
        concerned = [each for each in asked if case.is_of_base or each.role_arn.split(":")[4] in accounts]
        return [replace(each, regions=() if case.lost == {REGIONS} else (REGION,)) for each in concerned]


@contextmanager
def _laid(scene: Scene, folder: Path) -> Iterator[Ground]:
    """All that is rendered, put up; and an environment as there is where tidewaiter runs."""
    wanted = wishes(scene)
    with SimulatedAws() as cloud, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        rollout = Rollout(Harbour.of(cloud), wanted)
        for site in rollout.harbour.sites.values():
            site.account.public_registry()
        rollout.put_up()
        rollout.attach()
        with rollout.harbour.inside(wanted, folder) as variables:
            for name, value in variables.items():
                patch.setenv(name, value)
            yield Ground(rollout, Chain.ambient(attempts=1), {})
    gc.unfreeze()


@pytest.fixture(scope="module")
def lay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Scene], Ground]]:
    """Gives the ground of a scene. There is one at a time, which stays while it is asked for."""
    laid: dict[Scene, Ground] = {}
    with ExitStack() as stack:

        def given(scene: Scene) -> Ground:
            if scene not in laid:
                stack.close()
                laid.clear()
                laid[scene] = stack.enter_context(_laid(scene, tmp_path_factory.mktemp("token")))
            return laid[scene]

        yield given


@pytest.fixture
def ground(lay: Callable[[Scene], Ground], case: Case) -> Ground:
    return lay(case.scene)


def _cases_of(cases: Sequence[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "case", cases, ids=["-".join((*case.scene, str(case.mutations[0]))) for case in cases]
    )


@_cases_of(OF_RIGHTS)
def test_what_is_not_allowed_any_more_is_named_with_the_policy_that_it_belongs_to(ground: Ground, case: Case) -> None:
    changes, found = ground.changed(case)
    missing = {action for action in case.lost if _is_told(case, action)}
    holders = [place.document for place in ground.places(case)]
    assert _named(changes) == {(holder, action) for action in missing for holder in _holders(case, holders, action)}
    assert [each for each in changes if not each.action and each.topic is not Topic.PULL_TIME] == []
    assert all(f'"Action": "{each.action}"' in each.statement for each in changes if each.statement)
    assert found.healthy == (not any(each.counts for each in changes))


def _named(changes: Sequence[Check]) -> set[tuple[str, str]]:
    """The documents and the actions that checks name. What only the doctor reads is told by who could not read it."""
    return {(each.document or f"identity policy of {each.principal}", each.action) for each in changes if each.action}


def _holders(case: Case, holders: list[str], action: str) -> list[str]:
    """Of roles of one name in several accounts, what only the doctor reads is told once."""
    alike = {re.sub("::[0-9]+:", "::*:", each) for each in holders}
    return list(alike) if action in FOR_DOCTOR and len(alike) < len(holders) else holders


def _is_told(case: Case, action: str) -> bool:
    """Whether the doctor can come upon the action."""
    if action == EXPLAINING or (case.change is Change.RESOURCE and OF_AWS in case.what):
        return False
    if action == REGIONS and case.lost != {REGIONS} and case.scene[0] is not Topology.ORGANIZATION:
        return False  # regions that are named in a request of an account are not looked for
    while action := BEHIND.get(action, ""):
        if action in case.lost:
            return False
    return True


OF_OTHERS = [case for case in OF_TRUST if not case.is_of_base]
OF_BASE = [case for case in OF_TRUST if case.is_of_base]


@_cases_of(OF_OTHERS)
def test_a_role_that_trusts_another_or_too_many_is_named_and_how(ground: Ground, case: Case) -> None:
    changes, found = ground.changed(case)
    (place,) = ground.places(case)
    (fault,) = changes
    assert (fault.topic, fault.document, fault.account) == (Topic.TRUST, place.document, place.account)
    assert not found.healthy
    if case.change in WIDENED:
        assert fault.health is Health.WIDE
        assert WIDENED[case.change] in fault.says
    else:
        assert (fault.health, fault.action, fault.resource) == (Health.WRONG, "sts:AssumeRole", place.arn)
        assert "does not trust who asks, or it asks for another external ID than was given" in fault.says
        assert base_of(case.scene) in fault.statement or "role/tidewaiter-management" in fault.statement


@_cases_of([case for case in OF_BASE if case.change is not Change.CONDITION])
def test_who_gets_no_credentials_because_of_its_roles_trust_is_told_what_that_has_to_name(
    ground: Ground, case: Case
) -> None:
    """Services say hardly why: so for each of them the doctor is asked once, and the cloud for all else."""
    if case.change is not Change.STRANGER and case.scene[1] is not Runs.IRSA:
        assert ground.is_given(case) == (case == NEEDLESS)
        return
    changes, found = ground.changed(case)
    (fault,) = changes
    assert (fault.topic, fault.health) == (Topic.CREDENTIALS, Health.WRONG)
    assert not found.healthy
    if case.scene[1] is Runs.IRSA:
        (place,) = ground.places(case)
        assert (fault.action, fault.document) == ("sts:AssumeRoleWithWebIdentity", place.document)
        assert ISSUER in fault.statement
    else:
        assert f"{case.what}" in fault.advice
        assert "trust policy" in fault.advice


@_cases_of([case for case in OF_BASE if case.change is Change.CONDITION])
def test_a_base_role_that_services_give_to_too_many_is_named(ground: Ground, case: Case) -> None:
    changes, found = ground.changed(case)
    if case.scene[1] is Runs.ECS:
        assert changes == [], "each of the two conditions keeps the tasks of other accounts out"
        assert found.healthy
        return
    (place,) = ground.places(case)
    (fault,) = changes
    assert (fault.topic, fault.health, fault.document) == (Topic.TRUST, Health.WIDE, place.document)
    assert case.what.removeprefix("StringEquals ") in fault.statement
    assert not found.healthy


def test_the_documents_of_brokered_accounts_are_those_of_any_others_so_that_this_holds_for_them_too() -> None:
    for runs in Runs:
        assert files((Topology.BROKERED, runs)) == files((Topology.CROSS_ACCOUNT, runs))


def test_whatever_it_runs_as_readers_may_do_the_same_and_trust_it_alone() -> None:
    for topology in Topology:
        first, *others = [(topology, runs) for runs in Runs]
        for other in others:
            mine, theirs = (
                {file: str(each) for file, each in files(scene).items() if not file.startswith("base-")}
                for scene in (first, other)
            )
            assert {file: text.replace(base_of(first), base_of(other)) for file, text in mine.items()} == theirs
