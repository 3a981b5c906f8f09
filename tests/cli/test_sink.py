"""Where results go."""

from pathlib import Path

import pytest

from tidewaiter.cli.sink import check, write
from tidewaiter.errors import UsageError


def test_stdout_carries_the_report_with_one_line_end(capsys: pytest.CaptureFixture[str]) -> None:
    write("report", None)
    assert capsys.readouterr().out == "report\n"


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    write("{}\n", str(target))
    assert target.read_text() == "{}\n"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_cannot_be_written_is_a_matter_of_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write("x", str(tmp_path / "no" / "such" / "folder.json"))
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_no_text_do_not_stop_the_report(tmp_path: Path) -> None:
    target = tmp_path / "report.txt"
    write("bad \udcff name", str(target))
    assert target.read_bytes() == b"bad \\udcff name\n"


def test_what_cannot_be_written_shows_beforehand(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: there is no such folder"):
        check(str(tmp_path / "no" / "report.json"))
    for fine in (None, "", "report.json", str(tmp_path / "report.json"), "/dev/null"):
        check(fine)
    assert list(tmp_path.iterdir()) == []


def test_a_file_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "report.json"
    link.symlink_to("real/report.json")
    write("{}", str(link))
    assert link.is_symlink()
    assert (tmp_path / "real" / "report.json").read_text() == "{}\n"
