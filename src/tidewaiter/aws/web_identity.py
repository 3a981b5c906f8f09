"""What a web identity token says of itself, so that a refusal can name who it was that AWS did not trust.

https://openid.net/specs/openid-connect-core-1_0.html#IDToken
"""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tidewaiter.aws import hosts
from tidewaiter.aws.denials import ASSUME_BY_TOKEN
from tidewaiter.errors import UsageError

_LARGEST = 20_000
"""Characters: STS takes no longer token."""


class _Claims(msgspec.Struct):
    issuer: str = msgspec.field(name="iss")
    subject: str = msgspec.field(name="sub")
    audience: str | list[str] = msgspec.field(name="aud", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebIdentity:
    """Who a token speaks for, by its own word: nobody has verified it. `role` is the ARN that it is to become."""

    issuer: str
    subject: str
    audience: str
    role: str

    @classmethod
    def of_environment(cls) -> "WebIdentity | None":
        """The one whose token file the environment names; None where there is none, or it is no token."""
        try:
            token = Path(os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE", "")).read_text(encoding="ascii")[:_LARGEST]
            claims = msgspec.json.decode(_payload(token), type=_Claims)
        except (OSError, ValueError, msgspec.MsgspecError):
            return None
        audience = claims.audience if isinstance(claims.audience, str) else next(iter(claims.audience), "")
        role = os.environ.get("AWS_ROLE_ARN", "")
        return cls(issuer=claims.issuer, subject=claims.subject, audience=audience, role=role)

    def __str__(self) -> str:
        return f"the web identity {self.subject} of {self.issuer}"

    def trust(self) -> str:
        """The statement for the role's trust policy that lets this identity in, as JSON.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html
        """
        issuer = self.issuer.removeprefix("https://")
        trusted: Mapping[str, object] = {
            "Effect": "Allow",
            "Principal": {"Federated": f"{self._account()}:oidc-provider/{issuer}"},
            "Action": ASSUME_BY_TOKEN,
            "Condition": {"StringEquals": {f"{issuer}:sub": self.subject, f"{issuer}:aud": self.audience}},
        }
        return json.dumps(trusted, separators=(", ", ": "))

    def _account(self) -> str:
        try:
            role = hosts.parse_arn(self.role)
        except UsageError:
            return "arn:aws:iam::ACCOUNT"
        return f"arn:{role.partition}:iam::{role.account}"


def _payload(token: str) -> bytes:
    """The middle of a JSON web token. Raises ValueError for what is none."""
    _, payload, _ = token.split(".")
    try:
        return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    except binascii.Error as error:
        raise ValueError("a web token's payload is not base64") from error
