"""One agent at a time in a folder."""

import multiprocessing
import os
import signal
import stat
from pathlib import Path

import pytest

from fakes.disks import REFUSED, die_holding
from tidewaiter.broker.agent.folder import work_folder
from tidewaiter.errors import UsageError


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with work_folder(str(tmp_path / "data" / "agent")) as folder:
        assert os.path.isdir(folder.spool)
        assert os.path.isdir(folder.shelf)
        assert stat.S_IMODE((tmp_path / "data" / "agent").stat().st_mode) == 0o700


def test_another_agent_does_not_get_it_and_is_told_who_has_it(tmp_path: Path) -> None:
    with work_folder(str(tmp_path)), pytest.raises(UsageError, match="in use by another agent") as refused:
        work_folder(str(tmp_path)).__enter__()
    assert f"process {os.getpid()}" in str(refused.value)


def test_it_is_free_after_its_agent(tmp_path: Path) -> None:
    for _ in range(2):
        with work_folder(str(tmp_path)):
            pass


def test_it_is_free_when_its_agent_was_killed(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=die_holding, args=(str(tmp_path),))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with work_folder(str(tmp_path)):
        pass


def test_a_folder_that_cannot_be_made_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="no folder for an agent"):
        work_folder(str(tmp_path / "file" / "agent")).__enter__()


def test_a_folder_in_the_hands_of_another_process_is_refused(tmp_path: Path) -> None:
    with work_folder(str(tmp_path)):
        process = multiprocessing.get_context("spawn").Process(target=die_holding, args=(str(tmp_path),))
        process.start()
        process.join()
    assert process.exitcode == REFUSED
