"""Who is away is waited for, as long as the patience lasts, counted from when he was last there."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from fakes.registries import CountingWatcher
from tidewaiter.broker.platform.reach import Bearing, Reach, as_cloud_error, check_usage
from tidewaiter.errors import BrokerError, CloudDeniedError, CloudError, UsageError


@dataclass
class World:
    """A clock that goes on by a minute at each try, and somebody who is away for a while."""

    away: int = 0
    now: float = 0.0
    tries: int = 0
    watcher: CountingWatcher = field(default_factory=CountingWatcher)

    def reach(self, patience: float = 600) -> Reach:
        bearing = Bearing(patience=patience, first_pause=0, longest_pause=0, clock=lambda: self.now)
        return Reach("connection shop", bearing, self.watcher)

    def ask(self) -> str:
        self.tries += 1
        self.now += 60
        if self.away:
            self.away -= 1
            raise BrokerError("nobody is there", retry=True, code="not-connected")
        return "here"


def raising(error: Exception) -> Callable[[], str]:
    def ask() -> str:
        raise error

    return ask


def test_who_comes_back_in_time_is_waited_for() -> None:
    world = World(away=9)
    assert world.reach().answered(world.ask) == "here"
    assert world.tries == 10


def test_who_stays_away_is_given_up() -> None:
    world = World(away=1000)
    with pytest.raises(BrokerError, match="nobody is there"):
        world.reach().answered(world.ask)
    assert world.tries == 11, "the first failure starts the clock"


def test_who_was_given_up_is_tried_once_for_each_question_until_he_is_back() -> None:
    world = World(away=13)
    reach = world.reach()
    for expected in (11, 12, 13):
        with pytest.raises(BrokerError):
            reach.answered(world.ask)
        assert world.tries == expected
    assert reach.answered(world.ask) == "here"
    world.away = 5
    assert reach.answered(world.ask) == "here", "the patience is whole again"


def test_waiting_is_told_once_and_its_end_too() -> None:
    world = World(away=5)
    world.reach().answered(world.ask)
    waiting, back = world.watcher.notes
    assert waiting == "connection shop: nobody is there; waiting, at most 10 min"
    assert back == "connection shop answers again"


def test_a_single_failure_is_not_worth_a_word() -> None:
    world = World(away=1)
    world.reach().answered(world.ask)
    assert world.watcher.notes == []


def test_what_cannot_pass_is_not_waited_for() -> None:
    world = World()
    with pytest.raises(BrokerError, match="revoked"):
        world.reach().answered(raising(BrokerError("revoked", code="revoked")))


def test_an_error_of_the_registry_is_an_answer() -> None:
    world = World(away=20)
    reach = world.reach()
    with pytest.raises(BrokerError):
        reach.answered(world.ask)
    with pytest.raises(CloudError, match="refused"):
        reach.answered(raising(CloudError("refused")))
    world.away = 3
    assert reach.answered(world.ask) == "here"


def test_nothing_is_waited_for_when_all_is_over() -> None:
    world = World(away=3)
    bearing = Bearing(first_pause=60, longest_pause=60)
    bearing.over.set()
    with pytest.raises(BrokerError):
        Reach("shop", bearing, world.watcher).answered(world.ask)


@pytest.mark.parametrize(
    ("code", "kind"), [("revoked", CloudDeniedError), ("refused", CloudDeniedError), ("lost", CloudError)]
)
def test_the_relays_errors_are_those_of_a_registry_for_a_run(code: str, kind: type[CloudError]) -> None:
    error = as_cloud_error(BrokerError("why", where="connection shop", advice="Do this", retry=True, code=code))
    assert type(error) is kind
    assert (error.what, error.where, error.advice, error.retry, error.code) == (
        "why", "connection shop", "Do this", True, code
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "mistaken"), [("unauthorized", True), ("unknown-connection", True), ("revoked", False)]
)
def test_a_wrong_command_line_is_told_as_such(code: str, mistaken: bool) -> None:
    error = BrokerError("why", code=code)
    if mistaken:
        with pytest.raises(UsageError, match="why"):
            check_usage(error)
    else:
        check_usage(error)
