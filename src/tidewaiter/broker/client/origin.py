"""Where requests go: the agent, or another origin that a rule names. Signed, sent, and the answer streamed back."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
from aiohttp import ClientError, ClientResponse, ClientSession
from yarl import URL

from tidewaiter.broker.causes import cause, is_distrust
from tidewaiter.broker.client.dialing import base_url
from tidewaiter.broker.client.settings import Connection
from tidewaiter.broker.headers import forwarded
from tidewaiter.broker.messages import ERROR, Trouble
from tidewaiter.broker.rules import AGENT, AGENT_URL, Rule
from tidewaiter.broker.signing import LONGEST_BUFFERED, NO_BODY, PROOF, SIGNATURE, Seal, Signed
from tidewaiter.broker.streams import gathered
from tidewaiter.broker.tunnel import Reply
from tidewaiter.broker.wire import CHUNK, Code
from tidewaiter.errors import BrokerError, UsageError

_WORDS = 2048  # bytes of what the agent says of a request that it does not believe
_IN_STEP = "Give client and agent the same secret, and set their clocks by NTP."
_DROPPED = frozenset({PROOF, ERROR, "set-cookie"})
"""What an agent has no business to tell the platform: `ERROR` is for what the relay itself answers."""


@dataclass(slots=True)
class Outgoing:
    """A request as it is to be sent; `headers` are the platform's and the client's own."""

    method: str
    target: str
    headers: dict[str, str] = field(repr=False)
    body: bytes | AsyncIterator[bytes] = b""


class Origin:
    """One base URL. With a seal, what is sent is signed and what comes back has to be."""

    def __init__(self, session: ClientSession, url: str, *, login: str = "", seal: Seal | None = None) -> None:
        self._session = session
        self._url = url
        parts = urlsplit(url)
        self._root, self._path = f"{parts.scheme}://{parts.netloc}", parts.path
        self._login = login
        self._seal = seal

    async def carry(self, outgoing: Outgoing) -> Reply:
        """What it answers. Raises BrokerError: unreachable, too-large, unauthorized."""
        target = self._path + outgoing.target
        headers, body = outgoing.headers, outgoing.body
        if self._login:
            headers["authorization"] = self._login
        if self._seal is None:
            return await reply_of(await self._sent(outgoing.method, target, headers, body))
        content = body if isinstance(body, bytes) else await gathered(body, LONGEST_BUFFERED)
        digest = hashlib.sha256(content).hexdigest() if content else NO_BODY
        signed = self._seal.sign(outgoing.method, target, headers, digest=digest)
        headers[SIGNATURE] = signed.header
        response = await self._sent(outgoing.method, target, headers, content)
        await _believe(self._seal, signed, response)
        return await reply_of(response)

    async def _sent(
        self, method: str, target: str, headers: dict[str, str], body: bytes | AsyncIterator[bytes]
    ) -> ClientResponse:
        url = URL(self._root + target, encoded=True)
        try:
            response = await self._session.request(
                method, url, headers=headers, data=body or None, allow_redirects=False
            )
        except (ClientError, OSError, ValueError) as error:
            raise _unreachable(urlsplit(self._url).netloc, error) from error
        _end_with_this_task(response)
        return response


class Origins:
    """The origins of rules. `agent` is the one that `${CR_AGENT_URL}` stands for, and shares the seal."""

    def __init__(self, session: ClientSession, agent: str, *, seal: Seal | None, plaintext: bool) -> None:
        self.agent = Origin(session, agent, seal=seal)
        self._session = session
        self._variables = {AGENT_URL: agent}
        self._plaintext = plaintext

    def of(self, rule: Rule, connection: Connection) -> Origin:
        """Where the rule leads for this connection. Raises BrokerError (refused) for what is not declared."""
        if rule.login is None and rule.origin == AGENT:
            return self.agent
        try:
            rule = rule.filled({**connection.variables, **self._variables})
            url = base_url(rule.origin, of="the origin of a rule", plaintext=self._plaintext)
        except UsageError as error:
            what = f"the rule cannot be followed: {error.what}"
            raise BrokerError(what, where=error.where, advice=error.advice, code=Code.REFUSED) from None
        return Origin(self._session, url, login=rule.login.header() if rule.login else "")


async def reply_of(response: ClientResponse) -> Reply:
    """The answer for the tunnel: in one piece where it is small or all there, else as it comes."""
    headers = forwarded(response.headers.items(), without=_DROPPED)
    length = response.content_length
    if response.content.is_eof() or (length is not None and length <= CHUNK):
        return Reply(response.status, headers, await _whole(response))
    return Reply(response.status, headers, _chunks(response))


async def _whole(response: ClientResponse) -> bytes:
    try:
        return await response.read()
    except (ClientError, OSError) as error:
        raise _broken_off(error) from error


async def _chunks(response: ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (ClientError, OSError) as error:
        raise _broken_off(error) from error


def _end_with_this_task(response: ClientResponse) -> None:
    """Whoever asked may be gone before the answer is read, or while it is: then it is not wanted any more."""
    task = asyncio.current_task()
    assert task is not None
    task.add_done_callback(lambda _: response.close())


async def _believe(seal: Seal, signed: Signed, response: ClientResponse) -> None:
    """Raises BrokerError where the answer is not the agent's, or says that the client is not believed."""
    try:
        seal.check_answer(signed, response.status, response.headers)
    except BrokerError as error:
        if response.status == HTTPStatus.UNAUTHORIZED:
            raise BrokerError(await _disbelief(response), advice=_IN_STEP, code=Code.UNREACHABLE) from None
        raise BrokerError(error.what, advice=_IN_STEP, code=Code.UNREACHABLE) from None


async def _disbelief(response: ClientResponse) -> str:
    """What an agent says that does not believe the client: it cannot prove that it is one."""
    said = await response.content.read(_WORDS)
    try:
        return f"the agent does not believe the client: {msgspec.json.decode(said, type=Trouble).what}"
    except msgspec.MsgspecError:
        return "the agent does not believe the client"


def _unreachable(host: str, error: Exception) -> BrokerError:
    advice = "Is it running, and is CR_AGENT_URL its address?"
    if is_distrust(error):
        advice = "Name the authority of its certificate: --ca-cert. And does it speak TLS?"
    what = f"the agent at {host} does not answer: {cause(error)}"
    return BrokerError(what, advice=advice, retry=True, code=Code.UNREACHABLE)


def _broken_off(error: Exception) -> BrokerError:
    what = f"the agent's answer broke off: {cause(error)}"
    return BrokerError(what, retry=True, code=Code.UNREACHABLE)
