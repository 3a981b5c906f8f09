"""The doctor against the simulated AWS, which enforces policies, trust and external IDs."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aws_clients import assume, client
from patients import BOSS_ID, IMAGE, MEMBER_ID, REGIONS, Patient, faults, may
from tidewaiter.aws.permissions import PERMISSIONS, Feature, Holder, Permission
from tidewaiter.aws.targets import AccountRequest
from tidewaiter.errors import UsageError
from tidewaiter.model.diagnosis import Check, Diagnosis, Health, Topic
from tidewaiter.simulator.policies import allowing, denying, trusting, trusting_web_identity

NEEDED = [
    each
    for each in PERMISSIONS
    if each.held_by is Holder.REGISTRY and each.feature not in (Feature.DOCTOR, Feature.PUBLIC)
]


class Counting:
    """Progress, summed up."""

    found = done = 0

    def count(self, thing: str, *, found: int = 0, done: int = 0) -> None:
        assert thing == "accounts"
        self.found += found
        self.done += done


def only(diagnosis: Diagnosis, topic: Topic) -> Check:
    """The one fault of a topic."""
    (found,) = [each for each in faults(diagnosis) if each.topic is topic]
    return found


def says(diagnosis: Diagnosis, topic: Topic) -> list[str]:
    return [each.says for each in diagnosis.checks if each.topic is topic]


def test_a_sound_organization_is_healthy_and_its_registries_are_counted(patient: Patient) -> None:
    found = patient.examined(command="iam doctor")
    assert faults(found) == []
    assert found.healthy
    assert found.command == "iam doctor"
    assert found.identity is not None
    assert found.identity.provider == "environment keys"
    counted = {(each.account, each.region): count for each, count in found.registries}
    web = {(patient.web.id, "eu-west-1"): 0, (patient.web.id, "us-east-1"): 1}
    assert counted == web | {(patient.boss.id, "us-east-1"): 0, (patient.data.id, "us-east-1"): 0}


def test_each_account_and_region_has_a_word_of_what_works(patient: Patient) -> None:
    found = patient.examined()
    told = {(each.account, each.region, each.topic) for each in found.checks if each.health is Health.RIGHT}
    for account in (patient.boss, patient.web, patient.data):
        assert {(account.id, "", Topic.ROLE), (account.id, "", Topic.TRUST), (account.id, "", Topic.REGIONS)} <= told
        regions = REGIONS if account is patient.web else REGIONS[1:]
        assert {(account.id, region, topic) for region in regions for topic in (Topic.LISTING, Topic.PULLING)} <= told


def test_nothing_is_pulled_and_nothing_is_changed(patient: Patient) -> None:
    patient.examined()
    (before,) = patient.images("us-east-1")
    assert before.get("lastRecordedPullTime") is None
    assert {call.action for call in patient.cloud.calls} <= {each.action for each in PERMISSIONS}
    layers = [call for call in patient.cloud.calls if call.action == "ecr:GetDownloadUrlForLayer"]
    assert {call.error for call in layers} == {"RepositoryNotFoundException", "LayersNotFoundException"}


def test_what_only_the_doctor_may_read_is_asked_for_and_not_missed(patient: Patient) -> None:
    found = patient.examined()
    unknown = [each for each in found.checks if each.health is Health.UNKNOWN]
    assert {each.topic for each in unknown} == {Topic.TRUST, Topic.RIGHTS, Topic.PULL_TIME, Topic.ENDPOINT}
    of_members = [each for each in unknown if each.principal == "arn:aws:iam::*:role/reader"]
    assert len(of_members) == 3, "one calm line for each, however many accounts"
    assert all("in 2 accounts" in each.says for each in of_members)
    assert not any(each.counts for each in unknown)


@pytest.mark.parametrize("permission", NEEDED, ids=lambda each: each.action)
def test_an_action_that_is_missing_is_named_and_nothing_else_is(patient: Patient, permission: Permission) -> None:
    regions = () if permission.feature is Feature.REGIONS else ("us-east-1",)
    found = patient.examined([patient.account_request(may(Holder.REGISTRY, but=permission.action), regions=regions)])
    wrong = faults(found)
    assert {(each.account, each.action) for each in wrong} == {(patient.web.id, permission.action)}
    assert {each.document for each in wrong} == {f"identity policy of {patient.web.arn('role/reader')}"}
    assert {each.health for each in wrong} == {Health.POORER if permission.optional else Health.WRONG}
    assert all(f'"Action": "{permission.action}"' in each.statement for each in wrong)
    assert not found.healthy


def test_a_fault_in_all_regions_is_told_once_with_a_statement_for_all_of_them(patient: Patient) -> None:
    patient.reader(patient.web, may(Holder.REGISTRY, but="ecr:BatchGetImage"))
    fault = only(patient.examined(), Topic.PULLING)
    assert fault.region == ""
    assert "in 2 regions: eu-west-1, us-east-1" in fault.says
    assert f'"Resource": "arn:aws:ecr:*:{patient.web.id}:repository/*"' in fault.statement


@pytest.mark.parametrize("action", ["ListAccounts", "ListRoots", "ListOrganizationalUnitsForParent"])
def test_what_is_missing_to_list_the_organization_is_named(patient: Patient, action: str) -> None:
    patient.lister(may(Holder.MANAGEMENT, Holder.REGISTRY, but=f"organizations:{action}"))
    unit = replace(patient.request, ous=("Workloads",))
    fault = only(patient.examined(unit), Topic.ORGANIZATION)
    assert fault.action == f"organizations:{action}"
    assert fault.document == f"identity policy of {patient.boss.arn('role/lister')}"


def test_without_filters_by_unit_it_does_not_count_that_units_cannot_be_listed(patient: Patient) -> None:
    patient.lister(may(Holder.MANAGEMENT, Holder.REGISTRY, but="organizations:ListRoots"))
    found = patient.examined()
    assert found.healthy
    assert any("filters by organizational unit would not work" in text for text in says(found, Topic.ORGANIZATION))


def test_where_the_organization_cannot_be_listed_the_accounts_that_were_named_are_tried(patient: Patient) -> None:
    patient.lister(may(Holder.MANAGEMENT, Holder.REGISTRY, but="organizations:ListAccounts"))
    named = replace(patient.request, accounts=(patient.web.id,))
    found = patient.examined(named)
    assert {each.account for each, _ in found.registries} == {patient.web.id}
    assert not found.healthy


def test_an_account_that_the_organization_has_not_is_an_error_as_in_a_scan(patient: Patient) -> None:
    named = replace(patient.request, accounts=("999999999999",))
    with pytest.raises(UsageError, match="999999999999"):
        patient.examined(named)


def test_a_suspended_account_is_told_and_is_no_fault(patient: Patient) -> None:
    patient.data.set_state("SUSPENDED")
    found = patient.examined()
    assert found.healthy
    assert any(f"{patient.data.id} (data) is SUSPENDED" in text for text in says(found, Topic.ORGANIZATION))


def test_who_may_not_take_a_role_by_its_own_policy_is_told_so(patient: Patient) -> None:
    patient.tools.user("scanner", policy=allowing("sts:GetCallerIdentity"))
    fault = only(patient.examined(), Topic.ROLE)
    assert fault.action == "sts:AssumeRole"
    assert fault.document == f"identity policy of {patient.tools.arn('user/scanner')}"
    assert f'"Resource": "{patient.boss.arn("role/lister")}"' in fault.statement


@pytest.mark.parametrize(
    ("trusted", "given", "word"),
    [
        ("role/another", MEMBER_ID, "another external ID than was given"),
        ("role/lister", "a-wrong-one", "another external ID than was given"),
        ("role/lister", "", "it asks for an external ID"),
        ("", MEMBER_ID, "there is no such role"),
    ],
)
def test_a_role_that_lets_nobody_in_is_told_with_all_that_it_may_be(
    patient: Patient, trusted: str, given: str, word: str
) -> None:
    patient.web.remove("role/reader")
    if trusted:
        patient.reader(
            patient.web, may(Holder.REGISTRY), trust=trusting(patient.boss.arn(trusted), external_id=MEMBER_ID)
        )
    patient.data.set_state("CLOSED")
    request = replace(patient.request, member_external_id=given)
    fault = only(patient.examined(request), Topic.TRUST)
    assert word in fault.says
    assert "does not trust who asks" in fault.says
    assert fault.account == patient.web.id
    assert fault.document == f"trust policy of {patient.web.arn('role/reader')}"
    assert patient.boss.arn("role/lister") in fault.statement
    assert f"identity policy of {patient.boss.arn('role/lister')}" in fault.advice


def test_in_the_own_account_reading_the_role_tells_which_reason_it_is(patient: Patient) -> None:
    patient.become(patient.web.user("own", policy=allowing("sts:AssumeRole", "iam:GetRole")))
    trust = trusting(patient.web.arn("user/another"))
    patient.made_by_hand(patient.web, "closed", trust=trust, policy=may(Holder.REGISTRY))
    secret = trusting(patient.web.arn("user/own"), external_id="a-secret")
    patient.made_by_hand(patient.web, "secret", trust=secret, policy=may(Holder.REGISTRY))
    requests = [
        AccountRequest(role_arn=patient.web.arn(f"role/{name}"), regions=("us-east-1",))
        for name in ("closed", "secret", "absent")
    ]
    told = " ".join(each.says for each in faults(patient.examined(requests)))
    assert re.search(r"role/closed: its trust policy does not name who asks", told)
    assert re.search(r"role/secret: its trust policy asks for an external ID, and none was given", told)
    assert re.search(r"role/absent: there is no such role", told)


def test_a_role_that_lets_in_without_the_external_id_is_too_wide(patient: Patient) -> None:
    patient.reader(patient.web, may(Holder.REGISTRY), trust=trusting(patient.boss.arn("role/lister")))
    fault = only(patient.examined(), Topic.TRUST)
    assert fault.health is Health.WIDE
    assert fault.account == patient.web.id
    assert "lets in who gives no external ID" in fault.says
    assert "sts:ExternalId" in fault.statement


def test_a_role_that_lets_in_with_any_external_id_is_too_wide(patient: Patient) -> None:
    anything = trusting(patient.boss.arn("role/lister"), condition={"StringLike": {"sts:ExternalId": "*"}})
    patient.reader(patient.web, may(Holder.REGISTRY), trust=anything)
    fault = only(patient.examined(), Topic.TRUST)
    assert fault.health is Health.WIDE
    assert "lets in who gives any external ID" in fault.says


def test_across_organizations_a_role_has_to_ask_for_an_external_id(patient: Patient) -> None:
    arn = patient.reader(patient.web, may(Holder.REGISTRY), trust=trusting(patient.tools.arn("user/scanner")))
    fault = only(patient.examined([AccountRequest(role_arn=arn)]), Topic.TRUST)
    assert fault.health is Health.WIDE
    assert "asks for no external ID, though another account asks" in fault.says


def test_within_an_organization_none_is_needed(patient: Patient) -> None:
    for member in (patient.web, patient.data):
        patient.reader(member, may(Holder.REGISTRY), trust=trusting(patient.boss.arn("role/lister")))
    request = replace(patient.request, member_external_id="")
    assert patient.examined(request).healthy


def test_a_region_that_the_organization_denies_is_named_with_the_policy(patient: Patient) -> None:
    patient.cloud.deny_region("eu-west-1")
    wrong = [each for each in faults(patient.examined()) if each.account == patient.web.id]
    assert [(each.region, each.topic) for each in wrong] == [("eu-west-1", Topic.LISTING)]
    assert "explicit Deny in a service control policy" in wrong[0].says
    assert wrong[0].statement == ""
    assert "has to except" in wrong[0].advice


def test_sts_that_is_off_in_a_region_is_told_so(patient: Patient) -> None:
    patient.web.switch_off_sts("us-east-1")
    fault = only(patient.examined(), Topic.SESSION)
    assert fault.account == patient.web.id
    assert "STS is not active in this region" in fault.says
    assert "--sts-region" in fault.advice


def test_a_longer_session_than_the_roles_own_is_told_so(patient: Patient) -> None:
    arn = patient.reader(
        patient.web, may(Holder.REGISTRY), trust=trusting(patient.tools.arn("user/scanner"), external_id="an-id")
    )
    found = patient.examined([AccountRequest(role_arn=arn, external_id="an-id", duration=7200)])
    assert "longer than it may last" in only(found, Topic.SESSION).says


def test_a_chained_session_is_told_to_be_cut_to_an_hour_and_nothing_is_lost(patient: Patient) -> None:
    own = patient.tools.role("worker", trust=trusting(patient.tools.id), policy=may(Holder.BASE))
    keys = patient.tools.user("scanner", policy=may(Holder.BASE))
    patient.become(assume(patient.cloud, keys, own))
    patient.lister(may(Holder.MANAGEMENT, Holder.REGISTRY), trust=trusting(own, external_id=BOSS_ID))
    found = patient.examined(replace(patient.request, duration=7200))
    assert faults(found) == []
    assert any("7200 seconds were asked for" in text for text in says(found, Topic.SESSION))


def test_without_credentials_nothing_else_is_tried(patient: Patient) -> None:
    patient.monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    found = patient.examined()
    assert [each.topic for each in found.checks] == [Topic.CREDENTIALS]
    assert found.identity is None
    assert not found.healthy


def test_an_expired_web_identity_token_is_told_apart(patient: Patient, tmp_path: Path) -> None:
    issuer = "oidc.example.com/id/1"
    provider = patient.tools.provider(issuer)
    subject = "system:serviceaccount:tidewaiter:tidewaiter"
    role = patient.tools.role("irsa", trust=trusting_web_identity(provider, subject=subject), policy=may(Holder.BASE))
    token = patient.tools.web_identity_token(issuer, subject, lifetime=timedelta(hours=-1))
    (tmp_path / "token").write_text(token)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patient.monkeypatch.delenv(name)
    patient.monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    patient.monkeypatch.setenv("AWS_ROLE_ARN", role)
    fault = only(patient.examined(), Topic.CREDENTIALS)
    assert "the web identity token has expired" in fault.says
    assert "projected volume" in fault.advice


def test_expired_sessions_are_told_apart(patient: Patient) -> None:
    own = patient.tools.role("worker", trust=trusting(patient.tools.id), policy=may(Holder.BASE))
    patient.become(assume(patient.cloud, patient.tools.user("scanner", policy=may(Holder.BASE)), own))
    patient.cloud.expire_all()
    fault = only(patient.examined(), Topic.CREDENTIALS)
    assert "have expired" in fault.says


def test_a_clock_that_is_off_is_told(patient: Patient) -> None:
    ahead = patient.examined(now=lambda: datetime.now(UTC) + timedelta(minutes=10))
    assert only(ahead, Topic.CLOCK).health is Health.WRONG
    assert "seconds fast; AWS refuses" in only(ahead, Topic.CLOCK).says


def test_an_api_that_does_not_answer_is_a_matter_of_the_network(patient: Patient) -> None:
    patient.monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:9")
    found = patient.examined([AccountRequest(regions=("us-east-1",))])
    assert only(found, Topic.ENDPOINT).region == "us-east-1"
    assert "VPC endpoint" in only(found, Topic.ENDPOINT).advice


def test_the_layers_host_is_not_tried_where_something_stands_in_for_aws(patient: Patient) -> None:
    def reach(host: str) -> str:
        pytest.fail(f"{host} was tried")

    assert patient.examined(reach=reach).healthy


def test_public_registries_are_looked_at_where_that_is_asked(patient: Patient) -> None:
    patient.web.public_registry().push("app", "1.0", IMAGE)
    found = patient.examined([patient.account_request(may(Holder.REGISTRY))], public=True)
    assert faults(found) == []
    assert {each.account: count for each, count in found.registries if each.public}[patient.web.id] == 1


@pytest.mark.parametrize(
    "permission", [each for each in PERMISSIONS if each.feature is Feature.PUBLIC], ids=lambda each: each.action
)
def test_what_is_missing_for_public_registries_is_named(patient: Patient, permission: Permission) -> None:
    patient.web.public_registry().push("app", "1.0", IMAGE)
    request = patient.account_request(may(Holder.REGISTRY, but=permission.action))
    wrong = faults(patient.examined([request], public=True))
    assert {(each.account, each.action) for each in wrong} == {(patient.web.id, permission.action)}


def test_an_exclusion_from_pull_times_is_found(patient: Patient) -> None:
    patient.reader(patient.web, may(Holder.REGISTRY, doctor=True))
    keys = patient.web.user("administrator", policy=allowing("*"))
    ecr = client(patient.cloud, keys, "ecr")
    ecr.register_pull_time_update_exclusion(principalArn=patient.web.arn("role/reader"))
    found = patient.examined()
    told = {
        each.region: each.health
        for each in found.checks
        if each.topic is Topic.PULL_TIME and each.account == patient.web.id
    }
    assert told == {"us-east-1": Health.RIGHT}, "the other region has no image whose pull would be seen"
    assert found.healthy, "a scan works either way"


def test_a_missing_exclusion_from_pull_times_is_told_where_there_is_something_to_pull(patient: Patient) -> None:
    patient.reader(patient.web, may(Holder.REGISTRY, doctor=True))
    found = patient.examined()
    (told,) = [each for each in found.checks if each.health is Health.POORER]
    assert (told.topic, told.account, told.region) == (Topic.PULL_TIME, patient.web.id, "us-east-1")
    assert f"--principal-arn {patient.web.arn('role/reader')}" in told.advice
    assert found.healthy


def test_what_a_role_says_of_itself_is_read_where_it_may(patient: Patient) -> None:
    patient.web.remove("role/reader")
    trust = trusting(patient.boss.id, external_id=MEMBER_ID)
    everything = allowing("*")
    patient.made_by_hand(patient.web, "reader", trust=trust, policy=everything)
    found = patient.examined()
    assert "trusts all of an account" in only(found, Topic.TRUST).says
    wide = [each for each in found.checks if each.topic is Topic.RIGHTS and each.health is Health.WIDE]
    assert [each.account for each in wide] == [patient.web.id]
    assert "allows everything" in wide[0].says


def test_patterns_of_repositories_decide_which_are_tried(patient: Patient) -> None:
    resource = f"arn:aws:ecr:*:{patient.web.id}:repository/team/*"
    narrow = allowing("ecr:DescribeImages", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", resource=resource)
    wide = allowing("ecr:DescribeRepositories", "ec2:DescribeRegions", "ecr:GetAuthorizationToken")
    patient.web.role(
        "reader", trust=trusting(patient.boss.arn("role/lister"), external_id=MEMBER_ID), policy=[narrow, wide]
    )
    assert patient.examined(repositories=["team/*"]).healthy
    assert not patient.examined(repositories=["team/*", "other/*"]).healthy


def test_external_ids_and_keys_stand_nowhere(patient: Patient) -> None:
    patient.reader(patient.web, may(Holder.REGISTRY), trust=trusting(patient.tools.id, external_id="another"))
    found = patient.examined()
    for secret in (BOSS_ID, MEMBER_ID):
        assert secret not in repr(found)


def test_progress_counts_accounts(patient: Patient) -> None:
    counting = Counting()
    patient.examined(progress=counting)
    assert (counting.found, counting.done) == (3, 3)


def test_a_policy_of_the_identity_that_denies_is_told_as_such(patient: Patient) -> None:
    patient.web.role(
        "reader",
        trust=trusting(patient.boss.arn("role/lister"), external_id=MEMBER_ID),
        policy=[may(Holder.REGISTRY), denying("ecr:BatchGetImage")],
    )
    fault = only(patient.examined(), Topic.PULLING)
    assert "explicit Deny in an identity policy" in fault.says
    assert fault.statement == ""
