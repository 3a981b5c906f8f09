"""What each topology needs, and nothing else: who trusts whom, who may do what, in which account."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from itertools import product

import hypothesis
import pytest
from hypothesis import strategies as st

from golden_files import assert_golden
from tidewaiter.aws.permissions import PERMISSIONS, Feature, Holder
from tidewaiter.iam.blueprint import (
    Attachment,
    Blueprint,
    InstanceProfile,
    OidcProvider,
    Part,
    PodIdentity,
    Policy,
    PullTimeExclusion,
    PushEvents,
    Resource,
    Role,
    User,
)
from tidewaiter.iam.documents import Statement
from tidewaiter.iam.policies import render
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Grants, Runs, Target, Topology, Wishes
from topology_samples import HOME, ISSUER, MANAGEMENT, TARGETS, wished

IN_REGIONS = {"exclusion_regions": ("eu-west-1", "us-east-1"), "events_regions": ("eu-west-1", "us-east-1")}
_OF_USERS = {"ecr:ListPullTimeUpdateExclusions", "iam:SimulatePrincipalPolicy"}


def part(found: Blueprint, name: str) -> Part:
    """The part of this name."""
    (one,) = [each for each in found.parts if each.name == name]
    return one


def role(found: Blueprint, name: str) -> Role:
    """The role of this part."""
    (one,) = [each for each in part(found, name).resources if isinstance(each, Role)]
    return one


def statements(policies: Sequence[Policy]) -> list[Statement]:
    """All statements of these policies."""
    return [statement for policy in policies for statement in policy.document.statements]


def actions(policies: Sequence[Policy]) -> list[str]:
    """What these policies allow; an action stands there as often as it is allowed."""
    return sorted(action for statement in statements(policies) for action in statement.actions)


def policies_of(resource: Resource) -> tuple[Policy, ...]:
    return resource.policies if isinstance(resource, Role | User | Attachment) else ()


def table(wishes: Wishes, *holders: Holder, user: bool = False) -> list[str]:
    """What the table gives these holders for the features that are wished."""
    grants = wishes.grants
    chosen = {
        Feature.IDENTITY: True,
        Feature.ORGANIZATION: True,
        Feature.LISTING: True,
        Feature.PULLING: True,
        Feature.UNITS: grants.ou_filters,
        Feature.REGIONS: grants.regions,
        Feature.DOCKER_PULLING: grants.docker,
        Feature.PUBLIC: grants.public,
        Feature.DOCTOR: grants.doctor,
    }
    held = [each for each in PERMISSIONS if each.held_by in holders and chosen[each.feature] and not each.free]
    known = [each for each in held if not user or each.feature is not Feature.DOCTOR or each.action in _OF_USERS]
    return sorted(each.action for each in known)


@pytest.mark.parametrize("runs", Runs)
@pytest.mark.parametrize("topology", Topology)
def test_each_identity_is_allowed_what_the_table_says_and_nothing_else(topology: Topology, runs: Runs) -> None:
    for grants in all_grants():
        wishes = wished(topology, runs, grants=grants)
        assert _granted(blueprint(wishes)) == _expected(wishes), grants


def all_grants() -> Iterator[Grants]:
    names = [field.name for field in fields(Grants)]
    for chosen in product((False, True), repeat=len(names)):
        yield Grants(**dict(zip(names, chosen, strict=True)))


def _granted(found: Blueprint) -> dict[str, list[str]]:
    return {
        each.name: actions([policy for resource in each.resources for policy in policies_of(resource)])
        for each in found.parts
    }


def _expected(wishes: Wishes) -> dict[str, list[str]]:
    reader = table(wishes, Holder.REGISTRY)
    match wishes.topology:
        case Topology.SINGLE:
            return {"base": table(wishes, Holder.REGISTRY, user=wishes.runs in (Runs.USER, Runs.EXISTING))}
        case Topology.ORGANIZATION:
            management = table(wishes, Holder.MANAGEMENT, Holder.REGISTRY)
            return {"base": table(wishes, Holder.BASE), "management": management, "member": reader}
        case _:
            readers = {f"target-{each.account}": reader for each in wishes.targets}
            return {"base": ["sts:AssumeRole"] * len(wishes.targets), **readers}


def _wishes() -> st.SearchStrategy[Wishes]:
    grants = st.builds(Grants, **dict.fromkeys(("docker", "public", "regions", "ou_filters", "doctor"), st.booleans()))
    globs = st.lists(st.from_regex(r"[a-z0-9*?][a-z0-9._/*?-]{0,20}", fullmatch=True), max_size=3).map(tuple)
    return st.builds(
        lambda topology, runs, grants, globs: wished(topology, runs, grants=grants, repositories=globs),
        st.sampled_from(Topology),
        st.sampled_from(Runs),
        grants,
        globs,
    )


@hypothesis.given(_wishes())
def test_whatever_is_wished_nothing_reaches_beyond_the_account_and_its_repositories(wishes: Wishes) -> None:
    wanted = wishes.repositories or ("*",)
    for each in blueprint(wishes).parts:
        for resource in each.resources:
            for statement in statements(policies_of(resource)):
                assert statement.resources, statement
                for arn in statement.resources:
                    _assert_narrow(arn, each.account or "*", statement, wanted)


def _assert_narrow(arn: str, account: str, statement: Statement, wanted: Sequence[str]) -> None:
    if arn == "*":
        assert statement.sid in {
            "FindRegions",
            "LogIntoRegistry",
            "LogIntoPublicRegistry",
            "ListAccounts",
            "ListUnits",
            "ReadPullTimeExclusions",
        }
        return
    _, _, service, _, owner, name = arn.split(":", 5)
    if statement.actions == ("sts:AssumeRole",):
        assert statement.sid.removeprefix("AssumeReaderIn") == owner or name in {
            "role/tidewaiter-management",
            "role/tidewaiter-member",
        }
    elif service == "iam":
        assert owner in {account, "aws"}
    else:
        assert owner == account
        listed = statement.sid in {"ListRepositories", "ListPublicRepositories"}
        assert name.removeprefix("repository/") in (("*",) if listed else wanted)


def test_the_golden_files_show_each_topology() -> None:
    everything = Grants(docker=True, public=True, regions=True, ou_filters=True, doctor=True)
    assert_golden("iam-single.txt", _shown(wished(Topology.SINGLE, Runs.IRSA, grants=everything)))
    assert_golden("iam-cross-account.txt", _shown(wished(Topology.CROSS_ACCOUNT, Runs.USER, **IN_REGIONS)))
    assert_golden("iam-organization.txt", _shown(wished(Topology.ORGANIZATION, Runs.POD_IDENTITY, **IN_REGIONS)))
    assert_golden("iam-brokered.txt", _shown(wished(Topology.BROKERED, repositories=("team/*",))))


def _shown(wishes: Wishes) -> str:
    return "\n".join(f"{file.part}: {file.name}\n{file.text}" for file in render(blueprint(wishes)))


def test_the_same_wishes_give_the_same_blueprint() -> None:
    wishes = wished(Topology.ORGANIZATION, Runs.ECS, **IN_REGIONS)
    assert blueprint(wishes) == blueprint(replace(wishes))
    assert _shown(wishes) == _shown(replace(wishes))


def test_a_principal_is_put_up_before_the_trust_that_names_it() -> None:
    assert [each.name for each in blueprint(wished(Topology.ORGANIZATION)).parts] == ["base", "management", "member"]
    assert [each.name for each in blueprint(wished(Topology.BROKERED)).parts] == [
        "base",
        "target-222222222222",
        "target-333333333333",
    ]


@pytest.mark.parametrize("topology", [Topology.CROSS_ACCOUNT, Topology.BROKERED])
def test_a_reader_trusts_the_base_and_its_own_external_ids(topology: Topology) -> None:
    found = blueprint(wished(topology, Runs.USER))
    for target in TARGETS:
        (trusted,) = role(found, f"target-{target.account}").trust.statements
        assert trusted.principal is not None
        assert trusted.principal.names == (f"arn:aws:iam::{HOME}:user/tidewaiter",)
        assert [(each.key, each.values) for each in trusted.conditions] == [("sts:ExternalId", target.external_ids)]


def test_the_base_may_become_each_reader_by_a_statement_of_its_own() -> None:
    (base,) = part(blueprint(wished(Topology.CROSS_ACCOUNT, Runs.USER)), "base").resources
    assert [(each.sid, each.actions, each.resources) for each in statements(policies_of(base))] == [
        (
            f"AssumeReaderIn{target.account}",
            ("sts:AssumeRole",),
            (f"arn:aws:iam::{target.account}:role/tidewaiter-reader",),
        )
        for target in TARGETS
    ]


def test_each_hop_of_an_organization_trusts_the_one_before_and_no_other() -> None:
    found = blueprint(wished(Topology.ORGANIZATION, Runs.EXISTING))
    (by_base,) = role(found, "management").trust.statements
    (by_management,) = role(found, "member").trust.statements
    assert by_base.principal is not None
    assert by_management.principal is not None
    assert by_base.principal.names == (f"arn:aws:iam::{HOME}:user/ops/scanner",)
    assert by_management.principal.names == (f"arn:aws:iam::{MANAGEMENT}:role/tidewaiter-management",)
    assert by_base.conditions[0].values == ("harbour-4",)
    assert by_management.conditions[0].values == ("harbour-5",)
    assert part(found, "member").account == ""


def test_without_an_external_id_the_trust_asks_for_none_and_a_note_says_so() -> None:
    bare = wished(Topology.CROSS_ACCOUNT, targets=(Target(account="222222222222"),))
    found = blueprint(bare)
    assert role(found, "target-222222222222").trust.statements[0].conditions == ()
    assert any("asks for no external ID" in note for note in part(found, "target-222222222222").notes)
    with_ids = blueprint(wished(Topology.CROSS_ACCOUNT))
    assert not any("asks for no external ID" in note for each in with_ids.parts for note in each.notes)


@pytest.mark.parametrize(
    ("runs", "kinds"),
    [
        (Runs.USER, [User]),
        (Runs.EC2, [Role, InstanceProfile]),
        (Runs.ECS, [Role]),
        (Runs.IRSA, [OidcProvider, Role]),
        (Runs.POD_IDENTITY, [Role, PodIdentity]),
        (Runs.EXISTING, [Attachment]),
    ],
    ids=lambda value: str(value) if isinstance(value, Runs) else "",
)
def test_the_base_is_what_gives_credentials_where_tidewaiter_runs(runs: Runs, kinds: list[type]) -> None:
    base = part(blueprint(wished(Topology.SINGLE, runs)), "base")
    assert [type(resource) for resource in base.resources] == kinds
    assert base.account == HOME
    assert base.notes


def test_a_service_account_is_trusted_by_its_subject_and_audience_only() -> None:
    (trusted,) = role(blueprint(wished(Topology.SINGLE, Runs.IRSA)), "base").trust.statements
    assert trusted.written() == {
        "Sid": "TrustServiceAccount",
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{HOME}:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{ISSUER}:aud": "sts.amazonaws.com",
                f"{ISSUER}:sub": "system:serviceaccount:tidewaiter:tidewaiter",
            }
        },
    }


def test_pods_are_told_apart_by_session_tags_where_no_further_role_would_get_these() -> None:
    alone = blueprint(wished(Topology.SINGLE, Runs.POD_IDENTITY))
    (trusted,) = role(alone, "base").trust.statements
    assert trusted.actions == ("sts:AssumeRole", "sts:TagSession")
    assert {each.key.rpartition("/")[2]: each.values for each in trusted.conditions} == {
        "eks-cluster-name": ("tools",),
        "kubernetes-namespace": ("tidewaiter",),
        "kubernetes-service-account": ("tidewaiter",),
    }
    chained = blueprint(wished(Topology.ORGANIZATION, Runs.POD_IDENTITY))
    assert role(chained, "base").trust.statements[0].conditions == ()
    for found, tagged in ((alone, True), (chained, False)):
        (pods,) = [each for each in part(found, "base").resources if isinstance(each, PodIdentity)]
        assert pods.session_tags is tagged


def test_a_role_that_is_there_already_keeps_its_path_and_takes_the_policies() -> None:
    arn = f"arn:aws:iam::{HOME}:role/ops/scanner"
    found = blueprint(wished(Topology.SINGLE, Runs.EXISTING, existing_arn=arn, grants=Grants(doctor=True)))
    (attachment,) = part(found, "base").resources
    assert isinstance(attachment, Attachment)
    assert attachment.principal_arn == arn
    assert "iam:GetRole" in actions(attachment.policies)


def test_ecs_is_trusted_for_tasks_of_the_own_account() -> None:
    (trusted,) = role(blueprint(wished(Topology.SINGLE, Runs.ECS)), "base").trust.statements
    assert trusted.written()["Condition"] == {
        "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:*:{HOME}:*"},
        "StringEquals": {"aws:SourceAccount": HOME},
    }


@pytest.mark.parametrize(
    ("partition", "service"),
    [
        ("aws", "ec2.amazonaws.com"),
        ("aws-cn", "ec2.amazonaws.com.cn"),
        ("aws-us-gov", "ec2.amazonaws.com"),
        ("aws-eusc", "ec2.amazonaws.eu"),
    ],
)
def test_all_names_lie_in_the_partition(partition: str, service: str) -> None:
    wishes = wished(Topology.ORGANIZATION, partition=partition)
    text = _shown(wishes)
    assert f'"Service": "{service}"' in text
    assert {word.split(":")[1] for word in text.split('"') if word.startswith("arn:")} == {partition}


def test_only_the_repositories_that_are_wished_can_be_read_but_all_are_listed() -> None:
    found = blueprint(wished(Topology.SINGLE, repositories=("team/*", "base")))
    resources = {each.sid: each.resources for each in statements(role(found, "base").policies)}
    assert resources["ListRepositories"] == (f"arn:aws:ecr:*:{HOME}:repository/*",)
    assert resources["PullImages"] == (
        f"arn:aws:ecr:*:{HOME}:repository/team/*",
        f"arn:aws:ecr:*:{HOME}:repository/base",
    )
    assert any("--repository 'team/*' --repository 'base'" in note for note in found.notes)


def test_the_doctor_reads_about_the_own_role_only() -> None:
    found = blueprint(wished(Topology.CROSS_ACCOUNT, grants=Grants(doctor=True)))
    reader = role(found, "target-222222222222")
    (own,) = [each for each in statements(reader.policies) if each.sid == "ReadOwnRole"]
    assert own.resources == ("arn:aws:iam::222222222222:role/tidewaiter-reader",)


def _readers(wishes: Wishes) -> Iterator[tuple[str, str, str]]:
    """The ends of the parts' names, their accounts, and who reads there."""
    match wishes.topology:
        case Topology.SINGLE:
            yield "", HOME, f"arn:aws:iam::{HOME}:role/tidewaiter"
        case Topology.ORGANIZATION:
            yield "-management", MANAGEMENT, f"arn:aws:iam::{MANAGEMENT}:role/tidewaiter-management"
            yield "-member", "", "arn:aws:iam::*:role/tidewaiter-member"
        case _:
            for each in TARGETS:
                yield f"-{each.account}", each.account, f"arn:aws:iam::{each.account}:role/tidewaiter-reader"


@pytest.mark.parametrize("topology", Topology)
def test_whoever_reads_a_registry_is_excluded_from_its_pull_times(topology: Topology) -> None:
    wishes = wished(topology, exclusion_regions=("eu-west-1",))
    found = blueprint(wishes)
    for ending, account, arn in _readers(wishes):
        one = part(found, f"pull-time{ending}")
        assert (one.account, one.regions) == (account, ("eu-west-1",))
        assert one.resources == (PullTimeExclusion(principal_arn=arn, regions=("eu-west-1",)),)
    assert len(found.parts) == len(blueprint(wished(topology)).parts) + len(list(_readers(wishes)))


@pytest.mark.parametrize("topology", Topology)
def test_pushes_go_into_a_queue_that_only_the_rule_may_fill_and_nobody_reads(topology: Topology) -> None:
    wishes = wished(topology, events_regions=("eu-west-1", "us-east-1"))
    found = blueprint(wishes)
    for ending, account, _ in _readers(wishes):
        one = part(found, f"events{ending}")
        (events,) = one.resources
        assert isinstance(events, PushEvents)
        assert (one.account, one.regions) == (account, ("eu-west-1", "us-east-1"))
        (statement,) = events.queue_policy.statements
        owner = account or "*"
        assert statement.actions == ("sqs:SendMessage",)
        assert statement.resources == (f"arn:aws:sqs:*:{owner}:tidewaiter-pushes",)
        assert statement.conditions[0].values == (f"arn:aws:events:*:{owner}:rule/tidewaiter-pushes",)
        assert any("does not read this queue yet" in note for note in one.notes)
    granted = [action for each in found.parts for one in each.resources for action in actions(policies_of(one))]
    assert not [action for action in granted if action.startswith("sqs:")]


def test_external_ids_stand_in_no_representation() -> None:
    wishes = wished(Topology.ORGANIZATION)
    found = blueprint(wishes)
    shown = f"{wishes!r} {found!r} {render(found)!r}"
    assert "harbour-4" not in shown
    assert "harbour-5" not in shown
