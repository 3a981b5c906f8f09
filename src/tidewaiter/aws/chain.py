"""Who asks: credentials that boto3 finds, then any number of roles, each assumed with the one before it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

import msgspec
from botocore import xform_name

from tidewaiter.aws import hosts
from tidewaiter.aws.ambient import AmbientCredentials, ambient_region
from tidewaiter.aws.answers import typed
from tidewaiter.aws.assumed import AssumedRole, utc_now
from tidewaiter.aws.calls import Asked, Call
from tidewaiter.aws.hops import check_hop, check_policy
from tidewaiter.aws.limiter import Limiter
from tidewaiter.aws.permissions import is_listed
from tidewaiter.aws.refusals import DENIED, EXPIRED, INVALID, RAISED, REGION_DISABLED, code_of, refusal
from tidewaiter.aws.sessions import FEWEST_ATTEMPTS, THROTTLED, Clients, Pace, Sessions
from tidewaiter.aws.source import Source
from tidewaiter.errors import CloudError, TidewaiterError, UsageError
from tidewaiter.model.cloud import Identity, RoleHop

_WHO = "sts:GetCallerIdentity"
_MOST_RENEWALS = 2
_MOST_ROUNDS = 3
_TOKENS = ("nextToken", "NextToken", "Marker")
_HOME = hosts.partition(hosts.DEFAULT_PARTITION).home
_NOT_HERE = INVALID | {REGION_DISABLED}


def _unheard(_: Call) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wiring:
    """What all chains of one ambient identity share."""

    sessions: Sessions
    region: str
    sts_regions: tuple[str, ...]
    limiter: Limiter
    on_call: Callable[[Call], None]
    now: Callable[[], datetime]


class _Caller(msgspec.Struct):
    arn: str = msgspec.field(name="Arn")
    account: str = msgspec.field(name="Account")


class Chain:
    """An identity that can ask AWS, and become another one. Its methods may be called from many threads.

    Nothing is asked of AWS before the first call; sessions are renewed before they end, also in the middle of a run.
    """

    def __init__(self, wiring: _Wiring, source: Source, *, hops: tuple[RoleHop, ...] = (), account: str = "") -> None:
        self._wiring = wiring
        self._source = source
        self._hops = hops
        self._account = account
        self._lock = threading.Lock()
        self._identifying = threading.Lock()
        self._clients: Clients | None = None
        self._identity: Identity | None = None

    @classmethod
    def ambient(
        cls,
        *,
        profile: str = "",
        region: str = "",
        sts_regions: Sequence[str] = (),
        limiter: Limiter | None = None,
        on_call: Callable[[Call], None] = _unheard,
        attempts: int = FEWEST_ATTEMPTS,
        now: Callable[[], datetime] = utc_now,
    ) -> Self:
        """The identity that boto3's default chain finds where tidewaiter runs.

        `region` is whose STS is asked (else the environment's or the profile's), `sts_regions` are asked in order where
        that one is disabled. `attempts` counts the tries of each call. Raises UsageError for an unknown profile.
        """
        sessions = Sessions(profile=profile, attempts=attempts)
        region = region or ambient_region(sessions)
        wiring = _Wiring(
            sessions=sessions,
            region=region,
            sts_regions=tuple(sts_regions),
            limiter=limiter or Limiter(),
            on_call=on_call,
            now=now,
        )
        return cls(wiring, AmbientCredentials(sessions, [*filter(None, (region,)), *sts_regions] or [_HOME]))

    def __repr__(self) -> str:
        return " → ".join(["Chain(ambient", *(hop.role_arn for hop in self._hops)]) + ")"

    @property
    def hops(self) -> tuple[RoleHop, ...]:
        """The roles after the ambient identity, in order."""
        return self._hops

    @property
    def region(self) -> str:
        """The region that the ambient identity is set to, "" where it is not set."""
        return self._wiring.region

    @property
    def account(self) -> str:
        """The account of the identity; "" for an ambient one that has not been asked who it is."""
        return self._identity.account if self._identity else self._account

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown: keys, tokens and external IDs, its own and those of the identities before it."""
        return self._source.secrets

    def then(self, hop: RoleHop, *, policy: str = "", region: str = "") -> "Chain":
        """The identity of a role that this one assumes, when the first call is made as that.

        `policy` is the session's policy (JSON, at most 2048 characters), `region` whose STS is asked. Raises UsageError
        for a hop that AWS would not take.
        """
        role = check_hop(hop, partition=self._partition())
        check_policy(policy)
        source = AssumedRole(self, hop, policy=policy, region=region, now=self._wiring.now)
        return Chain(self._wiring, source, hops=(*self._hops, hop), account=role.account)

    def identity(self) -> Identity:
        """Who it is. An ambient identity asks AWS once, a role knows it from being assumed. Raises CloudError."""
        with self._identifying:
            if self._identity is None:
                self._identity = self._role_identity() if self._hops else self._ambient_identity()
            return self._identity

    def call(
        self,
        service: str,
        region: str,
        action: str,
        arguments: Mapping[str, object] = {},
        *,
        resource: str = "*",
    ) -> Mapping[str, Any]:
        """What AWS answers to `action`, written as IAM does (`ecr:BatchGetImage`), which permissions.py must list.

        `resource` is the ARN of what it is asked of, for messages. Repeats what may be repeated, at a pace that AWS
        allows, with new credentials where the old ones have expired. Raises CloudError, CloudDeniedError, UsageError.
        """
        if not is_listed(action):
            raise AssertionError(f"{action} is not in aws/permissions.py, where every call has to stand")
        if not region:
            raise UsageError("no AWS region is given", advice="Give --region, or set AWS_REGION.")
        asked = Asked(action=action, region=region, resource=resource, account=self.account)
        renewals, rounds = _MOST_RENEWALS, _MOST_ROUNDS
        while True:
            clients = self._signed_in()
            try:
                return self._ask(clients, service, asked, arguments)
            except CloudError as error:
                if error.code in EXPIRED and renewals:
                    renewals -= 1
                    self._renew(clients)
                elif error.code in THROTTLED and rounds:
                    # botocore gives up early once many calls were throttled; the limiter is slower by now.
                    rounds -= 1
                else:
                    raise

    def pages(
        self,
        service: str,
        region: str,
        action: str,
        arguments: Mapping[str, object] = {},
        *,
        resource: str = "*",
    ) -> Iterator[Mapping[str, Any]]:
        """All pages of a listing, also those after an empty one. Raises as `call` does."""
        given: dict[str, object] = dict(arguments)
        while True:
            page = self.call(service, region, action, given, resource=resource)
            yield page
            name = next((name for name in _TOKENS if page.get(name)), "")
            if not name:
                return
            if given.get(name) == page[name]:
                raise CloudError(f"{action} gives the same page again and again", where=region)
            given[name] = page[name]

    def sts(
        self,
        action: str,
        arguments: Mapping[str, object] = {},
        *,
        region: str = "",
        partition: str = "",
        resource: str = "*",
    ) -> Mapping[str, Any]:
        """A call of STS in the first region of the partition that is enabled.

        Tried in order: `region`, else the identity's own, then the fallback regions. Raises as `call` does, with the
        refusal of the first region.
        """
        refused: CloudError | None = None
        for place in self._sts_regions(region, partition):
            try:
                return self.call("sts", place, action, arguments, resource=resource)
            except CloudError as error:
                if error.code not in _NOT_HERE:
                    raise
                refused = refused or error
        assert refused is not None
        raise refused

    def endpoint(self, service: str, region: str) -> str:
        """The address that calls of a service go to in a region. Raises CloudError where there are no credentials."""
        return str(self._signed_in().client(service, region).meta.endpoint_url)

    def is_role(self) -> bool:
        """True where the credentials are a session's: a role that they assume is a chained one, for an hour at most."""
        self._signed_in()
        return self._source.is_role

    def _sts_regions(self, region: str, partition: str) -> Sequence[str]:
        wanted = dict.fromkeys(filter(None, (region or self.region, *self._wiring.sts_regions)))
        fitting = [each for each in wanted if not partition or hosts.partition_of_region(each) == partition]
        return fitting or [hosts.partition(partition).home if partition else _HOME]

    def _ask(self, clients: Clients, service: str, asked: Asked, arguments: Mapping[str, object]) -> Mapping[str, Any]:
        call = Call(service=service, action=asked.action, account=asked.account, region=asked.region)
        self._wiring.on_call(call)
        try:
            client = clients.client(service, asked.region)
            answer: Mapping[str, Any] = getattr(client, xform_name(asked.action.partition(":")[2]))(**arguments)
        except RAISED as error:
            raise self._refused(error, replace(asked, external_id="ExternalId" in arguments)) from None
        return answer

    def _refused(self, error: Exception, asked: Asked) -> TidewaiterError:
        principal = self._source.principal or (self._identity.arn if self._identity else "")
        if not principal and code_of(error) in DENIED and asked.action != _WHO:
            principal = self._principal()
        asked = replace(asked, principal=principal, account=asked.account or self.account)
        return refusal(error, asked, secrets=self.secrets)

    def _principal(self) -> str:
        try:
            return self.identity().arn
        except TidewaiterError:
            return ""

    def _signed_in(self) -> Clients:
        with self._lock:
            if self._clients is None:
                credentials = self._source.load()
                pace = Pace(self._wiring.limiter, self._account)
                self._clients = Clients(self._wiring.sessions, credentials, pace)
            return self._clients

    def _renew(self, refused: Clients) -> None:
        """Let go of credentials that AWS calls expired, unless another thread has done so."""
        with self._lock:
            if self._clients is refused:
                self._clients = None

    def _partition(self) -> str:
        if self._hops:
            return hosts.parse_arn(self._hops[-1].role_arn).partition
        return self._identity.partition if self._identity else ""

    def _ambient_identity(self) -> Identity:
        caller = typed(self.sts(_WHO), _Caller, action=_WHO)
        return self._identified(caller.arn, caller.account)

    def _role_identity(self) -> Identity:
        self._signed_in()
        return self._identified(self._source.principal, self._account)

    def _identified(self, arn: str, account: str) -> Identity:
        partition = hosts.parse_arn(arn).partition
        return Identity(arn=arn, account=account, partition=partition, provider=self._source.provider, hops=self._hops)
