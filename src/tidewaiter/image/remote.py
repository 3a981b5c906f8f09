"""Images in a registry."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

from tidewaiter.image.assembly import Assembly
from tidewaiter.image.blob import Image, Registry
from tidewaiter.image.limits import Limits
from tidewaiter.image.manifest import read_document
from tidewaiter.image.selection import Wanted
from tidewaiter.model.image import Descriptor, Reference


@dataclass(frozen=True, slots=True)
class _Repository:
    """A repository's manifests and blobs, as `Content`."""

    registry: Registry
    reference: Reference

    @property
    def where(self) -> str:
        return f"{self.reference.registry}/{self.reference.repository}"

    def holds(self, descriptor: Descriptor) -> bool:
        """Always: a registry refuses an index whose manifests it does not have."""
        return bool(descriptor)

    def manifest(self, descriptor: Descriptor) -> bytes:
        reference = replace(self.reference, tag="", digest=descriptor.digest)
        content, _ = self.registry.manifest(reference, ceiling=descriptor.size)
        return content

    def config(self, descriptor: Descriptor) -> bytes:
        with self.registry.blob(self.reference, descriptor.digest, descriptor.size) as stream:
            return read_all(stream, descriptor.size)

    def layer(self, descriptor: Descriptor) -> tuple[Callable[[], BinaryIO], None]:
        def opener() -> BinaryIO:
            return self.registry.blob(self.reference, descriptor.digest, descriptor.size)

        return opener, None


def remote_images(text: str, registry: Registry, *, target: str, wanted: Wanted, limits: Limits) -> tuple[Image, ...]:
    """The images that the reference `text` names in the registry. Raises RegistryError and what Assembly raises."""
    reference = registry.reference(text)
    content, media_type = registry.manifest(reference, ceiling=limits.manifest_bytes)
    root = read_document(content, str(reference), media_type)
    assembly = Assembly(target=target, content=_Repository(registry, reference), wanted=wanted, limits=limits)
    return assembly.images(root, (str(reference),) if reference.tag else ())


def read_all(stream: BinaryIO, size: int) -> bytes:
    """Up to `size` bytes and one more, so that too long an answer is seen and not taken in."""
    parts = []
    left = size + 1
    while left and (chunk := stream.read(left)):
        parts.append(chunk)
        left -= len(chunk)
    return b"".join(parts)
