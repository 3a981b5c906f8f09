"""Each source of credentials that boto3's default chain knows, against a loopback stand-in of it."""

import base64
import json
import traceback
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import pytest

from fakes.cloud_endpoint import AwsError, CloudEndpoint, Request, Response, as_json
from fakes.security_tokens import FAR, USER, USER_KEY, USER_SECRET, SecurityTokens
from tidewaiter.aws.chain import Chain
from tidewaiter.aws.web_identity import WebIdentity
from tidewaiter.errors import CloudDeniedError, UsageError

_ROLE = "arn:aws:iam::111111111111:role/scanner"
_SESSION = "arn:aws:sts::111111111111:assumed-role/scanner/i-1"
_METADATA = "/latest/meta-data/iam/security-credentials/"


def _granted(tokens: SecurityTokens, key: str, *, ends: datetime = FAR) -> dict[str, str]:
    """What a metadata endpoint gives, for a key that the STS knows."""
    tokens.sessions[key] = _SESSION
    return {
        "Code": "Success",
        "AccessKeyId": key,
        "SecretAccessKey": f"secret-of-{key}",
        "Token": f"token-of-{key}",
        "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def test_keys_in_the_environment(user: CloudEndpoint) -> None:
    identity = Chain.ambient().identity()
    assert (identity.arn, identity.account, identity.partition) == (USER, "111111111111", "aws")
    assert identity.provider == "environment keys"


def test_a_profile_of_the_shared_credentials_file(
    cloud: CloudEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = f"[ann]\naws_access_key_id = {USER_KEY}\naws_secret_access_key = {USER_SECRET}\n"
    (tmp_path / "credentials").write_text(keys)
    (tmp_path / "config").write_text("[profile ann]\nregion = ap-south-1\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of somebody else")
    identity = Chain.ambient(profile="ann").identity()
    assert (identity.arn, identity.provider) == (USER, "shared credentials file")
    assert cloud.asked("GetCallerIdentity")[0].region == "ap-south-1"


def test_a_profile_with_a_role_and_a_source_profile(
    cloud: CloudEndpoint, tokens: SecurityTokens, tmp_path: Path
) -> None:
    tokens.roles[_ROLE] = "of the profile"
    tokens.clock.time = datetime.now(UTC)
    keys = f"[ann]\naws_access_key_id = {USER_KEY}\naws_secret_access_key = {USER_SECRET}\n"
    (tmp_path / "credentials").write_text(keys)
    role = f"role_arn = {_ROLE}\nsource_profile = ann\nexternal_id = of the profile\nregion = eu-west-1\n"
    (tmp_path / "config").write_text(f"[profile scanner]\n{role}")
    identity = Chain.ambient(profile="scanner").identity()
    assert identity.arn.startswith("arn:aws:sts::111111111111:assumed-role/scanner/")
    assert identity.provider == "profile with a role"


def test_an_unknown_profile_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="nobodys-profile"):
        Chain.ambient(profile="nobodys-profile")


class InstanceMetadata:
    """The metadata service of an instance that answers only to IMDSv2."""

    def __init__(self, tokens: SecurityTokens) -> None:
        self.tokens = tokens
        self.given = 0
        self.ends = FAR

    def token(self, request: Request) -> Response:
        if request.method != "PUT" or "x-aws-ec2-metadata-token-ttl-seconds" not in request.headers:
            return Response(status=HTTPStatus.BAD_REQUEST)
        return Response(body=b"imds-token", headers={"x-aws-ec2-metadata-token-ttl-seconds": "21600"})

    def role(self, request: Request) -> Response:
        return self._guarded(request) or Response(body=b"scanner")

    def credentials(self, request: Request) -> Response:
        refused = self._guarded(request)
        if refused:
            return refused
        self.given += 1
        return as_json(_granted(self.tokens, f"ASIAINSTANCE{self.given}", ends=self.ends))

    @staticmethod
    def _guarded(request: Request) -> Response | None:
        known = request.headers.get("x-aws-ec2-metadata-token") == "imds-token"
        return None if known else Response(status=HTTPStatus.UNAUTHORIZED)


@pytest.fixture
def instance(cloud: CloudEndpoint, tokens: SecurityTokens, monkeypatch: pytest.MonkeyPatch) -> InstanceMetadata:
    metadata = InstanceMetadata(tokens)
    cloud.answers["/latest/api/token"] = metadata.token
    cloud.answers[_METADATA] = metadata.role
    cloud.answers[f"{_METADATA}scanner"] = metadata.credentials
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", cloud.url)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    return metadata


def test_the_role_of_an_instance_by_imds_v2_with_v1_off(instance: InstanceMetadata, cloud: CloudEndpoint) -> None:
    identity = Chain.ambient().identity()
    assert (identity.arn, identity.provider) == (_SESSION, "EC2 instance role")
    assert all(request.headers.get("x-aws-ec2-metadata-token") for request in cloud.asked(_METADATA))


def test_an_instances_credentials_that_were_revoked_are_had_again(
    instance: InstanceMetadata, regions: CloudEndpoint, tokens: SecurityTokens
) -> None:
    chain = Chain.ambient()
    chain.call("ec2", "eu-west-1", "ec2:DescribeRegions")
    tokens.dead.add("ASIAINSTANCE1")
    chain.call("ec2", "eu-west-1", "ec2:DescribeRegions")
    assert [request.key for request in regions.asked("DescribeRegions")] == [
        "ASIAINSTANCE1",
        "ASIAINSTANCE1",
        "ASIAINSTANCE2",
    ]


def test_no_metadata_service_and_no_keys_says_where_credentials_can_come_from(cloud: CloudEndpoint) -> None:
    with pytest.raises(CloudDeniedError, match="there are no AWS credentials here") as caught:
        Chain.ambient(region="eu-west-1").identity()
    assert "AWS_ACCESS_KEY_ID" in caught.value.advice


def test_the_role_of_an_ecs_task(cloud: CloudEndpoint, tokens: SecurityTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    def credentials(request: Request) -> Response:
        allowed = request.headers.get("authorization") == "the-tasks-secret"
        return as_json(_granted(tokens, "ASIATASK")) if allowed else Response(status=HTTPStatus.UNAUTHORIZED)

    cloud.answers["/task/credentials"] = credentials
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{cloud.url}/task/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "the-tasks-secret")
    identity = Chain.ambient(region="eu-west-1").identity()
    assert (identity.arn, identity.provider) == (_SESSION, "container endpoint")


def test_a_pod_identity_whose_token_lies_in_a_file_that_changes(
    regions: CloudEndpoint, tokens: SecurityTokens, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "eks-pod-identity-token"
    keys = {"first.pod.token": "ASIAPOD1", "second.pod.token": "ASIAPOD2"}

    def credentials(request: Request) -> Response:
        return as_json(_granted(tokens, keys[request.headers["authorization"]]))

    regions.answers["/v1/credentials"] = credentials
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{regions.url}/v1/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(file))
    file.write_text("first.pod.token")
    chain = Chain.ambient(region="eu-west-1")
    assert chain.identity().provider == "EKS Pod Identity"
    file.write_text("second.pod.token")
    tokens.dead.add("ASIAPOD1")
    chain.call("ec2", "eu-west-1", "ec2:DescribeRegions")
    assert regions.asked("DescribeRegions")[-1].key == "ASIAPOD2"


def test_a_container_endpoint_that_refuses_is_said_without_its_token(
    cloud: CloudEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.answers["/task/credentials"] = lambda _: Response(status=HTTPStatus.FORBIDDEN, body=b"no")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{cloud.url}/task/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "the-tasks-secret")
    with pytest.raises(CloudDeniedError, match="the credentials cannot be had") as caught:
        Chain.ambient(region="eu-west-1").identity()
    assert "the-tasks-secret" not in "".join(traceback.format_exception(caught.value))


@pytest.fixture
def web_identity(cloud: CloudEndpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What EKS gives a pod with a service account that has a role; the token's file."""
    file = tmp_path / "token"
    file.write_text("a.web.token")
    monkeypatch.setenv("AWS_ROLE_ARN", _ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    monkeypatch.setenv("AWS_ROLE_SESSION_NAME", "pod")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    return file


def test_a_web_identity_token_file(web_identity: Path, cloud: CloudEndpoint) -> None:
    identity = Chain.ambient().identity()
    assert identity.arn == "arn:aws:sts::111111111111:assumed-role/scanner/pod"
    assert identity.provider == "web identity token file"


def test_a_web_identity_without_any_region_asks_the_partitions_home(
    web_identity: Path, cloud: CloudEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION")
    Chain.ambient().identity()
    assert cloud.asked("GetCallerIdentity")[0].region == "us-east-1"


def test_a_web_identity_without_a_region_of_its_own_asks_the_first_of_the_fallbacks(
    web_identity: Path, cloud: CloudEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION")
    Chain.ambient(sts_regions=["eu-south-2"]).identity()
    assert cloud.asked("GetCallerIdentity")[0].region == "eu-south-2"


def test_a_web_identity_asks_the_next_region_where_sts_is_disabled(
    web_identity: Path, regions: CloudEndpoint, tokens: SecurityTokens
) -> None:
    def second_time(request: Request) -> Response:
        if len(regions.asked("AssumeRoleWithWebIdentity")) == 1:
            raise AwsError("RegionDisabledException", "STS is not activated in this region", HTTPStatus.FORBIDDEN)
        return tokens.assume_by_token(request)

    regions.answers["AssumeRoleWithWebIdentity"] = second_time
    Chain.ambient(sts_regions=["eu-central-1"]).call("ec2", "eu-west-1", "ec2:DescribeRegions")
    assert regions.asked("DescribeRegions")[0].key.startswith("ASIASCANNER")


def test_a_web_identity_token_of_another_audience_is_explained_without_the_token(
    web_identity: Path, cloud: CloudEndpoint
) -> None:
    web_identity.write_text("another.web.token")
    with pytest.raises(CloudDeniedError, match="InvalidIdentityToken") as caught:
        Chain.ambient().identity()
    assert "trust policy" in caught.value.advice
    assert "another.web.token" not in "".join(traceback.format_exception(caught.value))


def _web_token(**claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"header.{payload}.the-tokens-signature"


def test_a_web_identity_that_the_role_does_not_trust_is_named_with_the_statement_that_would(
    web_identity: Path, cloud: CloudEndpoint
) -> None:
    def denied(_: Request) -> Response:
        raise AwsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", HTTPStatus.FORBIDDEN)

    cloud.answers["AssumeRoleWithWebIdentity"] = denied
    issuer = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
    subject = "system:serviceaccount:security:scanner"
    web_identity.write_text(_web_token(iss=f"https://{issuer}", sub=subject, aud=["sts.amazonaws.com"]))
    with pytest.raises(CloudDeniedError) as caught:
        Chain.ambient().identity()
    who = f"the web identity {subject} of https://{issuer}"
    assert caught.value.what == f"{who} may not do sts:AssumeRoleWithWebIdentity on {_ROLE} (AccessDenied)"
    statement = json.loads(caught.value.advice.partition("The trust policy needs ")[2])
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::111111111111:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{issuer}:sub": subject, f"{issuer}:aud": "sts.amazonaws.com"}},
    }
    assert "the-tokens-signature" not in "".join(traceback.format_exception(caught.value))


def test_a_web_identity_without_a_role_leaves_the_account_to_be_filled_in() -> None:
    identity = WebIdentity(issuer="https://issuer.example", subject="me", audience="you", role="")
    assert '"Federated": "arn:aws:iam::ACCOUNT:oidc-provider/issuer.example"' in identity.trust()


@pytest.mark.parametrize("token", ["", "no token", "a.b.c", "a.bm9uZQ.c", "a.eyJpc3MiOjF9.c", "a.\u00e4.c"])
def test_a_token_that_is_none_names_nobody(token: str, web_identity: Path) -> None:
    web_identity.write_text(token)
    assert WebIdentity.of_environment() is None


def test_a_missing_web_identity_token_file_is_named(web_identity: Path, cloud: CloudEndpoint) -> None:
    web_identity.unlink()
    with pytest.raises(CloudDeniedError, match="the credentials cannot be had") as caught:
        Chain.ambient().identity()
    assert str(web_identity) in caught.value.what


def test_aws_region_goes_before_aws_default_region(user: CloudEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert Chain.ambient().region == "eu-west-1"
    assert Chain.ambient(region="sa-east-1").region == "sa-east-1"


def test_credentials_that_end_soon_are_renewed_by_boto3_itself(
    regions: CloudEndpoint, tokens: SecurityTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    def credentials(_: Request) -> Response:
        ends = datetime.now(UTC) + timedelta(minutes=5) if not regions.asked("DescribeRegions") else FAR
        return as_json(_granted(tokens, f"ASIATASK{len(regions.asked('/task'))}", ends=ends))

    regions.answers["/task"] = credentials
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{regions.url}/task")
    chain = Chain.ambient()
    for _ in range(2):
        chain.call("ec2", "eu-west-1", "ec2:DescribeRegions")
    first, second = (request.key for request in regions.asked("DescribeRegions"))
    assert first != second
