"""An identity becomes another one, asks AWS, keeps its sessions fresh, and says what was refused."""

import json
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest

from fakes.cloud_endpoint import AwsError, CloudEndpoint, Request, Response, as_json
from fakes.security_tokens import USER, USER_KEY, USER_SECRET, SecurityTokens
from tidewaiter.aws.calls import Call
from tidewaiter.aws.chain import Chain
from tidewaiter.aws.limiter import Limiter
from tidewaiter.aws.permissions import session_policy
from tidewaiter.errors import CloudDeniedError, CloudError, UsageError
from tidewaiter.model.cloud import RoleHop

_MANAGEMENT = "arn:aws:iam::222222222222:role/management"
_MEMBER = "arn:aws:iam::333333333333:role/path/to/member"
_MEMBER_SESSION = "arn:aws:sts::333333333333:assumed-role/member/tidewaiter"
_EXTERNAL_ID = "between-you-and-me"


@pytest.fixture
def ecr(user: CloudEndpoint, tokens: SecurityTokens) -> CloudEndpoint:
    """An AWS with two roles, and an ECR that lists one repository to whoever holds a valid key."""
    tokens.roles |= {_MANAGEMENT: "", _MEMBER: _EXTERNAL_ID}

    def repositories(request: Request) -> Response:
        tokens.demand_valid(request)
        return as_json({"repositories": [{"repositoryName": "shop"}]})

    user.answers["DescribeRepositories"] = repositories
    return user


def _member(chain: Chain, *, external_id: str = _EXTERNAL_ID) -> Chain:
    return chain.then(RoleHop(role_arn=_MEMBER, external_id=external_id))


def _names(chain: Chain, region: str = "eu-west-1") -> list[str]:
    pages = chain.pages("ecr", region, "ecr:DescribeRepositories", {"maxResults": 1000})
    return [each["repositoryName"] for page in pages for each in page["repositories"]]


# Roles


def test_every_role_is_assumed_with_the_one_before_it(ecr: CloudEndpoint) -> None:
    chain = _member(Chain.ambient().then(RoleHop(role_arn=_MANAGEMENT)))
    assert _names(chain) == ["shop"]
    assert [request.key for request in ecr.asked("AssumeRole")] == [USER_KEY, "ASIAMANAGEMENT1"]
    assert ecr.asked("DescribeRepositories")[0].key == "ASIAMEMBER2"


def test_nothing_is_asked_before_the_first_call(ecr: CloudEndpoint) -> None:
    chain = _member(Chain.ambient().then(RoleHop(role_arn=_MANAGEMENT)))
    assert chain.account == "333333333333"
    assert not ecr.requests


def test_a_role_knows_who_it_is_without_asking(ecr: CloudEndpoint) -> None:
    identity = _member(Chain.ambient()).identity()
    assert (identity.arn, identity.account, identity.partition) == (_MEMBER_SESSION, "333333333333", "aws")
    assert [hop.role_arn for hop in identity.hops] == [_MEMBER]
    assert not ecr.asked("GetCallerIdentity")


def test_the_ambient_identity_is_asked_once(ecr: CloudEndpoint) -> None:
    chain = Chain.ambient()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: chain.identity().arn, range(16)))
    assert set(answers) == {USER}
    assert len(ecr.asked("GetCallerIdentity")) == 1


def test_a_user_may_ask_for_twelve_hours(ecr: CloudEndpoint) -> None:
    Chain.ambient().then(RoleHop(role_arn=_MANAGEMENT, duration=43200)).identity()
    assert ecr.asked("AssumeRole")[0].form["DurationSeconds"] == "43200"


def test_a_role_that_assumes_a_role_asks_for_an_hour_at_most(ecr: CloudEndpoint) -> None:
    first = Chain.ambient().then(RoleHop(role_arn=_MANAGEMENT))
    first.then(RoleHop(role_arn=_MEMBER, external_id=_EXTERNAL_ID, duration=43200)).identity()
    assert ecr.asked("AssumeRole")[1].form["DurationSeconds"] == "3600"


def test_an_ambient_role_asks_for_an_hour_at_most_too(
    ecr: CloudEndpoint, tokens: SecurityTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens.sessions["ASIATASK"] = "arn:aws:sts::111111111111:assumed-role/task/1"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIATASK")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-of-the-task")
    Chain.ambient().then(RoleHop(role_arn=_MANAGEMENT, duration=7200)).identity()
    assert ecr.asked("AssumeRole")[0].form["DurationSeconds"] == "3600"


def test_a_session_policy_goes_with_the_hop_that_has_one(ecr: CloudEndpoint) -> None:
    policy = session_policy("aws")
    middle = Chain.ambient().then(RoleHop(role_arn=_MANAGEMENT, session_name="me"))
    middle.then(RoleHop(role_arn=_MEMBER, external_id=_EXTERNAL_ID), policy=policy).identity()
    first, second = ecr.asked("AssumeRole")
    assert "Policy" not in first.form
    assert first.form["RoleSessionName"] == "me"
    assert json.loads(second.form["Policy"]) == json.loads(policy)


def test_a_chain_shows_its_roles(ecr: CloudEndpoint) -> None:
    chain = _member(Chain.ambient().then(RoleHop(role_arn=_MANAGEMENT)))
    assert repr(chain) == f"Chain(ambient → {_MANAGEMENT} → {_MEMBER})"


def test_a_hop_into_another_partition_is_a_usage_error() -> None:
    chain = Chain.ambient(region="eu-west-1").then(RoleHop(role_arn=_MANAGEMENT))
    with pytest.raises(UsageError, match="another partition"):
        chain.then(RoleHop(role_arn="arn:aws-cn:iam::333333333333:role/member"))


# The regions of STS


def test_the_region_of_the_hop_goes_first(ecr: CloudEndpoint) -> None:
    Chain.ambient().then(RoleHop(role_arn=_MANAGEMENT), region="ap-east-1").identity()
    assert [request.region for request in ecr.asked("AssumeRole")] == ["ap-east-1"]


def test_disabled_regions_are_passed_over_in_order(ecr: CloudEndpoint, tokens: SecurityTokens) -> None:
    tokens.disabled |= {"eu-west-1", "eu-central-1"}
    chain = Chain.ambient(sts_regions=["eu-central-1", "us-west-2", "us-east-1"])
    _member(chain).identity()
    assert [request.region for request in ecr.asked("AssumeRole")] == ["eu-west-1", "eu-central-1", "us-west-2"]


def test_where_all_are_disabled_the_first_is_named(ecr: CloudEndpoint, tokens: SecurityTokens) -> None:
    tokens.disabled |= {"eu-west-1", "eu-central-1"}
    with pytest.raises(CloudDeniedError, match="RegionDisabledException") as caught:
        _member(Chain.ambient(sts_regions=["eu-central-1"])).identity()
    assert "eu-west-1" in caught.value.where
    assert caught.value.code == "RegionDisabledException"
    assert "other regions for STS" in caught.value.advice


def test_a_refusal_is_not_asked_again_elsewhere(ecr: CloudEndpoint) -> None:
    with pytest.raises(CloudDeniedError):
        _member(Chain.ambient(sts_regions=["us-west-2"]), external_id="wrong").identity()
    assert len(ecr.asked("AssumeRole")) == 1


def test_the_regions_of_another_partition_are_not_asked(ecr: CloudEndpoint, tokens: SecurityTokens) -> None:
    role = "arn:aws-us-gov:iam::444444444444:role/gov"
    tokens.roles[role] = ""
    Chain.ambient(sts_regions=["us-gov-east-1"]).then(RoleHop(role_arn=role)).identity()
    assert [request.region for request in ecr.asked("AssumeRole")] == ["us-gov-east-1"]


def test_without_any_region_the_partitions_home_is_asked(
    ecr: CloudEndpoint, tokens: SecurityTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION")
    role = "arn:aws-cn:iam::444444444444:role/china"
    tokens.roles[role] = ""
    Chain.ambient().then(RoleHop(role_arn=role)).identity()
    assert [request.region for request in ecr.asked("AssumeRole")] == ["cn-northwest-1"]


# External IDs and other secrets


@pytest.mark.parametrize("given", ["", "wrong-one"])
def test_a_missing_or_wrong_one_is_refused_with_the_statements_that_would_help(ecr: CloudEndpoint, given: str) -> None:
    with pytest.raises(CloudDeniedError) as caught:
        _member(Chain.ambient(), external_id=given).identity()
    text = str(caught.value)
    assert f"{USER} may not do sts:AssumeRole on {_MEMBER}" in text
    assert f'the trust policy of {_MEMBER}: {{"Effect": "Allow", "Principal": {{"AWS": "{USER}"}}' in text
    assert f'the identity policy of {USER}: {{"Effect": "Allow", "Action": "sts:AssumeRole"' in text
    assert ("another external ID" if given else "none was given") in text
    assert not given or given not in text


def test_no_secret_stands_in_a_repr_or_in_an_error(ecr: CloudEndpoint) -> None:
    def tells_too_much(_: Request) -> Response:
        secrets = f"{USER_SECRET} {_EXTERNAL_ID} secret-of-ASIAMEMBER1 token-of-ASIAMEMBER1"
        raise AwsError("InvalidParameterException", secrets)

    ecr.answers["DescribeRepositories"] = tells_too_much
    member = _member(Chain.ambient())
    with pytest.raises(CloudError) as caught:
        _names(member)
    shown = "".join(traceback.format_exception(caught.value)) + repr(member) + repr(member.identity())
    for secret in (USER_SECRET, _EXTERNAL_ID, "secret-of-ASIAMEMBER1", "token-of-ASIAMEMBER1"):
        assert secret not in shown
    assert "InvalidParameterException" in shown


# Sessions that end


def test_a_session_is_renewed_before_it_ends(ecr: CloudEndpoint, tokens: SecurityTokens) -> None:
    member = _member(Chain.ambient(now=tokens.clock))
    _names(member)
    tokens.clock.forward(2690)
    _names(member)
    tokens.clock.forward(20)
    _names(member)
    keys = [request.key for request in ecr.asked("DescribeRepositories")]
    assert keys == ["ASIAMEMBER1", "ASIAMEMBER1", "ASIAMEMBER2"]


def test_a_short_session_is_not_renewed_on_every_call(ecr: CloudEndpoint, tokens: SecurityTokens) -> None:
    chain = Chain.ambient(now=tokens.clock)
    member = chain.then(RoleHop(role_arn=_MEMBER, external_id=_EXTERNAL_ID, duration=900))
    for _ in range(5):
        _names(member)
    assert len(ecr.asked("AssumeRole")) == 1


def test_many_threads_renew_once_and_none_goes_on_with_what_has_ended(
    ecr: CloudEndpoint, tokens: SecurityTokens
) -> None:
    member = _member(Chain.ambient(now=tokens.clock))
    _names(member)
    tokens.clock.forward(3601)
    tokens.dead.add("ASIAMEMBER1")
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: _names(member), range(64)))
    assert answers == [["shop"]] * 64
    assert {request.key for request in ecr.asked("DescribeRepositories")[1:]} == {"ASIAMEMBER2"}
    assert len(ecr.asked("AssumeRole")) == 2


def test_while_one_thread_renews_early_the_others_do_not_wait(ecr: CloudEndpoint, tokens: SecurityTokens) -> None:
    member = _member(Chain.ambient(now=tokens.clock))
    _names(member)
    entered, leave = threading.Event(), threading.Event()

    def slow(request: Request) -> Response:
        entered.set()
        assert leave.wait(30)
        return tokens.assume(request)

    ecr.answers["AssumeRole"] = slow
    tokens.clock.forward(2800)
    with ThreadPoolExecutor(1) as thread:
        renewing = thread.submit(_names, member)
        assert entered.wait(30)
        assert _names(member) == ["shop"]
        leave.set()
        assert renewing.result() == ["shop"]
    keys = [request.key for request in ecr.asked("DescribeRepositories")]
    assert keys == ["ASIAMEMBER1", "ASIAMEMBER1", "ASIAMEMBER2"]


def test_a_renewal_that_fails_early_leaves_the_old_session_and_one_that_fails_late_is_told(
    ecr: CloudEndpoint, tokens: SecurityTokens
) -> None:
    member = _member(Chain.ambient(now=tokens.clock))
    _names(member)
    tokens.roles.clear()
    tokens.clock.forward(2800)
    assert _names(member) == ["shop"]
    assert len(ecr.asked("AssumeRole")) == 2
    tokens.clock.forward(600)
    with pytest.raises(CloudDeniedError, match="may not do sts:AssumeRole"):
        _names(member)


def test_a_session_that_aws_calls_expired_is_replaced_and_the_call_made_again(
    ecr: CloudEndpoint, tokens: SecurityTokens
) -> None:
    member = _member(Chain.ambient())
    _names(member)
    tokens.dead.add("ASIAMEMBER1")
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: _names(member), range(16))) == [["shop"]] * 16
    assert len(ecr.asked("AssumeRole")) == 2


def test_a_whole_chain_that_has_expired_is_renewed_from_its_start(ecr: CloudEndpoint, tokens: SecurityTokens) -> None:
    member = _member(Chain.ambient().then(RoleHop(role_arn=_MANAGEMENT)))
    _names(member)
    tokens.dead |= {"ASIAMANAGEMENT1", "ASIAMEMBER2"}
    assert _names(member) == ["shop"]
    assert ecr.asked("DescribeRepositories")[-1].key == "ASIAMEMBER4"


def test_credentials_that_stay_expired_end_with_what_to_do(ecr: CloudEndpoint, tokens: SecurityTokens) -> None:
    tokens.dead.add(USER_KEY)
    with pytest.raises(CloudDeniedError, match="have expired") as caught:
        _names(Chain.ambient())
    assert caught.value.code == "ExpiredToken"
    assert "aws sso login" in caught.value.advice
    assert len(ecr.asked("DescribeRepositories")) == 3


def test_a_session_that_has_ended_when_it_comes_tells_of_the_clock(ecr: CloudEndpoint, tokens: SecurityTokens) -> None:
    tokens.longest = 0
    with pytest.raises(CloudError, match="has ended already") as caught:
        _member(Chain.ambient(now=tokens.clock)).identity()
    assert "clock" in caught.value.advice


# Calls


def test_each_call_is_told_with_its_account_and_region(ecr: CloudEndpoint) -> None:
    told: list[Call] = []
    _names(_member(Chain.ambient(on_call=told.append)), "sa-east-1")
    assert told == [
        Call(service="sts", action="sts:AssumeRole", account="", region="eu-west-1"),
        Call(service="ecr", action="ecr:DescribeRepositories", account="333333333333", region="sa-east-1"),
    ]


def test_a_call_that_is_not_in_the_table_is_never_made(ecr: CloudEndpoint) -> None:
    with pytest.raises(AssertionError, match="ecr:DeleteRepository is not in"):
        Chain.ambient().call("ecr", "eu-west-1", "ecr:DeleteRepository", {"repositoryName": "shop"})
    assert not ecr.requests


def test_pages_go_on_after_an_empty_one(ecr: CloudEndpoint) -> None:
    pages: dict[str | None, tuple[list[str], str | None]] = {
        None: (["a"], "t1"),
        "t1": ([], "t2"),
        "t2": (["b"], None),
    }

    def listed(request: Request) -> Response:
        names, token = pages[request.document.get("nextToken")]
        return as_json({"repositories": [{"repositoryName": name} for name in names], "nextToken": token})

    ecr.answers["DescribeRepositories"] = listed
    assert _names(Chain.ambient()) == ["a", "b"]


def test_a_listing_that_gives_the_same_page_for_ever_is_an_error(ecr: CloudEndpoint) -> None:
    ecr.answers["DescribeRepositories"] = lambda _: as_json({"repositories": [], "nextToken": "again"})
    with pytest.raises(CloudError, match="same page"):
        _names(Chain.ambient())


def test_a_throttled_call_is_made_again_and_the_limiter_is_told(ecr: CloudEndpoint) -> None:
    def throttled_once(_: Request) -> Response:
        if len(ecr.asked("DescribeRepositories")) == 1:
            raise AwsError("ThrottlingException", "Rate exceeded")
        return as_json({"repositories": []})

    ecr.answers["DescribeRepositories"] = throttled_once
    limiter = Limiter(clock=lambda: 0.0, sleep=lambda _: None)
    before = limiter.per_second("333333333333", "eu-west-1", "DescribeRepositories")
    assert _names(_member(Chain.ambient(limiter=limiter))) == []
    assert limiter.per_second("333333333333", "eu-west-1", "DescribeRepositories") < before
    assert limiter.per_second("333333333333", "us-east-1", "DescribeRepositories") == before


def test_every_attempt_asks_the_limiter(ecr: CloudEndpoint) -> None:
    class Counting(Limiter):
        def wait(self, account: str, region: str, operation: str) -> None:
            waits.append((account, region, operation))

    def broken_once(_: Request) -> Response:
        broken = len(ecr.asked("DescribeRepositories")) == 1
        return Response(status=HTTPStatus.BAD_GATEWAY) if broken else as_json({"repositories": []})

    waits: list[tuple[str, str, str]] = []
    ecr.answers["DescribeRepositories"] = broken_once
    _names(_member(Chain.ambient(limiter=Counting())))
    assert waits == [
        ("", "eu-west-1", "AssumeRole"),
        ("333333333333", "eu-west-1", "DescribeRepositories"),
        ("333333333333", "eu-west-1", "DescribeRepositories"),
    ]


def test_throttling_without_end_is_an_error_that_a_retry_may_help(ecr: CloudEndpoint) -> None:
    def throttled(_: Request) -> Response:
        raise AwsError("ThrottlingException", "Rate exceeded")

    ecr.answers["DescribeRepositories"] = throttled
    limiter = Limiter(clock=lambda: 0.0, sleep=lambda _: None)
    with pytest.raises(CloudError, match="still throttles") as caught:
        _names(Chain.ambient(limiter=limiter, attempts=1))
    assert caught.value.retry
    assert len(ecr.asked("DescribeRepositories")) == 4


def test_a_server_error_is_tried_again(ecr: CloudEndpoint) -> None:
    def broken_once(_: Request) -> Response:
        if len(ecr.asked("DescribeRepositories")) == 1:
            return Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        return as_json({"repositories": []})

    ecr.answers["DescribeRepositories"] = broken_once
    assert _names(Chain.ambient()) == []


def test_a_refusal_names_who_what_where_and_the_statement(ecr: CloudEndpoint) -> None:
    def denied(_: Request) -> Response:
        reason = "because no identity-based policy allows the ecr:DescribeRepositories action"
        action = "ecr:DescribeRepositories on resource: arn:aws:ecr:eu-west-1:333333333333:repository/*"
        raise AwsError(
            "AccessDeniedException", f"User: {_MEMBER_SESSION} is not authorized to perform: {action} {reason}"
        )

    ecr.answers["DescribeRepositories"] = denied
    with pytest.raises(CloudDeniedError) as caught:
        _names(_member(Chain.ambient()))
    assert str(caught.value) == (
        f"account 333333333333, eu-west-1: {_MEMBER_SESSION} may not do ecr:DescribeRepositories on "
        "arn:aws:ecr:eu-west-1:333333333333:repository/* "
        "(AccessDeniedException: no identity policy allows it). "
        "Add to the identity policy of arn:aws:iam::333333333333:role/member: "
        '{"Effect": "Allow", "Action": "ecr:DescribeRepositories", '
        '"Resource": "arn:aws:ecr:eu-west-1:333333333333:repository/*"}'
    )


def test_a_refusal_of_an_ambient_identity_finds_out_who_that_is(ecr: CloudEndpoint) -> None:
    def denied(_: Request) -> Response:
        raise AwsError("AccessDeniedException", "")

    ecr.answers["DescribeRepositories"] = denied
    with pytest.raises(CloudDeniedError, match=f"{USER} may not do ecr:DescribeRepositories") as caught:
        _names(Chain.ambient())
    assert caught.value.where == "account 111111111111, eu-west-1"


def test_where_nobody_says_who_asked_the_refusal_stands_without_it(ecr: CloudEndpoint) -> None:
    def denied(_: Request) -> Response:
        raise AwsError("AccessDeniedException", "")

    ecr.answers["DescribeRepositories"] = denied
    ecr.answers["GetCallerIdentity"] = lambda _: Response(status=HTTPStatus.FORBIDDEN)
    with pytest.raises(CloudDeniedError, match="this identity may not do ecr:DescribeRepositories"):
        _names(Chain.ambient())


def test_an_endpoint_that_nobody_answers_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with CloudEndpoint() as gone:
        monkeypatch.setenv("AWS_ENDPOINT_URL", gone.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", USER_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", USER_SECRET)
    with pytest.raises(CloudError, match="got no answer") as caught:
        Chain.ambient(region="eu-west-1", attempts=1).identity()
    assert caught.value.retry
    assert not isinstance(caught.value, CloudDeniedError)


def test_arguments_that_the_api_does_not_know_are_an_error(ecr: CloudEndpoint) -> None:
    with pytest.raises(CloudError, match="cannot be asked"):
        Chain.ambient().call("ecr", "eu-west-1", "ecr:DescribeRepositories", {"maxResults": "many"})


def test_without_a_region_the_user_is_told_how_to_give_one(ecr: CloudEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(UsageError, match="no AWS region is given"):
        _names(Chain.ambient(), "")
