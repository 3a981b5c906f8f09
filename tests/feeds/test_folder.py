"""What is read of a folder, and what is not."""

import contextlib
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidewaiter.errors import FeedError
from tidewaiter.feeds.feed import RecordError
from tidewaiter.feeds.folder import Ceilings, sources


def json_only(path: str) -> bool:
    return path.endswith(".json")


def contents(*folders: Path, ceilings: Ceilings | None = None) -> tuple[dict[str, bytes], list[str]]:
    """All documents by path, and all warnings."""
    warnings: list[str] = []
    found = {
        document.path: document.read()
        for source in sources(folders, json_only, warnings.append)
        for document in source.documents(json_only, warnings.append, ceilings or Ceilings())
    }
    return found, warnings


def test_archives_and_plain_files_are_read_at_any_depth(pack: Callable[..., Path]) -> None:
    folder = pack({"a.json": b"1", "deep/er/b.json": b"2"}, name="all.zip")
    pack({"c.json": b"3"}, name="npm/ALL.ZIP")
    (folder / "plain").mkdir()
    (folder / "plain" / "d.json").write_bytes(b"4")
    (folder / "e.json").write_bytes(b"5")
    assert contents(folder) == (
        {
            "all.zip/a.json": b"1",
            "all.zip/deep/er/b.json": b"2",
            "npm/ALL.ZIP/c.json": b"3",
            "plain/d.json": b"4",
            "e.json": b"5",
        },
        [],
    )


def test_other_files_are_named_and_not_read(pack: Callable[..., Path]) -> None:
    folder = pack({"a.json": b"1", "README.md": b"x", "inner.zip": b"PK"})
    (folder / "LICENSE").write_text("x")
    found, warnings = contents(folder)
    assert list(found) == ["all.zip/a.json"]
    assert warnings == [
        f"{folder}/LICENSE: not read: neither a zip archive nor a file of advisories",
        "all.zip/README.md: not read: not a file of advisories",
        "all.zip/inner.zip: not read: not a file of advisories",
    ]


def test_links_to_folders_and_odd_files_are_named_and_not_read(pack: Callable[..., Path]) -> None:
    folder = pack({"a.json": b"1"})
    (folder / "loop").symlink_to(folder)
    (folder / "gone.json").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.json")
    (folder / "linked.zip").symlink_to(folder / "all.zip")
    found, warnings = contents(folder)
    assert list(found) == ["all.zip/a.json", "linked.zip/a.json"]
    assert warnings == [
        f"{folder}/loop: not read: a symbolic link to a folder",
        f"{folder}/gone.json: not read: not a regular file",
        f"{folder}/pipe.json: not read: not a regular file",
    ]


def test_control_characters_of_names_never_reach_a_terminal(pack: Callable[..., Path]) -> None:
    folder = pack({"\x1b[2J.json": b"1"})
    (folder / "\x07.txt").write_text("x")
    found, warnings = contents(folder)
    assert list(found) == ["all.zip/\N{REPLACEMENT CHARACTER}[2J.json"]
    assert all(warning.isprintable() for warning in warnings)


def test_sources_depend_on_names_and_bytes_only(pack: Callable[..., Path]) -> None:
    one = pack({"a.json": b"1"}, folder="one")
    two = pack({"a.json": b"2"}, folder="two")
    (two / "b.json").write_bytes(b"3")
    os.utime(two / "b.json", (0, 0))
    forth = [(source.name, source.digest) for source in sources([one, two], json_only, pytest.fail)]
    back = [(source.name, source.digest) for source in sources([two, one], json_only, pytest.fail)]
    assert forth == back
    assert [name for name, _ in forth] == ["*", "all.zip", "all.zip"]


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="there is no such folder"):
        contents(tmp_path / "nowhere")


def test_a_folder_that_can_not_be_listed_fails_instead_of_being_passed_over(pack: Callable[..., Path]) -> None:
    folder = pack({"a.json": b"1"}, name="inner/all.zip")
    (folder / "README").touch()

    def vanish(_: str) -> None:
        shutil.rmtree(folder / "inner")

    with pytest.raises(FeedError, match="inner: cannot be read: No such file or directory"):
        sources([folder], json_only, vanish)


def test_a_record_beyond_the_ceiling_is_left_out(pack: Callable[..., Path]) -> None:
    folder = pack({"small.json": b"1", "large.json": b" " * 5000})
    (folder / "plain.json").write_bytes(b" " * 5000)
    small = Ceilings(record_bytes=1000)
    outcome = {}
    for source in sources([folder], json_only, pytest.fail):
        for document in source.documents(json_only, pytest.fail, small):
            try:
                outcome[document.path] = document.read().decode()
            except RecordError as error:
                outcome[document.path] = str(error)
    refused = "5000 bytes, more than the 1000 that a record may have"
    assert outcome == {"all.zip/small.json": "1", "all.zip/large.json": refused, "plain.json": refused}


@pytest.mark.parametrize(
    ("ceilings", "message"),
    [
        (Ceilings(records=1), "2 records, more than the 1 that are read"),
        (Ceilings(unpacked_bytes=5000), "6000 bytes unpacked, more than the 5000 that are read"),
    ],
)
def test_an_archive_beyond_a_ceiling_is_refused_before_it_is_unpacked(
    pack: Callable[..., Path], ceilings: Ceilings, message: str
) -> None:
    folder = pack({"a.json": b" " * 3000, "b.json": b" " * 3000})
    with pytest.raises(FeedError, match=message):
        contents(folder, ceilings=ceilings)


def test_a_member_that_unpacks_to_more_than_it_says_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", b" " * 100_000)
    lying = path.read_bytes().replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(lying)
    with pytest.raises(FeedError, match="CRC"):
        contents(tmp_path)


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.json", b"{}")
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(FeedError, match="encrypted"):
        contents(tmp_path)


@given(st.integers(0, 400), st.integers(0, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
def test_a_damaged_archive_is_read_or_refused_and_nothing_else(
    pack: Callable[..., Path], place: int, value: int
) -> None:
    folder = pack({"a.json": b'{"id": 1}' * 20, "b.json": b"{}"})
    path = folder / "all.zip"
    content = bytearray(path.read_bytes())
    content[place % len(content)] = value
    path.write_bytes(content)
    with contextlib.suppress(FeedError):
        contents(folder)
