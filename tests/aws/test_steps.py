import threading
from collections import Counter

import pytest

from tidewaiter.aws.steps import Step, Stepped, walk
from tidewaiter.model.cloud import Account, Passed
from tidewaiter.model.gap import Gap, Stage, Why


def found(name: str) -> Passed:
    gap = Gap(stage=Stage.DISCOVERY, why=Why.FILTERED, subject=name, detail="")
    return Passed(account=Account(id=name), gap=gap)


def names(steps: list[Step[Passed]], *, width: int = 4) -> list[str]:
    return [each.account.id for each in walk(steps, done=lambda: None, width=width)]


def finding(of: str, name: str) -> Step[Passed]:
    return Step(of, lambda: Stepped((found(name),)))


def branching(of: str, leaves: int) -> Step[Passed]:
    follow = tuple(finding(of, f"{of}.{number}") for number in range(leaves))
    return Step(of, lambda: Stepped((found(of),), follow))


def test_all_that_steps_and_their_following_steps_find_comes_out_once() -> None:
    expected = [name for each in "abc" for name in (each, *(f"{each}.{leaf}" for leaf in range(5)))]
    assert Counter(names([branching(each, 5) for each in "abc"])) == Counter(expected)


def test_one_after_another_an_account_is_finished_before_the_next() -> None:
    assert names([branching("a", 2), branching("b", 1)], width=1) == ["a", "a.0", "a.1", "b", "b.0"]


def test_each_account_is_done_once_when_its_last_step_has_ended() -> None:
    ended: list[int] = []
    seen: list[str] = []
    for each in walk([branching("a", 2), branching("b", 0)], done=lambda: ended.append(len(seen)), width=1):
        assert isinstance(each, Passed)
        seen.append(each.account.id)
    assert ended == [3, 4]


def test_steps_run_side_by_side_but_no_more_than_the_width() -> None:
    together = threading.Barrier(3)
    running, most, lock = [0], [0], threading.Lock()

    def run() -> Stepped[Passed]:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        together.wait(timeout=30)  # passes only when three are in here at once
        with lock:
            running[0] -= 1
        return Stepped((found("x"),))

    assert len(names([Step(number, run) for number in range(6)], width=3)) == 6
    assert most[0] == 3


def test_no_more_than_the_width_runs_ahead_of_the_taker() -> None:
    begun: list[str] = []

    def run() -> Stepped[Passed]:
        begun.append("x")
        return Stepped((found("x"),))

    walking = walk([Step(number, run) for number in range(50)], done=lambda: None, width=2)
    next(walking)
    next(walking)
    assert len(begun) <= 4
    walking.close()


def test_an_error_in_a_step_ends_the_walk() -> None:
    def broken() -> Stepped[Passed]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        names([Step("a", broken), *(branching(each, 3) for each in "bcd")])


def test_a_taker_that_stops_waits_for_nobody_and_leaves_no_thread() -> None:
    release = threading.Event()

    def slow() -> Stepped[Passed]:
        release.wait(30)
        return Stepped()

    steps = [finding("quick", "quick"), Step("slow", slow)]
    before = set(threading.enumerate())
    walking = walk(steps, done=lambda: None, width=2)
    next(walking)
    walking.close()
    release.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=30)
        assert not thread.is_alive()
