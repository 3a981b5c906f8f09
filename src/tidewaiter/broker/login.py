"""How a rule's origin is logged in to: the reference's `auth`."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tidewaiter.broker.variables import filled


class Scheme(StrEnum):
    """The ways to log in, by the names that they have in a rules file. RAW: the token is the whole header."""

    BASIC = "basic"
    BEARER = "bearer"
    TOKEN = "token"  # noqa: S105 - the name of a scheme
    RAW = "raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user name and password, or a token; they may hold `${VARIABLES}`."""

    scheme: Scheme
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def filled(self, variables: Mapping[str, str], *, where: str) -> "Login":
        """The login with the values of its variables. Raises UsageError for one that is not among them."""
        return replace(
            self,
            username=filled(self.username, variables, where=where),
            password=filled(self.password, variables, where=where),
            token=filled(self.token, variables, where=where),
        )

    def header(self) -> str:
        """The value of the Authorization header. A basic token stands for `user:password`."""
        match self.scheme:
            case Scheme.BASIC:
                plain = self.token or f"{self.username}:{self.password}"
                return f"Basic {base64.b64encode(plain.encode()).decode()}"
            case Scheme.BEARER:
                return f"Bearer {self.token}"
            case Scheme.TOKEN:
                return f"Token {self.token}"
            case Scheme.RAW:
                return self.token
