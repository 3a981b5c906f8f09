"""An environment without anybody's own credentials, and a loopback AWS with an STS."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.cloud_endpoint import CloudEndpoint, Request, Response
from fakes.security_tokens import USER_KEY, USER_SECRET, SecurityTokens


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials, no configuration, no metadata service of the machine that runs the tests."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def tokens() -> SecurityTokens:
    return SecurityTokens()


@pytest.fixture
def cloud(tokens: SecurityTokens, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudEndpoint]:
    """A loopback AWS that boto3 is told of; its STS knows a user's key, which is not in the environment."""
    with CloudEndpoint(tokens.answers()) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        yield endpoint


@pytest.fixture
def user(cloud: CloudEndpoint, monkeypatch: pytest.MonkeyPatch) -> CloudEndpoint:
    """The same, and the user's key is in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", USER_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", USER_SECRET)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    return cloud


@pytest.fixture
def regions(cloud: CloudEndpoint, tokens: SecurityTokens) -> CloudEndpoint:
    """The same AWS, where whoever is known may list regions, of which there are none."""

    def listed(request: Request) -> Response:
        tokens.demand_valid(request)
        return Response(body=b"<DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>")

    cloud.answers["DescribeRegions"] = listed
    return cloud
