"""The simulated STS makes sessions under the rules that the real one has."""

import json
from datetime import timedelta

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from aws_clients import as_keys, assume, client, code_of
from tidewaiter.simulator.aws import MEMBER_ROLE, SimulatedAccount, SimulatedAws
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import allowing, denying, trusting, trusting_web_identity

SECRET = "a:shared/secret@4711"


@pytest.fixture
def away(aws: SimulatedAws, home: SimulatedAccount) -> SimulatedAccount:
    return aws.account("customer", outside=True)


@pytest.fixture
def keys(home: SimulatedAccount) -> Keys:
    return home.user("operator", policy=allowing("sts:AssumeRole"))


def refusal(aws: SimulatedAws, keys: Keys, role_arn: str, *, region: str = "us-east-1", **arguments: str | int) -> str:
    """The code and message that an AssumeRole is refused with."""
    with pytest.raises(ClientError) as error:
        assume(aws, keys, role_arn, region=region, **arguments)
    return f"{code_of(error.value)}: {error.value.response['Error']['Message']}"


def test_a_user_is_told_who_it_is_whatever_it_may_do(aws: SimulatedAws, home: SimulatedAccount) -> None:
    keys = home.user("nobody", policy=denying("*"))
    identity = client(aws, keys, "sts", "eu-west-1").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{home.id}:user/nobody"
    assert identity["Account"] == home.id


def test_a_session_is_told_its_role_and_name(aws: SimulatedAws, home: SimulatedAccount, keys: Keys) -> None:
    role = home.role("path/reader", trust=trusting(home.id))
    session = assume(aws, keys, role, RoleSessionName="look@1")
    identity = client(aws, session, "sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{home.id}:assumed-role/reader/look@1"
    assert identity["UserId"].endswith(":look@1")


def test_a_session_ends_when_its_duration_is_over(aws: SimulatedAws, home: SimulatedAccount, keys: Keys) -> None:
    role = home.role("reader", trust=trusting(home.id))
    session = assume(aws, keys, role, DurationSeconds=900)
    assert session.expires is not None
    assert abs(session.expires - aws.clock.now() - timedelta(seconds=900)) < timedelta(seconds=30)
    client(aws, session, "sts").get_caller_identity()
    aws.clock.advance(timedelta(seconds=901))
    with pytest.raises(ClientError, match="expired") as error:
        client(aws, session, "sts").get_caller_identity()
    assert code_of(error.value) == "ExpiredToken"
    client(aws, keys, "sts").get_caller_identity()


def test_all_sessions_can_be_ended_at_once_and_new_ones_begin(
    aws: SimulatedAws, home: SimulatedAccount, keys: Keys
) -> None:
    role = home.role("reader", trust=trusting(home.id))
    session = assume(aws, keys, role)
    aws.expire_all()
    with pytest.raises(ClientError, match="expired"):
        client(aws, session, "sts").get_caller_identity()
    client(aws, assume(aws, keys, role), "sts").get_caller_identity()


def test_sessions_can_be_made_shorter_than_they_were_asked_for(
    aws: SimulatedAws, home: SimulatedAccount, keys: Keys
) -> None:
    aws.ring.lifetime = timedelta(seconds=2)
    session = assume(aws, keys, home.role("reader", trust=trusting(home.id)))
    assert session.expires is not None
    assert session.expires - aws.clock.now() < timedelta(seconds=3)


@pytest.mark.parametrize("field", ["access_key_id", "session_token"])
def test_keys_that_were_never_given_out_are_unknown(
    aws: SimulatedAws, home: SimulatedAccount, keys: Keys, field: str
) -> None:
    session = assume(aws, keys, home.role("reader", trust=trusting(home.id)))
    parts = {name: getattr(session, name) for name in ("access_key_id", "secret_access_key", "session_token")}
    forged = Keys(**{**parts, field: parts[field][:-4] + "AAAA"})
    with pytest.raises(ClientError) as error:
        client(aws, forged, "sts").get_caller_identity()
    assert code_of(error.value) == "InvalidClientTokenId"


UNCHECKED = Config(parameter_validation=False, retries={"total_max_attempts": 1})


@pytest.mark.parametrize(
    "wrong",
    [
        {"RoleArn": "reader"},
        {"RoleSessionName": "a"},
        {"RoleSessionName": "a b"},
        {"RoleSessionName": "a" * 65},
        {"ExternalId": "a"},
        {"ExternalId": "a b"},
        {"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]},
    ],
)
def test_arguments_that_break_the_rules_are_refused(
    aws: SimulatedAws, home: SimulatedAccount, keys: Keys, wrong: dict[str, object]
) -> None:
    good = {"RoleArn": home.role("reader", trust=trusting(home.id)), "RoleSessionName": "test"}
    with pytest.raises(ClientError) as error:
        client(aws, keys, "sts", config=UNCHECKED).assume_role(**{**good, **wrong})
    assert code_of(error.value) == "ValidationError"


def test_an_operation_that_is_not_simulated_is_refused(aws: SimulatedAws, keys: Keys) -> None:
    with pytest.raises(ClientError) as error:
        client(aws, keys, "sts").get_federation_token(Name="test")
    assert code_of(error.value) == "InvalidAction"


def test_an_unsigned_call_is_refused(aws: SimulatedAws) -> None:
    anonymous = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    with pytest.raises(ClientError, match="MissingAuthenticationToken"):
        client(aws, Keys(access_key_id="a", secret_access_key="b"), "sts", config=anonymous).get_caller_identity()


class TestTrust:
    def test_a_role_of_another_account_is_assumed_with_its_external_id(
        self, aws: SimulatedAws, home: SimulatedAccount, away: SimulatedAccount, keys: Keys
    ) -> None:
        role = away.role("audit", trust=trusting(home.id, external_id=SECRET))
        session = assume(aws, keys, role, ExternalId=SECRET)
        assert client(aws, session, "sts").get_caller_identity()["Account"] == away.id

    @pytest.mark.parametrize("wrong", [{}, {"ExternalId": "another"}, {"ExternalId": SECRET.upper()}])
    def test_a_wrong_or_missing_external_id_is_refused(
        self, aws: SimulatedAws, home: SimulatedAccount, away: SimulatedAccount, keys: Keys, wrong: dict[str, str]
    ) -> None:
        role = away.role("audit", trust=trusting(home.id, external_id=SECRET))
        said = refusal(aws, keys, role, **wrong)
        principal = f"arn:aws:iam::{home.id}:user/operator"
        assert (
            said == f"AccessDenied: User: {principal} is not authorized to perform: sts:AssumeRole on resource: {role}"
        )

    def test_a_role_that_is_not_there_is_refused_like_one_that_does_not_trust(
        self, aws: SimulatedAws, away: SimulatedAccount, keys: Keys
    ) -> None:
        there = away.role("audit", trust=trusting(away.id))
        absent = away.arn("role/absent")
        assert refusal(aws, keys, there).replace("audit", "absent") == refusal(aws, keys, absent)

    def test_another_account_has_to_be_allowed_by_both_sides(
        self, aws: SimulatedAws, home: SimulatedAccount, away: SimulatedAccount
    ) -> None:
        powerless = home.user("powerless")
        role = away.role("audit", trust=trusting(home.arn("user/powerless")))
        assert "no identity-based policy allows the sts:AssumeRole action" in refusal(aws, powerless, role)

    def test_at_home_a_trust_policy_that_names_the_principal_is_enough(
        self, aws: SimulatedAws, home: SimulatedAccount
    ) -> None:
        powerless = home.user("powerless")
        assume(aws, powerless, home.role("named", trust=trusting(home.arn("user/powerless"))))
        assert "no identity-based policy" in refusal(aws, powerless, home.role("reader", trust=trusting(home.id)))

    def test_a_role_can_trust_a_session_by_its_role(
        self, aws: SimulatedAws, home: SimulatedAccount, away: SimulatedAccount, keys: Keys
    ) -> None:
        hub = home.role("hub", trust=trusting(home.id), policy=allowing("sts:AssumeRole"))
        spoke = away.role("spoke", trust=trusting(hub))
        assume(aws, assume(aws, keys, hub), spoke)
        assert "not authorized" in refusal(aws, keys, spoke)

    def test_an_explicit_denial_of_the_caller_is_named(self, aws: SimulatedAws, home: SimulatedAccount) -> None:
        denied = home.user("denied", policy=[allowing("*"), denying("sts:*")])
        said = refusal(aws, denied, home.role("reader", trust=trusting(home.arn("user/denied"))))
        assert said.endswith("with an explicit deny in an identity-based policy")

    def test_a_trust_policy_can_ask_for_the_organization(
        self, aws: SimulatedAws, away: SimulatedAccount, keys: Keys
    ) -> None:
        condition = {"StringEquals": {"aws:PrincipalOrgID": aws.organization.id}}
        role = away.role("audit", trust=trusting("*", condition=condition))
        assume(aws, keys, role)
        stranger = aws.account("stranger", outside=True).user("operator", policy=allowing("*"))
        assert refusal(aws, stranger, role).startswith("AccessDenied")

    def test_the_management_account_may_enter_the_accounts_that_were_created_for_it(
        self, aws: SimulatedAws, keys: Keys
    ) -> None:
        created, invited = aws.account("created"), aws.account("invited", invited=True)
        assume(aws, keys, created.arn(f"role/{MEMBER_ROLE}"))
        assert refusal(aws, keys, invited.arn(f"role/{MEMBER_ROLE}")).startswith("AccessDenied")

    def test_a_suspended_account_is_entered_by_nobody(self, aws: SimulatedAws, keys: Keys) -> None:
        member = aws.account("left", state="SUSPENDED")
        assert refusal(aws, keys, member.arn(f"role/{MEMBER_ROLE}")).startswith("AccessDenied")


class TestDurations:
    def test_a_chained_session_lasts_an_hour_at_most(
        self, aws: SimulatedAws, home: SimulatedAccount, keys: Keys
    ) -> None:
        role = home.role("hub", trust=trusting(home.id), policy=allowing("*"), max_session=43_200)
        session = assume(aws, keys, role, DurationSeconds=43_200)
        assume(aws, session, role, DurationSeconds=3600)
        assert "1 hour session limit for roles assumed by role chaining" in refusal(
            aws, session, role, DurationSeconds=3601
        )

    def test_no_session_lasts_longer_than_its_role_lets_it(
        self, aws: SimulatedAws, home: SimulatedAccount, keys: Keys
    ) -> None:
        role = home.role("reader", trust=trusting(home.id), max_session=7200)
        assume(aws, keys, role, DurationSeconds=7200)
        assert "MaxSessionDuration" in refusal(aws, keys, role, DurationSeconds=7201)

    @pytest.mark.parametrize("seconds", [899, 43_201])
    def test_durations_have_bounds(self, aws: SimulatedAws, home: SimulatedAccount, keys: Keys, seconds: int) -> None:
        role = home.role("reader", trust=trusting(home.id), max_session=43_200)
        unchecked = client(aws, keys, "sts", config=UNCHECKED)
        with pytest.raises(ClientError, match="between 900 and 43200") as error:
            unchecked.assume_role(RoleArn=role, RoleSessionName="test", DurationSeconds=seconds)
        assert code_of(error.value) == "ValidationError"


class TestSessionPolicies:
    def test_a_session_policy_takes_away_and_gives_nothing(
        self, aws: SimulatedAws, home: SimulatedAccount, keys: Keys
    ) -> None:
        role = home.role("reader", trust=trusting(home.id), policy=allowing("organizations:*"))
        narrow = assume(aws, keys, role, Policy=json.dumps(allowing("organizations:ListRoots", "ec2:*")))
        client(aws, narrow, "organizations").list_roots()
        with pytest.raises(ClientError, match="no session policy allows the organizations:ListAccounts action"):
            client(aws, narrow, "organizations").list_accounts()
        with pytest.raises(ClientError, match="no identity-based policy allows the ec2:DescribeRegions action"):
            client(aws, narrow, "ec2").describe_regions()

    def test_a_session_policy_can_deny(self, aws: SimulatedAws, home: SimulatedAccount, keys: Keys) -> None:
        role = home.role("reader", trust=trusting(home.id), policy=allowing("*"))
        narrow = assume(aws, keys, role, Policy=json.dumps(denying("*")))
        with pytest.raises(ClientError, match="with an explicit deny in a session policy"):
            client(aws, narrow, "organizations").list_accounts()

    def test_a_session_policy_that_is_too_long_is_refused(
        self, aws: SimulatedAws, home: SimulatedAccount, keys: Keys
    ) -> None:
        role = home.role("reader", trust=trusting(home.id))
        long = json.dumps(allowing("ecr:" + "x" * 2048))
        assert "less than or equal to 2048" in refusal(aws, keys, role, Policy=long)

    def test_a_malformed_session_policy_is_refused(self, aws: SimulatedAws, home: SimulatedAccount, keys: Keys) -> None:
        role = home.role("reader", trust=trusting(home.id))
        assert refusal(aws, keys, role, Policy="{}").startswith("MalformedPolicyDocument")

    def test_a_session_policy_can_be_too_large_when_packed(
        self, aws: SimulatedAws, home: SimulatedAccount, keys: Keys
    ) -> None:
        role = home.role("reader", trust=trusting(home.id))
        aws.faults.overpack(1)
        assert refusal(aws, keys, role, Policy=json.dumps(allowing("*"))).startswith("PackedPolicyTooLarge")
        assume(aws, keys, role, Policy=json.dumps(allowing("*")))


class TestRegions:
    def test_no_session_begins_where_sts_is_switched_off(
        self, aws: SimulatedAws, home: SimulatedAccount, away: SimulatedAccount, keys: Keys
    ) -> None:
        role = away.role("audit", trust=trusting(home.id))
        away.switch_off_sts("eu-west-1")
        said = refusal(aws, keys, role, region="eu-west-1")
        assert said.startswith(f"RegionDisabledException: STS is not activated in this region for account:{away.id}")
        assume(aws, keys, role, region="eu-west-2")

    def test_no_session_begins_in_a_region_that_the_account_did_not_opt_into(
        self, aws: SimulatedAws, home: SimulatedAccount, away: SimulatedAccount, keys: Keys
    ) -> None:
        role = away.role("audit", trust=trusting(home.id))
        home.set_regions(["us-east-1", "eu-south-1"])
        assert refusal(aws, keys, role, region="eu-south-1").startswith("RegionDisabledException")
        away.set_regions(["us-east-1", "eu-south-1"])
        assume(aws, keys, role, region="eu-south-1")


class TestWebIdentity:
    ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
    SUBJECT = "system:serviceaccount:scan:tidewaiter"

    @pytest.fixture
    def role(self, home: SimulatedAccount) -> str:
        provider = home.provider(self.ISSUER)
        return home.role("pod", trust=trusting_web_identity(provider, subject=self.SUBJECT), policy=allowing("*"))

    def enter(self, aws: SimulatedAws, role: str, token: str) -> Keys:
        sts = client(aws, Keys(access_key_id="unused", secret_access_key="unused"), "sts")
        answer = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="pod", WebIdentityToken=token)
        return as_keys(answer["Credentials"])

    def refused(self, aws: SimulatedAws, role: str, token: str) -> str:
        with pytest.raises(ClientError) as error:
            self.enter(aws, role, token)
        return f"{code_of(error.value)}: {error.value.response['Error']['Message']}"

    def test_a_token_of_a_trusted_subject_begins_a_session(
        self, aws: SimulatedAws, home: SimulatedAccount, role: str
    ) -> None:
        session = self.enter(aws, role, home.web_identity_token(self.ISSUER, self.SUBJECT))
        assert client(aws, session, "sts").get_caller_identity()["Arn"].endswith("assumed-role/pod/pod")

    def test_another_subject_is_refused(self, aws: SimulatedAws, home: SimulatedAccount, role: str) -> None:
        token = home.web_identity_token(self.ISSUER, "system:serviceaccount:scan:other")
        assert self.refused(aws, role, token) == "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity"

    def test_another_audience_is_refused(self, aws: SimulatedAws, home: SimulatedAccount, role: str) -> None:
        token = home.web_identity_token(self.ISSUER, self.SUBJECT, audience="another")
        assert self.refused(aws, role, token) == "InvalidIdentityToken: Incorrect token audience"

    def test_an_expired_token_is_refused(self, aws: SimulatedAws, home: SimulatedAccount, role: str) -> None:
        token = home.web_identity_token(self.ISSUER, self.SUBJECT, lifetime=timedelta(seconds=-1))
        assert self.refused(aws, role, token).startswith("ExpiredTokenException")

    def test_a_forged_token_is_refused(self, aws: SimulatedAws, home: SimulatedAccount, role: str) -> None:
        header, claims, _ = home.web_identity_token(self.ISSUER, self.SUBJECT).split(".")
        assert self.refused(aws, role, f"{header}.{claims}.c2lnbmF0dXJl").startswith("InvalidIdentityToken")

    @pytest.mark.parametrize("token", ["none", "a.b.c", "a.bm8.c"])
    def test_what_is_no_token_is_refused(self, aws: SimulatedAws, role: str, token: str) -> None:
        assert self.refused(aws, role, token).startswith("InvalidIdentityToken")

    def test_a_provider_that_the_account_does_not_know_is_refused(
        self, aws: SimulatedAws, away: SimulatedAccount, role: str
    ) -> None:
        away.provider("elsewhere.example.com")
        token = away.web_identity_token("elsewhere.example.com", self.SUBJECT)
        assert "No OpenIDConnect provider found" in self.refused(aws, role, token)


def test_a_user_can_ask_for_a_session_of_its_own_and_go_on_for_longer_than_an_hour(
    aws: SimulatedAws, home: SimulatedAccount, keys: Keys
) -> None:
    session = as_keys(client(aws, keys, "sts").get_session_token()["Credentials"])
    role = home.role("reader", trust=trusting(home.id), max_session=43_200)
    assume(aws, session, role, DurationSeconds=43_200)
    with pytest.raises(ClientError, match="session credentials"):
        client(aws, session, "sts").get_session_token()
