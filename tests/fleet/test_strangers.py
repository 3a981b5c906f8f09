"""Accounts that hold the same images and lie: nothing that is said of another's images is of their making."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakes.blob_registry import BlobRegistry
from tarballs import entry, tar
from tidewaiter.aws.registries import Place
from tidewaiter.fleet.filters import Wishes
from tidewaiter.fleet.run import run
from tidewaiter.image.limits import Limits
from tidewaiter.model.cloud import Account
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Platform
from tidewaiter.simulator.images import Built, BuiltLayer, build_image, build_index, build_layer
from tidewaiter.store.store import ManifestRow, Store

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LINUX, WINDOWS = Platform("linux", "amd64"), Platform("windows", "amd64")
LIAR, OURS = "111111111111", "222222222222"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "fleet.db")) as store:
        yield store


@pytest.fixture
def accounts() -> Iterator[tuple[BlobRegistry, BlobRegistry]]:
    """The liar's registry, and ours."""
    with BlobRegistry(LIAR) as theirs, BlobRegistry(OURS) as ours:
        yield theirs, ours


def scanned(store: Store, apis: Sequence[BlobRegistry], wishes: Wishes) -> Sequence[ManifestRow]:
    """The manifests of a run over these registries, one after the other."""
    places = [Place(account=Account(id=api.registry.account), api=api) for api in apis]
    number = run(places, store=store, wishes=wishes, command="ecr scan", scope="test", now=lambda: NOW)
    return list(store.manifests(number))


def debian(*names: str, size: int = 0) -> BuiltLayer:
    """A layer with these packages, stored as it is; `size` fills it up to so many bytes."""
    status = "".join(f"Package: {name}\nStatus: install ok installed\nVersion: 1\n\n" for name in names)
    release = entry("etc/os-release", b'ID=debian\nVERSION_ID="12"\n')
    content = tar(release, entry("var/lib/dpkg/status", status.encode()))
    return build_layer(content.ljust(size, b"\0"), compression="")


def told(layer: BuiltLayer, lie: BuiltLayer) -> Built:
    """An image of the layer, in whose place its registry gives the lie."""
    image = build_image([layer], platform=LINUX)
    return replace(image, blobs={**image.blobs, layer.digest: lie.stored})


def test_an_index_elsewhere_does_not_say_what_an_image_is_for(
    store: Store, accounts: tuple[BlobRegistry, BlobRegistry]
) -> None:
    theirs, ours = accounts
    image = build_image([debian("a")], platform=LINUX)
    theirs.push("lie", "1", build_index([replace(image, platform=WINDOWS)]))
    ours.push("app", "1", image)
    scanned(store, [theirs], Wishes())
    (row,) = scanned(store, [ours], Wishes(platforms=(LINUX,)))
    assert row.settled.outcome.state == "scanned"


def test_what_a_registry_gives_in_the_place_of_a_layer_is_not_believed_where_a_ceiling_cuts_it(
    store: Store, accounts: tuple[BlobRegistry, BlobRegistry]
) -> None:
    theirs, ours = accounts
    layer = debian("a", size=20_000)
    lie = build_layer(debian("lie").tar[:-1024] + tar(*(entry(str(number)) for number in range(9))), compression="")
    lie = replace(lie, stored=lie.stored.ljust(20_000, b"\0"))
    theirs.push("app", "1", told(layer, lie))
    ours.push("app", "1", told(layer, layer))
    wishes = Wishes(limits=Limits(entries=2))
    (row,) = scanned(store, [theirs], wishes)
    assert (row.settled.outcome.state, row.settled.outcome.why) == ("failed", Why.MALFORMED)
    (row,) = scanned(store, [ours], wishes)
    assert row.settled.outcome.state == "scanned"
    inventory = store.inventory(row.detail.digest)
    assert inventory is not None
    assert [package.name for package in inventory.packages] == ["a"]
