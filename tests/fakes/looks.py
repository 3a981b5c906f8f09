"""Somebody who looks through an agent's images on the spot, or when told."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from tidewaiter.fleet.looker import Looked, Progress, PulledImage
from tidewaiter.image.manifest import read_document
from tidewaiter.model.cloud import Registry
from tidewaiter.model.image import Digest, ImageIdentity, Layer, Manifest
from tidewaiter.model.package import Inventory, Location, Package


def inventory(image: PulledImage) -> Inventory:
    """A package in each layer, with the command that made the layer."""
    manifest = read_document(image.manifest, "pulled")
    assert isinstance(manifest, Manifest)
    layers = tuple(
        Layer(index=index, digest=each.digest, size=each.size, created_by="RUN TOKEN=planted make")
        for index, each in enumerate(manifest.layers)
    )
    packages = tuple(
        Package(
            purl=f"pkg:deb/debian/{each.digest.hex[:8]}@1",
            type="deb",
            name=each.digest.hex[:8],
            version="1",
            locations=(Location(path="var/lib/dpkg/status", layer=each),),
        )
        for each in layers
    )
    identity = ImageIdentity(reference=image.reference, digest=image.digest, tags=image.tags, layers=layers)
    return Inventory(image=identity, packages=packages)


@dataclass
class HeldLooks:
    """A `Looks`. With `hold`, images are under way until `finish`; `most` is how many were at the same time.

    `begun` are the images in their order, `forgotten` the registries that were left. `on_look` is called as one begins.
    """

    hold: bool = False
    begun: list[PulledImage] = field(default_factory=list)
    forgotten: list[Registry] = field(default_factory=list)
    on_look: Callable[[PulledImage], None] = lambda _image: None
    under_way: dict[Digest, Future[Looked]] = field(default_factory=dict)
    most: int = 0
    progress: dict[Digest, Progress] = field(default_factory=dict)

    def look(self, image: PulledImage, *, progress: Progress | None = None) -> Future[Looked]:
        future: Future[Looked] = Future()
        self.begun.append(image)
        self.on_look(image)
        if progress is not None:
            self.progress[image.digest] = progress
        self.under_way[image.digest] = future
        future.add_done_callback(lambda _: self.under_way.pop(image.digest, None))
        self.most = max(self.most, len(self.under_way))
        if not self.hold:
            self.finish(image)
        return future

    def finish(self, image: PulledImage, looked: Looked | None = None) -> None:
        future = self.under_way[image.digest]
        future.set_result(looked or Looked(inventory=inventory(image), layers_read=1, bytes_pulled=10))

    def forget(self, registry: Registry) -> None:
        self.forgotten.append(registry)
