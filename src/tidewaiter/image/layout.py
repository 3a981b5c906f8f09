"""Images in an OCI image layout, in a folder or in a tar.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from tidewaiter.errors import LimitError, MalformedError, SourceError
from tidewaiter.image.archive import INDEX, Files
from tidewaiter.image.assembly import Assembly, NotAnImageError, merged
from tidewaiter.image.blob import Image
from tidewaiter.image.extent import Extent
from tidewaiter.image.limits import Limits
from tidewaiter.image.manifest import read_index
from tidewaiter.image.names import same_name
from tidewaiter.image.selection import PlatformError, Wanted, is_attestation
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Descriptor, Digest, Index, Manifest

_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_PLAIN_TYPES = ("application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar")


@dataclass(frozen=True, slots=True)
class _Blobs:
    """The layout's blobs, as `Content`."""

    files: Files

    @property
    def where(self) -> str:
        return self.files.where

    def holds(self, descriptor: Descriptor) -> bool:
        return self.files.find(_path(descriptor.digest)) is not None

    def manifest(self, descriptor: Descriptor) -> bytes:
        return self._extent(descriptor).read(descriptor.size, limit="manifest_bytes")

    config = manifest

    def layer(self, descriptor: Descriptor) -> tuple[Callable[[], BinaryIO], tuple[str, int, int] | None]:
        extent = self._extent(descriptor)
        is_plain = self.files.vouches and descriptor.media_type in _PLAIN_TYPES and not extent.compression()
        return extent.open, (extent.file, extent.offset, extent.size) if is_plain else None

    def _extent(self, descriptor: Descriptor) -> Extent:
        extent = self.files.find(_path(descriptor.digest))
        if extent is None:
            raise MalformedError("the layout does not hold it", where=f"{self.where}: {_path(descriptor.digest)}")
        if extent.size != descriptor.size:
            what = f"it has {extent.size} bytes, and {descriptor.size} were promised"
            raise MalformedError(what, where=extent.where)
        return extent


@dataclass(frozen=True, slots=True)
class _Group:
    """One image, or one for each platform: a part of the layout's index. `names` are all that find it."""

    index: Index
    tags: tuple[str, ...]
    names: tuple[str, ...]


def layout_images(files: Files, selector: str, *, target: str, wanted: Wanted, limits: Limits) -> tuple[Image, ...]:
    """The images of a layout: the one that `selector` names (a name, or `@` and a digest), else all.

    Entries of `index.json` with one name are one image for several platforms; so are those without a name that say
    their platforms. Any other entry is an image of its own. Raises SourceError when the selector fits none, or no
    image is for the platform that was asked for.
    """
    assembly = Assembly(target=target, content=_Blobs(files), wanted=wanted, limits=limits)
    groups = _selected(_index(files, limits), selector, assembly)
    if not groups:
        raise SourceError("it lists no images", where=f"{files.where}: {INDEX}")
    if len(groups) > limits.images:
        what = f"it has {len(groups)} images, more than {limits.images}"
        raise LimitError(what, limit="images", where=files.where, advice="Name the one you mean after a colon.")
    return merged(_images(groups, assembly))


def layout_configurations(files: Files, limits: Limits) -> frozenset[Digest]:
    """The digests of the configurations of all images that the layout lists and holds, for any platform."""
    assembly = Assembly(target=files.where, content=_Blobs(files), wanted=Wanted(every=True), limits=limits)
    held = [leaf for leaf in assembly.flat(_index(files, limits)) if assembly.content.holds(leaf)]
    documents = [assembly.document(leaf) for leaf in held]
    return frozenset(document.config.digest for document in documents if isinstance(document, Manifest))


def _images(groups: Sequence[_Group], assembly: Assembly) -> list[Image]:
    """The groups' images. One that is not for the platform that was asked for is passed over, unless all are."""
    images: list[Image] = []
    refused: PlatformError | None = None
    for group in groups:
        try:
            images += assembly.images(group.index, group.tags)
        except PlatformError as error:
            if assembly.wanted.platform is None:
                raise
            refused = error
        except NotAnImageError as error:
            if len(groups) == 1:
                raise
            images.append(assembly.passed_over(group.index.manifests[0], group.tags, Why.NOT_AN_IMAGE, error))
    if refused and not images:
        raise refused
    return images


def _index(files: Files, limits: Limits) -> Index:
    extent = files.find(INDEX)
    if extent is None:
        raise SourceError(f"not an OCI layout: it has no {INDEX}", where=files.where)
    return read_index(extent.read(limits.manifest_bytes, limit="manifest_bytes"), extent.where)


def _groups(index: Index) -> tuple[_Group, ...]:
    grouped: dict[object, list[Descriptor]] = {}
    for entry in index.manifests:
        if not is_attestation(entry):
            key = _names(entry)[:1] or ("" if entry.platform else entry.digest)
            grouped.setdefault(key, []).append(entry)
    return tuple(_group(index, entries) for entries in grouped.values())


def _group(index: Index, entries: Sequence[Descriptor]) -> _Group:
    names = tuple(dict.fromkeys(name for entry in entries for name in _names(entry)))
    return _Group(replace(index, manifests=tuple(entries)), names[:1], names)


def _names(entry: Descriptor) -> tuple[str, ...]:
    """The entry's names, the fullest first."""
    annotations = dict(entry.annotations)
    return tuple(annotations[key] for key in _NAMES if annotations.get(key))


def _selected(index: Index, selector: str, assembly: Assembly) -> tuple[_Group, ...]:
    groups = _groups(index)
    if not selector:
        return groups
    if selector.startswith("@"):
        found = _by_digest(index, selector[1:], assembly)
    else:
        found = tuple(group for group in groups if any(same_name(selector, name) for name in group.names))
    if not found:
        names = sorted({name for group in groups for name in group.tags})
        advice = (
            f"It holds {', '.join(names)}." if names else "Its images have no names: choose one by @ and its digest."
        )
        raise SourceError(
            f"it holds no image {selector.removeprefix('@')}", where=assembly.content.where, advice=advice
        )
    return found


def _by_digest(index: Index, text: str, assembly: Assembly) -> tuple[_Group, ...]:
    """What has the digest: an entry of the layout's index, or a manifest below one."""
    entries = [entry for entry in index.manifests if str(entry.digest) == text]
    entries = entries or [entry for entry in assembly.flat(index) if str(entry.digest) == text]
    return (_group(index, entries[:1]),) if entries else ()


def _path(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.hex}"
