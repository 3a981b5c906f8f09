"""Files are replaced as a whole, or not at all."""

import os
import stat
from pathlib import Path

import pytest

from tidewaiter.feeds.replacement import replacement


def test_the_new_file_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    path.write_text("old")
    with replacement(path) as beside:
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [found.name for found in tmp_path.iterdir()] == ["data.db"]


def fail_halfway(path: Path, failure: type[BaseException]) -> None:
    with replacement(path) as beside:
        beside.write_text("half")
        raise failure


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, failure: type[BaseException]) -> None:
    path = tmp_path / "data.db"
    path.write_text("old")
    with pytest.raises(failure):
        fail_halfway(path, failure)
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["data.db"]


def test_the_new_file_has_the_rights_that_the_user_gives_new_files(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        with replacement(tmp_path / "data.db") as beside:
            beside.write_text("new")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "data.db").stat().st_mode) == 0o640
