"""One tunnel is kept for ever: lost, refused, sent away or renewed, the client comes back and loses nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from clients import HUB, NAMES, PAYMENTS, asked
from fakes.carriers import FakeCarrier, carrier_pair
from fakes.tunnel_servers import TunnelServer
from patience import until
from tidewaiter.broker.carrier import Carrier
from tidewaiter.broker.client.held import Held
from tidewaiter.broker.client.link import Chance, Link
from tidewaiter.broker.client.metrics import Metrics
from tidewaiter.broker.client.settings import Connection, Waiting
from tidewaiter.broker.tunnel import Body, Handler, Reply, Request
from tidewaiter.broker.wire import Dropped
from tidewaiter.errors import BrokerError

FOREIGN = replace(HUB, token="a token of nobody", name="")


@dataclass(eq=False)
class Harbour:
    """A server in memory, and the waiting of the client: each pause is noted, with its bounds, and is over at once."""

    server: TunnelServer = field(default_factory=lambda: TunnelServer(dict(NAMES)))
    down: int = 0
    dialled: int = 0
    bounds: list[tuple[float, float]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    patience: float = 0.0
    """Seconds that a pause really takes."""
    silent: bool = False
    """Whether it lets clients connect and says nothing."""
    near: list[FakeCarrier] = field(default_factory=list)
    holding: list[asyncio.Task[None]] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    answered: int = 0

    async def dial(self) -> Carrier:
        self.dialled += 1
        if self.down:
            self.down -= 1
            raise BrokerError("nobody is there", code="unreachable", retry=True)
        near, far = carrier_pair()
        self.near.append(near)
        self.holding.append(asyncio.create_task(self._hold(far)))
        return near

    async def _hold(self, far: FakeCarrier) -> None:
        if self.silent:
            return
        try:
            await self.server.hold(far)
        except BrokerError:
            await far.close(1002, "no hello")

    def between(self, least: float, most: float) -> float:
        self.bounds.append((least, most))
        return most

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(self.patience)

    def serving(self, held: Held) -> Handler:
        async def handle(request: Request, body: Body) -> Reply:
            if request.target == "/wait":
                await self.go.wait()
            self.answered += 1
            return Reply(200, (), ",".join(sorted(held.connections)).encode())

        return handle


WAITING = Waiting(first=0.5, longest=30.0, refused=60.0, connecting=5.0, leaving=5.0)


def run(
    act: Callable[[Harbour, Link], Awaitable[None]],
    *connections: Connection,
    waiting: Waiting = WAITING,
    down: int = 0,
    patience: float = 0.0,
    silent: bool = False,
) -> None:
    async def main() -> None:
        harbour = Harbour(down=down, patience=patience, silent=silent)
        link = Link(
            connections or (PAYMENTS,),
            harbour.dial,
            harbour.serving,
            replica="r1",
            metrics=Metrics(),
            waiting=waiting,
            chance=Chance(between=harbour.between, sleep=harbour.sleep),
        )
        running = asyncio.create_task(link.run())
        try:
            await act(harbour, link)
        finally:
            harbour.go.set()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            for task in harbour.holding:
                task.cancel()
            await asyncio.gather(*harbour.holding, return_exceptions=True)

    asyncio.run(main())


def test_it_shows_all_its_tokens_over_one_tunnel() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        await harbour.server.opened(1)
        (hello,) = harbour.server.hellos
        assert (hello.tokens, hello.replica) == ((PAYMENTS.token, HUB.token), "r1")
        _, body = await harbour.server.ask(asked("/list"))
        assert body == b"hub,payments"
        assert harbour.pauses == []

    run(act, PAYMENTS, HUB)


def test_while_nobody_is_there_it_tries_again_with_full_jitter_up_to_the_longest_pause() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        await harbour.server.opened(1)
        assert harbour.bounds == [(0.0, most) for most in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0)]
        assert link.held is not None

    run(act, down=9)


def test_a_tunnel_that_is_cut_is_followed_by_another_and_the_first_pause_is_short() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        await harbour.server.opened(1)
        await harbour.near[0].close(1006, "cut")
        await harbour.server.opened(2)
        assert harbour.bounds == [(0.0, 0.5)]

    run(act)


def test_a_thousand_tunnels_that_are_cut_leave_nothing_behind() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        before = 0
        for number in range(1, 1001):
            await harbour.server.opened(number)
            if number == 10:
                before = len(asyncio.all_tasks())
            await harbour.near[-1].close(1006, "cut")
        await harbour.server.opened(1001)
        assert len(asyncio.all_tasks()) <= before + 3
        assert max(most for _, most in harbour.bounds) == 30.0

    run(act)


def test_a_tunnel_that_lasted_is_not_held_against_the_next_one() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        for number in range(1, 5):
            await harbour.server.opened(number)
            await asyncio.sleep(0.002)
            await harbour.near[-1].close(1006, "cut")
        assert set(harbour.bounds) == {(0.0, 0.001)}

    run(act, waiting=replace(WAITING, first=0.5, longest=0.001))


def test_a_server_that_goes_away_is_followed_before_what_is_under_way_ends() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        old = await harbour.server.opened(1)
        waiting = asyncio.create_task(old.ask(asked("/wait")))
        await until(lambda: link.held is not None and link.held.tunnel.answering == 1)
        await harbour.server.go_away()
        await harbour.server.opened(2)
        await until(lambda: link.held is not None and link.held.tunnel is not old)
        assert (await harbour.server.ask(asked("/list")))[1] == b"payments"
        assert not waiting.done()
        harbour.go.set()
        async with asyncio.timeout(5):
            assert await (await waiting).read(100) == b"payments"
            await harbour.holding[0]
        assert harbour.pauses == [0.5]

    run(act)


def test_results_go_over_the_new_tunnel_once_it_stands() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        await harbour.server.opened(1)
        await until(lambda: link.held is not None)
        first = link.held
        await harbour.server.go_away()
        assert (await link.ask(asked("/v2/import/result", "POST"), b"1")).status == 200
        await until(lambda: link.held is not None and link.held is not first)
        assert (await link.ask(asked("/v2/import/result", "POST"), b"2")).status == 200
        assert [body for _, body in harbour.server.callbacks] == [b"1", b"2"]

    run(act)


def test_where_every_token_is_refused_it_says_so_and_tries_seldom() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        await until(lambda: harbour.dialled >= 8)
        assert harbour.pauses[:7] == [60.0, 120.0, 240.0, 480.0, 960.0, 960.0, 960.0]
        assert set(harbour.bounds) == {(0.5, 1.0)}
        assert "refused every token" in link.absence().what
        with pytest.raises(BrokerError, match="refused every token"):
            await link.ask(asked("/v2/import/result", "POST"), b"")

    run(act, FOREIGN)


def test_a_token_that_is_refused_beside_others_is_shown_again_later_over_a_new_tunnel() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        await harbour.server.opened(1)
        assert (await harbour.server.ask(asked("/list")))[1] == b"payments"
        harbour.server.names[FOREIGN.token] = "late"
        await harbour.server.opened(2)
        await until(lambda: link.held is not None and "late" in link.held.connections)
        assert (await harbour.server.ask(asked("/list")))[1] == b"late,payments"
        async with asyncio.timeout(5):
            await harbour.holding[0]

    run(act, PAYMENTS, FOREIGN, waiting=replace(WAITING, refused=0.01))


def test_a_dropped_connection_is_served_no_more_and_the_others_are() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        await harbour.server.opened(1)
        await harbour.server.drop("hub")
        await until(lambda: link.held is not None and "hub" in link.held.revoked)
        assert (await harbour.server.ask(asked("/list")))[1] == b"payments"
        assert len(harbour.server.tunnels) == 1

    run(act, PAYMENTS, HUB)


def test_connections_that_are_read_anew_are_served_over_a_new_tunnel_and_nothing_is_cut() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        old = await harbour.server.opened(1)
        waiting = asyncio.create_task(old.ask(asked("/wait")))
        await until(lambda: link.held is not None and link.held.tunnel.answering == 1)
        link.renew((HUB,))
        await harbour.server.opened(2)
        assert harbour.server.hellos[-1].tokens == (HUB.token,)
        assert (await harbour.server.ask(asked("/list")))[1] == b"hub"
        harbour.go.set()
        assert (await waiting).status == 200

    run(act)


def test_a_connection_that_is_not_held_any_more_is_given_up_also_where_no_new_tunnel_comes_to_be() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        await harbour.server.opened(1)
        await until(lambda: link.held is not None)
        harbour.down = 1 << 30
        changed = replace(PAYMENTS, credentials=HUB.credentials)
        link.renew((changed,))
        await until(lambda: bool(harbour.server.notices))
        assert harbour.server.notices == [Dropped("hub", "the client does not hold it any more")]
        assert link.held is not None
        assert link.held.connections == {"payments": changed}
        assert (await harbour.server.ask(asked("/list")))[1] == b"payments"

    run(act, PAYMENTS, HUB, patience=0.001)


def test_connections_that_are_read_anew_end_a_long_pause() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        await until(lambda: harbour.pauses == [60.0])
        link.renew((PAYMENTS,))
        await harbour.server.opened(1)

    run(act, FOREIGN, patience=3600.0)


def test_a_server_that_never_greets_does_not_hold_it_up() -> None:
    async def act(harbour: Harbour, link: Link) -> None:
        await until(lambda: harbour.dialled == 2)
        assert "did not answer within" in link.absence().what
        harbour.silent = False
        await harbour.server.opened(1)

    run(act, waiting=replace(WAITING, connecting=0.01), patience=0.02, silent=True)


def test_when_it_stops_what_is_under_way_comes_to_its_end() -> None:
    async def main() -> None:
        harbour = Harbour()
        link = Link((PAYMENTS,), harbour.dial, harbour.serving, replica="r", metrics=Metrics(), waiting=WAITING)
        running = asyncio.create_task(link.run())
        old = await harbour.server.opened(1)
        waiting = asyncio.create_task(old.ask(asked("/wait")))
        await until(lambda: link.held is not None and link.held.tunnel.answering == 1)
        running.cancel()
        await until(lambda: link.held is None)
        with pytest.raises(BrokerError, match="about to stop"):
            await link.ask(asked("/v2/import/result", "POST"), b"")
        harbour.go.set()
        assert await (await waiting).read(100) == b"payments"
        with pytest.raises(asyncio.CancelledError):
            await running
        await asyncio.gather(*harbour.holding)

    asyncio.run(main())
