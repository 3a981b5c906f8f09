"""The walk over tar headers, in all the dialects that layers are written in."""

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarballs import END, entry, padded, pax, pax_record, summed, tar
from tidewaiter.errors import LimitError, MalformedError
from tidewaiter.image.tar import Entries
from tidewaiter.image.window import FileWindow, StreamWindow

Seen = list[tuple[str, bytes, int, bytes]]


def window(data: bytes, chunk: int = 1 << 20) -> StreamWindow:
    stream = io.BytesIO(data)
    return StreamWindow(lambda: stream.read(chunk))


def walk(data: bytes, *, chunk: int = 1 << 20, extension_bytes: int = 1 << 20) -> Seen:
    return list(Entries(window(data, chunk), extension_bytes=extension_bytes))


def contents(data: bytes, chunk: int = 1 << 20) -> dict[bytes, bytes]:
    entries = Entries(window(data, chunk), extension_bytes=1 << 20)
    return {name: entries.payload() for kind, name, _, _ in entries if kind == "f"}


def test_entries_come_in_order_with_kind_size_and_target() -> None:
    data = tar(
        entry("etc/", kind=b"5"),
        entry("etc/passwd", b"root"),
        entry("bin", kind=b"2", link="usr/bin"),
        entry("a", kind=b"1", link="etc/passwd"),
        entry("dev/null", kind=b"3"),
        entry("run/fifo", kind=b"6"),
    )
    assert walk(data) == [
        ("d", b"etc/", 0, b""),
        ("f", b"etc/passwd", 4, b""),
        ("l", b"bin", 0, b"usr/bin"),
        ("h", b"a", 0, b"etc/passwd"),
        ("o", b"dev/null", 0, b""),
        ("o", b"run/fifo", 0, b""),
    ]


def test_a_ustar_prefix_stands_before_the_name() -> None:
    assert walk(tar(entry("name", at345=b"some/prefix")))[0][1] == b"some/prefix/name"


def test_a_gnu_header_has_times_where_ustar_has_the_prefix() -> None:
    assert walk(tar(entry("name", at257=b"ustar  \0", at345=b"14512345671")))[0][1] == b"name"


def test_a_star_header_has_a_shorter_prefix() -> None:
    data = tar(entry("name", at345=b"p", at476=b"00000000000 00000000000 ", at508=b"tar\0"))
    assert walk(data)[0][1] == b"p/name"


def test_a_v7_header_has_no_magic_and_its_folders_end_with_a_slash() -> None:
    data = tar(entry("etc/", kind=b"\0", at257=bytes(8)), entry("etc/file", b"1", kind=b"\0", at257=bytes(8)))
    assert [(kind, name) for kind, name, _, _ in walk(data)] == [("d", b"etc/"), ("f", b"etc/file")]


@pytest.mark.parametrize("kind", [b"7", b"Z", b"\xff", b"8"])
def test_an_unknown_kind_is_a_regular_file(kind: bytes) -> None:
    assert contents(tar(entry("name", b"data", kind=kind), entry("next", b"more"))) == {
        b"name": b"data",
        b"next": b"more",
    }


def test_a_volume_label_is_no_entry() -> None:
    assert [name for _, name, _, _ in walk(tar(entry("label", kind=b"V"), entry("file")))] == [b"file"]


def test_the_payload_of_links_and_folders_is_empty_whatever_size_they_claim() -> None:
    data = tar(entry("l", kind=b"2", link="x", at124=b"00000001000\0"), entry("file", b"1"))
    assert [name for _, name, _, _ in walk(data)] == [b"l", b"file"]


def test_pax_records_override_the_next_entry_only() -> None:
    data = tar(
        pax({"path": "long/näme", "linkpath": "to/there"}), entry("short", kind=b"2", link="t"), entry("other", b"1")
    )
    assert walk(data) == [("l", "long/näme".encode(), 0, b"to/there"), ("f", b"other", 1, b"")]


def test_a_pax_size_overrides_the_header() -> None:
    data = tar(pax({"size": "600"}), entry("big", at124=b"00000000000\0") + padded(b"x" * 600), entry("next"))
    assert [(name, size) for _, name, size, _ in walk(data)] == [(b"big", 600), (b"next", 0)]


def test_an_empty_pax_value_restores_the_header() -> None:
    assert walk(tar(pax({"path": ""}), entry("own")))[0][1] == b"own"


def test_a_global_pax_header_holds_for_all_and_leaves_a_doubt_because_runtimes_ignore_it() -> None:
    entries = Entries(window(tar(pax({"path": "all"}, b"g"), entry("a"), entry("b"))), extension_bytes=1 << 20)
    assert [name for _, name, _, _ in entries] == [b"all", b"all"]
    assert entries.doubts


def test_a_global_pax_header_with_a_comment_says_nothing() -> None:
    entries = Entries(window(tar(pax({"comment": "a commit"}, b"g"), entry("a"))), extension_bytes=1 << 20)
    assert [name for _, name, _, _ in entries] == [b"a"]
    assert not entries.doubts


def test_gnu_long_names_and_links_come_before_their_entry() -> None:
    name, link = "n/" * 200 + "x", "l/" * 200 + "y"
    long_name = entry("././@LongLink", name.encode() + b"\0", kind=b"L")
    long_link = entry("././@LongLink", link.encode() + b"\0", kind=b"K")
    assert walk(tar(long_link, long_name, entry("cut", kind=b"2", link="cut"), entry("next"))) == [
        ("l", name.encode(), 0, link.encode()),
        ("f", b"next", 0, b""),
    ]


def test_a_size_may_be_base_256() -> None:
    data = tar(entry("big", at124=b"\x80" + (600).to_bytes(11, "big")) + padded(b"x" * 600), entry("next"))
    assert [(name, size) for _, name, size, _ in walk(data)] == [(b"big", 600), (b"next", 0)]


@pytest.mark.parametrize("size", [b"         12 ", b"12\0", b"00000000012 ", b"000000000012"])
def test_octal_sizes_are_padded_in_several_ways(size: bytes) -> None:
    assert (
        contents(tar(entry("a", at124=size.ljust(12, b"\0")) + padded(b"0123456789"), entry("b")))[b"a"]
        == b"0123456789"
    )


@pytest.mark.parametrize(
    "size",
    [
        b"-0000000001\0",
        b"0000000_001\0",
        b"+0000000001\0",
        b"00000000009\0",
        b"0x000000001\0",
        b"\xff" * 12,
        b"\x80" + b"\xff" * 11,
        b"garbage",
    ],
)
def test_negative_overflowing_and_broken_sizes_are_malformed(size: bytes) -> None:
    with pytest.raises(MalformedError):
        walk(tar(entry("a", at124=size)))


@pytest.mark.parametrize("value", ["-1", "", "1" * 30, "0x10", "9223372036854775808"])
def test_broken_pax_sizes_are_malformed(value: str) -> None:
    with pytest.raises(MalformedError):
        walk(tar(pax({"GNU.sparse.realsize": value, "GNU.sparse.map": "0,1"}), entry("a", b"x")))


@pytest.mark.parametrize("record", [b"5 a=b\n", b"99 path=x\n", b"path=x\n", b"9 path=x ", b"0 a=b\n", b"7 path\n"])
def test_a_broken_pax_header_is_malformed(record: bytes) -> None:
    with pytest.raises(MalformedError):
        walk(tar(entry("x", record, kind=b"x"), entry("a")))


def test_a_pax_header_beyond_the_ceiling_names_the_limit() -> None:
    with pytest.raises(LimitError) as caught:
        walk(tar(pax({"comment": "x" * 2000}), entry("a")), extension_bytes=1000)
    assert caught.value.limit == "extension_bytes"


def test_a_pax_header_of_very_many_records_is_beyond_the_ceiling() -> None:
    with pytest.raises(LimitError):
        walk(tar(entry("x", pax_record("a", "") * 200, kind=b"x"), entry("a")), extension_bytes=1000)


def test_a_wrong_checksum_is_malformed() -> None:
    broken = bytearray(tar(entry("a"), entry("b")))
    broken[512 + 20] ^= 1
    with pytest.raises(MalformedError, match="checksum"):
        walk(bytes(broken))


def test_a_checksum_of_signed_bytes_is_known() -> None:
    header = bytearray(entry(b"caf\xe9"))
    rest = header[:148] + header[156:]
    signed = sum(byte - 256 if byte > 127 else byte for byte in rest) + 256
    header[148:156] = b"%06o\0 " % signed
    assert walk(bytes(header) + END)[0][1] == b"caf\xe9"


@pytest.mark.parametrize("spelling", ["%7o\0", "%06o \0", "%6o\0 ", "%07o\0"])
def test_checksums_are_padded_in_several_ways(spelling: str) -> None:
    header = bytearray(entry("a"))
    header[148:156] = (spelling % (sum(header[:148]) + sum(header[156:]) + 256)).encode()
    assert walk(bytes(header) + END)[0][1] == b"a"


def test_a_header_of_large_bytes_has_a_sum_beyond_sixteen_bits() -> None:
    header = bytearray(entry("a"))
    header[263:500] = b"\xff" * 237
    header[345:500] = b"\xfe" * 155
    header[0:100] = b"\xff" * 100
    assert walk(summed(bytes(header)) + END)


def test_what_stands_behind_the_end_is_not_read() -> None:
    assert [name for _, name, _, _ in walk(tar(entry("a")) + tar(entry("b")) + b"garbage")] == [b"a"]


def test_an_archive_may_end_without_or_with_half_a_mark() -> None:
    assert len(walk(entry("a"))) == 1
    assert len(walk(entry("a") + bytes(512))) == 1
    assert walk(b"") == []


def test_a_lone_block_of_zeros_before_more_entries_is_malformed() -> None:
    with pytest.raises(MalformedError, match="zeros"):
        walk(entry("a") + bytes(512) + tar(entry("b")))


@pytest.mark.parametrize("chunk", [1 << 20, 100, 7])
@pytest.mark.parametrize("cut", [100, 512, 700, 1024 + 100])
def test_a_stream_that_ends_early_is_malformed(cut: int, chunk: int) -> None:
    data = entry("a", b"x" * 2000)
    if cut == 512 * 5:
        return
    with pytest.raises(MalformedError, match="cut off"):
        walk(data[:cut], chunk=chunk)


def test_only_the_padding_of_the_last_entry_may_be_missing() -> None:
    data = entry("a", b"x" * 600)
    assert len(walk(data[: 512 + 600])) == 1
    with pytest.raises(MalformedError):
        walk(data[: 512 + 599])


def test_old_gnu_holes_become_zeros() -> None:
    spans = [(0, 3), (1000, 2)]
    table = b"".join(b"%011o\0%011o\0" % span for span in spans)
    header = entry("s", b"abcde", kind=b"S", at386=table, at483=b"%011o\0" % 1500)
    found = contents(tar(header, entry("next", b"1")))
    assert found[b"s"] == b"abc" + bytes(997) + b"de" + bytes(498)
    assert found[b"next"] == b"1"


def test_old_gnu_holes_go_on_in_extension_headers() -> None:
    spans = [(100 * number, 1) for number in range(30)]
    rows = [b"%011o\0%011o\0" % span for span in spans]
    extension = b"".join(rows[4:25]).ljust(504, b"\0") + b"\1" + bytes(7), b"".join(rows[25:]).ljust(512, b"\0")
    header = entry(
        "s", at386=b"".join(rows[:4]), at482=b"\1", at483=b"%011o\0" % 3000, at156=b"S", at124=b"%011o\0" % 30
    )
    data = tar(header + extension[0] + extension[1] + padded(b"x" * 30), entry("next"))
    assert contents(data)[b"s"] == (b"x" + bytes(99)) * 30
    assert [name for _, name, _, _ in walk(data)] == [b"s", b"next"]


@pytest.mark.parametrize(
    "records",
    [
        {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "1,2,6,1"},
        {"GNU.sparse.map": "1,2,6,1"},
    ],
)
def test_pax_holes_0_1_become_zeros_and_the_real_name_counts(records: dict[str, str]) -> None:
    said = {**records, "GNU.sparse.name": "real", "GNU.sparse.size": "9"}
    assert contents(tar(pax(said), entry("GNUSparseFile.1/real", b"abc"))) == {b"real": b"\0ab\0\0\0c\0\0"}


def test_pax_holes_0_0_repeat_their_records() -> None:
    records = b"".join(
        pax_record(f"GNU.sparse.{key}", value)
        for key, value in (("size", "9"), ("offset", "1"), ("numbytes", "2"), ("offset", "6"), ("numbytes", "1"))
    )
    assert contents(tar(entry("x", records, kind=b"x"), entry("s", b"abc")))[b"s"] == b"\0ab\0\0\0c\0\0"


def test_pax_holes_1_0_have_their_map_before_the_data() -> None:
    said = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "real", "GNU.sparse.realsize": "9"}
    stored = padded(b"2\n1\n2\n6\n1\n") + b"abc"
    found = contents(tar(pax(said), entry("s", stored), entry("next", b"1")))
    assert found == {b"real": b"\0ab\0\0\0c\0\0", b"next": b"1"}


@pytest.mark.parametrize("table", ["5,2,1,1", "0,20", "0,9,9,9", "0,1,2", "0,5"])
def test_holes_that_overlap_or_lead_beyond_the_file_or_its_data_are_malformed(table: str) -> None:
    with pytest.raises(MalformedError):
        contents(tar(pax({"GNU.sparse.map": table, "GNU.sparse.size": "9"}), entry("s", b"abc")))


def test_a_map_that_never_ends_is_malformed() -> None:
    said = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}
    with pytest.raises(MalformedError):
        contents(tar(pax(said), entry("s", b"99999999\n" + b"1\n" * 2000)))


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@given(
    files=st.dictionaries(
        st.text(
            st.characters(codec="utf-8", exclude_characters="\0/", exclude_categories=["Cc"]), min_size=1, max_size=150
        ),
        st.binary(max_size=1500),
        max_size=6,
    ),
    chunk=st.sampled_from([1 << 20, 512, 511, 100]),
)
def test_what_the_standard_library_writes_is_read(format_: int, files: dict[str, bytes], chunk: int) -> None:
    packed = io.BytesIO()
    names = {}
    with tarfile.open(fileobj=packed, mode="w", format=format_) as archive:
        for number, (name, content) in enumerate(files.items()):
            info = tarfile.TarInfo(f"{number}{name}" if format_ != tarfile.USTAR_FORMAT else f"{number}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
            names[info.name.encode()] = content
    assert contents(packed.getvalue(), chunk) == names


@pytest.mark.parametrize("size", [0, 1, 511, 512, 4000, 4096, 5000, 100_000])
def test_hopping_through_a_file_sees_what_streaming_sees(tmp_path: Path, size: int) -> None:
    data = tar(*(entry(f"file{number}", bytes([number]) * (size + number)) for number in range(9)))
    (tmp_path / "layer.tar").write_bytes(b"before" + data + b"behind" * 1000)
    with (tmp_path / "layer.tar").open("rb") as file:
        for every in (1, 3, 1000):
            assert _some(FileWindow(file.fileno(), 6, len(data)), every) == _some(window(data), every)


def _some(source: StreamWindow | FileWindow, every: int) -> list[tuple[bytes, bytes]]:
    entries = Entries(source, extension_bytes=1 << 20)
    return [(name, b"" if number % every else entries.payload()) for number, (_, name, _, _) in enumerate(entries)]


def test_hopping_never_reads_behind_the_layer(tmp_path: Path) -> None:
    data = entry("a", b"x" * 600)[: 512 + 300]
    (tmp_path / "layer.tar").write_bytes(data + tar(entry("behind")) * 20)
    with (tmp_path / "layer.tar").open("rb") as file, pytest.raises(MalformedError, match="cut off"):
        list(Entries(FileWindow(file.fileno(), 0, len(data)), extension_bytes=1 << 20))
