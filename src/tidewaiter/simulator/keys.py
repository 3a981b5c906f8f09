"""Access keys of the simulated cloud: users' lasting ones, and those of sessions, which expire."""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tidewaiter.simulator.policies import Policy
from tidewaiter.simulator.refusals import Refusal, RefusedError
from tidewaiter.simulator.service import Caller, Clock

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What signs requests. A session's keys have a token and an end."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Whom an access key stands for. `policies` narrow what the principal may do; `of_role`: it comes from a role."""

    caller: Caller
    keys: Keys
    issued: datetime
    policies: tuple[Policy, ...] = ()
    of_role: bool = False


def unique_id(prefix: str) -> str:
    """An identifier as AWS makes them: a prefix of 4 letters that says of what, and 17 more characters."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(17))


class KeyRing:
    """All keys that were ever given out. Thread-safe.

    `lifetime` shortens the sessions that begin from now on, whatever duration is asked for.
    """

    def __init__(self, clock: Clock) -> None:
        self.lifetime: timedelta | None = None
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._revoked: set[str] = set()
        self._lock = threading.Lock()

    def lasting(self, *, account: str, arn: str, user_id: str) -> Keys:
        """New keys of a user."""
        keys = Keys(access_key_id=unique_id("AKIA")[:20], secret_access_key=secrets.token_urlsafe(30))
        caller = Caller(account=account, arn=arn, principal=arn, user_id=user_id, key=keys.access_key_id)
        self._keep(Session(caller=caller, keys=keys, issued=self._clock.now()))
        return keys

    def temporary(
        self,
        *,
        caller: Caller,
        duration: timedelta,
        policies: Sequence[Policy] = (),
        of_role: bool = True,
    ) -> Keys:
        """New keys of a session of this caller (whose own key is not looked at), for so long."""
        now = self._clock.now()
        lifetime = duration if self.lifetime is None else min(duration, self.lifetime)
        keys = Keys(
            access_key_id=unique_id("ASIA")[:20],
            secret_access_key=secrets.token_urlsafe(30),
            session_token=secrets.token_urlsafe(192),
            expires=now + lifetime,
        )
        named = Caller(
            account=caller.account,
            arn=caller.arn,
            principal=caller.principal,
            user_id=caller.user_id,
            key=keys.access_key_id,
        )
        self._keep(Session(caller=named, keys=keys, issued=now, policies=tuple(policies), of_role=of_role))
        return keys

    def session(self, key: str, token: str) -> Session:
        """Whom a request's key and token stand for. Raises RefusedError: unknown, or expired."""
        session = self._sessions.get(key)
        if session is None or session.keys.session_token != token:
            raise RefusedError(Refusal.UNKNOWN_KEY)
        expires = session.keys.expires
        if key in self._revoked or (expires is not None and expires <= self._clock.now()):
            raise RefusedError(Refusal.EXPIRED)
        return session

    def of(self, caller: Caller) -> Session:
        """The session of a caller that this ring let in before."""
        return self._sessions[caller.key]

    def expire_all(self) -> None:
        """Ends all sessions, whatever their keys say. Users' keys go on."""
        with self._lock:
            self._revoked.update(key for key, session in self._sessions.items() if session.keys.session_token)

    def _keep(self, session: Session) -> None:
        with self._lock:
            self._sessions[session.keys.access_key_id] = session
