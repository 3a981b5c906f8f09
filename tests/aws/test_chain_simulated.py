"""A chain against a simulated AWS that enforces trust, external IDs, policies, chaining and the end of sessions."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tidewaiter.aws.chain import Chain
from tidewaiter.aws.permissions import PERMISSIONS, Holder, pattern, session_policy, statement
from tidewaiter.errors import CloudDeniedError, CloudError
from tidewaiter.model.cloud import RoleHop
from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.policies import allowing, denying, trusting

_EXTERNAL_ID = "between-you-and-me"
_REGION = "eu-west-1"


def _least(*holders: Holder) -> dict[str, object]:
    """The policy of who holds these permissions, made from the table."""
    held = [each for each in PERMISSIONS if each.held_by in holders]
    statements = [statement([each.action], [pattern(each.resource, "aws")]) for each in held]
    return {"Version": "2012-10-17", "Statement": statements}


@pytest.fixture
def aws() -> Iterator[SimulatedAws]:
    with SimulatedAws() as aws:
        yield aws


@pytest.fixture
def home(aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> SimulatedAccount:
    """The management account; boto3 finds a user of it that may do what the table gives the base, and no more."""
    home = aws.account("management")
    keys = home.user("base", policy=_least(Holder.BASE))
    for name, value in aws.environment(keys, region=_REGION).items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def member(aws: SimulatedAws, home: SimulatedAccount) -> SimulatedAccount:
    """Another account of the organization, with three repositories."""
    member = aws.account("shop", ou="Workloads")
    for name in ("a1", "b2", "c3"):
        member.registry(_REGION).create(name)
    return member


@pytest.fixture
def chain(home: SimulatedAccount, member: SimulatedAccount) -> Chain:
    """From the base by the management role to the reader of the member, each with what the table gives it."""
    management = home.role("management", trust=trusting(home.arn("user/base")), policy=_least(Holder.MANAGEMENT))
    trust = trusting(home.arn("role/management"), external_id=_EXTERNAL_ID)
    reader = member.role("reader", trust=trust, policy=_least(Holder.REGISTRY))
    hop = RoleHop(role_arn=reader, external_id=_EXTERNAL_ID)
    return Chain.ambient().then(RoleHop(role_arn=management)).then(hop, policy=session_policy("aws"))


def _names(chain: Chain) -> list[str]:
    pages = chain.pages("ecr", _REGION, "ecr:DescribeRepositories", {"maxResults": 1})
    return [each["repositoryName"] for page in pages for each in page["repositories"]]


def test_what_the_table_gives_each_holder_is_enough_for_the_whole_chain(
    chain: Chain, aws: SimulatedAws, member: SimulatedAccount
) -> None:
    assert _names(chain) == ["a1", "b2", "c3"]
    assert chain.identity().arn == f"arn:aws:sts::{member.id}:assumed-role/reader/tidewaiter"
    assert all(call.allowed for call in aws.calls)


def test_the_session_policy_takes_away_all_but_reading(
    aws: SimulatedAws, home: SimulatedAccount, member: SimulatedAccount
) -> None:
    mighty = home.role("mighty", trust=trusting(home.id), policy=allowing("*"))
    hop = RoleHop(role_arn=mighty)
    Chain.ambient().then(hop).call("organizations", "us-east-1", "organizations:ListAccounts")
    bound = Chain.ambient().then(hop, policy=session_policy("aws"))
    bound.call("ecr", _REGION, "ecr:DescribeRepositories")
    with pytest.raises(CloudDeniedError, match="organizations:ListAccounts") as caught:
        bound.call("organizations", "us-east-1", "organizations:ListAccounts")
    assert "session policy" in str(caught.value)


@pytest.mark.parametrize("external_id", ["", "of-somebody-else"])
def test_a_wrong_external_id_is_refused_and_the_right_one_is_not_told(
    member: SimulatedAccount, home: SimulatedAccount, external_id: str
) -> None:
    reader = member.role("reader", trust=trusting(home.id, external_id=_EXTERNAL_ID), policy=allowing("ecr:*"))
    with pytest.raises(CloudDeniedError, match="may not do sts:AssumeRole") as caught:
        _names(Chain.ambient().then(RoleHop(role_arn=reader, external_id=external_id)))
    assert reader in caught.value.what
    assert _EXTERNAL_ID not in str(caught.value)


def test_sessions_that_all_end_at_once_are_made_anew_by_many_threads(chain: Chain, aws: SimulatedAws) -> None:
    pages = chain.pages("ecr", _REGION, "ecr:DescribeRepositories", {"maxResults": 1})
    next(pages)
    aws.expire_all()
    assert len(list(pages)) == 2
    aws.expire_all()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: _names(chain), range(8))) == [["a1", "b2", "c3"]] * 8
    assumed = [call for call in aws.calls if call.action == "sts:AssumeRole" and call.allowed]
    assert len(assumed) == 3 * 2


def test_a_session_is_renewed_by_the_clock_before_aws_refuses_it(
    member: SimulatedAccount, home: SimulatedAccount, aws: SimulatedAws
) -> None:
    reader = member.role("reader", trust=trusting(home.id), policy=allowing("ecr:*"))
    chain = Chain.ambient(now=aws.clock.now).then(RoleHop(role_arn=reader, duration=900))
    for _ in range(4):
        assert _names(chain) == ["a1", "b2", "c3"]
        aws.clock.advance(timedelta(seconds=800))
    assert all(call.allowed for call in aws.calls)
    assert sum(call.action == "sts:AssumeRole" for call in aws.calls) == 4


def test_where_sts_is_off_in_a_region_another_gives_the_session(
    chain: Chain, aws: SimulatedAws, member: SimulatedAccount, home: SimulatedAccount
) -> None:
    reader = member.role("reader", trust=trusting(home.id), policy=allowing("ecr:*"))
    member.switch_off_sts(_REGION)
    with pytest.raises(CloudDeniedError, match="RegionDisabledException"):
        _names(Chain.ambient().then(RoleHop(role_arn=reader)))
    assert _names(Chain.ambient(sts_regions=["us-east-1"]).then(RoleHop(role_arn=reader))) == ["a1", "b2", "c3"]


def test_a_region_that_an_scp_denies_blames_the_scp(chain: Chain, aws: SimulatedAws) -> None:
    _names(chain)
    aws.deny_region(_REGION)
    with pytest.raises(CloudDeniedError) as caught:
        _names(chain)
    assert "service control policy" in str(caught.value)
    assert "an Allow elsewhere does not help" in caught.value.advice


def test_each_permission_of_reading_is_asked_for_by_its_own_name(
    member: SimulatedAccount, home: SimulatedAccount
) -> None:
    """Without one of them, the refusal names it, the session, the account, the region and the statement."""
    policy = [allowing("ecr:*"), denying("ecr:DescribeImages")]
    reader = member.role("reader", trust=trusting(home.id), policy=policy)
    chain = Chain.ambient().then(RoleHop(role_arn=reader))
    resource = f"arn:aws:ecr:{_REGION}:{member.id}:repository/a1"
    with pytest.raises(CloudDeniedError) as caught:
        chain.call("ecr", _REGION, "ecr:DescribeImages", {"repositoryName": "a1"}, resource=resource)
    assert caught.value.where == f"account {member.id}, {_REGION}"
    session = f"arn:aws:sts::{member.id}:assumed-role/reader/tidewaiter"
    assert caught.value.what.startswith(f"{session} may not do ecr:DescribeImages on {resource}")


def test_throttling_in_the_middle_of_a_listing_does_not_end_it(chain: Chain, aws: SimulatedAws) -> None:
    aws.faults.throttle(2, "ecr:DescribeRepositories")
    assert _names(chain) == ["a1", "b2", "c3"]


@pytest.mark.parametrize("fault", ["fail", "drop"])
def test_server_errors_and_dropped_connections_do_not_end_it(chain: Chain, aws: SimulatedAws, fault: str) -> None:
    getattr(aws.faults, fault)(2, "ecr:DescribeRepositories")
    assert _names(chain) == ["a1", "b2", "c3"]


def test_a_policy_that_is_too_large_when_packed_is_explained(chain: Chain, aws: SimulatedAws) -> None:
    aws.faults.overpack(1)
    with pytest.raises(CloudError, match="PackedPolicyTooLarge"):
        _names(chain)
