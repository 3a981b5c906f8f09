"""Things done side by side: all of them, or none after the first error."""

import threading
from collections.abc import Iterator

import pytest

from tidewaiter.fleet.lanes import Abandoned, Lanes


def test_everything_is_done_once_in_no_more_threads_than_allowed() -> None:
    done: list[int] = []
    threads: set[int] = set()
    both = threading.Barrier(2, timeout=10)

    def do(item: int) -> None:
        threads.add(threading.get_ident())
        if item < 2:
            both.wait()  # only two threads can come past this
        done.append(item)

    Lanes().each(range(100), do, threads=2)
    assert sorted(done) == list(range(100))
    assert len(threads) == 2


def test_nothing_is_begun_for_nothing() -> None:
    before = threading.active_count()
    Lanes().each((), lambda _: None, threads=50)
    assert threading.active_count() == before


def test_the_first_error_ends_all_and_is_raised() -> None:
    begun: list[int] = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    def do(item: int) -> None:
        begun.append(item)
        if item == 10:
            message = "the tenth"
            raise ValueError(message)

    with pytest.raises(ValueError, match="the tenth"):
        Lanes().each(endless(), do, threads=4)


def test_an_error_in_a_nested_one_ends_the_outer_ones_too() -> None:
    lanes = Lanes()

    def inner(item: int) -> None:
        if item == 3:
            raise KeyError(item)

    with pytest.raises(KeyError):
        lanes.each(range(5), lambda _: lanes.each(range(5), inner, threads=2), threads=3)
    assert lanes.stopped


def test_an_error_of_what_gives_the_items_is_raised_too() -> None:
    def broken() -> Iterator[int]:
        yield 1
        message = "no more pages"
        raise OSError(message)

    with pytest.raises(OSError, match="no more pages"):
        Lanes().each(broken(), lambda _: None, threads=2)


def test_who_stops_them_without_an_error_wants_nothing_any_more() -> None:
    lanes = Lanes()
    with pytest.raises(Abandoned):
        lanes.each(range(100), lambda _: lanes.stop(), threads=1)
