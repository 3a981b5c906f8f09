"""What is kept of an image comes back as it was, and what was not kept here is refused."""

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeVar

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.errors import MalformedError
from tidewaiter.inventory.encoding import decode_inventory, decode_layer, encode_inventory, encode_layer
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest, ImageIdentity, Layer, Platform
from tidewaiter.model.package import (
    Distro,
    Extraction,
    FileInventory,
    Inventory,
    LayerCost,
    LayerInventory,
    LayerTree,
    Location,
    Package,
    SourcePackage,
)

_T = TypeVar("_T")


def whole(model: type[_T], **fields: st.SearchStrategy[object]) -> st.SearchStrategy[_T]:
    """Values of a model in which each field varies: one that is new and forgotten here is found."""
    assert set(fields) == {field.name for field in dataclasses.fields(model)}  # type: ignore[arg-type]  # dataclasses all
    return st.builds(model, **fields)


# Lone surrogates too: that is how names that are no UTF-8 stand in a string.
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
DIGESTS = st.builds(Digest, st.just("sha256"), st.text("0123456789abcdef", min_size=64, max_size=64))
PLATFORMS = st.builds(Platform, TEXT, TEXT, TEXT)
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(timezones=st.none() | st.just(UTC) | ZONES)
GAPS = st.lists(
    whole(Gap, stage=st.sampled_from(Stage), why=st.sampled_from(Why), subject=TEXT, detail=TEXT), max_size=3
).map(tuple)
SIZES = st.integers(0, 1 << 60)
LAYERS = whole(
    Layer,
    index=st.integers(0, 5),
    digest=DIGESTS,
    diff_id=st.none() | DIGESTS,
    media_type=TEXT,
    size=SIZES,
    created_by=TEXT,
)
DISTROS = whole(
    Distro,
    id=TEXT,
    version_id=TEXT,
    pretty_name=TEXT,
    version_codename=TEXT,
    id_like=TEXTS,
    cpe_name=TEXT,
    variant_id=TEXT,
    root=TEXT,
    path=TEXT,
)
PACKAGES = whole(
    Package,
    purl=TEXT,
    type=TEXT,
    name=TEXT,
    version=TEXT,
    source=st.none() | whole(SourcePackage, name=TEXT, version=TEXT),
    architecture=TEXT,
    distro=st.none() | DISTROS,
    module=TEXT,
    vendor=TEXT,
    origin=TEXT,
    licenses=TEXTS,
    provides=TEXTS,
    locations=st.lists(whole(Location, path=TEXT, layer=st.none() | LAYERS, within=TEXT), max_size=3).map(tuple),
    extractor=TEXT,
)
INVENTORIES = whole(
    Inventory,
    image=whole(
        ImageIdentity,
        reference=TEXT,
        digest=st.none() | DIGESTS,
        platform=st.none() | PLATFORMS,
        tags=TEXTS,
        created=st.none() | TIMES,
        layers=st.lists(LAYERS, max_size=3).map(tuple),
    ),
    distro=st.none() | DISTROS,
    distros=st.lists(DISTROS, max_size=2).map(tuple),
    packages=st.lists(PACKAGES, max_size=3).map(tuple),
    gaps=GAPS,
    extractors=TEXTS,
)
LINKS = st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple)
EXTRACTIONS = whole(
    Extraction,
    packages=st.lists(PACKAGES, max_size=2).map(tuple),
    distro=st.none() | DISTROS,
    owned=TEXTS,
    gaps=GAPS,
)
LAYER_INVENTORIES = whole(
    LayerInventory,
    digest=st.none() | DIGESTS,
    verified=st.booleans(),
    fingerprint=TEXT,
    tree=whole(
        LayerTree, entries=st.binary(max_size=30), symlinks=LINKS, hardlinks=LINKS, whiteouts=TEXTS, opaques=TEXTS
    ),
    files=st.lists(whole(FileInventory, path=TEXT, extractor=TEXT, extraction=EXTRACTIONS), max_size=3).map(tuple),
    gaps=GAPS,
    size=SIZES,
    stored=SIZES,
    cost=whole(LayerCost, unpacked=SIZES, names=SIZES, looked=SIZES, kept=SIZES),
)
NOTHING = LayerInventory(digest=None, verified=True, fingerprint="f", tree=LayerTree())
LAYER = Layer(index=0, digest=Digest("sha256", "a" * 64), created_by="RUN " + "x" * 100_000)
PACKAGE = Package(purl="pkg:deb/a", type="deb", name="a", version="1", locations=(Location(path="p", layer=LAYER),))
INVENTORY = Inventory(image=ImageIdentity(reference="r", layers=(LAYER,)), packages=(PACKAGE,) * 1000)


@given(INVENTORIES)
def test_an_inventory_survives(inventory: Inventory) -> None:
    assert decode_inventory(encode_inventory(inventory)) == inventory


@given(LAYER_INVENTORIES)
def test_a_layer_survives(layer: LayerInventory) -> None:
    assert decode_layer(encode_layer(layer)) == layer


@given(TIMES)
def test_a_time_keeps_its_zone(created: datetime) -> None:
    found = decode_inventory(encode_inventory(Inventory(image=ImageIdentity(reference="r", created=created))))
    assert found.image.created is not None
    assert found.image.created.isoformat() == created.isoformat()


def test_what_packages_share_is_spelled_once_and_shared_again() -> None:
    encoded = encode_inventory(INVENTORY)
    assert zstandard.frame_content_size(encoded[2:]) < 2 * len(LAYER.created_by)
    first, *others = decode_inventory(encoded).packages
    assert all(package.locations[0].layer is first.locations[0].layer for package in others)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not of this version"),
        (b"\x02\x00rest", "not of this version"),
        (b"\x01\x00no frame", "cannot be read"),
        (encode_layer(NOTHING)[:-1], "cannot be read"),
        (encode_inventory(INVENTORY), "cannot be read"),
        (b"\x01\x00" + zstandard.compress(b"\xc1"), "cannot be read"),
        (b"\x01\x01" + zstandard.compress(msgspec.msgpack.encode({"digest": "€"})), "cannot be read"),
    ],
)
def test_what_is_no_layer_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(MalformedError, match=said) as refused:
        decode_layer(content)
    assert refused.value.where == "stored layer"


def test_a_frame_that_claims_to_be_huge_is_refused() -> None:
    claim = b"\x28\xb5\x2f\xfd\xe0" + (1 << 60).to_bytes(8, "little") + b"\x01\x00\x00"
    with pytest.raises(MalformedError):
        decode_layer(b"\x01\x00" + claim)


def test_a_layer_is_no_inventory() -> None:
    with pytest.raises(MalformedError, match="stored inventory"):
        decode_inventory(encode_layer(NOTHING))


def test_a_package_in_a_layer_that_is_not_listed_is_refused() -> None:
    spelled = msgspec.msgpack.decode(zstandard.decompress(encode_inventory(INVENTORY)[2:]))
    spelled[2] = []
    with pytest.raises(MalformedError, match="list index out of range"):
        decode_inventory(b"\x01\x00" + zstandard.compress(msgspec.msgpack.encode(spelled)))
