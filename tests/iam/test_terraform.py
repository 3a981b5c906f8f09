"""Modules say what the blueprint says, `terraform fmt` would change nothing in them, and strings stay strings."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from golden_files import assert_golden
from linters import lint
from terraform_modules import Made, Module
from tidewaiter.iam.blueprint import (
    ANY_PLACE,
    Blueprint,
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
from tidewaiter.iam.documents import Condition, Document, Principal, Statement
from tidewaiter.iam.instructions import documents
from tidewaiter.iam.rendered import Rendered
from tidewaiter.iam.terraform import render
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Runs, Topology
from topology_samples import GRANTS, HOME, ISSUER, MANAGEMENT, wished

EVERYWHERE = {"exclusion_regions": ("eu-west-1", "us-east-1"), "events_regions": ("eu-west-1",)}
EVERY = [(topology, runs, grants) for topology in Topology for runs in Runs for grants in GRANTS]
MEMBER = "555555555555"


def made(topology: Topology, runs: Runs, grants: str = "all") -> Blueprint:
    return blueprint(wished(topology, runs, grants=GRANTS[grants], **EVERYWHERE))


def one(part: str, files: tuple[Rendered, ...]) -> str:
    return next(file.text for file in files if file.part == part)


def said(module: Module) -> list[Any]:
    """All documents of a module, those of several regions once."""
    found: dict[tuple[str, str, str], Any] = {}
    for each in module.resources():
        for key in ("assume_role_policy", "policy"):
            if key in each.given:
                found.setdefault((each.kind, each.label, key), plain(json.loads(each.given[key])))
    return list(found.values())


def meant(part: Part, region: str = "") -> list[Any]:
    """The documents of a part, in one of its regions."""
    texts = (document.text() for each in part.resources for _, document in documents(each))
    filled = (re.sub(r"(arn:[\w-]+:(?:sqs|events)):\*:", rf"\1:{region}:", text) for text in texts)
    return [plain(json.loads(text)) for text in filled]


def plain(value: Any) -> Any:
    """A list of one item is the same to IAM as the item."""
    match value:
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case [single] if not isinstance(single, dict):
            return plain(single)
        case list():
            return [plain(each) for each in value]
        case _:
            return value


def test_a_module_with_its_defaults_holds_the_documents_of_its_part_and_no_others() -> None:
    for topology, runs, grants in EVERY:
        wanted = made(topology, runs, grants)
        files = render(wanted)
        assert [file.part for file in files] == [part.name for part in wanted.parts]
        for part, file in zip(wanted.parts, files, strict=True):
            module = Module.of(file.text, account=part.account or ANY_PLACE)
            assert said(module) == meant(part, (part.regions or ("",))[0])


def test_each_module_has_a_folder_of_its_own_for_a_folder_is_one_module() -> None:
    names = [file.name for file in render(made(Topology.ORGANIZATION, Runs.EC2))]
    assert names[:3] == ["base/main.tf", "management/main.tf", "member/main.tf"]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("runs", Runs)
def test_what_has_no_document_is_in_the_module_too(runs: Runs) -> None:
    module = Module.of(one("base", render(made(Topology.SINGLE, runs, "usual"))), account=HOME)
    own = {
        Runs.USER: ["aws_iam_user", "aws_iam_user_policy"],
        Runs.EC2: ["aws_iam_role", "aws_iam_role_policy", "aws_iam_instance_profile"],
        Runs.ECS: ["aws_iam_role", "aws_iam_role_policy"],
        Runs.IRSA: ["aws_iam_openid_connect_provider", "aws_iam_role", "aws_iam_role_policy"],
        Runs.POD_IDENTITY: ["aws_iam_role", "aws_iam_role_policy", "aws_eks_pod_identity_association"],
        Runs.EXISTING: ["aws_iam_user_policy"],
    }
    assert [each.kind for each in module.resources()] == own[runs]


def test_terraform_would_write_every_module_just_so(tmp_path: Path) -> None:
    texts = dict.fromkeys(
        file.text for topology, runs, grants in EVERY for file in render(made(topology, runs, grants))
    )
    for place, text in enumerate(texts):
        (tmp_path / f"{place}.tf").write_text(text)
    done = lint("terraform", "fmt", "-check", "-diff", tmp_path)
    assert (done.returncode, done.stdout) == (0, "")


def test_terraform_would_write_something_else_otherwise(tmp_path: Path) -> None:
    text = one("base", render(made(Topology.SINGLE, Runs.EC2)))
    (tmp_path / "wrong.tf").write_text(text.replace("name                 =", "name ="))
    assert lint("terraform", "fmt", "-check", tmp_path).returncode != 0


@pytest.mark.parametrize("topology", Topology)
def test_the_same_wishes_give_the_same_bytes(topology: Topology) -> None:
    assert render(made(topology, Runs.IRSA)) == render(made(topology, Runs.IRSA))


def test_the_management_role_as_it_is_read_by_people() -> None:
    assert_golden("iam-management.tf", one("management", render(made(Topology.ORGANIZATION, Runs.EC2, "usual"))))


def test_the_member_role_as_it_is_read_by_people() -> None:
    assert_golden("iam-member.tf", one("member", render(made(Topology.ORGANIZATION, Runs.EC2, "usual"))))


class TestVariables:
    def test_external_ids_are_defaults_of_sensitive_variables_and_stand_nowhere_else(self) -> None:
        for topology in Topology:
            for file in render(made(topology, Runs.EC2)):
                module = Module.of(file.text, account=HOME)
                hidden = [
                    value
                    for block in module.declared("variable")
                    if "sensitive" in block.attributes
                    for value in module.values[block.labels[0]]
                ]
                assert len(re.findall(r"harbour.[0-9]", file.text)) == len(hidden)
                assert "harbour" not in repr(file)

    def test_other_external_ids_can_be_given(self) -> None:
        text = one("target-222222222222", render(made(Topology.CROSS_ACCOUNT, Runs.EC2)))
        module = Module.of(text, account="222222222222", external_ids=["first", "second"])
        (role,) = module.resources("aws_iam_role")
        trust = json.loads(role.given["assume_role_policy"])
        assert trust["Statement"][0]["Condition"] == {"StringEquals": {"sts:ExternalId": ["first", "second"]}}

    def test_another_name_of_a_role_goes_wherever_the_role_is_named(self) -> None:
        text = one("member", render(made(Topology.ORGANIZATION, Runs.EC2)))
        module = Module.of(text, account=MEMBER, role_name="other")
        assert set(re.findall(r"role/([\w-]+)", str(list(module.resources())))) == {"other", "tidewaiter-management"}
        assert next(module.resources("aws_iam_role")).given["name"] == "other"

    def test_a_principal_of_another_module_is_a_variable(self) -> None:
        text = one("management", render(made(Topology.ORGANIZATION, Runs.USER)))
        other = "arn:aws:iam::999999999999:role/other"
        (role,) = Module.of(text, account=MANAGEMENT, trusted_principal_arns=[other]).resources("aws_iam_role")
        assert json.loads(role.given["assume_role_policy"])["Statement"][0]["Principal"] == {"AWS": [other]}

    def test_the_service_account_can_be_another(self) -> None:
        text = one("base", render(made(Topology.SINGLE, Runs.IRSA)))
        module = Module.of(text, account=HOME, namespace="scanning", service_account="scanner", oidc_issuer="i.example")
        (role,) = module.resources("aws_iam_role")
        (statement,) = json.loads(role.given["assume_role_policy"])["Statement"]
        assert statement["Condition"]["StringEquals"]["i.example:sub"] == "system:serviceaccount:scanning:scanner"
        assert statement["Principal"]["Federated"] == f"arn:aws:iam::{HOME}:oidc-provider/i.example"

    def test_a_provider_that_is_known_already_is_not_made_again(self) -> None:
        text = one("base", render(made(Topology.SINGLE, Runs.IRSA)))
        kinds = {each.kind for each in Module.of(text, account=HOME, create_oidc_provider=False).resources()}
        assert kinds == {"aws_iam_role", "aws_iam_role_policy"}

    def test_every_variable_is_used_and_says_what_it_is(self) -> None:
        for topology, runs, _ in EVERY:
            for file in render(made(topology, runs)):
                for block in Module.of(file.text, account=HOME).declared("variable"):
                    assert re.search(rf"var\.{block.labels[0]}\b", file.text)
                    assert {"description", "type", "default"} <= block.attributes.keys()


class TestPlaces:
    """Account, region and partition are those where the module is applied."""

    def test_a_module_for_one_account_refuses_any_other(self) -> None:
        text = one("management", render(made(Topology.ORGANIZATION, Runs.EC2)))
        module = Module.of(text, account=MANAGEMENT)
        (provider,) = module.declared("provider")
        assert module.worked_out(provider) == {"allowed_account_ids": [MANAGEMENT]}

    def test_in_each_account_of_an_organization_only_that_accounts_repositories_are_meant(self) -> None:
        module = Module.of(one("member", render(made(Topology.ORGANIZATION, Runs.EC2))), account=MEMBER)
        text = str(said(module))
        assert f"arn:aws:ecr:*:{MEMBER}:repository/*" in text
        assert ":*:*:" not in text
        assert not list(module.declared("provider"))

    def test_a_queue_takes_events_only_of_the_rule_in_its_own_region(self) -> None:
        text = one("events-member", render(made(Topology.ORGANIZATION, Runs.EC2)))
        module = Module.of(text, account=MEMBER, event_regions=["eu-west-1", "eu-west-3"])
        for region, each in zip(["eu-west-1", "eu-west-3"], module.resources("aws_sqs_queue_policy"), strict=True):
            (statement,) = json.loads(each.given["policy"])["Statement"]
            assert each.region == region
            assert statement["Resource"] == f"arn:aws:sqs:{region}:{MEMBER}:tidewaiter-pushes"
            source = statement["Condition"]["ArnLike"]["aws:SourceArn"]
            assert source == f"arn:aws:events:{region}:{MEMBER}:rule/tidewaiter-pushes"

    def test_the_rule_tells_pushes_to_the_queue_of_its_region(self) -> None:
        wanted = made(Topology.SINGLE, Runs.EC2)
        module = Module.of(one("events", render(wanted)), account=HOME)
        (rule,) = module.resources("aws_cloudwatch_event_rule")
        (target,) = module.resources("aws_cloudwatch_event_target")
        (events,) = (each for part in wanted.parts for each in part.resources if isinstance(each, PushEvents))
        assert json.loads(rule.given["event_pattern"]) == json.loads(events.pattern)
        arn = f"arn:aws:sqs:eu-west-1:{HOME}:tidewaiter-pushes"
        assert target == Made(target.kind, target.label, "eu-west-1", {"rule": rule.given["name"], "arn": arn})
        (output,) = module.declared("output")
        assert list(module.worked_out(output)["value"]) == ["eu-west-1"]

    def test_a_member_role_is_left_out_of_pull_times_in_each_region(self) -> None:
        text = one("pull-time-member", render(made(Topology.ORGANIZATION, Runs.EC2)))
        found = list(Module.of(text, account=MEMBER).resources("aws_ecr_pull_time_update_exclusion"))
        assert [each.region for each in found] == ["eu-west-1", "us-east-1"]
        assert {each.given["principal_arn"] for each in found} == {f"arn:aws:iam::{MEMBER}:role/tidewaiter-member"}

    def test_an_identity_that_was_there_before_keeps_its_path(self) -> None:
        module = Module.of(one("pull-time", render(made(Topology.SINGLE, Runs.EXISTING))), account=HOME)
        exclusion = next(module.resources("aws_ecr_pull_time_update_exclusion"))
        assert exclusion.given["principal_arn"] == f"arn:aws:iam::{HOME}:user/ops/scanner"

    def test_other_partitions_say_the_same_of_theirs(self) -> None:
        wanted = blueprint(wished(Topology.ORGANIZATION, partition="aws-cn"))
        for part, file in zip(wanted.parts, render(wanted), strict=True):
            assert said(Module.of(file.text, account=part.account or ANY_PLACE)) == meant(part)
            assert "arn:aws:" not in file.text.replace("arn:aws-cn:", "")


class TestHeading:
    """What people read above a module."""

    def test_it_says_where_the_module_belongs_and_what_to_do_by_hand(self) -> None:
        found = made(Topology.SINGLE, Runs.USER)
        heading = " ".join(line.removeprefix("# ") for line in one("base", render(found)).splitlines())
        assert heading.startswith(f"For account {HOME}, where tidewaiter runs. # ")
        assert all(note in heading for note in found.parts[0].notes)

    def test_the_notes_on_the_whole_stand_above_the_first_module_only(self) -> None:
        found = blueprint(wished(Topology.CROSS_ACCOUNT, repositories=("team/*",)))
        first, *others = (file.text.replace("\n# ", " ") for file in render(found))
        assert found.notes
        assert all(note in first for note in found.notes)
        assert not any(note in other for note in found.notes for other in others)

    def test_whoever_gets_a_module_with_external_ids_is_told_so(self) -> None:
        files = render(made(Topology.CROSS_ACCOUNT, Runs.EC2))
        told = {file.part for file in files if "External IDs stand in this file" in file.text}
        assert told == {"target-222222222222", "target-333333333333"}

    @pytest.mark.parametrize(
        ("resource", "version"),
        [
            (User(name="u"), "5.0"),
            (OidcProvider(issuer=ISSUER), "5.81"),
            (PodIdentity(cluster="c", namespace="n", service_account="s", role="r"), "5.100"),
            (PullTimeExclusion(principal_arn=f"arn:aws:iam::{HOME}:role/r", regions=("eu-west-1",)), "6.28"),
        ],
    )
    def test_the_provider_is_new_enough_for_what_is_asked_of_it(self, resource: Resource, version: str) -> None:
        part = Part(name="p", account=HOME, where="here", resources=(resource,))
        (file,) = render(Blueprint(topology="single", partition="aws", parts=(part,)))
        assert f'version = ">= {version}"' in file.text


class TestHostileBlueprints:
    """Nothing in a blueprint gets out of its place in the module."""

    HOSTILE = (
        "\"'\\",
        "a = b # c",
        "${var.account_id}",
        "$${x}",
        "$$${x}",
        "%{ if true }x%{ endif }",
        "$",
        "x\ny\r\t",
        "\u2028x\x07\U0001f980",
        "*/ //",
    )

    @pytest.mark.parametrize("text", HOSTILE)
    def test_strings_stay_what_they_are(self, text: str, tmp_path: Path) -> None:
        part, role = hostile_part(text)
        (file,) = render(Blueprint(topology="single", partition="aws", parts=(part,)))
        module = Module.of(file.text, account=HOME)
        found = list(module.resources("aws_iam_role"))
        assert said(module) == meant(part)
        assert [(each.given["name"], each.given["description"]) for each in found] == [(role.name, text)]
        assert [each.given["name"] for each in module.resources("aws_iam_role_policy")] == [text]
        (tmp_path / "main.tf").write_text(file.text)
        assert lint("terraform", "fmt", "-check", tmp_path).returncode == 0

    def test_terraform_itself_reads_each_string_so(self, tmp_path: Path) -> None:
        outputs = (
            f'output "o{place}" {{\n  value = {expression}\n}}\n' for place, expression in enumerate(self._all())
        )
        (tmp_path / "main.tf").write_text("".join(outputs))
        for words in (["init"], ["apply", "-auto-approve"]):
            lint("terraform", f"-chdir={tmp_path}", *words, "-input=false", "-no-color")
        told = json.loads(lint("terraform", f"-chdir={tmp_path}", "output", "-json").stdout)
        assert [told[f"o{place}"]["value"] for place in range(len(self.HOSTILE))] == list(self.HOSTILE)

    def _all(self) -> Iterator[str]:
        """The strings as they stand in a module, as descriptions of a role."""
        for text in self.HOSTILE:
            part, _ = hostile_part(text)
            (file,) = render(Blueprint(topology="single", partition="aws", parts=(part,)))
            found = re.search(
                r'^  description += (".*")$', file.text.partition('resource "aws_iam_role"')[2], re.MULTILINE
            )
            assert found
            yield found[1]

    def test_names_that_make_the_same_label_are_kept_apart(self) -> None:
        users = tuple(User(name=name) for name in ("a.b", "a-b", "0", "=", "@"))
        part = Part(name="p", account=HOME, where="here", resources=users)
        (file,) = render(Blueprint(topology="single", partition="aws", parts=(part,)))
        found = list(Module.of(file.text, account=HOME).resources("aws_iam_user"))
        assert [each.given["name"] for each in found] == ["a.b", "a-b", "0", "=", "@"]
        assert len({each.label for each in found}) == len(users)
        outputs = [block.labels[0] for block in Module.of(file.text, account=HOME).declared("output")]
        assert len(set(outputs)) == len(users)

    def test_a_part_that_makes_nothing_has_no_module(self) -> None:
        part = Part(name="p", account=HOME, where="nowhere", resources=())
        assert render(Blueprint(topology="single", partition="aws", parts=(part,))) == ()


def hostile_part(text: str) -> tuple[Part, Role]:
    arn = f"arn:aws:ecr:*:{HOME}:repository/{text}"
    statement = Statement(sid="S", actions=(text,), resources=(text, arn), why=text)
    conditions = tuple(Condition(operator="StringEquals", key=key, values=(text,)) for key in ("sts:ExternalId", text))
    principal = Principal(kind="Service", names=(text,))
    trusted = Statement(sid="T", actions=(text,), principal=principal, conditions=conditions)
    policy = Policy(name=text, document=Document(statements=(statement,)))
    role = Role(name=text, description=text, trust=Document(statements=(trusted,)), policies=(policy,))
    return Part(name="p", account=HOME, where=text, resources=(role,), notes=(text,)), role
