"""A run that is told to stop, or loses workers: nothing is left behind, and nothing is lost."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from fakes.holds import HeldBlobs
from fleet_commands import Ended, Fleet, Running, gone
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.demonstration_organization import populate

WITHOUT_REFUSAL = ("--exclude-account", "100000000006")
STOPPED = "tidewaiter: stopped before the end. What was looked through is kept: the same command goes on from there\n"


@pytest.fixture(scope="module")
def undisturbed_without_refusal(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """What a run says that is not told to stop."""
    with SimulatedAws() as cloud:
        fleet = Fleet.of(cloud, populate(cloud), tmp_path_factory.mktemp("undisturbed"), database)
        return fleet.scanned(*WITHOUT_REFUSAL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_stop_says_so_and_leaves_nothing(
    fleet: Fleet, undisturbed_without_refusal: Ended, number: signal.Signals
) -> None:
    hold = HeldBlobs.of(fleet.cloud).hold_in_the_middle(at=100, after=12)
    running = fleet.started(*WITHOUT_REFUSAL)
    hold.wait(lambda: running.is_alive)
    workers = running.wait_for_workers(bool)
    running.process.send_signal(number)
    ended = running.ended()
    assert (ended.code, ended.out, ended.err) == (2, "", STOPPED)
    gone(workers)
    assert list(fleet.temporary.iterdir()) == []
    hold.release()
    kept, fetched = fleet.kept_layers(), fleet.fetches()
    again = fleet.scanned(*WITHOUT_REFUSAL)
    assert kept
    assert not kept & fleet.fetched_since(fetched)
    assert again.report["run"]["continued"]
    assert again.lasting == undisturbed_without_refusal.lasting


def test_the_whole_group_is_stopped_by_the_terminal_without_a_trace(fleet: Fleet) -> None:
    """Ctrl-C reaches the workers too."""
    hold = HeldBlobs.of(fleet.cloud).hold(after=12)
    running = fleet.started(*WITHOUT_REFUSAL)
    hold.wait(lambda: running.is_alive)
    workers = running.wait_for_workers(bool)
    for number in (*workers, running.process.pid):
        os.kill(number, signal.SIGINT)
    ended = running.ended()
    hold.release()
    assert (ended.code, ended.out, ended.err) == (2, "", STOPPED)
    gone(workers)


def test_a_run_goes_on_without_a_worker_that_was_killed(fleet: Fleet, undisturbed: Ended) -> None:
    hold = HeldBlobs.of(fleet.cloud).hold_in_the_middle(at=100, after=12)
    running = fleet.started("--workers", "1")
    hold.wait(lambda: running.is_alive)
    kill_workers(running, known=())
    hold.release()
    ended = running.ended()
    assert ended.lasting == undisturbed.lasting
    assert ended.code == undisturbed.code
    assert ended.err == undisturbed.err


def test_a_layer_on_which_two_workers_die_is_left_out_and_read_the_next_time(fleet: Fleet, undisturbed: Ended) -> None:
    blobs = HeldBlobs.of(fleet.cloud)
    hold = blobs.hold(after=12)
    running = fleet.started("--workers", "1")
    hold.wait(lambda: running.is_alive)
    again = blobs.hold()
    killed = kill_workers(running, known=())
    hold.release()
    again.wait(lambda: running.is_alive)
    kill_workers(running, known=killed)
    again.release()
    ended = running.ended()
    assert ended.code == 2
    lost = [image for image in ended.report["images"] if "two worker processes ended" in image["detail"]]
    assert lost
    assert {(image["state"], image["why"]) for image in lost} == {("failed", "limit")}
    assert all("signal 9" in image["detail"] and "--workers" in image["detail"] for image in lost)
    assert fleet.scanned("--workers", "1").lasting == undisturbed.lasting


def kill_workers(running: Running, *, known: Sequence[int]) -> list[int]:
    """Ends the workers that are not known yet, as the system does that is out of memory."""
    workers = running.wait_for_workers(lambda those: not set(those) <= set(known))
    for number in workers:
        os.kill(number, signal.SIGKILL)
    gone(workers)
    return workers
