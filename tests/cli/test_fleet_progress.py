"""How far a run is: counted from threads, told in a line, drawn in bars."""

import io
import threading
from collections.abc import Callable

import pytest
from rich.console import Console

from tidewaiter.cli.fleet_progress import Tally, drawn, watched


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tally(clock: Clock) -> Tally:
    return Tally(clock=clock)


def picture(tally: Tally) -> str:
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    with console.capture() as captured:
        console.print(drawn(tally.standing()))
    return captured.get()


def test_before_anything_is_found_it_looks_for_accounts(tally: Tally) -> None:
    assert str(tally.standing()) == "looking for accounts"
    assert "looking for accounts" in picture(tally)


def test_a_line_tells_all_that_was_found_and_done(tally: Tally, clock: Clock) -> None:
    tally.count("accounts", found=14, done=12)
    tally.count("registries", found=52, done=40)
    tally.count("repositories", found=890, done=311)
    tally.count("manifests", found=9_000, done=10)
    tally.count("images", found=3_000)
    tally.count("images", done=1_204)
    tally.pulled(0)
    clock.now += 20
    tally.pulled(1_000_000_000)
    tally.judged(17)
    assert str(tally.standing()) == (
        "12 of 14 accounts, 40 of 52 registries, 311 of 890 repositories, 1,204 of 3,000 images, "
        "17 packages judged, 1.0 GB at 50.0 MB/s"
    )


@pytest.mark.parametrize(
    ("done", "passed", "said"),
    [
        (10, 1, "about 9 s left"),
        (10, 100, "about 15 min left"),
        (1, 100, "about 2.8 h left"),
        (99, 1, "about 1 s left"),
    ],
)
def test_the_time_left_is_told_once_all_images_are_known(
    tally: Tally, clock: Clock, done: int, passed: float, said: str
) -> None:
    tally.count("images", found=100)
    clock.now += passed
    tally.count("images", done=done)
    assert said in str(tally.standing())


def test_no_time_is_promised_while_more_is_being_listed_or_when_all_is_done(tally: Tally, clock: Clock) -> None:
    tally.count("repositories", found=2, done=1)
    tally.count("images", found=100, done=50)
    clock.now += 10
    assert tally.standing().left is None
    tally.count("repositories", done=1)
    assert tally.standing().left == 10
    tally.count("images", done=50)
    assert tally.standing().left is None


def test_what_many_threads_tell_is_counted_whole(tally: Tally) -> None:
    def tell() -> None:
        for _ in range(500):
            tally.count("layers", found=1, done=1)
            tally.pulled(3)

    threads = [threading.Thread(target=tell) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    standing = tally.standing()
    assert (standing.found["layers"], standing.done["layers"], standing.pulled) == (4_000, 4_000, 12_000)


def test_the_picture_has_a_bar_for_each_thing_that_was_found(tally: Tally) -> None:
    tally.count("accounts", found=4, done=1)
    tally.count("images", found=10, done=5)
    tally.judged(3)
    lines = picture(tally).splitlines()
    assert [line.split()[0] for line in lines if line.strip()] == ["accounts", "images", "packages"]
    assert lines[0].rstrip().endswith("1 of 4")
    assert "3 judged" in lines[2]


def test_a_pipe_gets_a_line_when_something_changed(capsys: pytest.CaptureFixture[str]) -> None:
    told = _Told(capsys)
    with watched(quiet=False, pause=0.01) as tally:
        tally.count("accounts", found=2, done=1)
        told.wait_for("tidewaiter: 1 of 2 accounts\n")
        tally.count("accounts", done=1)
        told.wait_for("tidewaiter: 2 of 2 accounts\n")
    told.read()
    assert told.text.count("1 of 2 accounts\n") == 1


def test_silence_tells_refusals_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    with watched(quiet=True, pause=0.0) as tally:
        tally.count("accounts", found=2)
        tally.note("an account refuses \x1b[31m. What to do about it stands in the report.")
        tally.note("an account refuses \x1b[31m. What to do about it stands in the report.")
    assert capsys.readouterr().err == "tidewaiter: an account refuses \\x1b[31m\n"


def test_of_many_refusals_alike_the_first_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with watched(quiet=True, pause=0.0) as tally:
        for number in range(20):
            tally.note(f"account 1111111111{number:02} (shop-{number}) in eu-west-{number % 3}: denied. Allow it.")
        tally.note("account 111111111100 (shop-0): another reason. Allow it.")
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2] for line in told] == [
        "account 111111111100 (shop-0) in eu-west-0: denied",
        "account 111111111101 (shop-1) in eu-west-1: denied",
        "account 111111111102 (shop-2) in eu-west-2: denied",
        "others say the same: the report names them all",
        "account 111111111100 (shop-0): another reason",
    ]


class _Told:
    """What stderr got so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.text = ""
        self._capsys = capsys

    def read(self) -> None:
        self.text += self._capsys.readouterr().err

    def wait_for(self, line: str) -> None:
        waited: Callable[[float], bool] = threading.Event().wait
        for _ in range(3_000):
            self.read()
            if line in self.text:
                return
            waited(0.01)
        pytest.fail(f"{line!r} was never told, but {self.text!r}")
