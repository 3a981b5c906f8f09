"""The one place that sends: pooled connections, TLS, proxies, patience. It knows nothing of images and credentials."""

import os
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, NameResolutionError, SSLError

from tidewaiter import __version__
from tidewaiter.errors import RegistryError
from tidewaiter.registry.protocol import retry_after
from tidewaiter.registry.reference import is_loopback

_PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_CONNECTIONS = 16
_SHORT = 1 << 16
_AUTHORITIES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds, and how often to try.

    `connect` and `read`: for a connection, and for the next bytes. `tries`: of one request, or of a stream without any
    progress; `first_tries`: to reach a host that has not answered yet. `first_pause` doubles up to `longest_pause`;
    `longest_retry_after` is the most that a registry may ask for. A stream has to bring `fewest_bytes` for every `slow`
    seconds that it is waited for: each wait may be short, and there may be one for each byte.
    """

    connect: float = 15
    read: float = 60
    tries: int = 6
    first_tries: int = 2
    first_pause: float = 0.5
    longest_pause: float = 20
    longest_retry_after: float = 120
    slow: float = 900
    fewest_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Waiting:
    """The pauses between tries; tests put a clock of their own here. `clock` measures how long something takes."""

    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic

    def pause(self, attempt: int, host: str, header: str = "") -> None:
        """Waits before the try after `attempt` (from 0): as long as the registry asks, else longer each time.

        Raises RegistryError when it asks for more than is bearable.
        """
        asked = retry_after(header, self.now()) if header else None
        if asked is not None and asked > self.patience.longest_retry_after:
            what = f"the registry asks to come back in {asked:.0f} seconds"
            raise RegistryError(what, where=host, advice="Try again later.", retry=True)
        longest = min(self.patience.longest_pause, self.patience.first_pause * 2**attempt)
        jitter = random.uniform(longest / 2, longest)  # noqa: S311  no secret: it keeps clients from coming back at once
        self.sleep(jitter if asked is None else asked)


class Transport:
    """Sends one request and gives its answer, which the caller must read or release. Made for many threads.

    Certificates are checked against the file that SSL_CERT_FILE or REQUESTS_CA_BUNDLE names, else against the system's;
    `insecure` does without. Proxies are those of HTTPS_PROXY, HTTP_PROXY and NO_PROXY, never for this machine itself.
    """

    def __init__(self, waiting: Waiting, *, insecure: bool) -> None:
        self.waiting = waiting
        self._insecure = insecure
        self._pools: dict[tuple[str, bool], urllib3.PoolManager] = {}
        self._reached: set[str] = set()
        if insecure:  # the user asked for it; a warning at each request tells nothing new
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def close(self) -> None:
        """Ends all connections."""
        for pool in self._pools.values():
            pool.clear()

    def send(
        self, method: str, address: str, headers: Mapping[str, str], body: str | None = None
    ) -> urllib3.BaseHTTPResponse:
        """The answer, with its body still to be read; passing troubles are waited for. Redirects are not followed.

        Raises RegistryError when there is no answer.
        """
        host = urlsplit(address).netloc
        for attempt in range(self.waiting.patience.tries - 1):
            asked = ""
            try:
                answer = self.send_once(method, address, headers, body)
            except (HTTPError, OSError) as error:
                if not can_pass(error) or not self._is_worth_it(host, attempt):
                    raise no_answer(error, host) from error
            else:
                self._reached.add(host)
                if answer.status not in _PASSING:
                    return answer
                asked = answer.headers.get("Retry-After", "")
                let_go(answer)
            self.waiting.pause(attempt, host, asked)
        try:
            return self.send_once(method, address, headers, body)
        except (HTTPError, OSError) as error:
            raise no_answer(error, host) from error

    def _is_worth_it(self, host: str, attempt: int) -> bool:
        """Whether to try again after a lost connection: a host that never answered may just not be there."""
        return host in self._reached or attempt + 1 < self.waiting.patience.first_tries

    def send_once(
        self, method: str, address: str, headers: Mapping[str, str], body: str | None = None
    ) -> urllib3.BaseHTTPResponse:
        """The answer to a single try. Raises what urllib3 raises."""
        sent = {"User-Agent": f"tidewaiter/{__version__}", "Accept-Encoding": "identity", **headers}
        return self._pool(address).request(
            method, address, headers=sent, body=body, redirect=False, retries=False, preload_content=False
        )

    def _pool(self, address: str) -> urllib3.PoolManager:
        proxy = _proxy(address)
        secure = address.startswith("https:") or proxy.startswith("https:")
        if (proxy, secure) not in self._pools:
            self._pools.setdefault((proxy, secure), self._new_pool(proxy, secure=secure))
        return self._pools[proxy, secure]

    def _new_pool(self, proxy: str, *, secure: bool) -> urllib3.PoolManager:
        """Authorities are read only where something is to be verified: it takes 20 ms."""
        patience = self.waiting.patience
        timeout = urllib3.Timeout(connect=patience.connect, read=patience.read)
        context = _tls(insecure=self._insecure) if secure else None
        if not proxy:
            return urllib3.PoolManager(maxsize=_CONNECTIONS, timeout=timeout, ssl_context=context)
        parts = urlsplit(proxy)
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        return urllib3.ProxyManager(
            proxy,
            proxy_headers=urllib3.make_headers(proxy_basic_auth=login),
            maxsize=_CONNECTIONS,
            timeout=timeout,
            ssl_context=context,
        )


def _tls(*, insecure: bool) -> ssl.SSLContext:
    """Whom to trust: the authorities that the environment names, else the system's."""
    if insecure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    named = next((Path(os.environ[name]) for name in _AUTHORITIES if os.environ.get(name)), None)
    try:
        if named is None or named.is_dir():
            return ssl.create_default_context(capath=named and str(named))
        return ssl.create_default_context(cafile=str(named))
    except OSError as error:
        what = "the certificate authorities that the environment names cannot be read"
        raise RegistryError(what, where=str(named), advice="Check SSL_CERT_FILE and REQUESTS_CA_BUNDLE.") from error


def can_pass(error: Exception) -> bool:
    """Whether a trouble with a connection may be gone at the next try."""
    reason = getattr(error, "reason", error)
    return not isinstance(reason, NameResolutionError) and _UNTRUSTED not in str(error)


def no_answer(error: Exception, host: str) -> RegistryError:
    """What to tell of a request without an answer."""
    if _UNTRUSTED in str(error):
        advice = (
            "Name its certificate authority's file in SSL_CERT_FILE, or use --insecure on a network that you trust."
        )
        return RegistryError("the registry's certificate is not trusted", where=host, advice=advice)
    if isinstance(error, SSLError):
        advice = "If it speaks http only, use --insecure on a network that you trust."
        return RegistryError("no TLS connection can be made to the registry", where=host, advice=advice)
    if isinstance(getattr(error, "reason", error), NameResolutionError):
        return RegistryError("there is no host of this name", where=host, advice="Check the name and the network.")
    reason = _plainly(error)
    return RegistryError(f"the registry does not answer: {reason}", where=host, advice="Check the network.", retry=True)


def _plainly(error: Exception) -> str:
    """The reason without addresses and object names: those of redirects are secrets."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    if "timed out" in str(error).lower():
        return "the time for it is over"
    return "the connection was lost"


def _proxy(address: str) -> str:
    """The proxy on the way to an address, "" for none."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(address)
    if is_loopback(parts.netloc) or proxy_bypass(parts.hostname or ""):
        return ""
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def let_go(answer: urllib3.BaseHTTPResponse) -> None:
    """Ends an answer that nobody reads on. A short rest is read, so that its connection can be used again."""
    left = getattr(answer, "length_remaining", None)
    if left is not None and left <= _SHORT:
        answer.drain_conn()
    answer.close()
    answer.release_conn()
