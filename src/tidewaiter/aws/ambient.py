"""The credentials that are there: boto3's default chain, and which part of it answered.

https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.session import Session

from tidewaiter.aws.calls import Asked
from tidewaiter.aws.denials import ASSUME_BY_TOKEN
from tidewaiter.aws.refusals import DENIED, RAISED, REGION_DISABLED, code_of, no_credentials, refusal
from tidewaiter.aws.sessions import Sessions
from tidewaiter.aws.web_identity import WebIdentity
from tidewaiter.errors import CloudDeniedError, TidewaiterError
from tidewaiter.model.diagnosis import Remedy

_PROVIDERS: Final[Mapping[str, str]] = {
    "env": "environment keys",
    "shared-credentials-file": "shared credentials file",
    "config-file": "configuration file",
    "assume-role": "profile with a role",
    "assume-role-with-web-identity": "web identity token file",
    "sso": "IAM Identity Center login",
    "login": "console login",
    "custom-process": "credential process",
    "container-role": "container endpoint",
    "iam-role": "EC2 instance role",
}


class AmbientCredentials:
    """What boto3 finds where tidewaiter runs. Nothing is looked for before `load`.

    `regions` (one at least) are those whose STS may be asked, in order, where the credentials need it, as with a web
    identity.
    """

    principal = ""

    def __init__(self, sessions: Sessions, regions: Sequence[str]) -> None:
        self._sessions = sessions
        self._regions = tuple(regions)
        self._secrets: tuple[str, ...] = ()
        self.provider = ""
        self.is_role = False

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown: the keys as they were first found."""
        return self._secrets

    def load(self) -> Credentials:
        """The first credentials that boto3 finds, made to answer once. Raises CloudDeniedError, UsageError."""
        for region in self._regions:
            try:
                return self._found(self._sessions.ambient(region), region)
            except RAISED as error:
                if code_of(error) == REGION_DISABLED and region != self._regions[-1]:
                    continue
                raise _refused(error, region) from None
        raise AssertionError("there is always a region to try")

    def _found(self, session: Session, region: str) -> Credentials:
        found = session.get_credentials()
        if found is None:
            raise no_credentials(_asked(region))
        frozen = found.get_frozen_credentials()
        self._secrets = tuple(filter(None, (frozen.secret_key, frozen.token)))
        self.provider = _provider(found.method)
        # A user's own session has a token too; it loses no more than the hours beyond the first, which is renewed.
        self.is_role = bool(frozen.token)
        return found


def ambient_region(sessions: Sessions) -> str:
    """The region that the environment or the profile names, "" where none does.

    AWS_REGION first, as in AWS' other libraries: containers are given it, and botocore alone does not read it.
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html
    """
    try:
        return os.environ.get("AWS_REGION") or sessions.ambient("").get_config_variable("region") or ""
    except RAISED as error:
        raise refusal(error, _asked("")) from None


def _provider(method: str) -> str:
    name = _PROVIDERS.get(method, method)
    if method == "container-role" and "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" in os.environ:
        return "EKS Pod Identity"
    return name


def _refused(error: Exception, region: str) -> TidewaiterError:
    """The refusal of credentials; where a token was to become a role, it says whose token, and what would trust it."""
    operation = error.operation_name if isinstance(error, ClientError) else ""
    asked = Asked(action=f"sts:{operation}", region=region) if operation else _asked(region)
    identity = WebIdentity.of_environment()
    if asked.action != ASSUME_BY_TOKEN or identity is None:
        return refusal(error, asked)
    asked = replace(asked, principal=str(identity), resource=identity.role or "*")
    told = refusal(error, asked)
    if isinstance(told, CloudDeniedError) and told.code in DENIED:  # else the trust policy is not to blame
        told.advice = f"{told.advice} The trust policy needs {identity.trust()}"
        told.remedy = Remedy(
            principal=str(identity),
            action=ASSUME_BY_TOKEN,
            resource=asked.resource,
            statement=identity.trust(),
            document=f"trust policy of {asked.resource}",
        )
    return told


def _asked(region: str) -> Asked:
    return Asked(action="credentials", region=region)
