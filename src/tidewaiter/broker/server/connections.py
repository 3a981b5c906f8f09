"""Connections as operators make, list and revoke them."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from tidewaiter.broker.names import CONNECTION_NAME, CONNECTION_RULE
from tidewaiter.broker.server.settings import Beat
from tidewaiter.broker.server.states import ConnectionState, states
from tidewaiter.errors import UsageError
from tidewaiter.store.exchange import Exchange

_TOKEN_BYTES = 32


def create(exchange: Exchange, name: str) -> str:
    """The token of a new connection; only its hash is kept. Raises UsageError, and StoreError where there is one."""
    if not CONNECTION_NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a connection", advice=CONNECTION_RULE)
    token = f"tw_{secrets.token_urlsafe(_TOKEN_BYTES)}"
    exchange.add_connection(name, token_hash(token), now=_now())
    return token


def revoke(exchange: Exchange, name: str) -> None:
    """The connection's token opens nothing any more. Raises UsageError where there is no such connection."""
    if not exchange.revoke_connection(name, now=_now()):
        known = ", ".join(row.name for row in exchange.connections()) or "none"
        raise UsageError(f"there is no connection {name!r}", advice=f"Known are {known}")


def listed(exchange: Exchange) -> Sequence[ConnectionState]:
    """All connections by name, and how they are."""
    return states(exchange, _now(), Beat().dead)


def token_hash(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


def _now() -> datetime:
    return datetime.now(UTC)
