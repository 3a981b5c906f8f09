"""What boto3's clients are told."""

import pytest
from botocore.credentials import Credentials

from tidewaiter.aws.limiter import Limiter
from tidewaiter.aws.sessions import Clients, Pace, Sessions


@pytest.fixture
def clients() -> Clients:
    return Clients(Sessions(), Credentials("key", "secret"), Pace(Limiter(), "111111111111"))


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2", "eu-west-1"])
def test_sts_is_asked_in_its_region_even_where_the_environment_wants_the_global_one(
    monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    clients = Clients(Sessions(), Credentials("key", "secret"), Pace(Limiter(), "111111111111"))
    assert clients.client("sts", region).meta.endpoint_url == f"https://sts.{region}.amazonaws.com"


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [
        ("eu-west-1", "https://api.ecr.eu-west-1.amazonaws.com"),
        ("cn-north-1", "https://api.ecr.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "https://api.ecr.us-gov-west-1.amazonaws.com"),
        ("eusc-de-east-1", "https://api.ecr.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_endpoints_are_botocores_answer_in_every_partition(clients: Clients, region: str, endpoint: str) -> None:
    assert clients.client("ecr", region).meta.endpoint_url == endpoint


def test_fips_endpoints_are_used_where_the_environment_asks_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    clients = Clients(Sessions(), Credentials("key", "secret"), Pace(Limiter(), ""))
    assert clients.client("ecr", "us-east-1").meta.endpoint_url == "https://ecr-fips.us-east-1.amazonaws.com"


def test_one_client_serves_all_calls_of_a_service_in_a_region(clients: Clients) -> None:
    first = clients.client("ecr", "eu-west-1")
    assert clients.client("ecr", "eu-west-1") is first
    assert clients.client("ecr", "eu-west-2") is not first


def test_a_call_is_tried_eight_times_at_least_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    clients = Clients(Sessions(), Credentials("key", "secret"), Pace(Limiter(), ""))
    assert clients.client("ecr", "eu-west-1").meta.config.retries == {"mode": "standard", "total_max_attempts": 8}
