"""The credentials of a role that another identity assumes, renewed before they end.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from botocore.credentials import Credentials, RefreshableCredentials

from tidewaiter.aws import hops, hosts
from tidewaiter.aws.answers import typed
from tidewaiter.errors import CloudError
from tidewaiter.model.cloud import RoleHop

_ACTION = "sts:AssumeRole"
_LONGEST_ADVISORY = 900.0
_LONGEST_MANDATORY = 600.0


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


class Asker(Protocol):
    """The identity that assumes the role."""

    def sts(
        self, action: str, arguments: Mapping[str, object], *, region: str, partition: str, resource: str
    ) -> Mapping[str, Any]:
        """A call of STS in the first region that is enabled."""
        ...

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        ...

    def is_role(self) -> bool:
        """True where a role asks, so that the session is a chained one."""
        ...


class _Granted(msgspec.Struct):
    key: str = msgspec.field(name="AccessKeyId")
    secret: str = msgspec.field(name="SecretAccessKey")
    token: str = msgspec.field(name="SessionToken")
    expires: datetime = msgspec.field(name="Expiration")


class _User(msgspec.Struct):
    arn: str = msgspec.field(name="Arn")


class _Answer(msgspec.Struct):
    granted: _Granted = msgspec.field(name="Credentials")
    user: _User = msgspec.field(name="AssumedRoleUser")


class AssumedRole:
    """A role as a source of credentials. Nothing is asked of AWS before `load`."""

    def __init__(
        self,
        asker: Asker,
        hop: RoleHop,
        *,
        policy: str = "",
        region: str = "",
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._asker = asker
        self._hop = hop
        self._policy = policy
        self._region = region
        self._now = now
        self._secrets: tuple[str, ...] = ()
        self.principal = ""

    @property
    def is_role(self) -> bool:
        """True: that is what it is."""
        return True

    @property
    def provider(self) -> str:
        """Where the credentials come from."""
        return f"role {self._hop.role_arn}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown: the external ID, the keys as they are now, and what the asker must not show."""
        return (*self._asker.secrets, *self._secrets, *filter(None, (self._hop.external_id,)))

    def load(self) -> Credentials:
        """Assume the role. What is returned assumes it again when a quarter of its time is left, at most 15 minutes.

        In the last tenth (at most 10 minutes) all threads wait for that; before, only the one that does it. Raises
        CloudError, and so do the credentials when they can not be renewed.
        """
        first = self._assume()
        lifetime = (first.expires - self._now()).total_seconds()
        return RefreshableCredentials(
            first.key,
            first.secret,
            first.token,
            first.expires,
            refresh_using=lambda: _metadata(self._assume()),
            method="assume-role",
            time_fetcher=self._now,
            advisory_timeout=min(_LONGEST_ADVISORY, lifetime / 4),
            mandatory_timeout=min(_LONGEST_MANDATORY, lifetime / 10),
        )

    def _assume(self) -> _Granted:
        hop = self._hop
        given = self._asker.sts(
            _ACTION,
            hops.arguments(hop, policy=self._policy, chained=self._asker.is_role()),
            region=self._region,
            partition=hosts.parse_arn(hop.role_arn).partition,
            resource=hop.role_arn,
        )
        answer = typed(given, _Answer, action=_ACTION)
        if answer.granted.expires <= self._now():
            advice = "This machine's clock is likely fast: set it right."
            raise CloudError("the new session has ended already", where=hop.role_arn, advice=advice)
        self.principal = answer.user.arn
        self._secrets = (answer.granted.secret, answer.granted.token)
        return answer.granted


def _metadata(granted: _Granted) -> dict[str, str]:
    """What botocore calls metadata: the names are its own."""
    return {
        "access_key": granted.key,
        "secret_key": granted.secret,
        "token": granted.token,
        "expiry_time": granted.expires.isoformat(),
    }
