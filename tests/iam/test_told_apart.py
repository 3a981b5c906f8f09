"""What is wrong with trust, sessions and credentials is told apart: the words for one are said of no other."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from aws_clients import assume
from patients import BOSS_ID, MEMBER_ID, Patient, faults, may
from tidewaiter.aws.permissions import Holder
from tidewaiter.aws.targets import AccountRequest
from tidewaiter.model.diagnosis import Diagnosis, Health
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.metadata import web_identity
from tidewaiter.simulator.policies import Document, allowing, denying, trusting, trusting_web_identity

ISSUER = "oidc.example.com/id/1"
SUBJECT = "system:serviceaccount:tidewaiter:tidewaiter"
Ill = Callable[[Patient], Diagnosis]


def at_home(patient: Patient, trust: Document | None, external_id: str = "") -> Diagnosis:
    """A role is asked for by a user of its own account, who may read it."""
    patient.become(patient.web.user("own", policy=allowing("sts:AssumeRole", "iam:GetRole")))
    patient.web.remove("role/reader")
    if trust:
        patient.made_by_hand(patient.web, "reader", trust=trust, policy=may(Holder.REGISTRY, doctor=True))
    arn = patient.web.arn("role/reader")
    return patient.examined([AccountRequest(role_arn=arn, external_id=external_id, regions=("us-east-1",))])


def the_wrong_principal(patient: Patient) -> Diagnosis:
    return at_home(patient, trusting(patient.web.arn("user/another")))


def the_wrong_external_id(patient: Patient) -> Diagnosis:
    return at_home(patient, trusting(patient.web.arn("user/own"), external_id=MEMBER_ID), "another-id")


def no_external_id(patient: Patient) -> Diagnosis:
    return at_home(patient, trusting(patient.web.arn("user/own"), external_id=MEMBER_ID))


def no_role(patient: Patient) -> Diagnosis:
    return at_home(patient, None)


def anybody(patient: Patient) -> Diagnosis:
    return at_home(patient, trusting("*", external_id=MEMBER_ID), MEMBER_ID)


def a_role_far_away_that_may_be_anything(patient: Patient) -> Diagnosis:
    patient.lister(may(Holder.MANAGEMENT), trust=trusting(patient.tools.arn("user/another"), external_id=BOSS_ID))
    return patient.examined()


def external_ids_not_asked_for(patient: Patient) -> Diagnosis:
    trust = trusting(patient.boss.arn("role/lister"))
    patient.reader(patient.web, may(Holder.REGISTRY), trust=trust)
    return patient.examined()


def not_allowed_to_ask(patient: Patient) -> Diagnosis:
    patient.tools.user("scanner", policy=allowing("ec2:DescribeRegions"))
    return patient.examined()


def a_session_over_an_hour(patient: Patient) -> Diagnosis:
    request = patient.account_request(may(Holder.REGISTRY))
    return patient.examined([replace(request, duration=7200)])


def a_region_whose_sts_is_off(patient: Patient) -> Diagnosis:
    patient.web.switch_off_sts("us-east-1")
    return patient.examined()


def a_region_that_is_not_enabled(patient: Patient) -> Diagnosis:
    return patient.examined([patient.account_request(may(Holder.REGISTRY), regions=("af-south-1",))])


def a_suspended_account(patient: Patient) -> Diagnosis:
    patient.data.set_state("SUSPENDED")
    return patient.examined()


def a_region_that_is_denied_from_above(patient: Patient) -> Diagnosis:
    patient.cloud.deny_region("eu-west-1")
    return patient.examined()


def a_policy_of_its_own_that_denies(patient: Patient) -> Diagnosis:
    trust = trusting(patient.boss.arn("role/lister"), external_id=MEMBER_ID)
    patient.web.role("reader", trust=trust, policy=[may(Holder.REGISTRY), denying("ecr:BatchGetImage")])
    return patient.examined()


def in_a_pod(patient: Patient, *, trusted: str = SUBJECT, known: bool = True, hours: int = 24) -> Diagnosis:
    """The base identity is a pod's role; its token has `hours` to go, its cluster is `known` there or elsewhere."""
    provider = patient.tools.arn(f"oidc-provider/{ISSUER}")
    home = patient.tools if known else patient.web
    home.provider(ISSUER)
    token = home.web_identity_token(ISSUER, SUBJECT, lifetime=timedelta(hours=hours))
    role = patient.tools.role("pod", trust=trusting_web_identity(provider, subject=trusted), policy=may(Holder.BASE))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patient.monkeypatch.delenv(name)
    with TemporaryDirectory() as folder:
        for name, value in web_identity(patient.cloud, role, token, Path(folder) / "token").items():
            patient.monkeypatch.setenv(name, value)
        return patient.examined()


def an_expired_token(patient: Patient) -> Diagnosis:
    return in_a_pod(patient, hours=-1)


def a_token_of_another_service_account(patient: Patient) -> Diagnosis:
    return in_a_pod(patient, trusted="system:serviceaccount:else:where")


def a_token_of_an_unknown_provider(patient: Patient) -> Diagnosis:
    return in_a_pod(patient, known=False)


def an_expired_session(patient: Patient) -> Diagnosis:
    own = patient.tools.role("worker", trust=trusting(patient.tools.id), policy=may(Holder.BASE))
    patient.become(assume(patient.cloud, patient.tools.user("scanner", policy=may(Holder.BASE)), own))
    patient.cloud.expire_all()
    return patient.examined()


def no_credentials(patient: Patient) -> Diagnosis:
    patient.monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    return patient.examined()


WORDS: Final[Mapping[Ill, str]] = {
    the_wrong_principal: "its trust policy does not name who asks",
    the_wrong_external_id: "its trust policy asks for another external ID than was given",
    no_external_id: "its trust policy asks for an external ID, and none was given",
    no_role: "role/reader: there is no such role",
    anybody: "trusts anybody (principal *)",
    a_role_far_away_that_may_be_anything: "or its account is suspended; AWS does not tell which",
    external_ids_not_asked_for: "lets in who gives no external ID",
    not_allowed_to_ask: "sts:AssumeRole is refused, no identity policy allows it",
    a_session_over_an_hour: "the session was asked for longer than it may last",
    a_region_whose_sts_is_off: "STS is not active in this region for the account",
    a_region_that_is_not_enabled: "or the region is not enabled",
    a_suspended_account: "is SUSPENDED: nobody can enter it, and a scan skips it",
    a_region_that_is_denied_from_above: "an explicit Deny in a service control policy",
    a_policy_of_its_own_that_denies: "an explicit Deny in an identity policy",
    an_expired_token: "the web identity token has expired",
    a_token_of_another_service_account: "sts:AssumeRoleWithWebIdentity is refused",
    a_token_of_an_unknown_provider: "No OpenIDConnect provider found in your account",
    an_expired_session: "have expired, as sts:GetCallerIdentity was asked",
    no_credentials: "there are no AWS credentials here",
}
HARMLESS: Final = {a_suspended_account}
"""Known of beforehand: a scan leaves it out, and says so."""


@cache
def told(ill: Ill) -> tuple[Diagnosis, str]:
    """What the doctor says, and that of it which matters: faults, and what is said of an organization's accounts."""
    with SimulatedAws() as cloud, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        found = ill(Patient(cloud, patch))
    told = {*faults(found), *(each for each in found.checks if each.topic == "organization")}
    return found, "\n".join(each.says for each in told)


@pytest.mark.parametrize("ill", WORDS, ids=lambda each: each.__name__)
def test_each_fault_has_its_words_and_advice(ill: Ill) -> None:
    found, says = told(ill)
    assert WORDS[ill] in says
    assert found.healthy == (ill in HARMLESS)
    assert all(each.advice or each.statement for each in faults(found))
    assert all(each.health in (Health.WRONG, Health.WIDE) for each in faults(found))
    assert not any(secret in repr(found) for secret in (BOSS_ID, MEMBER_ID, "another-id"))


@pytest.mark.parametrize("ill", WORDS, ids=lambda each: each.__name__)
def test_the_words_for_one_fault_are_said_of_no_other(ill: Ill) -> None:
    _, says = told(ill)
    assert [each.__name__ for each, words in WORDS.items() if words in says] == [ill.__name__]
