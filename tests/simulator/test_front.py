"""The front lets boto3 in by environment variables alone, refuses, fails and notes what it is told."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import boto3
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from aws_clients import assume, client, code_of
from tidewaiter.simulator.aws import MEMBER_ROLE, SimulatedAccount, SimulatedAws
from tidewaiter.simulator.faults import AwsFaults
from tidewaiter.simulator.front import AwsCall
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import allowing, trusting

UNKNOWN = Keys(access_key_id="AKIAUNKNOWNUNKNOWN00", secret_access_key="unknown")


def listing(aws: SimulatedAws, keys: Keys, region: str = "eu-west-1") -> list[dict[str, str]]:
    """One call, to ECR."""
    found: list[dict[str, str]] = client(aws, keys, "ecr", region).describe_repositories()["repositories"]
    return found


def test_environment_variables_are_all_that_boto3_needs(
    aws: SimulatedAws, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment(keys, region="eu-west-2").items():
        monkeypatch.setenv(name, value)
    assert boto3.Session().client("sts").get_caller_identity()["Arn"].endswith("user/administrator")
    assert aws.calls[-1].region == "eu-west-2"


def test_each_call_is_noted_with_who_where_what_and_how_it_ended(
    aws: SimulatedAws, home: SimulatedAccount, keys: Keys
) -> None:
    member = aws.account("member", regions=["eu-west-1"])
    role = member.role("reader", trust=trusting(home.id), policy=allowing("ecr:DescribeImages"))
    session = assume(aws, keys, role, RoleSessionName="look")
    with pytest.raises(ClientError):
        listing(aws, session)
    assert aws.calls == [
        AwsCall(
            principal=home.arn("user/administrator"),
            account=home.id,
            region="us-east-1",
            action="sts:AssumeRole",
            resource=role,
            allowed=True,
        ),
        AwsCall(
            principal=f"arn:aws:sts::{member.id}:assumed-role/reader/look",
            account=member.id,
            region="eu-west-1",
            action="ecr:DescribeRepositories",
            resource=f"arn:aws:ecr:eu-west-1:{member.id}:repository/*",
            allowed=False,
            error="AccessDeniedException",
        ),
    ]


def test_a_refusal_says_who_may_not_do_what_on_what_and_why(aws: SimulatedAws, home: SimulatedAccount) -> None:
    powerless = home.user("powerless")
    with pytest.raises(ClientError) as error:
        listing(aws, powerless)
    assert error.value.response["Error"]["Message"] == (
        f"User: arn:aws:iam::{home.id}:user/powerless is not authorized to perform: ecr:DescribeRepositories on "
        f"resource: arn:aws:ecr:eu-west-1:{home.id}:repository/* because no identity-based policy allows the "
        "ecr:DescribeRepositories action"
    )


def test_policies_can_be_limited_to_a_region(aws: SimulatedAws, home: SimulatedAccount) -> None:
    condition = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    user = home.user("regional", policy=allowing("ecr:*", condition=condition))
    assert listing(aws, user, "eu-west-1") == []
    with pytest.raises(ClientError, match="no identity-based policy"):
        listing(aws, user, "eu-west-2")


def test_policies_can_be_limited_to_repositories(aws: SimulatedAws, home: SimulatedAccount) -> None:
    registry = home.registry("eu-west-1")
    registry.create("team/app")
    registry.create("other")
    user = home.user("team", policy=allowing("ecr:*", resource=f"arn:aws:ecr:*:{home.id}:repository/team/*"))
    ecr = client(aws, user, "ecr", "eu-west-1")
    assert ecr.describe_images(repositoryName="team/app")["imageDetails"] == []
    with pytest.raises(ClientError, match="repository/other because"):
        ecr.describe_images(repositoryName="other")


def test_changed_policies_count_from_the_next_call_on(aws: SimulatedAws, home: SimulatedAccount, keys: Keys) -> None:
    role = home.role("reader", trust=trusting(home.id))
    session = assume(aws, keys, role)
    with pytest.raises(ClientError):
        listing(aws, session)
    home.role("reader", trust=trusting(home.id), policy=allowing("ecr:*"))
    assert listing(aws, session) == []
    home.remove("role/reader")
    with pytest.raises(ClientError):
        listing(aws, session)


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ecr", "describe_repositories", "UnrecognizedClientException"),
        ("organizations", "list_accounts", "UnrecognizedClientException"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("ec2", "describe_regions", "AuthFailure"),
    ],
)
def test_unknown_keys_are_refused_in_the_words_of_the_service(
    aws: SimulatedAws, service: str, operation: str, code: str
) -> None:
    with pytest.raises(ClientError, match=r"security token|credentials") as error:
        getattr(client(aws, UNKNOWN, service), operation)()
    assert code_of(error.value) == code


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ecr", "describe_repositories", "ExpiredTokenException"),
        ("sts", "get_caller_identity", "ExpiredToken"),
        ("ec2", "describe_regions", "RequestExpired"),
    ],
)
def test_expired_sessions_are_refused_in_the_words_of_the_service(
    aws: SimulatedAws, keys: Keys, service: str, operation: str, code: str
) -> None:
    session = assume(aws, keys, aws.account("member").arn(f"role/{MEMBER_ROLE}"))
    aws.expire_all()
    with pytest.raises(ClientError, match="expired") as error:
        getattr(client(aws, session, service), operation)()
    assert code_of(error.value) == code


def test_a_request_without_signature_is_refused(aws: SimulatedAws) -> None:
    headers = {"X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"}
    answer = urllib3.PoolManager().request("POST", aws.url, headers=headers, body=b"{}")
    assert (answer.status, answer.json()["__type"]) == (400, "MissingAuthenticationTokenException")
    answer = urllib3.PoolManager().request("GET", aws.url + "/anything")
    assert answer.status == 400


def test_a_request_that_is_no_json_is_refused(aws: SimulatedAws, keys: Keys) -> None:
    headers = {
        "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={keys.access_key_id}/20260101/eu-west-1/ecr/aws4_request, S",
    }
    for body in (b"{", b"[]", b"\xff"):
        answer = urllib3.PoolManager().request("POST", aws.url, headers=headers, body=body)
        assert answer.json()["__type"] == "SerializationException"


def test_an_operation_that_is_not_simulated_is_refused(aws: SimulatedAws, keys: Keys) -> None:
    with pytest.raises(ClientError) as error:
        client(aws, keys, "organizations").list_handshakes_for_organization()
    assert code_of(error.value) == "UnknownOperationException"


def test_keys_do_not_stand_in_what_is_shown(aws: SimulatedAws, keys: Keys) -> None:
    session = assume(aws, keys, aws.account("member").arn(f"role/{MEMBER_ROLE}"))
    listing(aws, session)
    shown = repr(keys) + repr(session) + repr(aws.calls) + repr(aws.ring.session(*_signed(session)))
    assert keys.secret_access_key not in shown
    assert session.secret_access_key not in shown
    assert session.session_token not in shown


def test_many_threads_can_call_at_once(aws: SimulatedAws, home: SimulatedAccount, keys: Keys) -> None:
    role = home.role("reader", trust=trusting(home.id), policy=allowing("ecr:*"))
    with ThreadPoolExecutor(8) as pool:
        sessions = list(pool.map(lambda _: assume(aws, keys, role), range(16)))
        assert list(pool.map(lambda session: listing(aws, session), sessions)) == [[]] * 16
    assert len(aws.calls) == 32


def test_the_time_there_can_be_set(aws: SimulatedAws, keys: Keys) -> None:
    there = datetime(2030, 1, 1, tzinfo=UTC)
    aws.clock.set(there)
    session = assume(aws, keys, aws.account("member").arn(f"role/{MEMBER_ROLE}"))
    assert session.expires is not None
    assert there < session.expires < there + timedelta(hours=2)


def test_a_failure_of_the_simulator_itself_is_told(aws: SimulatedAws, keys: Keys) -> None:
    aws.clock.now = None  # type: ignore[method-assign,assignment]  # any bug would do
    with pytest.raises(ClientError, match=r"SimulatorFailure.*NoneType"):
        listing(aws, keys)


class TestFaults:
    def test_so_many_calls_are_throttled(self, aws: SimulatedAws, keys: Keys) -> None:
        aws.faults.throttle(1, "ecr:Describe*")
        client(aws, keys, "sts").get_caller_identity()
        with pytest.raises(ClientError, match="Rate exceeded") as error:
            listing(aws, keys)
        assert code_of(error.value) == "ThrottlingException"
        assert listing(aws, keys) == []
        assert [call.error for call in aws.calls] == ["", "ThrottlingException", ""]

    def test_boto3_gets_over_a_throttled_call(self, aws: SimulatedAws, keys: Keys) -> None:
        aws.faults.throttle(1)
        patient = Config(retries={"total_max_attempts": 3, "mode": "standard"})
        client(aws, keys, "ec2", config=patient).describe_regions()
        assert [call.error for call in aws.calls] == ["RequestLimitExceeded", ""]

    @pytest.mark.parametrize(("unavailable", "status"), [(False, 500), (True, 503)])
    def test_so_many_calls_fail(self, aws: SimulatedAws, keys: Keys, unavailable: bool, status: int) -> None:
        aws.faults.fail(1, unavailable=unavailable)
        with pytest.raises(ClientError) as error:
            listing(aws, keys)
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
        assert listing(aws, keys) == []

    def test_so_many_connections_end_without_an_answer(self, aws: SimulatedAws, keys: Keys) -> None:
        aws.faults.drop(1)
        with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
            listing(aws, keys)
        assert listing(aws, keys) == []
        assert [call.error for call in aws.calls] == ["Dropped", ""]

    def test_all_faults_can_be_ended(self, aws: SimulatedAws, keys: Keys) -> None:
        aws.faults.throttle(100)
        aws.faults.limit(0.001)
        aws.faults.clear()
        assert [listing(aws, keys) for _ in range(3)] == [[], [], []]

    def test_a_rate_counts_for_each_action_account_and_region(self) -> None:
        seconds = [0.0]
        faults = AwsFaults(lambda: seconds[0])
        faults.limit(2, "ecr:Describe*")
        first = [faults.next("ecr:DescribeImages", "1", "eu-west-1") for _ in range(3)]
        assert first == [None, None, "throttled"]
        for action, account, region in (
            ("ecr:DescribeRepositories", "1", "eu-west-1"),
            ("ecr:DescribeImages", "2", "eu-west-1"),
            ("ecr:DescribeImages", "1", "eu-west-2"),
            ("ecr:BatchGetImage", "1", "eu-west-1"),
        ):
            assert faults.next(action, account, region) is None
        seconds[0] = 0.5
        after = [faults.next("ecr:DescribeImages", "1", "eu-west-1") for _ in range(2)]
        assert after == [None, "throttled"]


class TestMoto:
    def test_queues_belong_to_the_account_and_region_of_the_caller(
        self, aws: SimulatedAws, home: SimulatedAccount, keys: Keys
    ) -> None:
        member = assume(aws, keys, aws.account("member").arn(f"role/{MEMBER_ROLE}"))
        address = client(aws, keys, "sqs", "eu-west-1").create_queue(QueueName="events")["QueueUrl"]
        assert address == f"{aws.url}/{home.id}/events"
        assert "QueueUrls" not in client(aws, keys, "sqs", "eu-west-2").list_queues()
        assert "QueueUrls" not in client(aws, member, "sqs", "eu-west-1").list_queues()
        assert aws.calls[1].resource == f"arn:aws:sqs:eu-west-1:{home.id}:events"

    def test_a_rule_for_events_is_a_resource_of_its_own(
        self, aws: SimulatedAws, home: SimulatedAccount, keys: Keys
    ) -> None:
        events = client(aws, keys, "events", "eu-west-1")
        events.put_rule(Name="pushes", EventPattern=json.dumps({"source": ["aws.ecr"]}))
        assert [rule["Name"] for rule in events.list_rules()["Rules"]] == ["pushes"]
        assert aws.calls[0].resource == f"arn:aws:events:eu-west-1:{home.id}:rule/pushes"

    def test_permissions_count_for_its_services_too(self, aws: SimulatedAws, home: SimulatedAccount) -> None:
        policy = allowing("sqs:*", resource=f"arn:aws:sqs:*:{home.id}:mine")
        user = home.user("queues", policy=policy)
        client(aws, user, "sqs").create_queue(QueueName="mine")
        with pytest.raises(ClientError, match=f"sqs:us-east-1:{home.id}:other because no identity-based policy"):
            client(aws, user, "sqs").create_queue(QueueName="other")

    def test_roles_that_are_made_through_iam_can_be_assumed_and_limit_what_is_done(
        self, aws: SimulatedAws, home: SimulatedAccount, keys: Keys
    ) -> None:
        iam = client(aws, keys, "iam")
        role = iam.create_role(RoleName="made", AssumeRolePolicyDocument=json.dumps(trusting(home.id)))["Role"]["Arn"]
        session = assume(aws, keys, role)
        with pytest.raises(ClientError, match="no identity-based policy"):
            listing(aws, session)
        iam.put_role_policy(RoleName="made", PolicyName="inline", PolicyDocument=json.dumps(allowing("ecr:Describe*")))
        assert listing(aws, session) == []
        managed = iam.create_policy(PolicyName="more", PolicyDocument=json.dumps(allowing("ec2:*")))["Policy"]["Arn"]
        iam.attach_role_policy(RoleName="made", PolicyArn=managed)
        assert len(client(aws, session, "ec2").describe_regions()["Regions"]) == 17

    def test_users_that_are_made_through_iam_get_keys_and_may_do_what_their_policies_allow(
        self, aws: SimulatedAws, home: SimulatedAccount, keys: Keys
    ) -> None:
        iam = client(aws, keys, "iam")
        iam.create_user(UserName="made")
        user = home.access_key("made")
        assert client(aws, user, "sts").get_caller_identity()["Arn"] == home.arn("user/made")
        with pytest.raises(ClientError, match="no identity-based policy"):
            listing(aws, user)
        iam.put_user_policy(UserName="made", PolicyName="inline", PolicyDocument=json.dumps(allowing("ecr:Describe*")))
        assert listing(aws, user) == []
        with pytest.raises(LookupError, match="no user nobody"):
            home.access_key("nobody")

    def test_two_clouds_with_the_same_accounts_share_nothing(self) -> None:
        for _ in range(2):
            with SimulatedAws() as aws:
                keys = aws.account("home", id="111111111111").user("operator", policy=allowing("*"))
                sqs = client(aws, keys, "sqs")
                assert "QueueUrls" not in sqs.list_queues()
                sqs.create_queue(QueueName="one")


def _signed(keys: Keys) -> tuple[str, str]:
    return keys.access_key_id, keys.session_token
