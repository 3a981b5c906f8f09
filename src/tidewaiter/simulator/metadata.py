"""Where programs inside AWS get credentials from: an instance's metadata, a task's and a pod's agent, a token file.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.listener import Conversation, Listener

INSTANCE, TASK, POD = "ec2.amazonaws.com", "ecs-tasks.amazonaws.com", "pods.eks.amazonaws.com"
"""The services that a role has to trust before they hand out its sessions."""

_TOKEN = "/latest/api/token"  # noqa: S105  a path
_TTL = "x-aws-ec2-metadata-token-ttl-seconds"
_ROLES = "/latest/meta-data/iam/security-credentials/"
_REGION = "/latest/meta-data/placement/region"
_TASK = "/v2/credentials/simulated"
_POD = "/v1/credentials"
_LONGEST_TTL = 21_600


class SimulatedMetadata:
    """Hands out sessions of a role for the time of a `with` block; `role_arn` may be changed at any time.

    A role that does not trust the asking service is refused as AWS does it. Version 1 of instance metadata is off
    unless `v1`. `tags` are those that a pod's session gets. `asked` are the paths that were asked for.
    """

    def __init__(
        self,
        aws: SimulatedAws,
        role_arn: str,
        *,
        region: str = "us-east-1",
        v1: bool = False,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self.aws = aws
        self.role_arn = role_arn
        self.region = region
        self.v1 = v1
        self.tags = tags or {}
        self.asked: list[str] = []
        self.secret = secrets.token_urlsafe(24)
        self.tokens: set[str] = set()
        self._listener = _Metadata(self)

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    @property
    def url(self) -> str:
        """The address of all of them."""
        return self._listener.url

    def instance(self) -> dict[str, str]:
        """The variables of a program on an instance."""
        return {
            **self.aws.environment(region=self.region),
            "AWS_EC2_METADATA_DISABLED": "false",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url,
            "AWS_EC2_METADATA_V1_DISABLED": "false" if self.v1 else "true",
        }

    def task(self) -> dict[str, str]:
        """The variables of a program in a task of ECS."""
        return {
            **self.aws.environment(region=self.region),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": self.url + _TASK,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self.secret,
        }

    def pod(self, token_file: Path) -> dict[str, str]:
        """The variables of a program in a pod with EKS Pod Identity. Writes the token that it has to show."""
        token_file.write_text(self.secret)
        return {
            **self.aws.environment(region=self.region),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": self.url + _POD,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token_file),
        }

    def credentials(self, service: str) -> Keys | None:
        """Keys of a new session of the role, None where the role is not there or does not trust the service."""
        if service == TASK and self.role_arn:
            source = f"arn:{self.aws.partition}:ecs:{self.region}:{self.role_arn.split(':')[4]}:task/simulated"
            return self.aws.service_session(self.role_arn, service, source=source)
        return self.aws.service_session(self.role_arn, service, tags=self.tags if service == POD else None)


def web_identity(aws: SimulatedAws, role_arn: str, token: str, token_file: Path) -> dict[str, str]:
    """The variables of a program in a pod with a role for its service account. Writes its token."""
    token_file.write_text(token)
    return {
        **aws.environment(),
        "AWS_ROLE_ARN": role_arn,
        "AWS_ROLE_SESSION_NAME": "simulated",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token_file),
    }


class _Metadata(Listener):
    def __init__(self, metadata: SimulatedMetadata) -> None:
        super().__init__(_Program)
        self.metadata = metadata


class _Program(Conversation):
    server: _Metadata

    @property
    def _metadata(self) -> SimulatedMetadata:
        return self.server.metadata

    def do_PUT(self) -> None:  # noqa: N802  http.server calls it by the method
        self._metadata.asked.append(self.path)
        lifetime = self.headers.get(_TTL, "")
        if self.path != _TOKEN or not lifetime.isdecimal() or not 1 <= int(lifetime) <= _LONGEST_TTL:
            self.send(HTTPStatus.BAD_REQUEST)
        elif "X-Forwarded-For" in self.headers:
            self.send(HTTPStatus.FORBIDDEN)
        else:
            token = secrets.token_urlsafe(24)
            self._metadata.tokens.add(token)
            self.send(HTTPStatus.OK, token.encode(), {"Content-Type": "text/plain", _TTL: lifetime})

    def do_GET(self) -> None:  # noqa: N802  http.server calls it by the method
        self._metadata.asked.append(self.path)
        if self.path == _TASK:
            self._give_container(TASK)
        elif self.path == _POD:
            self._give_container(POD)
        elif not self._metadata.v1 and self.headers.get("X-aws-ec2-metadata-token") not in self._metadata.tokens:
            self.send(HTTPStatus.UNAUTHORIZED)
        else:
            self._give_instance()

    def _give_container(self, service: str) -> None:
        given = self.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), self._metadata.secret.encode()):
            self._say(HTTPStatus.UNAUTHORIZED, {"code": "Unauthorized", "message": "invalid authorization token"})
        elif keys := self._metadata.credentials(service):
            self._say(HTTPStatus.OK, {"RoleArn": self._metadata.role_arn, **_spelled(keys)})
        else:
            refused = {"code": "AccessDeniedException", "message": f"{service} is not allowed to assume the role"}
            self._say(HTTPStatus.FORBIDDEN, refused)

    def _give_instance(self) -> None:
        name = self._metadata.role_arn.rpartition("/")[2]
        if self.path == _REGION:
            self.send(HTTPStatus.OK, self._metadata.region.encode(), {"Content-Type": "text/plain"})
        elif self.path == _ROLES and name:
            self.send(HTTPStatus.OK, name.encode(), {"Content-Type": "text/plain"})
        elif self.path == _ROLES + name and name:
            self._say(HTTPStatus.OK, self._instance_credentials())
        else:
            self.send(HTTPStatus.NOT_FOUND)

    def _instance_credentials(self) -> Mapping[str, str]:
        keys = self._metadata.credentials(INSTANCE)
        if keys is None:
            message = "EC2 cannot assume the role. Please see the documentation about trust policies."
            return {"Code": "AssumeRoleUnauthorizedAccess", "Message": message}
        return {"Code": "Success", "Type": "AWS-HMAC", **_spelled(keys)}

    def _say(self, status: int, document: Mapping[str, str]) -> None:
        self.send(status, json.dumps(document).encode())


def _spelled(keys: Keys) -> Mapping[str, str]:
    assert keys.expires is not None, "sessions expire"
    return {
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "Token": keys.session_token,
        "Expiration": keys.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
