"""The store, asked from threads of its own: the loop that carries the tunnels never waits for a disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError, StoreError
from tidewaiter.store.exchange import Exchange

_P = ParamSpec("_P")
_T = TypeVar("_T")
_READERS = 8


class Desk:
    """Asks what brokers share, one question a thread.

    Changes are made one after the other, as the store takes them: while they wait for somebody else who writes to it,
    questions are still answered.
    """

    def __init__(self, exchange: Exchange, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._exchange = exchange
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="broker-reads")
        self._writers = ThreadPoolExecutor(1, thread_name_prefix="broker-writes")
        self.now = now

    async def ask(
        self, question: Callable[Concatenate[Exchange, _P], _T], /, *given: _P.args, **named: _P.kwargs
    ) -> _T:
        """What a method of the exchange, or work of its kind, gives. Raises BrokerError (failed) for the store's."""
        return await self._done(self._readers, partial(question, self._exchange, *given, **named))

    async def change(self, work: Callable[Concatenate[Exchange, _P], _T], /, *given: _P.args, **named: _P.kwargs) -> _T:
        """The same of what changes the store."""
        return await self._done(self._writers, partial(work, self._exchange, *given, **named))

    async def _done(self, threads: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except StoreError as error:
            what = f"the broker server's store failed: {error.what}"
            raise BrokerError(what, advice="Try again later", retry=True, code=Code.FAILED) from error

    async def check(self, connection: str) -> None:
        """Raises BrokerError where nothing can come of the connection: it was revoked, or never was."""
        match await self.ask(Exchange.is_revoked, connection):
            case None:
                advice = "Make it with `tidewaiter broker connections create`"
                what = f"there is no connection {connection!r}"
                raise BrokerError(what, advice=advice, code=Code.UNKNOWN_CONNECTION)
            case True:
                raise revoked(connection)

    def close(self) -> None:
        """Waits for the threads to end."""
        self._readers.shutdown()
        self._writers.shutdown()


def revoked(connection: str) -> BrokerError:
    """That a connection is no more."""
    return BrokerError(f"the connection {connection!r} was revoked", code=Code.REVOKED)
