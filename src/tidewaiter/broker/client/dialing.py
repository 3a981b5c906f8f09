"""How a client reaches its server: one WebSocket outwards, through a proxy where the environment names one."""

import ssl
from urllib.parse import SplitResult, urlsplit

from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientHandlerType,
    ClientHttpProxyError,
    ClientProxyConnectionError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    ClientWSTimeout,
    DummyCookieJar,
    WSServerHandshakeError,
)

from tidewaiter.broker.carrier import SOCKET, Carrier, WebSocketCarrier
from tidewaiter.broker.causes import cause
from tidewaiter.broker.tls import is_loopback
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError, UsageError

_TUNNEL = "/tunnel"
_CLOSING = ClientWSTimeout(ws_close=2.0)
_LATER = (429, 503)
_PROXIES = "Look at HTTPS_PROXY and NO_PROXY."
_SECURE = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


def base_url(url: str, *, of: str, plaintext: bool) -> str:
    """The URL of `of` (the server, the agent), as http or https and without a slash at its end.

    Raises UsageError for what is no such URL, and for one beyond this machine without TLS unless `plaintext` allows it.
    """
    parts = _parts(url, of)
    scheme = _SECURE.get(parts.scheme, "")
    if not scheme or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise UsageError(f"no URL of {of}", where=_shown(url), advice="It has the form https://HOST[:PORT].")
    if scheme == "http" and not plaintext and not is_loopback(parts.hostname):
        advice = "Use https, or say --allow-plaintext if the network between is your own."
        raise UsageError(f"{of} would be reached without TLS, and secrets go there", where=_shown(url), advice=advice)
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _parts(url: str, of: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError as error:
        raise UsageError(f"no URL of {of}: {error}", where=_shown(url)) from None
    return parts


def _shown(url: str) -> str:
    """The URL without a password that may stand in it."""
    return url.rpartition("@")[2]


class Dialer:
    """Opens WebSockets to the server at `url`."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        self._url = url + _TUNNEL
        self._host = urlsplit(url).netloc
        self._context = context
        self._session: ClientSession | None = None

    async def __call__(self) -> Carrier:
        """A new carrier. Raises BrokerError, which says what kept it from being."""
        session = self._session = self._session or self._new_session()
        try:
            socket = await session.ws_connect(self._url, ssl=self._context, compress=0, timeout=_CLOSING, **SOCKET)
        except (ClientError, OSError, ssl.SSLError, ValueError) as error:
            raise self._unreachable(error) from error
        return WebSocketCarrier(socket)

    async def close(self) -> None:
        """Lets go of what is open."""
        if self._session is not None:
            await self._session.close()

    def _new_session(self) -> ClientSession:
        timeout = ClientTimeout(total=None, sock_connect=None)
        return ClientSession(
            trust_env=True,
            cookie_jar=DummyCookieJar(),
            timeout=timeout,
            middlewares=(_stay_there,),
            auto_decompress=False,
        )

    def _unreachable(self, error: Exception) -> BrokerError:
        what, advice = _explained(error)
        return BrokerError(what, where=self._host, advice=advice, retry=True, code=Code.UNREACHABLE)


async def _stay_there(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Follows no redirect: tokens go to the server that was named, and nowhere else."""
    response = await handler(request)
    if response.status in {301, 302, 303, 307, 308}:
        response.close()
        raise WSServerHandshakeError(response.request_info, (), status=response.status, message="a redirect")
    return response


def _explained(error: Exception) -> tuple[str, str]:
    """What went wrong on the way, and what to do about it."""
    match error:
        case ClientHttpProxyError():
            return f"the proxy answered {error.status}", _PROXIES
        case ClientProxyConnectionError():
            return f"the proxy cannot be reached: {cause(error)}", _PROXIES
        case WSServerHandshakeError():
            return _answered(error.status)
        case ClientConnectorCertificateError():
            return f"its certificate is not trusted: {cause(error)}", "Name the authority that made it: --ca-cert."
        case ClientSSLError():
            return f"TLS with it fails: {cause(error)}", "Does it speak TLS, or should the URL be http://?"
        case _:
            return f"it cannot be reached: {cause(error)}", ""


def _answered(status: int) -> tuple[str, str]:
    if status in _LATER:
        return f"the server takes no tunnels now: it answered {status}", ""
    return f"the server answered {status} instead of opening a tunnel", "Is it a broker server's URL?"
