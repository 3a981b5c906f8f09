"""Templates say what the blueprint says, and CloudFormation's linter finds nothing in them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from golden_files import assert_golden
from linters import lint
from stacks import Json, Stack, read
from tidewaiter.iam.blueprint import ANY_PLACE, Blueprint, Part, Policy, PullTimeExclusion, Role
from tidewaiter.iam.cloudformation import LONGEST_DESCRIPTION, render
from tidewaiter.iam.documents import Condition, Document, Principal, Statement
from tidewaiter.iam.instructions import documents
from tidewaiter.iam.rendered import Rendered
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Runs, Topology
from topology_samples import GRANTS, HOME, MANAGEMENT, wished

EVERYWHERE = {"exclusion_regions": ("eu-west-1", "us-east-1"), "events_regions": ("eu-west-1",)}
EVERY = [(topology, runs, grants) for topology in Topology for runs in Runs for grants in GRANTS]


def made(topology: Topology, runs: Runs, grants: str = "all") -> Blueprint:
    return blueprint(wished(topology, runs, grants=GRANTS[grants], **EVERYWHERE))


def one(part: str, files: tuple[Rendered, ...]) -> str:
    return next(file.text for file in files if file.part == part)


def said(text: str, part: Part, partition: str = "aws") -> list[Json]:
    """All documents of a template with its defaults, in the place that the blueprint means."""
    account, region = part.account or ANY_PLACE, ANY_PLACE if part.regions else "eu-west-1"
    stack = Stack.of(text, account=account, region=region, partition=partition)
    return [document for _, properties in stack.resources() for document in _documents(properties)]


def _documents(properties: Json) -> Iterator[Json]:
    for key in ("AssumeRolePolicyDocument", "PolicyDocument"):
        if key in properties:
            yield properties[key]
    yield from (policy["PolicyDocument"] for policy in properties.get("Policies", []))


@pytest.mark.parametrize(("topology", "runs", "grants"), EVERY)
def test_a_template_with_its_defaults_holds_the_documents_of_its_part_and_no_others(
    topology: Topology, runs: Runs, grants: str
) -> None:
    wanted = made(topology, runs, grants)
    files = render(wanted)
    assert [file.part for file in files] == [part.name for part in wanted.parts]
    assert [file.name for file in files] == [f"{part.name}.yaml" for part in wanted.parts]
    for part, file in zip(wanted.parts, files, strict=True):
        meant = [document.written() for each in part.resources for _, document in documents(each)]
        assert said(file.text, part) == meant


@pytest.mark.parametrize("runs", Runs)
def test_what_has_no_document_is_in_the_template_too(runs: Runs) -> None:
    kinds = [kind for kind, _ in Stack.of(one("base", render(made(Topology.SINGLE, runs))), account=HOME).resources()]
    own = {
        Runs.USER: ["AWS::IAM::User", "AWS::IAM::Policy", "AWS::IAM::Policy"],
        Runs.EC2: ["AWS::IAM::Role", "AWS::IAM::InstanceProfile"],
        Runs.ECS: ["AWS::IAM::Role"],
        Runs.IRSA: ["AWS::IAM::OIDCProvider", "AWS::IAM::Role"],
        Runs.POD_IDENTITY: ["AWS::IAM::Role", "AWS::EKS::PodIdentityAssociation"],
        Runs.EXISTING: ["AWS::IAM::Policy", "AWS::IAM::Policy"],
    }
    assert kinds == own[runs]


def test_the_linter_finds_nothing_in_any_template(tmp_path: Path) -> None:
    files = (file for topology, runs, grants in EVERY for file in render(made(topology, runs, grants)))
    texts = dict.fromkeys(file.text for file in files)
    for place, text in enumerate(texts):
        (tmp_path / f"{place}.yaml").write_text(text)
    done = lint("cfn-lint", "--", *sorted(tmp_path.iterdir()))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    text = one("base", render(made(Topology.SINGLE, Runs.EC2)))
    (tmp_path / "wrong.yaml").write_text(text.replace("!Ref RoleName", "!Ref RoleNames"))
    done = lint("cfn-lint", "--", tmp_path / "wrong.yaml")
    assert done.returncode != 0
    assert "RoleNames" in done.stdout


@pytest.mark.parametrize("topology", Topology)
def test_the_same_wishes_give_the_same_bytes(topology: Topology) -> None:
    assert render(made(topology, Runs.IRSA)) == render(made(topology, Runs.IRSA))


def test_the_management_role_as_it_is_read_by_people() -> None:
    assert_golden("iam-management.yaml", one("management", render(made(Topology.ORGANIZATION, Runs.EC2, "usual"))))


def test_the_member_role_as_it_is_read_by_people() -> None:
    assert_golden("iam-member.yaml", one("member", render(made(Topology.ORGANIZATION, Runs.EC2, "usual"))))


class TestParameters:
    @pytest.mark.parametrize(("topology", "runs"), [(topology, runs) for topology in Topology for runs in Runs])
    def test_external_ids_are_the_defaults_of_parameters_that_are_not_shown_and_stand_nowhere_else(
        self, topology: Topology, runs: Runs
    ) -> None:
        for file in render(made(topology, runs)):
            declared = read(file.text).get("Parameters", {})
            hidden = [each["Default"] for each in declared.values() if each.get("NoEcho")]
            assert len(re.findall(r"harbour.[0-9]", file.text)) == len(hidden)
            assert "harbour" not in repr(file)

    def test_several_external_ids_are_parameters_of_their_own_so_that_commas_do_no_harm(self) -> None:
        text = one("target-222222222222", render(made(Topology.CROSS_ACCOUNT, Runs.EC2)))
        stack = Stack.of(text, account="222222222222", ExternalId2="third")
        (_, role), *_ = stack.resources("AWS::IAM::Role")
        condition = role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]
        assert condition == {"StringEquals": {"sts:ExternalId": ["harbour-2a", "third"]}}
        assert read(text)["Parameters"]["ExternalId2"]["Default"] == "harbour,2b"

    def test_another_name_of_a_role_goes_wherever_the_role_is_named(self) -> None:
        text = one("member", render(made(Topology.ORGANIZATION, Runs.EC2)))
        stack = Stack.of(text, account="555555555555", RoleName="other")
        (_, role), *_ = stack.resources("AWS::IAM::Role")
        assert role["RoleName"] == "other"
        named = re.findall(r"role/([\w-]+)", str(role))
        assert set(named) == {"other", "tidewaiter-management"}

    def test_a_principal_of_another_template_is_a_parameter(self) -> None:
        text = one("management", render(made(Topology.ORGANIZATION, Runs.USER)))
        stack = Stack.of(text, account=MANAGEMENT, TrustedPrincipalArn="arn:aws:iam::999999999999:role/other")
        (_, role), *_ = stack.resources("AWS::IAM::Role")
        principal = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
        assert principal == {"AWS": "arn:aws:iam::999999999999:role/other"}

    def test_the_service_account_can_be_another(self) -> None:
        text = one("base", render(made(Topology.SINGLE, Runs.IRSA)))
        stack = Stack.of(text, account=HOME, Namespace="scanning", ServiceAccount="scanner")
        assert "system:serviceaccount:scanning:scanner" in str(list(stack.resources("AWS::IAM::Role")))

    def test_defaults_are_what_their_own_patterns_and_lengths_allow(self) -> None:
        for topology in Topology:
            for runs in Runs:
                for file in render(made(topology, runs)):
                    for name, each in read(file.text).get("Parameters", {}).items():
                        assert re.fullmatch(each["AllowedPattern"], each["Default"]), name
                        assert each["MinLength"] <= len(each["Default"]) <= each["MaxLength"], name


class TestPlaces:
    """Account, region and partition are those where the template is put up."""

    @pytest.mark.parametrize("topology", Topology)
    def test_own_accounts_and_partitions_are_not_spelled_out(self, topology: Topology) -> None:
        found = made(topology, Runs.EC2)
        for part, file in zip(found.parts, render(found), strict=True):
            resources = file.text[file.text.index("\nResources:") :]
            assert "arn:aws:" not in resources
            assert not part.account or part.account not in resources

    def test_in_each_account_of_an_organization_only_that_accounts_repositories_are_meant(self) -> None:
        text = one("member", render(made(Topology.ORGANIZATION, Runs.EC2)))
        (_, role), *_ = Stack.of(text, account="555555555555").resources("AWS::IAM::Role")
        assert "arn:aws:ecr:*:555555555555:repository/*" in str(role)
        assert ":*:*:" not in str(role)

    def test_a_queue_takes_events_only_of_the_rule_in_its_own_region(self) -> None:
        text = one("events-member", render(made(Topology.ORGANIZATION, Runs.EC2)))
        stack = Stack.of(text, account="555555555555", region="eu-west-1")
        (_, policy), *_ = stack.resources("AWS::SQS::QueuePolicy")
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Resource"] == "arn:aws:sqs:eu-west-1:555555555555:tidewaiter-pushes"
        source = statement["Condition"]["ArnLike"]["aws:SourceArn"]
        assert source == "arn:aws:events:eu-west-1:555555555555:rule/tidewaiter-pushes"

    def test_a_member_role_is_left_out_of_pull_times_by_its_name_in_each_account(self) -> None:
        text = one("pull-time-member", render(made(Topology.ORGANIZATION, Runs.EC2)))
        stack = Stack.of(text, account="555555555555")
        (_, exclusion), *_ = stack.resources("AWS::ECR::PullTimeUpdateExclusion")
        assert exclusion == {"PrincipalArn": "arn:aws:iam::555555555555:role/tidewaiter-member"}

    def test_other_partitions_say_the_same_of_theirs(self) -> None:
        wanted = blueprint(wished(Topology.ORGANIZATION, partition="aws-cn"))
        for part, file in zip(wanted.parts, render(wanted), strict=True):
            meant = [document.written() for each in part.resources for _, document in documents(each)]
            assert said(file.text, part, "aws-cn") == meant


class TestHeading:
    """What people read above a template."""

    def test_it_says_where_the_template_belongs_what_to_do_by_hand_and_how_to_put_it_up(self) -> None:
        found = made(Topology.SINGLE, Runs.USER)
        text = one("base", render(found))
        heading = " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("#"))
        assert f"For account {HOME}, where tidewaiter runs." in heading
        assert all(note in heading for note in found.parts[0].notes)
        command = "aws cloudformation deploy --stack-name tidewaiter-base --template-file base.yaml"
        assert f"{command} --capabilities CAPABILITY_NAMED_IAM" in heading

    def test_the_notes_on_the_whole_stand_above_the_first_template_only(self) -> None:
        found = blueprint(wished(Topology.CROSS_ACCOUNT, repositories=("team/*",)))
        assert found.notes
        first, *others = (file.text.replace("\n# ", " ") for file in render(found))
        assert all(note in first for note in found.notes)
        assert not any(note in other for note in found.notes for other in others)

    def test_what_stands_in_several_regions_is_put_up_in_each(self) -> None:
        text = one("pull-time", render(made(Topology.SINGLE, Runs.EC2)))
        assert "#   for region in eu-west-1 us-east-1; do\n#     aws cloudformation deploy" in text
        assert "CAPABILITY" not in text

    def test_what_stands_in_each_account_is_a_stack_set(self) -> None:
        text = one("member", render(made(Topology.ORGANIZATION, Runs.EC2)))
        assert "create-stack-set --stack-set-name tidewaiter-member" in text
        assert "OrganizationalUnitIds=TARGETS --regions REGION" in text

    def test_where_stack_sets_know_no_organizations_each_account_gets_a_stack(self) -> None:
        text = one("member", render(blueprint(wished(Topology.ORGANIZATION, partition="aws-cn"))))
        assert "create-stack-set" not in text
        assert "aws cloudformation deploy --stack-name tidewaiter-member" in text

    def test_whoever_gets_a_template_with_external_ids_is_told_so(self) -> None:
        files = render(made(Topology.CROSS_ACCOUNT, Runs.EC2))
        told = {
            file.part
            for file in files
            if "defaults of external IDs stand in this template" in file.text.replace("\n# ", " ")
        }
        assert told == {"target-222222222222", "target-333333333333"}


class TestHostileBlueprints:
    """Nothing in a blueprint gets out of its place in the template."""

    HOSTILE = (
        "\"'\\",
        "a: b # c",
        "${AWS::AccountId}",
        "${!x}",
        "- x\n- y",
        "\u2028x",
        "!Ref x",
        "&a *a",
        "yes",
        "\x07",
    )

    @pytest.mark.parametrize("text", HOSTILE)
    def test_strings_stay_what_they_are(self, text: str) -> None:
        arn = f"arn:aws:ecr:*:{HOME}:repository/{text}"
        statement = Statement(sid="S", actions=(text,), resources=(text, arn), why=text)
        condition = Condition(operator="StringEquals", key="sts:ExternalId", values=(text,))
        trusted = Statement(
            sid="T", actions=(text,), principal=Principal(kind="Service", names=(text,)), conditions=(condition,)
        )
        policy = Policy(name=text, document=Document(statements=(statement,)))
        role = Role(name=text, description=text, trust=Document(statements=(trusted,)), policies=(policy,))
        part = Part(name="p", account=HOME, where=text, resources=(role,), notes=(text,))
        (file,) = render(Blueprint(topology="single", partition="aws", parts=(part,)))
        (_, properties), *_ = Stack.of(file.text, account=HOME).resources()
        assert said(file.text, part) == [role.trust.written(), policy.document.written()]
        assert (properties["RoleName"], properties["Description"]) == (text, text)
        assert properties["Policies"][0]["PolicyName"] == text

    def test_a_long_place_is_cut_to_what_a_description_takes(self) -> None:
        exclusion = PullTimeExclusion(principal_arn=f"arn:aws:iam::{HOME}:role/x", regions=())
        part = Part(name="p", account=HOME, where="é" * LONGEST_DESCRIPTION, resources=(exclusion,))
        (file,) = render(Blueprint(topology="single", partition="aws", parts=(part,)))
        assert len(read(file.text)["Description"].encode()) in (LONGEST_DESCRIPTION - 1, LONGEST_DESCRIPTION)

    def test_a_part_that_makes_nothing_has_no_template(self) -> None:
        part = Part(name="p", account=HOME, where="nowhere", resources=())
        assert render(Blueprint(topology="single", partition="aws", parts=(part,))) == ()
