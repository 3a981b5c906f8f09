"""What a server does again and again: it tells the others of its tunnels, looks for revoked tokens, and sweeps."""

import asyncio
from datetime import timedelta

from tidewaiter.broker.journal import fields, journal
from tidewaiter.broker.server.desk import Desk
from tidewaiter.broker.server.metrics import Metrics
from tidewaiter.broker.server.settings import ServerSettings
from tidewaiter.broker.server.tunnels import Tunnels
from tidewaiter.errors import BrokerError
from tidewaiter.store.exchange import Exchange

_log = journal("server")
_FRESH = 1.0  # seconds
_PATIENCE = 5.0  # seconds
_SOON = 0.05  # seconds in which tunnels that come together are told of together


class Pulse:
    """Beats until it is cancelled, whatever the store says."""

    def __init__(self, name: str, tunnels: Tunnels, desk: Desk, metrics: Metrics, settings: ServerSettings) -> None:
        self._name = name
        self._tunnels = tunnels
        self._desk = desk
        self._metrics = metrics
        self._url = settings.advertise
        self._beat = settings.beat
        self._kept = timedelta(seconds=settings.ceilings.kept)
        self._broken_off = timedelta(seconds=settings.ceilings.broken_off)
        self._changed = tunnels.changed
        self._told = self._swept = self._felt = float("-inf")
        self._well = True

    async def felt(self) -> bool:
        """Whether the store answers, now or a second ago, and takes what is to be changed in it."""
        now = asyncio.get_running_loop().time()
        if now - self._felt >= _FRESH:
            self._felt = now
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._desk.change(Exchange.is_revoked, "")
                self._found(well=True)
            except (BrokerError, TimeoutError) as error:
                self._found(well=False, why=error)
        return self._well

    def _found(self, *, well: bool, why: object = "") -> None:
        if self._well and not well:
            _log.error("the store does not answer: %s", why)
        self._well = well
        self._metrics.store_up.set(well)

    async def run(self) -> None:
        """Beats for ever."""
        while True:
            try:
                await self.beat()
                self._found(well=True)
            except BrokerError as error:
                self._found(well=False, why=error)
            await self._rest()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._beat.look):
                await self._changed.wait()
            await asyncio.sleep(_SOON)
        except TimeoutError:
            pass

    async def beat(self) -> None:
        """All that is due. Raises BrokerError (failed)."""
        now = asyncio.get_running_loop().time()
        if self._changed.is_set() or now - self._told >= self._beat.tell:
            self._changed.clear()
            await self.tell()
            self._told = now
        await self._drop_revoked()
        if now - self._swept >= self._beat.sweep:
            await self._sweep()
            self._swept = now

    async def tell(self) -> None:
        """All servers know which tunnels this one holds. Raises BrokerError (failed)."""
        rows = self._tunnels.rows()
        self._metrics.tunnels.set(len(self._tunnels))
        self._metrics.connections.set(len({row.connection for row in rows}))
        await self._desk.change(Exchange.saw_tunnels, self._name, self._url, rows, now=self._desk.now())

    async def _drop_revoked(self) -> None:
        held = self._tunnels.hashes
        known = await self._desk.ask(Exchange.admitted, tuple(held)) if held else {}
        for proof in held.keys() - known.keys():
            _log.warning("a connection was revoked", extra=fields(connection=held[proof]))
            await self._tunnels.drop(held[proof], proof, "its token was revoked")

    async def _sweep(self) -> None:
        now = self._desk.now()
        await self._desk.change(Exchange.forget_tunnels, before=now - 3 * timedelta(seconds=self._beat.dead))
        while dropped := await self._desk.change(
            Exchange.drop_old_deliveries, whole_before=now - self._kept, part_before=now - self._broken_off
        ):
            self._metrics.expired.inc(dropped)
            _log.warning(
                "results that nobody fetched in time, or that broke off, were dropped", extra=fields(results=dropped)
            )
