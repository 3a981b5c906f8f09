"""NDB files, as SUSE's `Packages.db` is one: sound ones, with slots of removed packages, and hostile ones."""

import struct

import pytest

from tidewaiter.errors import MalformedError, UnsupportedError
from tidewaiter.inventory.rpm import ndb
from tidewaiter.inventory.rpm.record import Damage, Record
from tidewaiter.simulator.rpmdb import ndb_file

HEADERS = [b"first header", b"x" * 5000, b"third"]
FIRST_SLOT = 32


def blobs(content: bytes) -> list[bytes]:
    return [item.blob for item in ndb.records(content) if isinstance(item, Record)]


def damage(content: bytes) -> list[str]:
    return [str(item) for item in ndb.records(content) if isinstance(item, Damage)]


def patched(content: bytes, offset: int, replacement: bytes) -> bytes:
    return content[:offset] + replacement + content[offset + len(replacement) :]


@pytest.mark.parametrize("free_slots", [0, 1, 253, 254, 700])
def test_blobs_are_read_from_any_number_of_slot_pages_and_free_slots_are_none(free_slots: int) -> None:
    content = ndb_file(HEADERS, free_slots=free_slots)
    assert blobs(content) == HEADERS
    assert damage(content) == []


@pytest.mark.parametrize("size", range(17))
def test_blobs_of_any_length_are_read_without_their_padding(size: int) -> None:
    assert blobs(ndb_file([b"h" * size])) == [b"h" * size]


def test_a_wrong_checksum_is_damage_and_the_record_is_kept() -> None:
    content = ndb_file(HEADERS, free_slots=0).replace(b"first", b"farst")
    assert blobs(content) == [b"farst header", *HEADERS[1:]]
    assert damage(content) == ["slot 2, block 256: the checksum is wrong"]


def test_a_slot_without_its_mark_is_damage_and_the_others_are_read() -> None:
    content = patched(ndb_file(HEADERS, free_slots=0), FIRST_SLOT, b"Slut")
    assert blobs(content) == HEADERS[1:]
    assert damage(content) == ["slot 2: the slot's mark is missing"]


@pytest.mark.parametrize("field", [4, 8, 12])
def test_a_slot_that_leads_to_no_whole_blob_is_damage(field: int) -> None:
    content = patched(ndb_file(HEADERS, free_slots=0), FIRST_SLOT + field, struct.pack("<I", 9))
    assert blobs(content) == HEADERS[1:]
    assert len(damage(content)) == 1


def test_a_blob_longer_than_its_blocks_is_damage() -> None:
    content = ndb_file([b"h" * 20])
    longer = struct.pack("<I", 2000)
    content = content.replace(struct.pack("<I", 20) + b"h", longer + b"h").replace(
        struct.pack("<I4s", 20, b"BlbE"), longer + b"BlbE"
    )
    assert blobs(content) == []
    assert damage(content) == ["slot 3, block 256: no whole blob of this package lies there"]


def test_slots_that_all_claim_the_same_large_blob_are_cut_off() -> None:
    """Otherwise each slot of 16 bytes could ask for the whole file."""
    content = ndb_file([b"x" * 100_000, b"y"], free_slots=0)
    slot = content[FIRST_SLOT : FIRST_SLOT + 16]
    hostile = patched(content, FIRST_SLOT, slot * 254)
    assert blobs(hostile) == [b"x" * 100_000]
    assert "claim more than the whole file" in damage(hostile)[0]


def test_a_file_that_was_cut_short_is_damage() -> None:
    assert damage(ndb_file(HEADERS, free_slots=0)[:-1]) == ["slot 4, block 574: 3 blocks do not lie within the file"]
    assert damage(ndb_file(HEADERS, free_slots=300)[:5000])[0] == "end of the file: 1 of 2 pages of slots are missing"


def test_a_file_of_another_version_is_not_supported() -> None:
    with pytest.raises(UnsupportedError, match="version 1"):
        list(ndb.records(patched(ndb_file(HEADERS), 4, b"\x01")))


def test_a_file_without_header_or_slots_is_malformed() -> None:
    with pytest.raises(MalformedError, match="too short"):
        list(ndb.records(b"RpmP"))
    with pytest.raises(MalformedError, match="no page of slots"):
        list(ndb.records(patched(ndb_file(HEADERS), 12, bytes(4))))
