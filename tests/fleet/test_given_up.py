"""Images that are given up while they are looked through, and registries that are left."""

import os
import signal
from collections.abc import Iterator

import pytest

from fakes.blob_registry import BlobRegistry
from fakes.layer_shelves import MemoryShelf
from tidewaiter.fleet.looker import Looker, PulledImage
from tidewaiter.fleet.watcher import Unwatched
from tidewaiter.image.limits import Limits
from tidewaiter.image.manifest import read_document
from tidewaiter.model.image import Digest, Manifest
from tidewaiter.simulator.images import build_image, build_layer
from worker_processes import PATIENCE, slow_image, until, workers_of


@pytest.fixture
def api() -> Iterator[BlobRegistry]:
    with BlobRegistry() as running:
        yield running


@pytest.fixture
def looker(api: BlobRegistry) -> Iterator[Looker]:
    with Looker(workers=1, limits=Limits(), apis=lambda _: api, shelf=MemoryShelf(), watcher=Unwatched()) as running:
        yield running


def layer_of(image: PulledImage) -> Digest:
    manifest = read_document(image.manifest, "pulled")
    assert isinstance(manifest, Manifest)
    return manifest.layers[0].digest


def busy(api: BlobRegistry, looker: Looker) -> None:
    """Have the only worker read a layer that does not come."""
    api.storage.faults.pause = 60
    looker.look(slow_image(api, "slow"))
    until(lambda: len(api.storage.asked) == 1)


def go_on(api: BlobRegistry) -> None:
    """The next worker gets its layers at once."""
    api.storage.faults.pause = 0
    (pid,) = workers_of(os.getpid())
    os.kill(pid, signal.SIGKILL)


def is_ordered(looker: Looker, image: PulledImage) -> bool:
    """Whether a worker has been asked for its layer."""
    return any(order.future for order in looker._stock._orders.values() if order.descriptor.digest == layer_of(image))


def test_a_layer_is_read_as_long_as_somebody_waits_for_it(api: BlobRegistry, looker: Looker) -> None:
    busy(api, looker)
    given_up, shared = slow_image(api, "a"), slow_image(api, "b")
    futures = [looker.look(image) for image in (given_up, shared, shared)]
    until(lambda: is_ordered(looker, given_up) and is_ordered(looker, shared))
    futures[0].cancel()
    futures[1].cancel()
    until(lambda: not is_ordered(looker, given_up))
    go_on(api)
    assert futures[2].result(PATIENCE).inventory is not None
    assert (api.sent(layer_of(given_up)), api.sent(layer_of(shared))) == (0, 1)
    assert looker.look(given_up).result(PATIENCE).inventory is not None


def test_a_layer_that_is_being_read_is_read_to_its_end(api: BlobRegistry, looker: Looker) -> None:
    api.storage.faults.pause = 60
    image = slow_image(api, "a")
    future = looker.look(image)
    until(lambda: len(api.storage.asked) == 1)
    future.cancel()
    again = looker.look(image)
    go_on(api)
    assert again.result(PATIENCE).inventory is not None


def test_a_registry_that_was_left_is_entered_anew(api: BlobRegistry, looker: Looker) -> None:
    api.refused.add("GetDownloadUrlForLayer")
    first = looker.look(slow_image(api, "a")).result(PATIENCE)
    assert first.inventory is not None, "its Docker API gives what its own does not"
    api.refused.clear()
    looker.forget(api.registry)
    looker.forget(api.registry)
    layer = build_layer({"another": b"layer"})
    image = build_image([layer])
    another = PulledImage(repository=api.push("a", "2", image), digest=image.digest, manifest=image.document)
    assert looker.look(another).result(PATIENCE).inventory is not None
    assert api.asked[layer.digest] == 1


def test_progress_is_told_as_layers_are_read(api: BlobRegistry, looker: Looker) -> None:
    told: list[tuple[int, int]] = []
    looked = looker.look(slow_image(api, "a"), progress=lambda layers, size: told.append((layers, size))).result(
        PATIENCE
    )
    assert told[-1] == (looked.layers_read, looked.bytes_pulled) == (1, looked.bytes_pulled)
    assert told == sorted(told)
