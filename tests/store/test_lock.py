"""One run at a time, over processes, and what is left when the holder is killed."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from store_samples import NOW
from tidewaiter.errors import StoreError
from tidewaiter.store.store import Store

HOLDER = """
import sys, time
from tidewaiter.store.store import Store
with Store.open(sys.argv[1]) as store, store.lock():
    print("held", flush=True)
    time.sleep(60)
"""


def holder(url: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_run_is_told_who_holds_the_lock(store: Store, url: str) -> None:
    with holder(url) as other:
        name = re.escape(f"is in use by another run (process {other.pid} on {socket.gethostname()})")
        with pytest.raises(StoreError, match=name), store.lock():
            pytest.fail("two runs at a time")
        other.kill()


def test_a_killed_holder_leaves_the_lock_free(store: Store, url: str) -> None:
    with holder(url) as other:
        other.kill()
    _await_free(store)


def _await_free(store: Store) -> None:
    """A server notices the end of a connection a moment later."""
    for attempt in range(100):
        try:
            with store.lock():
                return
        except StoreError:
            assert attempt < 99
            subprocess.run(["sleep", "0.1"], check=True)


def test_the_lock_is_free_when_its_block_ends_also_by_an_error(store: Store) -> None:
    for _ in range(3):
        with pytest.raises(KeyError), store.lock():
            raise KeyError
    with store.lock():
        pass


def test_two_stores_of_one_process_exclude_each_other(url: str, opened: Callable[[str], Store]) -> None:
    name = re.escape(f"process {os.getpid()} on {socket.gethostname()}")
    with opened(url).lock(), pytest.raises(StoreError, match=name), opened(url).lock():
        pytest.fail("two runs at a time")


def test_another_store_can_be_locked_meanwhile(store: Store, server_url: str, opened: Callable[[str], Store]) -> None:
    with store.lock(), opened(server_url).lock():
        pass


def test_the_store_can_be_used_by_others_while_it_is_locked(store: Store, url: str) -> None:
    with holder(url) as other:
        assert store.begin(command="x", scope="x", now=NOW) == 1
        other.kill()
