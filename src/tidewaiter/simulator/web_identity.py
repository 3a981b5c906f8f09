"""Tokens of a simulated OIDC provider, as a Kubernetes cluster gives them to its service accounts.

They are JSON web tokens whose signature is an HMAC with the provider's key: enough to tell a forged one.
https://www.rfc-editor.org/rfc/rfc7519
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from tidewaiter.simulator.iam import Provider

_SCHEME = "https://"


class TokenError(ValueError):
    """A token that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebIdentity:
    """What a token says: who gave it out (without the scheme), for whom, about whom, until when."""

    issuer: str
    audience: str
    subject: str
    expires: datetime


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str | list[str]
    sub: str
    exp: int


def make_token(provider: Provider, *, subject: str, audience: str, expires: datetime) -> str:
    """A token that the provider signed."""
    header = {"alg": "HS256", "typ": "JWT", "kid": "simulated"}
    claims = {
        "iss": _SCHEME + provider.issuer,
        "aud": [audience],
        "sub": subject,
        "exp": int(expires.timestamp()),
    }
    signed = f"{_encoded(header)}.{_encoded(claims)}"
    return f"{signed}.{_base64(_signature(signed, provider.secret))}"


def read_token(token: str) -> WebIdentity:
    """What a token says, whoever signed it. Raises TokenError."""
    try:
        claims = msgspec.json.decode(_decoded(token.split(".")[1]), type=_Claims)
        expires = datetime.fromtimestamp(claims.exp, UTC)
    except (IndexError, ValueError, OverflowError, OSError, msgspec.DecodeError):
        raise TokenError("The token that was given is not a JSON web token") from None
    audience = claims.aud if isinstance(claims.aud, str) else next(iter(claims.aud), "")
    issuer = claims.iss.removeprefix(_SCHEME)
    return WebIdentity(issuer=issuer, audience=audience, subject=claims.sub, expires=expires)


def is_signed(token: str, provider: Provider) -> bool:
    """Whether the provider signed the token."""
    signed, _, signature = token.rpartition(".")
    return hmac.compare_digest(_base64(_signature(signed, provider.secret)), signature)


def _signature(signed: str, secret: bytes) -> bytes:
    return hmac.new(secret, signed.encode(), hashlib.sha256).digest()


def _encoded(part: Mapping[str, object]) -> str:
    return _base64(json.dumps(part).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
