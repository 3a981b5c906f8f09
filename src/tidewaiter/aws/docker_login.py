"""The login to a registry's Docker API that ECR hands out."""

import base64
import binascii
from datetime import UTC, datetime

import msgspec

from tidewaiter.errors import CloudError
from tidewaiter.model.cloud import Authorization


class AuthorizationData(msgspec.Struct, frozen=True, rename="camel"):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_AuthorizationData.html."""

    authorization_token: str
    expires_at: datetime | None = None
    proxy_endpoint: str = ""


def login(data: AuthorizationData, *, endpoint: str, action: str) -> Authorization:
    """The login that is spelled in the token: base64 of `user:password`. Raises CloudError, without the token."""
    try:
        username, colon, password = base64.b64decode(data.authorization_token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise CloudError(f"AWS answered {action} with a token that holds no user and password")
    expires = data.expires_at.astimezone(UTC) if data.expires_at else None
    return Authorization(endpoint=endpoint, username=username, password=password, expires=expires)
