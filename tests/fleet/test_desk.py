"""Errands that wait for others do not hold up each other, nor the end of the process."""

import subprocess
import sys
import threading
from functools import partial

from tidewaiter.fleet.desk import Desk

PATIENCE = 30  # seconds


def test_errands_run_side_by_side_up_to_the_number_of_threads() -> None:
    desk = Desk(3)
    together = threading.Barrier(4)
    for _ in range(3):
        assert desk.do(partial(_meet, together))
    together.wait(PATIENCE)
    desk.close()


def test_more_errands_than_threads_all_run() -> None:
    desk, done = Desk(2), threading.Semaphore(0)
    for _ in range(50):
        desk.do(done.release)
    assert all(done.acquire(timeout=PATIENCE) for _ in range(50))
    assert desk._threads <= 2
    desk.close()


def test_after_its_end_nothing_is_run() -> None:
    desk, ran, hold, begun = Desk(1), [], threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        hold.wait(PATIENCE)

    desk.do(wait)
    desk.do(lambda: ran.append("forgotten"))
    begun.wait(PATIENCE)
    desk.close()
    assert not desk.do(lambda: ran.append("refused"))
    hold.set()
    assert ran == []


def test_a_thread_that_waits_for_ever_does_not_keep_the_process() -> None:
    code = (
        "import threading; from tidewaiter.fleet.desk import Desk; "
        "begun = threading.Event(); desk = Desk(1); "
        "desk.do(lambda: (begun.set(), threading.Event().wait())); begun.wait()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)


def _meet(barrier: threading.Barrier) -> None:
    barrier.wait(PATIENCE)
