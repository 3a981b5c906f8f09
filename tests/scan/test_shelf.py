"""Layers that were read before: they change what an image costs, and nothing of what is said of it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from tarballs import blob, entry, hardlink, image_of, plain_blob, stored_blob, symlink, tar
from tidewaiter.errors import MalformedError
from tidewaiter.image.blob import LayerBlob
from tidewaiter.image.limits import Limits
from tidewaiter.inventory.catalog import FINGERPRINT
from tidewaiter.inventory.encoding import decode_layer, encode_layer
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest
from tidewaiter.model.package import Inventory, LayerInventory, LayerTree
from tidewaiter.scan import look

STATUS = "var/lib/dpkg/status"
DEBIAN = entry("etc/os-release", b'ID=debian\nVERSION_ID="12"\n')


class Shelf:
    """Keeps layers in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Digest, str], tuple[bytes, int]] = {}

    def layer(self, digest: Digest, fingerprint: str) -> bytes | None:
        return self.kept.get((digest, fingerprint), (None, 0))[0]

    def keep_layer(self, digest: Digest, fingerprint: str, content: bytes, stored_size: int) -> None:
        self.kept[digest, fingerprint] = content, stored_size


class Opened:
    """Counts how often layers are opened."""

    def __init__(self) -> None:
        self.digests: list[Digest] = []

    def __call__(self, found: LayerBlob) -> LayerBlob:
        def open_it() -> BinaryIO:
            self.digests.append(found.layer.digest)
            return found.open()

        return replace(found, open=open_it)


def status(*names: str) -> bytes:
    return "".join(f"Package: {name}\nStatus: install ok installed\nVersion: 1\n\n" for name in names).encode()


def seen(
    layers: Sequence[LayerBlob], shelf: Shelf | None = None, limits: Limits | None = None
) -> tuple[Inventory, list[Digest]]:
    """What is said of an image of these layers, and which of them were read."""
    opened = Opened()
    inventory = look(image_of(*map(opened, layers)), limits=limits or Limits(), shelf=shelf)
    return inventory, opened.digests


def known(shelf: Shelf, layers: Sequence[LayerBlob]) -> list[LayerInventory]:
    """What is known of layers after images of one layer each were looked through."""
    for layer in layers:
        seen([layer], shelf)
    return [decode_layer(content) for content, _ in shelf.kept.values()]


BASE = blob(tar(DEBIAN, entry(STATUS, status("base"))))
APP = blob(tar(entry(STATUS, status("base", "app"))), index=1)
OTHER = blob(tar(entry(STATUS, status("base", "other"))), index=1)


def test_a_layer_that_was_read_for_one_image_is_not_read_for_another() -> None:
    shelf = Shelf()
    seen([BASE, APP], shelf)
    found, read = seen([BASE, OTHER], shelf)
    assert read == [OTHER.layer.digest]
    assert found == seen([BASE, OTHER])[0]
    assert [package.name for package in found.packages] == ["base", "other"]


def test_an_image_whose_layers_are_all_known_reads_none() -> None:
    shelf = Shelf()
    first, _ = seen([BASE, APP], shelf)
    assert seen([BASE, APP], shelf) == (first, [])


def test_a_layer_is_kept_with_the_size_of_its_stored_bytes() -> None:
    shelf = Shelf()
    seen([BASE], shelf)
    ((key, (content, size)),) = shelf.kept.items()
    assert key == (BASE.layer.digest, FINGERPRINT)
    assert size == decode_layer(content).stored == BASE.layer.size


def test_what_only_links_lead_to_is_read_again_from_a_known_layer() -> None:
    lower = blob(tar(DEBIAN, entry("opt/status", status("linked"))))
    upper = blob(tar(symlink(STATUS, "/opt/status")), index=1)
    shelf = Shelf()
    seen([lower], shelf)
    seen([upper], shelf)
    found, read = seen([lower, upper], shelf)
    assert read == [lower.layer.digest]
    assert [package.name for package in found.packages] == ["linked"]
    assert found == seen([lower, upper])[0]


def test_a_hard_link_within_a_known_layer_is_known_too() -> None:
    layer = blob(tar(DEBIAN, entry("opt/status", status("linked")), hardlink(STATUS, "opt/status")))
    shelf = Shelf()
    first, _ = seen([layer], shelf)
    assert seen([layer], shelf) == (first, [])
    assert [package.name for package in first.packages] == ["linked"]


@pytest.mark.parametrize(
    ("ceiling", "counted"),
    [("image_bytes", "unpacked"), ("names_bytes", "names"), ("looked_bytes", "looked"), ("inventory_bytes", "kept")],
)
def test_known_layers_count_against_the_ceilings_of_the_image(ceiling: str, counted: str) -> None:
    names = [entry(f"opt/{number}") for number in range(10_000)]  # they are counted by the thousand
    layers = [
        blob(tar(DEBIAN, *names, entry(STATUS, status("base")))),
        blob(tar(*names, entry(STATUS, status("base", "app"))), index=1),
    ]
    shelf = Shelf()
    costs = [getattr(layer.cost, counted) for layer in known(shelf, layers)]
    enough, found = Limits(**{ceiling: sum(costs)}), seen(layers)[0]
    assert seen(layers, shelf, enough) == (found, [])
    too_little = Limits(**{ceiling: (sum(costs) + max(costs)) // 2})
    cut, read = seen(layers, shelf, too_little)
    assert set(read) == {layer.layer.digest for layer in layers}
    assert any(gap.why is Why.LIMIT and f"limit {ceiling}" in gap.detail for gap in cut.gaps)


@pytest.mark.parametrize(
    "limits",
    [Limits(entries=1), Limits(file_bytes=20), Limits(layer_bytes=2_000), Limits(inventory_bytes=100)],
    ids=["entries", "file_bytes", "layer_bytes", "inventory_bytes"],
)
def test_a_layer_that_a_ceiling_cut_is_not_kept(limits: Limits) -> None:
    shelf = Shelf()
    found, _ = seen([BASE], shelf, limits)
    assert Why.LIMIT in {gap.why for gap in found.gaps}
    assert shelf.kept == {}


def test_nor_is_one_whose_second_reading_for_its_hard_links_was_cut() -> None:
    layer = blob(tar(DEBIAN, entry("opt/status", status("linked")), hardlink(STATUS, "opt/status")))
    shelf = Shelf()
    (once,) = known(Shelf(), [layer])
    limits = Limits(image_bytes=once.size)
    found, _ = seen([layer], shelf, limits)
    assert any(gap.why is Why.LIMIT and "limit image_bytes" in gap.detail for gap in found.gaps)
    assert shelf.kept == {}


def test_a_ceiling_that_cut_the_second_reading_for_a_link_is_told() -> None:
    lower = blob(tar(DEBIAN, entry("opt/status", status("linked"))))
    upper = blob(tar(symlink(STATUS, "/opt/status")), index=1)
    once = sum(layer.size for layer in known(Shelf(), [lower, upper]))
    found, _ = seen([lower, upper], limits=Limits(image_bytes=once))
    assert any(gap.why is Why.LIMIT and "limit image_bytes" in gap.detail for gap in found.gaps)


def test_what_a_local_archive_claims_is_not_believed(tmp_path: Path) -> None:
    known = stored_blob(tar(DEBIAN, entry(STATUS, status("harmless"))))
    shelf = Shelf()
    seen([known], shelf)
    changed = plain_blob(tmp_path / "layer.tar", tar(DEBIAN, entry(STATUS, status("harmful"))))
    claiming = replace(changed, layer=replace(changed.layer, digest=known.layer.digest))
    found, _ = seen([claiming], shelf)
    assert [package.name for package in found.packages] == ["harmful"]
    assert len(shelf.kept) == 1


def test_a_layer_of_another_size_than_promised_is_refused_though_it_is_known() -> None:
    shelf = Shelf()
    seen([BASE], shelf)
    lying = replace(BASE, layer=replace(BASE.layer, size=BASE.layer.size + 1))
    with pytest.raises(MalformedError, match="were promised"):
        seen([lying], shelf)


@pytest.mark.parametrize("damage", ["cut", "another layer's", "of other extractors"])
def test_a_damaged_memory_is_none(damage: str) -> None:
    shelf = Shelf()
    seen([BASE, APP], shelf)
    key = (BASE.layer.digest, FINGERPRINT)
    good = decode_layer(shelf.kept[key][0])
    wrong = {
        "cut": shelf.kept[key][0][:-5],
        "another layer's": shelf.kept[APP.layer.digest, FINGERPRINT][0],
        "of other extractors": encode_layer(replace(good, fingerprint="old", tree=LayerTree())),
    }
    shelf.kept[key] = wrong[damage], 0
    found, read = seen([BASE, APP], shelf)
    assert read == [BASE.layer.digest]
    assert found == seen([BASE, APP])[0]
    assert decode_layer(shelf.kept[key][0]) == good
