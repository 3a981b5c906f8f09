"""One layer, read once: verified, its names noted, what is wanted taken, what is wrong said."""

import gzip
import lzma
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from tarballs import (
    END,
    blob,
    entry,
    folder,
    hardlink,
    opener,
    pax,
    plain_blob,
    saved_blob,
    sha256,
    stored_blob,
    symlink,
    tar,
)
from tidewaiter.errors import MalformedError, SourceError
from tidewaiter.image.blob import LayerBlob
from tidewaiter.image.budget import Budget
from tidewaiter.image.layers import LayerRead, read_layer
from tidewaiter.image.limits import Limits
from tidewaiter.model.gap import Stage, Why


class Taking:
    """A collector that wants some paths, or all."""

    def __init__(self, *paths: str) -> None:
        self.taken: dict[str, bytes] = {}
        self._paths = paths

    def wants(self, path: str, _size: int) -> bool:
        return path in self._paths

    def take(self, path: str, content: bytes) -> None:
        self.taken[path] = content


def read(
    layer: LayerBlob,
    collector: Taking | None = None,
    *,
    limits: Limits | None = None,
    verify: bool = False,
    only: Mapping[str, tuple[str, ...]] | None = None,
    advance: Callable[[int], None] | None = None,
) -> LayerRead:
    limits = limits or Limits()
    return read_layer(
        layer, collector or Taking(), limits=limits, budget=Budget(limits), verify=verify, only=only, advance=advance
    )


LAYER = tar(folder("etc"), entry("etc/passwd", b"root"), entry("./etc/hosts", b"::1"), symlink("bin", "usr/bin"))
PACKERS = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "xz": lzma.compress,
    "plain": bytes,
}


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_a_layer_is_verified_and_its_names_and_wanted_files_are_kept(pack: Callable[[bytes], bytes]) -> None:
    collector = Taking("etc/passwd", "etc/hosts")
    found = read(blob(LAYER, pack=pack), collector)
    assert found.verified
    assert found.size == len(LAYER)
    assert found.gaps == ()
    assert found.tree.entries == b"detc\0fetc/passwd\0fetc/hosts\0lbin"
    assert found.tree.symlinks == (("bin", "usr/bin"),)
    assert collector.taken == {"etc/passwd": b"root", "etc/hosts": b"::1"}


def test_an_empty_layer_has_no_names() -> None:
    assert read(blob(END)).tree.entries == b""
    assert read(stored_blob(b"")).gaps == ()


def test_all_stored_bytes_are_told_as_progress() -> None:
    steps: list[int] = []
    layer = blob(LAYER + bytes(5_000_000))
    read(layer, advance=steps.append)
    assert sum(steps) == layer.layer.size


def test_a_wrong_digest_stops_the_image() -> None:
    layer = blob(LAYER)
    wrong = replace(layer, layer=replace(layer.layer, digest=sha256(b"other")))
    with pytest.raises(MalformedError, match="wrong digest") as caught:
        read(wrong)
    assert str(sha256(b"other")) in caught.value.where


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_wrong_size_stops_the_image(difference: int) -> None:
    layer = blob(LAYER)
    wrong = replace(layer, layer=replace(layer.layer, size=layer.layer.size + difference))
    with pytest.raises(MalformedError, match="promised"):
        read(wrong)


def test_a_truncated_layer_of_a_registry_stops_the_image() -> None:
    layer = blob(LAYER + bytes(100_000))
    with pytest.raises(MalformedError, match="promised"):
        read(replace(layer, open=opener(gzip.compress(LAYER)[:-20])))


def test_a_wrong_diff_id_stops_the_image_of_an_archive() -> None:
    layer = saved_blob(LAYER)
    assert read(layer).verified
    with pytest.raises(MalformedError, match="wrong digest: its unpacked bytes"):
        read(replace(layer, open=opener(tar(entry("other")))))


def test_a_wrong_diff_id_is_found_behind_a_right_digest_when_asked_to_verify() -> None:
    layer = blob(LAYER)
    wrong = replace(layer, layer=replace(layer.layer, diff_id=sha256(b"other")))
    assert read(wrong).verified
    with pytest.raises(MalformedError, match="unpacked bytes"):
        read(wrong, verify=True)


def test_a_truncated_layer_of_an_archive_is_a_gap_and_what_came_before_is_kept() -> None:
    whole = tar(entry("etc/passwd", b"root"), entry("noise", bytes(range(256)) * 4000), entry("last"))
    collector = Taking("etc/passwd")
    packed = gzip.compress(whole)
    found = read(saved_blob(whole, stored=packed[: len(packed) - 200]), collector)
    assert collector.taken == {"etc/passwd": b"root"}
    assert not found.verified
    (gap,) = found.gaps
    assert (gap.stage, gap.why) == (Stage.IMAGE, Why.MALFORMED)
    assert gap.subject == f"layer {sha256(whole)}"
    assert "cut off" in gap.detail


def test_gzip_that_is_broken_inside_a_verified_blob_is_a_gap() -> None:
    packed = bytearray(gzip.compress(LAYER + bytes(5_000_000)))
    packed[-5] ^= 1
    found = read(stored_blob(bytes(packed)))
    assert found.verified
    assert [gap.why for gap in found.gaps] == [Why.MALFORMED]
    assert b"fetc/passwd" in found.tree.entries


def test_a_tar_that_is_broken_in_the_middle_keeps_its_first_part_and_its_hash() -> None:
    broken = entry("etc/passwd", b"root") + b"x" * 512 + tar(entry("lost"))
    for layer in (blob(broken), saved_blob(broken)):
        found = read(layer)
        assert found.verified
        assert found.tree.entries == b"fetc/passwd"
        assert [gap.why for gap in found.gaps] == [Why.MALFORMED]
        assert "only the first name was seen" in found.gaps[0].detail


def test_what_is_no_tar_is_a_gap() -> None:
    found = read(blob(b'{"schemaVersion": 2}' * 100))
    assert [gap.why for gap in found.gaps] == [Why.MALFORMED]


def test_a_plain_layer_is_hopped_through_and_never_verified(tmp_path: Path) -> None:
    collector = Taking("etc/passwd")
    layer = plain_blob(tmp_path / "image.tar", LAYER, before=b"x" * 512, after=tar(entry("behind")))
    unread = replace(layer, open=lambda: pytest.fail("the layer was read as a stream"))
    found = read(unread, collector)
    assert not found.verified
    assert found.size == len(LAYER)
    assert found.tree == read(layer, verify=True).tree
    assert collector.taken == {"etc/passwd": b"root"}


def test_a_plain_layer_is_read_whole_and_verified_when_asked_to(tmp_path: Path) -> None:
    layer = plain_blob(tmp_path / "image.tar", LAYER)
    assert read(layer, verify=True).verified
    with pytest.raises(MalformedError, match="wrong digest"):
        read(replace(layer, open=opener(LAYER + bytes(512))), verify=True)


def test_a_plain_layer_that_ends_early_is_a_gap(tmp_path: Path) -> None:
    layer = plain_blob(tmp_path / "image.tar", tar(entry("a", b"x" * 5000))[:3000])
    found = read(layer)
    assert [gap.why for gap in found.gaps] == [Why.MALFORMED]
    assert found.tree.entries == b"fa"


def test_a_file_that_is_gone_is_a_source_error(tmp_path: Path) -> None:
    layer = plain_blob(tmp_path / "image.tar", LAYER)
    (tmp_path / "image.tar").unlink()
    with pytest.raises(SourceError):
        read(layer)


def test_a_large_wanted_file_spans_many_chunks(tmp_path: Path) -> None:
    content = b"".join(number.to_bytes(4, "big") for number in range(600_000))
    data = tar(entry("small"), entry("large", content), entry("behind", b"1"))
    for layer in (blob(data), plain_blob(tmp_path / "image.tar", data)):
        collector = Taking("large", "behind")
        read(layer, collector)
        assert collector.taken == {"large": content, "behind": b"1"}


def test_the_second_reading_takes_only_what_it_is_for_and_gives_it_its_other_names() -> None:
    collector = Taking("etc/passwd")
    read(blob(LAYER), collector, only={"etc/hosts": ("var/hosts", "srv/hosts")})
    assert collector.taken == {"var/hosts": b"::1", "srv/hosts": b"::1"}


def test_whiteouts_are_noted_by_what_they_hide() -> None:
    found = read(
        blob(
            tar(
                entry("etc/.wh.passwd"),
                entry(".wh.opt"),
                entry("var/.wh..wh..opq"),
                entry(".wh..wh..opq"),
                entry(".wh..wh.aufs"),
                folder(".wh..wh.plnk"),
                entry(".wh..wh.plnk/123.4"),
                entry("usr/.wh..wh.orph"),
                entry("usr/share/a.wh.b/.wh"),
                entry("usr/.wh.folder/file"),
            )
        )
    ).tree
    assert found.whiteouts == ("etc/passwd", "opt")
    assert found.opaques == ("var", "")
    assert found.entries == b"fusr/share/a.wh.b/.wh\0fusr/.wh.folder/file"


def test_a_link_may_lead_anywhere_and_is_noted_as_it_is() -> None:
    found = read(blob(tar(symlink("a", "/abs/../x"), symlink("b", "../../../../up"), hardlink("c", "/etc//./d")))).tree
    assert found.symlinks == (("a", "/abs/../x"), ("b", "../../../../up"))
    assert found.hardlinks == (("c", "etc/d"),)


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("/etc/passwd", b"etc/passwd"),
        ("./etc/passwd", b"etc/passwd"),
        (".//etc///passwd", b"etc/passwd"),
        ("etc/./passwd", b"etc/passwd"),
        ("././etc/passwd/.", b"etc/passwd"),
        (".etc/.passwd", b".etc/.passwd"),
        ("etc/..passwd", b"etc/..passwd"),
        ("etc/pass..", b"etc/pass.."),
        (b"caf\xe9", b"caf\xe9"),
    ],
)
def test_names_become_relative_and_clean(written: str | bytes, path: bytes) -> None:
    found = read(blob(tar(entry(written))))
    assert found.tree.entries == b"f" + path
    assert found.gaps == ()


def test_names_that_are_not_utf_8_reach_the_collector() -> None:
    collector = Taking("caf\udce9")
    read(blob(tar(entry(b"caf\xe9", b"1"))), collector)
    assert collector.taken == {"caf\udce9": b"1"}


@pytest.mark.parametrize(
    "bad",
    [
        entry("../../etc/passwd"),
        entry("etc/../../passwd"),
        entry("a/.."),
        entry(""),
        entry("./"),
        entry("/"),
        entry("a/.wh."),
        entry("a/.wh..."),
        entry("a/.wh..", b""),
        pax({"path": "nul\0inside"}) + entry("x"),
        pax({"path": "x" * 5000}) + entry("x"),
        pax({"path": "x/" * 2500}) + entry("x"),
        hardlink("a", "../b"),
        hardlink("a", ""),
        symlink("a", ""),
        pax({"linkpath": "x" * 5000}) + symlink("a", "x"),
    ],
)
def test_bad_names_are_not_followed_but_counted_and_the_walk_goes_on(bad: bytes) -> None:
    found = read(blob(tar(bad, bad, entry("good"))))
    assert found.tree.entries == b"fgood"
    (gap,) = found.gaps
    assert gap.why is Why.MALFORMED
    assert "2 names" in gap.detail


def test_the_root_folder_itself_is_no_bad_name() -> None:
    found = read(blob(tar(folder("."), entry("./a"))))
    assert (found.tree.entries, found.gaps) == (b"fa", ())


def test_a_doubt_about_what_runtimes_read_is_a_gap() -> None:
    found = read(blob(tar(pax({"path": "all"}, b"g"), entry("a"))))
    assert [gap.why for gap in found.gaps] == [Why.MALFORMED]


def test_a_hopped_layer_without_the_mark_of_its_end_may_be_cut_off_and_a_verified_one_is_not(tmp_path: Path) -> None:
    whole = entry("etc/passwd", b"root") + entry("last")
    for content in (whole, b"", whole + bytes(512)):
        layer = plain_blob(tmp_path / "image.tar", content)
        expected = [] if content.endswith(bytes(512)) and len(content) > len(whole) else [Why.MALFORMED]
        found = read(layer)
        assert [gap.why for gap in found.gaps] == expected
        assert all("without a mark of its end" in gap.detail for gap in found.gaps)
        assert read(layer, verify=True).gaps == ()
        assert read(blob(content)).gaps == ()
