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
from tidewaiter.model.cloud import Account
from tidewaiter.model.image import Platform
from tidewaiter.simulator.images import BuiltLayer, build_image, build_index, build_layer
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


def debian(*names: str) -> BuiltLayer:
    status = "".join(f"Package: {name}\nStatus: install ok installed\nVersion: 1\n\n" for name in names)
    release = entry("etc/os-release", b'ID=debian\nVERSION_ID="12"\n')
    return build_layer(tar(release, entry("var/lib/dpkg/status", status.encode())))


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
