"""Instances, tasks and pods of the simulated cloud are handed the sessions of their roles."""

from collections.abc import Mapping
from pathlib import Path

import boto3
import pytest
import urllib3
from botocore.exceptions import ClientError, NoCredentialsError

from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.metadata import INSTANCE, POD, TASK, SimulatedMetadata, web_identity
from tidewaiter.simulator.policies import allowing, trusting, trusting_web_identity

ISSUER = "oidc.example.com/id/1"


def identity(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> str:
    """Who boto3 is with these variables and nothing else."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return str(boto3.Session().client("sts").get_caller_identity()["Arn"])


def test_a_program_on_an_instance_gets_the_session_of_its_role(
    aws: SimulatedAws, home: SimulatedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedMetadata(aws, home.role("worker", trust=trusting(INSTANCE))) as metadata:
        assert identity(monkeypatch, metadata.instance()).startswith(f"arn:aws:sts::{home.id}:assumed-role/worker/")
        assert metadata.asked[0] == "/latest/api/token"


def test_the_first_version_of_instance_metadata_is_off_unless_it_is_switched_on(
    aws: SimulatedAws, home: SimulatedAccount
) -> None:
    role = home.role("worker", trust=trusting(INSTANCE))
    path = "/latest/meta-data/iam/security-credentials/"
    with SimulatedMetadata(aws, role) as metadata:
        assert ask("GET", metadata.url + path) == 401
        assert ask("GET", metadata.url + path, {"X-aws-ec2-metadata-token": "forged"}) == 401
    with SimulatedMetadata(aws, role, v1=True) as metadata:
        assert ask("GET", metadata.url + path) == 200


def test_a_metadata_token_needs_a_lifetime_and_no_proxy(aws: SimulatedAws) -> None:
    with SimulatedMetadata(aws, "") as metadata:
        address, lifetime = metadata.url + "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        assert ask("PUT", address) == 400
        assert ask("PUT", address, {"X-aws-ec2-metadata-token-ttl-seconds": "21601"}) == 400
        assert ask("PUT", address, {**lifetime, "X-Forwarded-For": "10.0.0.1"}) == 403
        assert ask("PUT", address, lifetime) == 200


def test_an_instance_without_a_role_has_no_credentials(aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    with SimulatedMetadata(aws, "") as metadata, pytest.raises(NoCredentialsError):
        identity(monkeypatch, metadata.instance())


def test_a_role_that_does_not_trust_the_service_is_not_handed_out(
    aws: SimulatedAws, home: SimulatedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedMetadata(aws, home.role("worker", trust=trusting(home.id))) as metadata:
        with pytest.raises(NoCredentialsError):
            identity(monkeypatch, metadata.instance())
        address = metadata.task()["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        assert ask("GET", address, {"Authorization": metadata.secret}) == 403


def test_a_program_in_a_task_gets_the_session_of_its_role(
    aws: SimulatedAws, home: SimulatedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedMetadata(aws, home.role("task", trust=trusting(TASK))) as metadata:
        assert "assumed-role/task/" in identity(monkeypatch, metadata.task())


def test_a_program_in_a_pod_gets_the_session_of_its_role(
    aws: SimulatedAws, home: SimulatedAccount, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with SimulatedMetadata(aws, home.role("pod", trust=trusting(POD))) as metadata:
        assert "assumed-role/pod/" in identity(monkeypatch, metadata.pod(tmp_path / "token"))


@pytest.mark.parametrize(("condition", "is_met"), [("own", True), ("other", False)])
def test_a_task_says_of_which_account_it_is_where_a_trust_policy_asks(
    aws: SimulatedAws, home: SimulatedAccount, condition: str, *, is_met: bool
) -> None:
    account = home.id if condition == "own" else "999999999999"
    lines = {
        "StringEquals": {"aws:SourceAccount": account},
        "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:*:{account}:*"},
    }
    with SimulatedMetadata(aws, home.role("worker", trust=trusting(TASK, condition=lines))) as metadata:
        assert bool(metadata.credentials(TASK)) == is_met


@pytest.mark.parametrize(("namespace", "is_met"), [("tools", True), ("other", False)])
def test_the_tags_of_a_pods_session_count_where_a_trust_policy_asks_for_them(
    aws: SimulatedAws, home: SimulatedAccount, namespace: str, *, is_met: bool
) -> None:
    lines = {"StringEquals": {"aws:RequestTag/kubernetes-namespace": "tools"}}
    role = home.role("worker", trust=trusting(POD, condition=lines))
    with SimulatedMetadata(aws, role, tags={"kubernetes-namespace": namespace}) as metadata:
        assert bool(metadata.credentials(POD)) == is_met
    with SimulatedMetadata(aws, role) as metadata:
        assert metadata.credentials(POD) is None


def test_a_session_gets_no_tags_from_a_service_that_may_not_give_any(aws: SimulatedAws, home: SimulatedAccount) -> None:
    trust = {**trusting(POD), "Statement": [{**trusting(POD)["Statement"][0], "Action": "sts:AssumeRole"}]}
    role = home.role("worker", trust=trust)
    with SimulatedMetadata(aws, role, tags={"kubernetes-namespace": "tools"}) as metadata:
        assert metadata.credentials(POD) is None
        metadata.tags = {}
        assert metadata.credentials(POD)


def test_a_wrong_token_of_a_container_is_refused(aws: SimulatedAws, home: SimulatedAccount, tmp_path: Path) -> None:
    with SimulatedMetadata(aws, home.role("task", trust=trusting(TASK, POD))) as metadata:
        for environment in (metadata.task(), metadata.pod(tmp_path / "token")):
            address = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
            assert ask("GET", address) == 401
            assert ask("GET", address, {"Authorization": "wrong"}) == 401
            assert ask("GET", address, {"Authorization": metadata.secret}) == 200


def test_a_pod_with_a_role_for_its_service_account_shows_a_token_file(
    aws: SimulatedAws, home: SimulatedAccount, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    subject = "system:serviceaccount:scan:tidewaiter"
    trust = trusting_web_identity(home.provider(ISSUER), subject=subject)
    role = home.role("service-account", trust=trust, policy=allowing("*"))
    token = home.web_identity_token(ISSUER, subject)
    environment = web_identity(aws, role, token, tmp_path / "token")
    assert identity(monkeypatch, environment).endswith(":assumed-role/service-account/simulated")
    with pytest.raises(ClientError, match="AssumeRoleWithWebIdentity"):
        identity(monkeypatch, web_identity(aws, role, "no token", tmp_path / "token"))


def test_sessions_that_are_handed_out_count_for_the_chaining_limit(
    aws: SimulatedAws, home: SimulatedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = home.role("worker", trust=trusting(INSTANCE), policy=allowing("*"), max_session=43_200)
    target = home.role("target", trust=trusting(home.id), max_session=43_200)
    with SimulatedMetadata(aws, role) as metadata:
        for name, value in metadata.instance().items():
            monkeypatch.setenv(name, value)
        sts = boto3.Session().client("sts")
        sts.assume_role(RoleArn=target, RoleSessionName="test", DurationSeconds=3600)
        with pytest.raises(ClientError, match="role chaining"):
            sts.assume_role(RoleArn=target, RoleSessionName="test", DurationSeconds=7200)


def ask(method: str, url: str, headers: Mapping[str, str] | None = None) -> int:
    return int(urllib3.PoolManager().request(method, url, headers=headers).status)
