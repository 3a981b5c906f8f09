"""Scripts put up what the blueprint says, in the right account only, and as often as one likes."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from aws_clients import client
from aws_command import AwsCommand
from golden_files import assert_golden
from linters import lint
from tidewaiter.iam.aws_cli import render
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
from tidewaiter.iam.documents import Condition, Document, Principal, Statement
from tidewaiter.iam.rendered import Rendered
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Runs, Topology
from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import allowing
from topology_samples import GRANTS, HOME, ISSUER, MANAGEMENT, wished

EVERYWHERE = {"exclusion_regions": ("eu-west-1", "us-east-1"), "events_regions": ("eu-west-1", "eu-west-3")}
EVERY = [(topology, runs, grants) for topology in Topology for runs in Runs for grants in GRANTS]
MEMBER = "555555555555"
Ended = subprocess.CompletedProcess[str]


def made(topology: Topology, runs: Runs, grants: str = "all") -> Blueprint:
    return blueprint(wished(topology, runs, grants=GRANTS[grants], **EVERYWHERE))


def one(part: str, files: tuple[Rendered, ...]) -> str:
    return next(file.text for file in files if file.part == part)


def alone(*resources: Resource, account: str = HOME, regions: tuple[str, ...] = ()) -> str:
    """A script for these and nothing else."""
    part = Part(name="p", account=account, where="here", resources=resources, regions=regions)
    (file,) = render(Blueprint(topology="single", partition="aws", parts=(part,)))
    return file.text


def reading(*resources: str) -> Document:
    return Document(statements=(Statement(sid="Read", actions=("ecr:BatchGetImage",), resources=resources),))


def trusting(name: str = "ec2.amazonaws.com") -> Document:
    principal = Principal(kind="Service", names=(name,))
    return Document(statements=(Statement(sid="Trust", actions=("sts:AssumeRole",), principal=principal),))


def role(name: str = "reader", **more: Any) -> Role:
    return Role(**{"name": name, "description": "reads", "trust": trusting(), **more})


class Operator:
    """Somebody who may do everything in an account of the simulated cloud, and runs scripts there."""

    def __init__(self, cloud: SimulatedAws, account: SimulatedAccount, aws: AwsCommand) -> None:
        self.cloud = cloud
        self.account = account
        self._aws = aws
        self._keys: Keys = account.user("operator", policy=allowing("*"))

    def runs(self, script: str, **more: str) -> Ended:
        """Runs a script, whatever comes of it."""
        return self._aws.run(script, self.cloud.environment(self._keys), **more)

    def puts_up(self, script: str) -> str:
        """Runs a script that has to work. What it says is given back."""
        done = self.runs(script)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def asks(self, service: str, region: str = "us-east-1") -> Any:
        return client(self.cloud, self._keys, service, region)

    def policies(self, name: str) -> Mapping[str, Any]:
        """The inline policies of a role."""
        iam = self.asks("iam")
        names = iam.list_role_policies(RoleName=name)["PolicyNames"]
        return {each: iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in names}

    def changes(self) -> list[str]:
        """The calls that changed something, so far."""
        reading = ("Get", "List")
        actions = [call.action for call in self.cloud.calls if call.account == self.account.id]
        return [action for action in actions if not action.partition(":")[2].startswith(reading)]


@pytest.fixture
def cloud() -> Iterator[SimulatedAws]:
    with SimulatedAws() as cloud:
        yield cloud


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[AwsCommand]:
    with AwsCommand(tmp_path) as aws:
        yield aws


@pytest.fixture
def operator(cloud: SimulatedAws, aws: AwsCommand) -> Operator:
    return Operator(cloud, cloud.account("home", id=HOME), aws)


class TestText:
    def test_the_linter_finds_nothing_in_any_script(self, tmp_path: Path) -> None:
        files = (file for topology, runs, grants in EVERY for file in render(made(topology, runs, grants)))
        for place, text in enumerate(dict.fromkeys(file.text for file in files)):
            (tmp_path / f"{place}.sh").write_text(text)
        done = lint("shellcheck", *sorted(tmp_path.iterdir()))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_the_linter_would_find_something(self, tmp_path: Path) -> None:
        text = one("base", render(made(Topology.SINGLE, Runs.EC2)))
        (tmp_path / "wrong.sh").write_text(text.replace('== "$wanted"', "== $acount"))
        assert lint("shellcheck", tmp_path / "wrong.sh").returncode != 0

    @pytest.mark.parametrize("topology", Topology)
    def test_the_same_wishes_give_the_same_bytes(self, topology: Topology) -> None:
        assert render(made(topology, Runs.IRSA)) == render(made(topology, Runs.IRSA))

    def test_the_member_role_as_it_is_read_by_people(self) -> None:
        assert_golden("iam-member.sh", one("member", render(made(Topology.ORGANIZATION, Runs.EC2, "usual"))))

    def test_it_says_where_it_belongs_what_to_do_by_hand_and_how_to_run_it(self) -> None:
        found = made(Topology.SINGLE, Runs.USER)
        text = one("base", render(found))
        heading = " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("#"))
        assert f"For account {HOME}, where tidewaiter runs." in heading
        assert all(note in heading for note in found.parts[0].notes)
        assert "DRY_RUN=1 bash base.sh" in heading

    def test_whoever_gets_a_script_with_external_ids_is_told_so(self) -> None:
        files = render(made(Topology.CROSS_ACCOUNT, Runs.EC2))
        told = {file.part for file in files if "External IDs stand in this file" in file.text}
        assert told == {"target-222222222222", "target-333333333333"}
        assert "harbour" not in repr(files)

    def test_a_part_that_makes_nothing_has_no_script(self) -> None:
        part = Part(name="p", account=HOME, where="nowhere", resources=())
        assert render(Blueprint(topology="single", partition="aws", parts=(part,))) == ()


class TestRoles:
    def test_a_role_is_made_with_its_trust_and_its_policies(self, operator: Operator) -> None:
        read = Policy(name="read", document=reading("*"))
        said = operator.puts_up(alone(role(policies=(read,), max_session=7200)))
        found = operator.asks("iam").get_role(RoleName="reader")["Role"]
        assert found["AssumeRolePolicyDocument"] == trusting().written()
        assert (found["Description"], found["MaxSessionDuration"]) == ("reads", 7200)
        assert operator.policies("reader") == {"read": read.document.written()}
        assert said == f"in place: arn:aws:iam::{HOME}:role/reader\n"

    def test_a_second_run_says_the_same_and_makes_nothing_new(self, operator: Operator) -> None:
        script = alone(role(policies=(Policy(name="read", document=reading("*")),)))
        first = operator.puts_up(script)
        before = operator.asks("iam").get_role(RoleName="reader")["Role"]
        assert operator.puts_up(script) == first
        after = operator.asks("iam").get_role(RoleName="reader")["Role"]
        assert (after["RoleId"], after["CreateDate"]) == (before["RoleId"], before["CreateDate"])

    def test_a_role_that_was_changed_becomes_what_it_should_be(self, operator: Operator) -> None:
        operator.puts_up(alone(role(policies=(Policy(name="read", document=reading("*")),))))
        narrow = Policy(name="read", document=reading("arn:aws:ecr:*:*:repository/team/*"))
        trust = trusting("ecs-tasks.amazonaws.com")
        operator.puts_up(alone(role(trust=trust, description="new", policies=(narrow,), max_session=7200)))
        found = operator.asks("iam").get_role(RoleName="reader")["Role"]
        assert found["AssumeRolePolicyDocument"] == trust.written()
        assert (found["Description"], found["MaxSessionDuration"]) == ("new", 7200)
        assert operator.policies("reader") == {"read": narrow.document.written()}

    def test_what_else_a_role_may_do_is_told_and_left(self, operator: Operator) -> None:
        script = alone(role(policies=(Policy(name="read", document=reading("*")),)))
        operator.puts_up(script)
        iam = operator.asks("iam")
        iam.put_role_policy(RoleName="reader", PolicyName="old", PolicyDocument=reading("*").text())
        wide = iam.create_policy(PolicyName="wide", PolicyDocument=reading("*").text())["Policy"]["Arn"]
        iam.attach_role_policy(RoleName="reader", PolicyArn=wide)
        said = operator.puts_up(script)
        assert "note: the role reader has the policy old too, which is not from here\n" in said
        assert f"note: the role reader has the policy {wide} too, which is not from here\n" in said
        assert "policy read too" not in said
        assert set(operator.policies("reader")) == {"old", "read"}

    def test_a_principal_that_iam_does_not_know_yet_is_waited_for(self, operator: Operator, aws: AwsCommand) -> None:
        tried: list[Mapping[str, Any]] = []

        def slow(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            tried.append(arguments)
            if len(tried) < 3:
                aws.refuse("CreateRole", "MalformedPolicyDocument", 'Invalid principal in policy: "AWS":"x"')
            return {}

        aws.answers["iam", "create-role"] = slow
        aws.answers["iam", "get-role"] = lambda _: aws.refuse("GetRole", "NoSuchEntity", "no such role")
        aws.answers["iam", "wait role-exists"] = lambda _: {}
        operator.puts_up(alone(role()))
        assert len(tried) == 3

    def test_any_other_refusal_ends_the_script(self, operator: Operator, aws: AwsCommand) -> None:
        aws.answers["iam", "create-role"] = lambda _: aws.refuse("CreateRole", "LimitExceeded", "1000 roles are enough")
        done = operator.runs(alone(role(), User(name="never")))
        assert done.returncode == 1
        assert "(LimitExceeded)" in done.stderr
        assert "1000 roles are enough" in done.stderr
        assert [call.operation for call in aws.calls].count("create-role") == 1
        assert "iam:CreateUser" not in operator.changes()

    def test_what_may_not_be_looked_at_is_not_taken_for_missing(self, cloud: SimulatedAws, operator: Operator) -> None:
        cloud.restrict({"Version": "2012-10-17", "Statement": [_denying("iam:GetRole")]})
        other = Operator(cloud, cloud.account("member", id=MEMBER), operator._aws)
        done = other.runs(alone(role(), account=MEMBER))
        assert done.returncode == 1
        assert "(AccessDenied)" in done.stderr
        assert "iam:CreateRole" not in other.changes()


class TestOthers:
    def test_a_user_is_made_without_a_key(self, operator: Operator) -> None:
        read = Policy(name="read", document=reading("*"))
        script = alone(User(name="scanner", policies=(read,)))
        assert operator.puts_up(script) == operator.puts_up(script) == f"in place: arn:aws:iam::{HOME}:user/scanner\n"
        iam = operator.asks("iam")
        found = iam.get_user_policy(UserName="scanner", PolicyName="read")["PolicyDocument"]
        assert found == read.document.written()
        assert iam.list_access_keys(UserName="scanner")["AccessKeyMetadata"] == []

    def test_an_identity_that_is_there_gets_its_policies_and_keeps_its_own(self, operator: Operator) -> None:
        iam = operator.asks("iam")
        iam.create_role(RoleName="old", Path="/ops/", AssumeRolePolicyDocument=trusting().text())
        iam.put_role_policy(RoleName="old", PolicyName="own", PolicyDocument=reading("*").text())
        read = Policy(name="read", document=reading("*"))
        said = operator.puts_up(alone(Attachment(principal_arn=f"arn:aws:iam::{HOME}:role/ops/old", policies=(read,))))
        assert said == ""
        assert set(operator.policies("old")) == {"own", "read"}

    def test_an_instance_profile_holds_the_role(self, operator: Operator) -> None:
        script = alone(role(), InstanceProfile(name="profile", role="reader"))
        for _ in range(2):
            operator.puts_up(script)
            profile = operator.asks("iam").get_instance_profile(InstanceProfileName="profile")["InstanceProfile"]
            assert [each["RoleName"] for each in profile["Roles"]] == ["reader"]

    def test_an_instance_profile_of_another_role_is_not_taken_over(self, operator: Operator) -> None:
        operator.puts_up(alone(role("other"), InstanceProfile(name="profile", role="other")))
        done = operator.runs(alone(role(), InstanceProfile(name="profile", role="reader")))
        assert done.returncode == 1
        assert "the instance profile profile holds the role other" in done.stderr

    def test_an_identity_provider_is_made_once(self, operator: Operator) -> None:
        script = alone(OidcProvider(issuer=ISSUER))
        operator.puts_up(script)
        operator.puts_up(script)
        (found,) = operator.asks("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
        assert found["Arn"] == f"arn:aws:iam::{HOME}:oidc-provider/{ISSUER}"
        assert operator.changes().count("iam:CreateOpenIDConnectProvider") == 1

    def test_a_provider_that_is_known_learns_the_audience(self, operator: Operator, aws: AwsCommand) -> None:
        operator.asks("iam").create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=["others"])
        aws.answers["iam", "add-client-id-to-open-id-connect-provider"] = lambda _: {}  # moto lacks it
        operator.puts_up(alone(OidcProvider(issuer=ISSUER)))
        assert aws.calls[-1].arguments == {
            "OpenIDConnectProviderArn": f"arn:aws:iam::{HOME}:oidc-provider/{ISSUER}",
            "ClientID": "sts.amazonaws.com",
        }

    def test_a_service_account_of_a_cluster_gets_the_role(self, operator: Operator, aws: AwsCommand) -> None:
        cluster = Cluster()
        aws.answers.update(cluster.answers())
        identity = PodIdentity(cluster="tools", namespace="n", service_account="s", role="reader", session_tags=False)
        script = alone(role(), identity)
        operator.puts_up(script)
        operator.puts_up(script)
        arn = f"arn:aws:iam::{HOME}:role/reader"
        assert cluster.associations == {("tools", "n", "s"): (arn, True)}
        assert cluster.updates == 1

    def test_pulls_leave_no_time_in_each_region(self, operator: Operator) -> None:
        principal = f"arn:aws:iam::{HOME}:role/reader"
        script = alone(role(), PullTimeExclusion(principal_arn=principal, regions=("eu-west-1", "us-east-1")))
        operator.puts_up(script)
        operator.puts_up(script)
        for region in ("eu-west-1", "us-east-1"):
            found = operator.asks("ecr", region).list_pull_time_update_exclusions()
            assert found["pullTimeUpdateExclusions"] == [principal]

    def test_pushes_are_told_to_a_queue_in_each_region(self, operator: Operator) -> None:
        found = made(Topology.SINGLE, Runs.EC2)
        (events,) = (each for part in found.parts for each in part.resources if isinstance(each, PushEvents))
        script = one("events", render(found))
        operator.puts_up(script)
        operator.puts_up(script)
        for region in EVERYWHERE["events_regions"]:
            arn = f"arn:aws:sqs:{region}:{HOME}:tidewaiter-pushes"
            sqs, rules = operator.asks("sqs", region), operator.asks("events", region)
            address = sqs.get_queue_url(QueueName="tidewaiter-pushes")["QueueUrl"]
            policy = sqs.get_queue_attributes(QueueUrl=address, AttributeNames=["Policy"])["Attributes"]["Policy"]
            (statement,) = json.loads(policy)["Statement"]
            assert statement["Resource"] == arn
            assert region in statement["Condition"]["ArnLike"]["aws:SourceArn"]
            rule = rules.describe_rule(Name="tidewaiter-pushes")
            assert (json.loads(rule["EventPattern"]), rule["State"]) == (json.loads(events.pattern), "ENABLED")
            targets = rules.list_targets_by_rule(Rule="tidewaiter-pushes")["Targets"]
            assert [each["Arn"] for each in targets] == [arn]

    def test_a_rule_that_does_not_take_its_queue_is_told(self, operator: Operator, aws: AwsCommand) -> None:
        aws.answers["events", "put-targets"] = lambda _: {"FailedEntryCount": 1}
        done = operator.runs(one("events", render(made(Topology.SINGLE, Runs.EC2))))
        assert done.returncode == 1
        assert "the rule tidewaiter-pushes in eu-west-1 did not take the queue as its target" in done.stderr


class TestPlaces:
    def test_in_another_account_nothing_is_done(self, cloud: SimulatedAws, aws: AwsCommand) -> None:
        other = Operator(cloud, cloud.account("other"), aws)
        done = other.runs(alone(role()))
        assert done.returncode == 1
        told = f"these are credentials of account {other.account.id}, and this is for account {HOME}"
        assert done.stderr == f"script.sh: {told}\n"
        assert other.changes() == []

    def test_in_each_account_of_an_organization_that_account_is_meant(
        self, cloud: SimulatedAws, aws: AwsCommand
    ) -> None:
        files = render(made(Topology.ORGANIZATION, Runs.EC2))
        cloud.account("management", id=MANAGEMENT)
        member = Operator(cloud, cloud.account("member", id=MEMBER), aws)
        for part in ("member", "pull-time-member", "events-member"):
            member.puts_up(one(part, files))
        text = str(member.policies("tidewaiter-member"))
        assert f"arn:aws:ecr:*:{MEMBER}:repository/*" in text
        assert "{" not in text.replace("{'", "")
        excluded = member.asks("ecr", "eu-west-1").list_pull_time_update_exclusions()["pullTimeUpdateExclusions"]
        assert excluded == [f"arn:aws:iam::{MEMBER}:role/tidewaiter-member"]
        queue = member.asks("sqs", "eu-west-3").get_queue_url(QueueName="tidewaiter-pushes")["QueueUrl"]
        assert MEMBER in queue

    def test_a_dry_run_shows_all_and_changes_nothing(self, operator: Operator, aws: AwsCommand) -> None:
        aws.answers.update(Cluster().answers())
        files = {
            runs: render(made(Topology.SINGLE, runs)) for runs in (Runs.EC2, Runs.IRSA, Runs.POD_IDENTITY, Runs.USER)
        }
        _, *others = files[Runs.EC2]
        for file in (*others, *(each[0] for each in files.values())):
            done = operator.runs(file.text, DRY_RUN="1")
            assert (done.returncode, done.stderr) == (0, "")
            assert all(line.startswith("would run: aws ") for line in done.stdout.splitlines())
            assert done.stdout
        assert operator.changes() == []

    def test_without_the_aws_command_it_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "script.sh").write_text(alone(role()))
        done = subprocess.run(
            ["/bin/bash", tmp_path / "script.sh"], env={"PATH": ""}, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (
            1,
            "script.sh: there is no aws command: install the AWS CLI\n",
        )


class TestHostileBlueprints:
    """Nothing in a blueprint gets out of its place in the script."""

    HOSTILE = (
        "\"'\\",
        "$(touch harm)",
        "`touch harm`",
        "'; touch harm; '",
        "${PATH}",
        "a b  c",
        "x\nJSON\ntouch harm\n",
        "--query",
        "*",
        "!!",
        "%s%n",
    )

    @pytest.mark.parametrize("text", HOSTILE)
    def test_strings_stay_what_they_are(self, operator: Operator, aws: AwsCommand, text: str, tmp_path: Path) -> None:
        for operation in ("create-role", "put-role-policy"):
            aws.answers["iam", operation] = lambda _: {}
        aws.answers["iam", "get-role"] = lambda _: aws.refuse("GetRole", "NoSuchEntity", "no such role")
        aws.answers["iam", "wait role-exists"] = lambda _: {}
        condition = Condition(operator="StringEquals", key="sts:ExternalId", values=(text,))
        principal = Principal(kind="Service", names=(text,))
        trust = Statement(sid="T", actions=(text,), principal=principal, conditions=(condition,))
        policy = Policy(name=text, document=reading(text, f"arn:aws:ecr:*:{HOME}:repository/{text}"))
        hostile = Role(name=text, description=text, trust=Document(statements=(trust,)), policies=(policy,))
        part = Part(name="p", account=HOME, where=text, resources=(hostile,), notes=(text,))
        (file,) = render(Blueprint(topology="single", partition="aws", parts=(part,)))
        done = operator.runs(file.text)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"in place: arn:aws:iam::{HOME}:role/{text}\n"
        created, put = (call.arguments for call in aws.calls if call.operation in ("create-role", "put-role-policy"))
        assert (created["RoleName"], created["Description"]) == (text, text)
        assert json.loads(created["AssumeRolePolicyDocument"]) == hostile.trust.written()
        assert (put["RoleName"], put["PolicyName"]) == (text, text)
        assert json.loads(put["PolicyDocument"]) == policy.document.written()
        assert not list(Path.cwd().glob("harm"))
        assert not list(tmp_path.glob("harm"))

    def test_the_names_that_iam_allows_may_look_like_options(self, operator: Operator) -> None:
        name = "--role-name=x,@+."
        read = Policy(name="-p", document=reading("*"))
        operator.puts_up(alone(role(name, policies=(read,)), User(name="--help", policies=(read,))))
        assert operator.policies(name) == {"-p": read.document.written()}


class Cluster:
    """What EKS knows of pods' roles: moto does not have it."""

    def __init__(self) -> None:
        self.associations: dict[tuple[str, str, str], tuple[str, bool]] = {}
        self.updates = 0

    def answers(self) -> dict[tuple[str, str], Any]:
        return {
            ("eks", "list-pod-identity-associations"): self._list,
            ("eks", "create-pod-identity-association"): self._create,
            ("eks", "update-pod-identity-association"): self._update,
        }

    def _list(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        key = (asked["clusterName"], asked["namespace"], asked["serviceAccount"])
        return {"associations": [{"associationId": "/".join(key)}] if key in self.associations else []}

    def _create(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        key = (asked["clusterName"], asked["namespace"], asked["serviceAccount"])
        assert key not in self.associations
        self.associations[key] = (asked["roleArn"], asked["disableSessionTags"])
        return {}

    def _update(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        cluster, namespace, account = asked["associationId"].split("/")
        assert cluster == asked["clusterName"]
        self.associations[cluster, namespace, account] = (asked["roleArn"], asked["disableSessionTags"])
        self.updates += 1
        return {}


def _denying(action: str) -> Mapping[str, str]:
    return {"Effect": "Deny", "Action": action, "Resource": "*"}
