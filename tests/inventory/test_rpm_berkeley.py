"""Berkeley DB hash files, as rpm's `Packages` is one: sound ones of every shape, and hostile ones."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from tidewaiter.errors import MalformedError, UnsupportedError
from tidewaiter.inventory.rpm import berkeley
from tidewaiter.inventory.rpm.record import Damage, Record
from tidewaiter.simulator.rpmdb import berkeley_file

SMALL = b"a small header"
LARGE = bytes(range(256)) * 64
PAGE = 4096


def blobs(content: bytes) -> list[bytes]:
    found = list(berkeley.records(content))
    assert not [item for item in found if isinstance(item, Damage)]
    return [item.blob for item in found if isinstance(item, Record)]


def damage(content: bytes) -> list[str]:
    return [str(item) for item in berkeley.records(content) if isinstance(item, Damage)]


def patched(content: bytes, offset: int, replacement: bytes) -> bytes:
    return content[:offset] + replacement + content[offset + len(replacement) :]


def page_of(content: bytes, kind: int) -> int:
    """The first page of a type (7 overflow, 13 hash)."""
    return content[25::PAGE].index(kind)


@pytest.mark.parametrize("page_type", [2, 13])
def test_sorted_and_unsorted_hash_pages_are_read(page_type: int) -> None:
    assert blobs(berkeley_file([SMALL, LARGE], page_type=page_type)) == [SMALL, LARGE]


def test_an_empty_database_has_no_records() -> None:
    assert blobs(berkeley_file([])) == []


def test_a_hash_page_without_items_is_sound() -> None:
    """Berkeley DB leaves such pages where all of a bucket's keys were removed."""
    content = berkeley_file([])
    page = page_of(content, 13)
    assert blobs(patched(content, page * PAGE + 20, struct.pack("<HH", 0, 0))) == []


@pytest.mark.parametrize("byte_order", ["1234", "4321"])
@pytest.mark.parametrize("page_size", [512, 1024, 4096, 32768, 65536])
def test_files_that_berkeley_db_itself_wrote_are_read(page_size: int, byte_order: str, tmp_path: Path) -> None:
    """Including many buckets, and the pages that removed values leave behind."""
    values = [bytes([number]) * (37 * number) for number in range(1, 250)]
    written = written_by_berkeley_db(tmp_path, values, page_size=page_size, byte_order=byte_order)
    assert sorted(blobs(written)) == sorted(value for number, value in enumerate(values, 1) if number % 3)


WRITER = """
    use DB_File; use Fcntl;
    my ($folder, $size, $order, $count) = @ARGV;
    my $info = DB_File::HASHINFO->new;
    $info->{bsize} = $size; $info->{lorder} = $order;
    my $key = $order == 1234 ? "V" : "N";
    my $db = tie my %h, "DB_File", "$folder/Packages", O_RDWR | O_CREAT, 0644, $info or die $!;
    local $/;
    $h{pack $key, 0} = pack $key, $count;
    for my $number (1 .. $count) { open my $f, "<:raw", "$folder/$number" or die; $h{pack $key, $number} = <$f> }
    for my $number (1 .. $count) { delete $h{pack $key, $number} unless $number % 3 }
    undef $db; untie %h;
"""


def written_by_berkeley_db(folder: Path, values: list[bytes], *, page_size: int, byte_order: str) -> bytes:
    """A file with these values under the keys from 1 on, of which every third was removed again."""
    perl = shutil.which("perl")
    if perl is None or subprocess.run([perl, "-MDB_File", "-e1"], capture_output=True, check=False).returncode:
        pytest.skip("SKIPPED LOUDLY: no Berkeley DB to compare with; install Debian's package perl")
    for number, value in enumerate(values, 1):
        (folder / str(number)).write_bytes(value)
    subprocess.run([perl, "-e", WRITER, str(folder), str(page_size), byte_order, str(len(values))], check=True)
    return (folder / "Packages").read_bytes()


def test_a_value_that_ends_too_early_names_its_item_and_page() -> None:
    content = berkeley_file([LARGE, SMALL])
    page = page_of(content, 7)
    cut = patched(content, page * PAGE + 16, struct.pack("<I", 0))
    found = list(berkeley.records(cut))
    assert [item.blob for item in found if isinstance(item, Record)] == [SMALL]
    hash_page = page_of(content, 13)
    assert damage(cut) == [f"page {hash_page}, item 2: page 0 of the value is missing or used twice"]


def test_overflow_pages_that_lead_in_a_circle_are_damage() -> None:
    content = berkeley_file([LARGE])
    page = page_of(content, 7)
    assert damage(patched(content, page * PAGE + 16, struct.pack("<I", page))) != []


def test_a_chain_shared_by_two_values_is_read_once() -> None:
    """Otherwise many small items could each ask for the whole file."""
    content = berkeley_file([LARGE, LARGE])
    first, second = (struct.pack("<B3xI", 3, page) for page in sorted(chain_starts(content)))
    shared = content.replace(second, first)
    found = list(berkeley.records(shared))
    assert [item.blob for item in found if isinstance(item, Record)] == [LARGE]
    assert len(damage(shared)) == 1


def chain_starts(content: bytes) -> set[int]:
    """The overflow pages to which no page leads."""
    pages = [page for page in range(len(content) // PAGE) if content[page * PAGE + 25] == 7]
    return set(pages) - {struct.unpack_from("<I", content, page * PAGE + 16)[0] for page in pages}


def test_a_value_longer_than_the_file_is_damage() -> None:
    content = berkeley_file([LARGE])
    item = struct.pack("<B3xII", 3, page_of(content, 7), len(LARGE))
    assert damage(content.replace(item, item[:8] + struct.pack("<I", 0xFFFFFFFF))) != []


@pytest.mark.parametrize("kind", [2, 4, 9])
def test_an_item_with_several_values_or_of_an_unknown_type_is_damage(kind: int) -> None:
    content = berkeley_file([SMALL])
    assert len(damage(content.replace(b"\x01" + SMALL, bytes([kind]) + SMALL))) == 1


def test_items_that_overlap_are_damage_and_the_other_pages_are_read() -> None:
    content = berkeley_file([bytes([number]) * 1000 for number in range(10)])
    page = page_of(content, 13)
    broken = patched(content, page * PAGE + 26, struct.pack("<H", 4000) * 2)
    assert damage(broken) == [f"page {page}: items overlap, or lie outside of the page"]
    assert sum(isinstance(item, Record) for item in berkeley.records(broken)) > 0


@pytest.mark.parametrize(("offset", "value"), [(8, struct.pack("<I", 77)), (20, b"\xff\xff"), (20, b"\x03\x00")])
def test_a_hash_page_with_a_wrong_number_or_count_is_damage(offset: int, value: bytes) -> None:
    content = berkeley_file([SMALL])
    page = page_of(content, 13)
    assert len(damage(patched(content, page * PAGE + offset, value))) == 1


def test_a_second_counter_is_damage() -> None:
    """Else a file of nothing but counters would be long work without a word."""
    content = berkeley_file([SMALL])
    assert len(damage(content.replace(b"\x01\x01\x00\x00\x00", b"\x01\x00\x00\x00\x00"))) == 1


def test_a_file_that_was_cut_short_says_how_many_pages_are_missing() -> None:
    content = berkeley_file([SMALL, LARGE])
    pages = len(content) // PAGE
    assert damage(content[: -PAGE - 1])[0] == f"end of the file: 2 of {pages} pages are missing"


def test_another_kind_of_berkeley_db_file_is_not_supported() -> None:
    content = berkeley_file([SMALL])
    with pytest.raises(UnsupportedError, match="b-tree"):
        list(berkeley.records(patched(content, 12, struct.pack("<I", 0x053162))))
    with pytest.raises(UnsupportedError, match="version 7"):
        list(berkeley.records(patched(content, 16, struct.pack("<I", 7))))
    with pytest.raises(UnsupportedError, match="encryption"):
        list(berkeley.records(patched(content, 24, b"\x01")))
    with pytest.raises(UnsupportedError, match="known kind"):
        list(berkeley.records(b"not a database".ljust(PAGE)))


@pytest.mark.parametrize("size", [0, 1, 3, 511, 513, 4095, 1 << 17, 0xFFFFFFFF])
def test_a_page_size_that_berkeley_db_does_not_have_is_malformed(size: int) -> None:
    with pytest.raises(MalformedError, match="page size"):
        list(berkeley.records(patched(berkeley_file([SMALL]), 20, struct.pack("<I", size))))


def test_a_file_shorter_than_the_first_page_is_malformed() -> None:
    with pytest.raises(MalformedError, match="too short"):
        list(berkeley.records(berkeley_file([SMALL])[:511]))


def test_a_hash_page_that_was_wiped_is_damage_though_nothing_on_it_says_so() -> None:
    content = berkeley_file([SMALL] * 400)
    pages = [number for number, kind in enumerate(content[25::PAGE]) if kind == 13]
    assert len(pages) > 1
    for page in pages:
        expected = f"page {page}: keys and values should be there, and it is no hash page"
        assert damage(patched(content, page * PAGE, bytes(PAGE)))[0] == expected
