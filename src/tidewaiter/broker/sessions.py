"""How servers, clients and agents ask each other over HTTP, inside a network."""

import ssl
from typing import Final

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

_BUFFER: Final = 256 << 10  # bytes
_KEPT: Final = 30.0  # seconds
_UNTOLD: Final = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


def new_session(tls: ssl.SSLContext | None, *, connecting: float = 10.0, per_host: int = 0) -> ClientSession:
    """Asks through no proxy, keeps connections open and no cookies; bodies and headers go as they are.

    `connecting` is in seconds; a whole request has no end but the one that who makes it gives it. `per_host`
    connections are open to one host at a time, where it is not 0. Close it.
    """
    return ClientSession(
        connector=TCPConnector(ssl=tls or True, limit=0, limit_per_host=per_host, keepalive_timeout=_KEPT),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=None, sock_connect=connecting),
        skip_auto_headers=_UNTOLD,
        auto_decompress=False,
        read_bufsize=_BUFFER,
    )
