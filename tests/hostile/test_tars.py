"""Layers whose tar is broken: what stands before the damage is reported, the damage is a gap with the layer's name."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hostile_targets import (
    FORMS,
    MIB,
    OS_RELEASE,
    PURL,
    SOUND,
    STANZA,
    STATUS,
    Command,
    Look,
    layer_digest,
    write_image,
)
from tarballs import END, entry, pax, pax_record, tar

LAST = entry("last", b"12")
WRONG_SUM = bytearray(LAST)
WRONG_SUM[148:154] = b"000000"


def sparse(size: int, stored: int, *parts: tuple[int, int], name: str = STATUS) -> bytes:
    """An old GNU file with holes, of `size` bytes, of which `stored` are there."""
    listed = b"".join(b"%011o\0%011o\0" % part for part in parts)
    content = STANZA.ljust(stored, b"\n")
    real = b"\x80" + size.to_bytes(11, "big")
    return entry(name, content, kind=b"S", at257=b"ustar  \0", at386=listed, at483=real)


def sparse_pax(**records: str) -> bytes:
    """A file with holes as pax headers tell it."""
    told = {f"GNU.sparse.{key}": value for key, value in records.items()}
    return pax(told) + entry(STATUS, STANZA.ljust(512, b"\n"))


def sized(size: bytes) -> bytes:
    return entry("big", at124=size) + LAST


def pax_sized(size: str) -> bytes:
    return pax({"size": size}) + LAST + LAST


BROKEN = {
    "a negative size in base 256": (sized(b"\xff" * 12), "negative"),
    "an overflowing size in base 256": (sized(b"\x80" + b"\xff" * 11), "63 bits"),
    "a size with a sign": (sized(b"-0000000001\0"), "not octal"),
    "a size that is not octal": (sized(b"99999999999\0"), "not octal"),
    "a size beyond the layer": (sized(b"\x80\0\0\0\x7f" + b"\xff" * 7), "cut off"),
    "a pax size beyond the layer": (pax_sized("9" * 18), "cut off"),
    "a pax size beyond 63 bits": (pax_sized("9" * 19), "63 bits"),
    "a pax size beyond all bits": (pax_sized("9" * 500), "not decimal"),
    "a negative pax size": (pax_sized("-5"), "not decimal"),
    "a pax size with an exponent": (pax_sized("1e3"), "not decimal"),
    "a wrong checksum": (bytes(WRONG_SUM) + LAST, "wrong checksum"),
    "no header at all": (b"x" * 1024, "broken header"),
    "a single block of zeros": (bytes(512) + LAST, "block of zeros"),
    "a cut in a file": (entry("noise", b"x" * 5000)[:3000], "cut off"),
    "a cut behind a header": (entry("noise", b"x" * 5000)[:512], "cut off"),
    "a cut in a header": (LAST + LAST[:100], "cut off"),
    "a pax record longer than its header": (entry("x", b"999 path=y\n", kind=b"x") + LAST, "broken pax"),
    "a pax record shorter than it says": (entry("x", b"5 path=y\n", kind=b"x") + LAST, "broken pax"),
    "a pax record of no length": (entry("x", b"0 path=y\n", kind=b"x") + LAST, "broken pax"),
    "a pax record of negative length": (entry("x", b"-9 path=y\n", kind=b"x") + LAST, "broken pax"),
    "a pax record of endless length": (entry("x", b"9" * 99 + b" a=b\n", kind=b"x") + LAST, "broken pax"),
    "a pax record without a length": (entry("x", b"path=y\n", kind=b"x") + LAST, "broken pax"),
    "a pax header of other bytes": (entry("x", b"\xff\0\xff", kind=b"x") + LAST, "broken pax"),
    "a GNU name of a gibibyte": (entry("x", kind=b"L", at124=b"10000000000\0") + bytes(9999), "extension_bytes"),
    "a pax header of a gibibyte": (entry("x", kind=b"x", at124=b"10000000000\0") + bytes(9999), "extension_bytes"),
    "a hundred thousand pax records": (entry("x", pax_record("a", "b") * 100_000, kind=b"x"), "extension_bytes"),
    "holes that overlap": (sparse(1000, 512, (0, 100), (50, 100)), "holes"),
    "parts beyond the file": (sparse(1000, 512, (900, 500)), "holes"),
    "parts beyond what is stored": (sparse(100_000, 512, (0, 90_000)), "holes"),
    "a pax map without end": (sparse_pax(map=",".join(["0,1"] * 50_000), size="100"), "holes"),
    "a pax map of odd length": (sparse_pax(map="1,2,3", size="100"), "holes"),
    "a pax map of other things": (sparse_pax(map="a,b", size="100"), "not decimal"),
    "a map before data that is none": (sparse_pax(major="1", minor="0", realsize="100"), "broken"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", BROKEN)
def test_what_stands_before_the_damage_is_reported(look: Look, tmp_path: Path, form: str, what: str) -> None:
    damage, reason = BROKEN[what]
    layer = b"".join(SOUND) + damage + (b"" if "cut" in what or "beyond the layer" in what else END)
    target, *options = write_image(tmp_path, form, layer)
    outcome = look(target, *options)
    why = "limit" if reason.endswith("_bytes") else "malformed"
    outcome.gap(why, f"layer {layer_digest(form, layer)}", reason)
    assert outcome.packages == [PURL]
    assert outcome.document["image"]["reference"] == str(target)


@pytest.mark.parametrize("form", FORMS)
def test_a_tar_that_ends_between_two_files_is_a_gap_unless_its_hash_says_that_it_is_whole(
    look: Look, tmp_path: Path, form: str
) -> None:
    whole = tar(*SOUND, LAST)
    cut = whole[: whole.index(LAST)]
    target, *options = write_image(tmp_path, form, cut)
    hopped = form in ("saved", "saved and compressed")
    outcome = look(target, *options, code=2 if hopped else 0)
    assert outcome.packages == [PURL]
    if hopped:
        outcome.gap("malformed", f"layer {layer_digest(form, cut)}", "without a mark of its end", "--verify")


@pytest.mark.parametrize("options", [(), ("--verify",)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_archive_that_ends_early_is_an_error_that_names_it(
    look: Look, tmp_path: Path, options: tuple[str, ...], pack: Callable[[bytes], bytes]
) -> None:
    path = Path(write_image(tmp_path, "saved", tar(*SOUND, entry("noise", b"x" * 5000)))[0])
    whole = path.read_bytes()
    for size in (600, 700, len(whole) // 2 - 100):
        path.write_bytes(pack(whole[:size]))
        look(path, *options).gap("malformed", str(path), "ends early")


@pytest.mark.parametrize("form", FORMS)
def test_files_of_terabytes_of_holes_take_nothing(command: Command, tmp_path: Path, form: str) -> None:
    layer = tar(OS_RELEASE, sparse(1 << 42, 512, (0, 100)), sparse(1 << 42, 512, (0, 100), name="anything"), LAST)
    outcome = command.sbom(*write_image(tmp_path, form, layer), most_memory=64 * MIB)
    outcome.gap("limit", STATUS, layer_digest(form, layer), f"{1 << 42:,} bytes")


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_holes_below_the_ceiling_is_read(command: Command, tmp_path: Path, form: str) -> None:
    layer = tar(OS_RELEASE, sparse(60 * MIB, 512, (60 * MIB - 100, 100)), LAST)
    command.sbom(*write_image(tmp_path, form, layer)).gap("malformed", STATUS, "longer than")


def test_what_is_a_device_or_a_pipe_in_the_place_of_a_database_is_a_gap(look: Look, tmp_path: Path) -> None:
    for number, kind in enumerate((b"3", b"4", b"6")):
        folder = tmp_path / os.fsdecode(kind)
        folder.mkdir()
        layer = tar(OS_RELEASE, entry("lib/apk/db/installed", b"P:musl\nV:1\n\n"), entry(STATUS, kind=kind))
        outcome = look(*write_image(folder, FORMS[number], layer))
        outcome.gap("malformed", STATUS, "a device or a pipe")
