"""A run that is killed at any moment: the same command again ends as an undisturbed one, and pulls nothing twice."""

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from fakes.holds import HeldBlobs, HeldCalls, Hold
from fleet_commands import Ended, Fleet, Running, gone, until
from tidewaiter.simulator import rootfs
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.images import build_image, build_layer
from tidewaiter.simulator.rootfs import Installed

Moment = Callable[[SimulatedAws], Hold]

MOMENTS: dict[str, Moment] = {
    "before the accounts are listed": lambda cloud: HeldCalls.of(cloud).hold("organizations:ListAccounts"),
    "in the middle of the listing": lambda cloud: HeldCalls.of(cloud).hold("ecr:DescribeImages", after=5),
    "in the middle of the first layer": lambda cloud: HeldBlobs.of(cloud).hold_in_the_middle(at=100),
    "after some layers": lambda cloud: HeldBlobs.of(cloud).hold(after=12),
    "in the middle of a later layer": lambda cloud: HeldBlobs.of(cloud).hold_in_the_middle(at=100, after=20),
    "before the last blobs": lambda cloud: HeldBlobs.of(cloud).hold(after=40),
}


def kill(running: Running) -> Ended:
    """Ends the run as the system does that is out of memory. Its workers must end too."""
    workers = running.workers
    running.process.kill()
    ended = running.ended()
    assert ended.code == -signal.SIGKILL
    assert ended.out == ""
    gone(workers)
    return ended


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_that_was_killed_is_taken_up(fleet: Fleet, undisturbed: Ended, moment: str) -> None:
    hold = MOMENTS[moment](fleet.cloud)
    running = fleet.started()
    hold.wait(lambda: running.is_alive)
    kill(running)
    hold.release()
    begun, kept, fetched = bool(fleet.runs()), fleet.kept_layers(), fleet.fetches()
    again = fleet.scanned()
    assert again.lasting == undisturbed.lasting
    assert again.code == undisturbed.code
    assert again.report["run"]["continued"] == begun
    assert not kept & fleet.fetched_since(fetched)
    assert again.report["run"]["layers_read"] == undisturbed.report["run"]["layers_read"] - len(kept)
    assert list(fleet.temporary.iterdir()) == []


def test_a_run_that_was_killed_while_judging_judges_the_rest(fleet: Fleet) -> None:
    """Packages are judged some thousand at a time: the kill comes between two of these portions."""
    packages = [Installed(f"lib{number}", "1.0-1") for number in range(5_000)]
    image = build_image([build_layer({**rootfs.debian(packages)})])
    fleet.cloud.registries.registry("100000000003", "us-east-1").push("shop/everything", "1", image)
    running = fleet.started()
    with closing(sqlite3.connect(fleet.store, isolation_level=None)) as store:
        until(lambda: _stopped_while_judging(store) or None)
        kill(running)
        store.rollback()
    (judged,) = fleet.asked("SELECT count(*) FROM judgement")[0]
    kept, fetched = fleet.kept_layers(), fleet.fetches()
    again = fleet.scanned()
    (all_of_them,) = fleet.asked("SELECT count(*) FROM judgement")[0]
    assert 0 < judged < len(packages) < all_of_them
    assert not kept & fleet.fetched_since(fetched)
    assert again.lasting == fleet.elsewhere().scanned().lasting


def _stopped_while_judging(store: sqlite3.Connection) -> bool:
    """Takes the store away from the run when some packages are judged: then it can do nothing but wait."""
    try:
        store.execute("BEGIN IMMEDIATE")
        if store.execute("SELECT count(*) FROM judgement").fetchone()[0]:
            return True
        store.rollback()
    except sqlite3.OperationalError:  # there are no tables yet
        store.rollback()
    return False
