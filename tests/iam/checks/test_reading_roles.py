"""What a role tells of itself, where it may be asked: whom it trusts too widely, and what it may do beyond need."""

from collections.abc import Mapping
from typing import Any

from patients import Patient, faults, may
from tidewaiter.aws.permissions import Holder
from tidewaiter.aws.targets import AccountRequest
from tidewaiter.model.diagnosis import Check, Health, Topic
from tidewaiter.simulator.policies import Document, allowing

ISSUER = "oidc.example.com/id/1"
NAMED = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/one"}}
TASKS = {"Principal": {"Service": "ecs-tasks.amazonaws.com"}}
PODS = {"Principal": {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"}}


def claims(**values: str) -> Mapping[str, Any]:
    return {"StringLike": {f"{ISSUER}:{claim}": value for claim, value in values.items()}}


WIDE: dict[str, tuple[Mapping[str, Any], str]] = {
    "anybody": ({"Principal": "*"}, "trusts anybody"),
    "any-aws": ({"Principal": {"AWS": "*"}}, "trusts anybody"),
    "root": ({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}, "trusts all of an account"),
    "number": ({"Principal": {"AWS": "111122223333"}}, "trusts all of an account (111122223333)"),
    "tasks": (TASKS, "trusts ECS for the tasks of any account"),
    "no-subject": ({**PODS, "Condition": claims(aud="sts.amazonaws.com")}, "any service account of the cluster"),
    "all-names": ({**PODS, "Condition": claims(aud="a", sub="system:serviceaccount:ns:*")}, "any service account"),
    "all-spaces": ({**PODS, "Condition": claims(aud="a", sub="system:serviceaccount:*:one")}, "any service account"),
    "no-audience": ({**PODS, "Condition": claims(sub="system:serviceaccount:ns:one")}, "tokens for any audience"),
}
NARROW: dict[str, Mapping[str, Any]] = {
    "one": {"Principal": {"AWS": "arn:aws:iam::111122223333:role/one"}},
    "root-but-one": {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Condition": NAMED},
    "own-tasks": {**TASKS, "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}},
    "instances": {"Principal": {"Service": "ec2.amazonaws.com"}},
    "account": {**PODS, "Condition": claims(aud="sts.amazonaws.com", sub="system:serviceaccount:ns:one")},
}


def examined(patient: Patient, roles: Mapping[str, tuple[Document | None, Document]]) -> dict[str, list[Check]]:
    """The checks of roles of the member, by their names: each trusts its user, and one statement more."""
    user = patient.web.arn("user/own")
    patient.become(patient.web.user("own", policy=allowing("sts:AssumeRole")))
    requests = []
    for name, (more, policy) in roles.items():
        trusts = [{"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}]
        trusts += [{"Effect": "Allow", "Action": "sts:AssumeRole", **more}] if more else []
        arn = patient.web.role(name, trust={"Statement": trusts}, policy=[policy, may(doctor=True)])
        requests.append(AccountRequest(role_arn=arn, regions=("us-east-1",)))
    checks = patient.examined(requests).checks
    return {name: [each for each in checks if f":role/{name} " in f"{each.says} {each.document} "] for name in roles}


def test_trust_that_is_too_wide_is_told_in_each_of_its_forms(patient: Patient) -> None:
    found = examined(patient, {name: (more, may(Holder.REGISTRY)) for name, (more, _) in WIDE.items()})
    for name, (_, words) in WIDE.items():
        (fault,) = [each for each in found[name] if each.topic is Topic.TRUST]
        assert fault.health is Health.WIDE, name
        assert words in fault.says, name
        assert fault.document == f"trust policy of {patient.web.arn(f'role/{name}')}"


def test_trust_in_who_is_meant_is_not_too_wide(patient: Patient) -> None:
    found = examined(patient, {name: (more, may(Holder.REGISTRY)) for name, more in NARROW.items()})
    for name, checks in found.items():
        assert [each.health for each in checks if each.topic is Topic.TRUST] == [Health.RIGHT], name


def test_rights_beyond_need_are_told_and_no_fault(patient: Patient) -> None:
    policies = {
        "all": (allowing("*"), "allows everything"),
        "all-but": ({"Statement": {"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}}, "NotAction"),
        "writer": (allowing("ecr:PutImage", "ecr:BatchGetImage"), "not needed: ecr:PutImage"),
        "wild": (allowing("ecr:*"), "not needed: ecr:*"),
        "taker": (allowing("sts:AssumeRole"), "not needed: sts:AssumeRole"),
    }
    found = examined(patient, {name: (None, policy) for name, (policy, _) in policies.items()})
    for name, (_, words) in policies.items():
        (told,) = [each for each in found[name] if each.topic is Topic.RIGHTS]
        assert told.health is Health.WIDE
        assert words in told.says
        assert not told.counts


def test_a_lister_that_may_take_any_role_may_too_much(patient: Patient) -> None:
    wide = patient.lister([may(Holder.MANAGEMENT, Holder.REGISTRY, doctor=True)])
    found = patient.examined()
    (told,) = [each for each in found.checks if each.document == f"identity policy of {wide}"]
    assert "sts:AssumeRole on every role" in told.says
    assert faults(found) == []


def test_a_policy_that_is_attached_is_read_too(patient: Patient) -> None:
    user = patient.web.arn("user/own")
    trust = {"Statement": {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}}
    everything = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
    arn = patient.made_by_hand(patient.web, "attached", trust=trust, policy=may(Holder.REGISTRY), attached=everything)
    patient.become(patient.web.user("own", policy=allowing("sts:AssumeRole")))
    found = patient.examined([AccountRequest(role_arn=arn, regions=("us-east-1",))])
    (told,) = [each for each in found.checks if each.topic is Topic.RIGHTS]
    assert told.says.startswith(f"arn:aws:iam::{patient.web.id}:policy/attached allows everything")
