"""The other servers on the same store: each relays to the one that holds the tunnel, which does not send on.

They know each other by the API keys that they share. A request of theirs is signed with those, for one server only.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from tidewaiter.broker.headers import Headers, forwarded
from tidewaiter.broker.messages import DEADLINE, ERROR
from tidewaiter.broker.refusals import read
from tidewaiter.broker.server.desk import Desk
from tidewaiter.broker.server.settings import ServerSettings
from tidewaiter.broker.sessions import new_session
from tidewaiter.broker.signing import LONGEST_BUFFERED, PROOF, SIGNATURE, Party, Proven, Seal, Signed
from tidewaiter.broker.streams import gathered
from tidewaiter.broker.tls import client_context
from tidewaiter.broker.wire import CHUNK, Code, Request
from tidewaiter.errors import BrokerError
from tidewaiter.store.exchange import Exchange

PEER: Final = "peer"
"""The first segment of the paths at which servers ask each other."""

_CONNECTING = 5.0  # seconds
_ERROR_MOST = 64 << 10
_PASSED_ON = "the body of a request that another server passes on"
_PASSING = frozenset({Code.LOST, Code.BUSY, Code.NOT_CONNECTED})


class PeerAnswer:
    """The answer of another server, whose head is here."""

    whole = None

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Headers = forwarded(response.headers.items(), without={PROOF})

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises BrokerError (lost) where it breaks off."""
        try:
            async for chunk in self._response.content.iter_chunked(CHUNK):
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise BrokerError("the other server's answer broke off", retry=True, code=Code.LOST) from error

    async def close(self) -> None:
        """Ends it."""
        self._response.close()


class Peers:
    """Asks other servers for what their tunnels carry."""

    def __init__(self, desk: Desk, settings: ServerSettings, server: str) -> None:
        self._desk = desk
        self._seal = Seal(settings.keys, own=Party.SERVER, other=Party.SERVER)
        self._own = settings.advertise
        self._server = server
        self._dead = timedelta(seconds=settings.beat.dead)
        tls = client_context(authority=settings.authorities) if settings.authorities else None
        self._session = new_session(tls, connecting=_CONNECTING)

    async def close(self) -> None:
        """Lets go of all connections."""
        await self._session.close()

    async def holding(self, connection: str) -> Sequence[str]:
        """Where the servers are that hold tunnels of the connection, the one with the least busy tunnel first."""
        since = self._desk.now() - self._dead
        rows = await self._desk.ask(Exchange.tunnels, since=since, connection=connection)
        others = (row.url for row in rows if row.server != self._server)
        return tuple(dict.fromkeys(url for url in others if url not in ("", self._own)))

    async def ask(self, peer: str, request: Request, body: bytes | AsyncIterator[bytes]) -> PeerAnswer:
        """The answer of the server there. Raises BrokerError: lost, not-connected, busy, too-large, unauthorized."""
        # what is signed has to be there before it is sent
        content = body if isinstance(body, bytes) else await gathered(body, LONGEST_BUFFERED, of=_PASSED_ON)
        target = f"/{PEER}/{request.connection}{request.target}"
        headers = CIMultiDict(request.headers)
        headers[DEADLINE] = f"{request.deadline:.3f}"
        digest = hashlib.sha256(content).hexdigest()
        signed = self._seal.sign(request.method, target, headers, digest=digest, audience=peer)
        headers[SIGNATURE] = signed.header
        response = await self._sent(request.method, URL(f"{peer}{target}", encoded=True), headers, content)
        try:
            self._check(signed, response)
            await _raise_refusal(response)
        except BaseException:
            response.close()
            raise
        return PeerAnswer(response)

    def proven(self, method: str, target: str, headers: Mapping[str, str]) -> Proven:
        """Another server asks, with API keys that this one has too. Raises BrokerError (unauthorized)."""
        return self._seal.verify(method, target, headers, audience=self._own)

    def proof(self, proven: Proven, status: int) -> Headers:
        """What the answer to it has to say."""
        return ((PROOF, self._seal.answer(proven, status)),)

    async def _sent(self, method: str, url: URL, headers: CIMultiDict[str], content: bytes) -> aiohttp.ClientResponse:
        try:
            return await self._session.request(
                method, url, headers=headers, data=content or None, allow_redirects=False
            )
        except aiohttp.ClientConnectorError as error:
            what = f"the server that holds the connection cannot be reached ({url.origin()})"
            raise BrokerError(what, retry=True, code=Code.NOT_CONNECTED) from error
        except (aiohttp.ClientError, OSError) as error:
            raise BrokerError("the other server was lost", retry=True, code=Code.LOST) from error

    def _check(self, signed: Signed, response: aiohttp.ClientResponse) -> None:
        """Raises BrokerError (failed) where it is not one of the own servers that answers."""
        try:
            self._seal.check_answer(signed, response.status, response.headers)
        except BrokerError as error:
            what = (
                f"the server that holds the connection and this one do not trust each other ({response.url.origin()})"
            )
            advice = "Start them with the same API keys, and set their clocks by NTP"
            raise BrokerError(what, advice=advice, code=Code.FAILED) from error


async def _raise_refusal(response: aiohttp.ClientResponse) -> None:
    """Raises what the other server's relay says where it came to no answer, and another may."""
    if response.headers.get(ERROR) in _PASSING:
        raise read(await response.content.read(_ERROR_MOST), response.headers[ERROR])
