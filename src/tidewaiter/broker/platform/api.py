"""The broker server's HTTP API, as the platform asks it: requests to the agent behind a connection, and its results.

Nothing is tried twice here: who may wait, and for how long, is `reach`'s matter.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import NoReturn, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import urllib3
from urllib3.exceptions import HTTPError

from tidewaiter.broker.messages import (
    CREDENTIALS,
    DEADLINE,
    ERROR,
    IDEMPOTENCY,
    LINES,
    PLACEHOLDER,
    SUBSTITUTE,
    Arrived,
    Job,
    Refusal,
    ScanRequest,
    StateIdentifier,
    Trouble,
    Words,
)
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError, RegistryError, UsageError
from tidewaiter.model.image import Digest
from tidewaiter.registry.reference import is_loopback
from tidewaiter.registry.transport import Patience, Transport, Waiting, let_go, no_answer

_T = TypeVar("_T")
_WAITS = 90.0  # seconds without a byte: more than a server lets a long poll wait
_SHORT = 60.0
_BODY_MOST = 16 << 20
_CHUNK = 1 << 18
_PASSING = frozenset({Code.NOT_CONNECTED, Code.LOST, Code.DEADLINE, Code.BUSY, Code.UNREACHABLE})
_ADVICE = {
    Code.UNAUTHORIZED: "Set TIDEWAITER_BROKER_KEY to one of the server's API keys.",
    Code.UNKNOWN_CONNECTION: "`tidewaiter broker connections list` names those that there are.",
    Code.NOT_CONNECTED: "Start the broker client that holds this connection.",
    Code.REVOKED: "Create it anew, and give the broker client the new token.",
}


class Answer:
    """An answer whose body is still to be read. Its connection is given back by who asked for it."""

    def __init__(self, response: urllib3.BaseHTTPResponse, where: str) -> None:
        self._response = response
        self._where = where
        self.status = response.status

    def read(self, most: int) -> bytes:
        """All of the body. Raises BrokerError for one of more than so many bytes, and for one that breaks off."""
        content = bytearray()
        for chunk in self.chunks():
            content += chunk
            if len(content) > most:
                raise BrokerError(f"an answer has more than {most} bytes", where=self._where, code=Code.TOO_LARGE)
        return bytes(content)

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes. Raises BrokerError where it breaks off."""
        try:
            while chunk := self._response.read1(_CHUNK, decode_content=False):
                yield chunk
        except (HTTPError, OSError) as error:
            raise _lost(error, self._where) from error
        if getattr(self._response, "length_remaining", None):
            raise BrokerError("an answer broke off", where=self._where, retry=True, code=Code.LOST)

    def check(self) -> None:
        """Raises the agent's own error, as CloudError, for an answer that is one; BrokerError where nobody says why."""
        if self.status < HTTPStatus.BAD_REQUEST:
            return
        content = self.read(_BODY_MOST)
        try:
            trouble = msgspec.json.decode(content, type=Trouble)
        except msgspec.MsgspecError:
            what = f"somebody on the way answers {self.status}, and does not say why"
            passing = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            code = Code.LOST if passing else Code.FAILED
            raise BrokerError(what, where=self._where, retry=passing, code=code) from None
        raise trouble.error()


class BrokerApi:
    """The server at `url`, asked with an API key. Made for many threads; close it after use.

    Methods raise BrokerError: `retry` tells whether the same may come to its answer later. Raises UsageError for an
    address or a key that is none, and for an address that would show the key to the network, unless `insecure`.
    """

    def __init__(self, url: str, key: str, *, insecure: bool = False, waiting: Waiting | None = None) -> None:
        self.url = _checked(url, insecure=insecure)
        self._key = _printable(key)
        self._transport = Transport(waiting or Waiting(Patience(read=_WAITS)), insecure=insecure)

    def __repr__(self) -> str:
        return f"BrokerApi({self.url!r})"

    def close(self) -> None:
        """Ends all connections."""
        self._transport.close()

    @contextmanager
    def asked(
        self,
        connection: str,
        path: str,
        parameters: Sequence[tuple[str, str]] = (),
        *,
        deadline: float,
        method: str = "GET",
        body: str | None = None,
        key: str = "",
    ) -> Iterator[Answer]:
        """The answer of the agent behind a connection. `deadline` is in seconds; `key` makes a POST repeatable."""
        headers = {
            "Accept": f"{LINES}, application/json",
            SUBSTITUTE: CREDENTIALS,
            CREDENTIALS: PLACEHOLDER,
            DEADLINE: f"{deadline:.3f}",
        }
        if key:
            headers[IDEMPOTENCY] = key
        query = f"?{urlencode(parameters, safe='/:', quote_via=quote)}" if parameters else ""
        with self._sent(method, f"/broker/{connection}{quote(path)}{query}", headers, body, connection) as answer:
            yield answer

    def identifier(self, connection: str, host: str, repository: str, tag: str) -> Digest:
        """The manifest that a tag names now. Raises CloudError where there is none."""
        asked = [("repository", repository), ("tag", tag), ("registry", host)]
        with self.asked(connection, "/get-state-identifier", asked, deadline=_SHORT) as answer:
            answer.check()
            told = _read(answer, StateIdentifier, connection).identifier
        try:
            return Digest.parse(told)
        except ValueError as error:
            raise _disagreed(str(error), connection) from None

    def scan(self, connection: str, key: str, request: ScanRequest) -> Job:
        """Has the agent look through an image; the key names the job."""
        body = msgspec.json.encode(request).decode()
        with self.asked(connection, "/scan", deadline=_SHORT, method="POST", body=body, key=key) as answer:
            answer.check()
            return _read(answer, Job, connection)

    def job(self, connection: str, job: str) -> Job | None:
        """How far a job is; None where the agent knows of none."""
        with self.asked(connection, f"/scan/{job}", deadline=_SHORT) as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                return None
            answer.check()
            return _read(answer, Job, connection)

    def results(self, connection: str, wait: float) -> Sequence[Arrived]:
        """The results that wait at the server, the oldest first; where there are none, after so many seconds."""
        with self._sent("GET", f"/results/{connection}?wait={wait:g}", {}, None, connection) as answer:
            answer.check()
            return _read(answer, tuple[Arrived, ...], connection)

    @contextmanager
    def result(self, connection: str, job: str) -> Iterator[Answer | None]:
        """A result's body; None where the server has none of this job."""
        with self._sent("GET", f"/results/{connection}/{quote(job, safe='')}", {}, None, connection) as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                yield None
            else:
                answer.check()
                yield answer

    def acknowledge(self, connection: str, job: str) -> None:
        """Lets the server forget a result, which is kept elsewhere now."""
        with self._sent("DELETE", f"/results/{connection}/{quote(job, safe='')}", {}, None, connection) as answer:
            if answer.status != HTTPStatus.NOT_FOUND:
                answer.check()

    @contextmanager
    def _sent(
        self, method: str, target: str, headers: dict[str, str], body: str | None, connection: str
    ) -> Iterator[Answer]:
        where = f"connection {connection}"
        sent = {"Authorization": f"Bearer {self._key}", **headers}
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            response = self._transport.send_once(method, f"{self.url}{target}", sent, body)
        except (HTTPError, OSError) as error:
            raise _lost(error, urlsplit(self.url).netloc) from error
        except RegistryError as error:  # the certificate authorities of the environment cannot be read
            raise UsageError(error.what, where=error.where, advice=error.advice) from error
        try:
            answer = Answer(response, where)
            _check(answer, response, where)
            yield answer
        finally:
            let_go(response)


def _checked(url: str, *, insecure: bool) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        shown = repr(url) if "@" not in url else "what holds a user name"
        raise UsageError(f"{shown} is not the address of a broker server", advice="Give it as https://HOST[:PORT].")
    if parts.scheme == "http" and not (insecure or is_loopback(parts.netloc)):
        what = f"{url} would show the API key to whoever is on the way"
        raise UsageError(what, advice="Use https, or --broker-insecure on a network that you trust.")
    return url.rstrip("/")


def _printable(key: str) -> str:
    """The key, which goes into a header. It is not told."""
    if not key.isascii() or not key.isprintable() or key != key.strip():
        what = "the API key of the broker server holds what no key can hold"
        raise UsageError(what, advice="Check TIDEWAITER_BROKER_KEY: a line end may have got into it.")
    return key


def _check(answer: Answer, response: urllib3.BaseHTTPResponse, where: str) -> None:
    """Raises BrokerError for what is no answer of the agent's."""
    code = response.headers.get(ERROR, "")
    if code:
        _refuse(code, answer, where)
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise BrokerError("the agent has no room for more now", where=where, code=Code.BUSY, retry=True)


def _refuse(code: str, answer: Answer, where: str) -> NoReturn:
    try:
        told = msgspec.json.decode(answer.read(_BODY_MOST), type=Refusal).error
    except (msgspec.MsgspecError, BrokerError):
        told = Words(message=f"the broker server answers {answer.status}, {code}")
    known = next((each for each in Code if each == code), Code.FAILED)
    advice = _ADVICE.get(known) or told.advice
    passing = known in _PASSING or answer.status == HTTPStatus.SERVICE_UNAVAILABLE
    raise BrokerError(told.message or code, where=where, advice=advice, retry=passing, code=code)


def _read(answer: Answer, kind: type[_T], connection: str) -> _T:
    try:
        return msgspec.json.decode(answer.read(_BODY_MOST), type=kind)
    except msgspec.MsgspecError as error:
        raise _disagreed(str(error), connection) from None


def _disagreed(error: str, connection: str) -> BrokerError:
    advice = "Server, client, agent and platform should be of one version."
    what = f"an answer is not as agreed: {error}"
    return BrokerError(what, where=f"connection {connection}", advice=advice, code=Code.MALFORMED)


def _lost(error: Exception, where: str) -> BrokerError:
    told = no_answer(error, where)
    what = told.what.replace("the registry", "the broker server")
    advice = told.advice.replace("--insecure", "--broker-insecure")
    return BrokerError(what, where=where, advice=advice, retry=told.retry, code=Code.LOST)
