"""The passwords that ECR gives for the Docker API: each is some caller's, for twelve hours."""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidewaiter.simulator.service import Caller, Clock

USERNAME = "AWS"
LIFETIME = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A caller at the Docker API, and until when."""

    caller: Caller
    expires: datetime


class Tokens:
    """Passwords that were given out. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self.lifetime = LIFETIME
        self._clock = clock
        self._given: dict[str, Login] = {}

    def give(self, caller: Caller) -> tuple[str, datetime]:
        """A new login as the API spells it, base64 of `AWS:<password>`, and when it expires."""
        password = secrets.token_urlsafe(96)
        expires = self._clock.now() + self.lifetime
        self._given[password] = Login(caller=caller, expires=expires)
        return base64.b64encode(f"{USERNAME}:{password}".encode()).decode(), expires

    def find(self, spelled: str) -> Login | None:
        """Whose login this is, in the spelling of `give`, also where it has expired; None for any other text."""
        try:
            username, _, password = base64.b64decode(spelled, validate=True).decode().partition(":")
        except ValueError:
            return None
        return self._given.get(password) if username == USERNAME else None

    def is_expired(self, login: Login) -> bool:
        """True for one that is good no longer."""
        return self._clock.now() >= login.expires

    def expire_all(self) -> None:
        """Makes all that were given so far expired ones."""
        past = self._clock.now()
        self._given = {password: Login(caller=login.caller, expires=past) for password, login in self._given.items()}
