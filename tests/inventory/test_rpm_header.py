"""Headers of rpm packages, by https://rpm-software-management.github.io/rpm/manual/format_header.html."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.errors import MalformedError
from tidewaiter.inventory.rpm.header import Header, Tag
from tidewaiter.inventory.rpm.ownership import owned_files
from tidewaiter.simulator.rpmdb import InstalledFile, InstalledRpm, header

INT16, INT32, STRING, BINARY, STRING_ARRAY, I18N_STRING = 3, 4, 6, 7, 8, 9
REGULAR, EXECUTABLE, FOLDER, LINK = 0o100644, 0o100755, 0o040755, 0o120777


def written(*entries: tuple[int, int, int, int], store: bytes) -> bytes:
    """A header of these entries (tag, type, offset, count)."""
    index = b"".join(struct.pack(">IIII", *entry) for entry in entries)
    return struct.pack(">II", len(entries), len(store)) + index + store


def owned(*files: InstalledFile, root: str = "") -> list[str]:
    return owned_files(Header(header(InstalledRpm(name="a", version="1", release="1", files=files))), root)


def test_texts_and_numbers_are_read_by_their_tags() -> None:
    read = Header(header(InstalledRpm(name="bash", version="5", release="1", epoch=7, vendor="Café")))
    assert (read.text(Tag.NAME), read.text(Tag.VENDOR), read.number(Tag.EPOCH)) == ("bash", "Café", 7)


def test_a_tag_that_is_missing_has_no_value() -> None:
    read = Header(written((1, STRING, 0, 1), store=b"x\0"))
    assert read.text(Tag.NAME) == ""
    assert read.number(Tag.EPOCH) is None
    assert read.names(Tag.BASENAMES) == []
    assert list(read.numbers(Tag.FILEMODES)) == []


@pytest.mark.parametrize("kind", [STRING, STRING_ARRAY, I18N_STRING])
def test_of_several_texts_the_first_is_the_value(kind: int) -> None:
    assert Header(written((Tag.NAME, kind, 0, 2), store=b"first\0second\0")).text(Tag.NAME) == "first"


def test_of_two_entries_of_a_tag_the_one_behind_the_region_is_the_value() -> None:
    read = Header(written((Tag.NAME, STRING, 0, 1), (Tag.NAME, STRING, 4, 1), store=b"old\0new\0"))
    assert read.text(Tag.NAME) == "new"


def test_numbers_are_big_endian_and_unsigned() -> None:
    store = struct.pack(">IHH", 0xFFFFFFFE, 0o100755, 1)
    read = Header(written((Tag.EPOCH, INT32, 0, 1), (Tag.FILEMODES, INT16, 4, 2), store=store))
    assert read.number(Tag.EPOCH) == 0xFFFFFFFE
    assert list(read.numbers(Tag.FILEMODES)) == [0o100755, 1]


def test_text_that_is_not_utf8_is_replaced() -> None:
    assert (
        Header(written((Tag.VENDOR, STRING, 0, 1), store=b"Caf\xe9\0")).text(Tag.VENDOR)
        == "Caf\N{REPLACEMENT CHARACTER}"
    )


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\0" * 7,
        b"\0" * 8,
        struct.pack(">II", 1, 0),
        struct.pack(">II", 0xFFFFFFFF, 0) + bytes(64),
        struct.pack(">II", 1, 0xFFFFFFFF) + bytes(64),
        struct.pack(">II", 0x10000, 0) + bytes(16 * 0x10000),
    ],
)
def test_a_blob_that_does_not_hold_its_index_and_store_is_malformed(blob: bytes) -> None:
    with pytest.raises(MalformedError):
        Header(blob)


@pytest.mark.parametrize(
    ("kind", "offset"), [(STRING, 5), (STRING, 0xFFFFFFFF), (STRING, 3), (BINARY, 0), (INT32, 0), (0, 0), (99, 0)]
)
def test_a_text_of_another_type_or_beyond_the_store_is_malformed(kind: int, offset: int) -> None:
    with pytest.raises(MalformedError, match="NAME"):
        Header(written((Tag.NAME, kind, offset, 1), store=b"ab\0cd")).text(Tag.NAME)


@pytest.mark.parametrize(
    ("kind", "offset", "count"), [(INT32, 2, 1), (INT32, 0, 2), (INT32, 0, 1 << 31), (STRING, 0, 1)]
)
def test_numbers_of_another_type_or_beyond_the_store_are_malformed(kind: int, offset: int, count: int) -> None:
    with pytest.raises(MalformedError, match="EPOCH"):
        Header(written((Tag.EPOCH, kind, offset, count), store=bytes(5))).numbers(Tag.EPOCH)


@pytest.mark.parametrize(("kind", "count"), [(STRING_ARRAY, 3), (STRING_ARRAY, 1 << 31), (INT32, 1)])
def test_a_list_of_texts_of_another_type_or_longer_than_the_store_is_malformed(kind: int, count: int) -> None:
    with pytest.raises(MalformedError, match="BASENAMES"):
        Header(written((Tag.BASENAMES, kind, 0, count), store=b"a\0b\0c")).names(Tag.BASENAMES)


def test_texts_that_lie_over_each_other_are_malformed() -> None:
    """Otherwise all texts of a header could be the same megabyte."""
    text = b"x" * 1000 + b"\0"
    read = Header(written((Tag.NAME, STRING, 0, 1), (Tag.VENDOR, STRING, 1, 1), store=text))
    assert len(read.text(Tag.NAME)) == 1000
    with pytest.raises(MalformedError, match="VENDOR"):
        read.text(Tag.VENDOR)


def test_a_text_of_more_than_64_kib_is_malformed() -> None:
    with pytest.raises(MalformedError, match="LICENSE"):
        Header(written((Tag.LICENSE, STRING, 0, 1), store=b"x" * 70_000 + b"\0")).text(Tag.LICENSE)


@given(st.binary(max_size=200), st.sampled_from(Tag))
def test_any_bytes_are_a_header_or_malformed(blob: bytes, tag: Tag) -> None:
    try:
        read = Header(blob)
        text = read.text(tag)
    except MalformedError:
        return
    assert len(text) <= len(blob)


def test_the_files_kept_are_executables_and_manifests_of_languages() -> None:
    files = {
        "/usr/bin/tool": EXECUTABLE,
        "/usr/lib/python3/site-packages/six-1.16.dist-info/METADATA": REGULAR,
        "/usr/lib/node_modules/npm/package.json": REGULAR,
        "/usr/share/java/log4j.jar": REGULAR,
        "/usr/share/gems/specifications/rake-13.0.gemspec": REGULAR,
        "/usr/share/dotnet/app.deps.json": REGULAR,
    }
    others = {
        "/usr/share/doc/a/README": REGULAR,
        "/usr/share/icons": FOLDER,
        "/usr/bin/link": LINK,
        "/etc/a.json": REGULAR,
    }
    kept = owned(*(InstalledFile(path, mode) for path, mode in {**files, **others}.items()))
    assert sorted(kept) == sorted(path[1:] for path in files)


def test_owned_paths_are_those_of_the_image_also_below_a_chroot() -> None:
    assert owned(InstalledFile("/usr/bin/tool", EXECUTABLE), root="srv/jail/") == ["srv/jail/usr/bin/tool"]


def test_a_file_that_is_both_an_executable_and_a_manifest_is_kept_once() -> None:
    assert owned(InstalledFile("/usr/share/java/run.jar", EXECUTABLE)) == ["usr/share/java/run.jar"]


def lists(*, folders: int, modes: int, last_folder: int = 0) -> bytes:
    """A header of two files, with these many folder numbers and modes."""
    store = b"a.jar\0b.jar\0/usr/\0" + bytes(2) + struct.pack(">III", 0, last_folder, 0) + bytes(6)
    return written(
        (Tag.BASENAMES, STRING_ARRAY, 0, 2),
        (Tag.DIRNAMES, STRING_ARRAY, 12, 1),
        (Tag.DIRINDEXES, INT32, 20, folders),
        *([(Tag.FILEMODES, INT16, 32, modes)] if modes else []),
        store=store,
    )


def test_the_manifests_of_packages_too_old_to_tell_modes_are_kept() -> None:
    assert owned_files(Header(lists(folders=2, modes=0)), "") == ["usr/a.jar", "usr/b.jar"]


@pytest.mark.parametrize(("folders", "modes", "last"), [(1, 2, 0), (3, 2, 0), (2, 1, 0), (2, 3, 0), (2, 2, 1)])
def test_lists_of_files_that_do_not_fit_together_are_malformed(folders: int, modes: int, last: int) -> None:
    with pytest.raises(MalformedError):
        owned_files(Header(lists(folders=folders, modes=modes, last_folder=last)), "")


def test_a_long_folder_name_that_thousands_of_files_repeat_is_malformed() -> None:
    """It is stored once: a small header could ask for more memory than there is."""
    folder = f"/{'x' * 1_000_000}"
    with pytest.raises(MalformedError, match="impossible names"):
        owned(*(InstalledFile(f"{folder}/{number}.jar") for number in range(70)))
