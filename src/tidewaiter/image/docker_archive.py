"""Images in a docker-archive: what `docker save`, podman, skopeo and kaniko write.

https://github.com/moby/docker-image-spec/blob/main/spec.md#combined-image-json--filesystem-changeset-format
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tidewaiter.errors import LimitError, MalformedError, SourceError
from tidewaiter.image.archive import MANIFEST, Files, clean
from tidewaiter.image.assembly import check_layers, creation_time, describe_layers, known_platform, merged
from tidewaiter.image.blob import Image, LayerBlob
from tidewaiter.image.extent import Extent
from tidewaiter.image.limits import Limits
from tidewaiter.image.manifest import SavedImage, digest_of, read_config, read_saved
from tidewaiter.image.names import same_name
from tidewaiter.image.selection import PlatformError, Wanted, fits
from tidewaiter.model.image import Descriptor, Digest, ImageConfig, ImageIdentity, Layer

_HEX = re.compile(r"(?:.*[/:])?([0-9a-f]{64})(?:\.json)?")
_TAR = "application/vnd.docker.image.rootfs.diff.tar"
_MEDIA_TYPES = {"": _TAR, "gzip": f"{_TAR}.gzip", "zstd": f"{_TAR}.zstd"}


def docker_images(files: Files, selector: str, *, target: str, wanted: Wanted, limits: Limits) -> tuple[Image, ...]:
    """The images of a docker-archive: the one that `selector` names, a tag, or `@` and a digest; else all.

    An image's identity is its configuration's digest: the archive does not have the manifest's. Layers are identified
    by their diff_ids. Raises SourceError when the selector fits none, or no image is for the platform asked for.
    """
    saved = _saved(files, limits)
    chosen = [image for image in saved if _is_meant(selector, image)]
    if not chosen:
        raise _no_such_image(files, selector, saved)
    images = merged([_image(files, image, target, limits) for image in chosen])
    fitting = tuple(image for image in images if fits(image.identity.platform, wanted))
    if not fitting:
        there = ", ".join(sorted({str(image.identity.platform) for image in images}))
        advice = "Leave --platform out to take what there is."
        raise PlatformError(
            f"it has no image for {wanted.platform}, only for {there}", where=files.where, advice=advice
        )
    return fitting


def unlisted_images(
    files: Files, listed: Collection[Digest], *, target: str, wanted: Wanted, limits: Limits
) -> tuple[Image, ...]:
    """The images for the platform whose configurations are not among `listed`."""
    saved = [image for image in _saved(files, limits) if digest_of(image.content) not in listed]
    images = merged([_image(files, image, target, limits) for image in saved])
    return tuple(image for image in images if fits(image.identity.platform, wanted))


@dataclass(frozen=True, slots=True)
class _Saved:
    """An entry of the archive's list, with its configuration's bytes."""

    entry: SavedImage
    content: bytes


def _saved(files: Files, limits: Limits) -> tuple[_Saved, ...]:
    extent = files.find(MANIFEST)
    if extent is None:
        raise SourceError(f"not a docker-archive: it has no {MANIFEST}", where=files.where)
    entries = read_saved(extent.read(limits.manifest_bytes, limit="manifest_bytes"), extent.where)
    if len(entries) > limits.images:
        what = f"it has {len(entries)} images, more than {limits.images}"
        raise LimitError(what, limit="images", where=files.where)
    return tuple(_Saved(entry, _config(files, entry, limits)) for entry in entries)


def _config(files: Files, saved: SavedImage, limits: Limits) -> bytes:
    """The configuration's bytes. Raises MalformedError when they are not those that its name promises."""
    extent = _member(files, saved.config)
    content = extent.read(limits.config_bytes, limit="config_bytes")
    promised = _HEX.fullmatch(saved.config)
    if promised and digest_of(content).hex != promised[1]:
        raise MalformedError(f"wrong digest: its bytes have {digest_of(content)}", where=extent.where)
    return content


def _member(files: Files, name: str) -> Extent:
    extent = files.find(name) if clean(name) else None
    if extent is None:
        raise MalformedError(f"the archive has no file {name[:200]!r}", where=f"{files.where}: {MANIFEST}")
    return extent


def _is_meant(selector: str, saved: _Saved) -> bool:
    if selector.startswith("@"):
        return str(digest_of(saved.content)) == selector[1:]
    return not selector or any(same_name(selector, tag) for tag in saved.entry.tags)


def _no_such_image(files: Files, selector: str, saved: Sequence[_Saved]) -> SourceError:
    if not selector:
        return SourceError("it lists no images", where=f"{files.where}: {MANIFEST}")
    names = sorted({tag for image in saved for tag in image.entry.tags})
    advice = f"It holds {', '.join(names)}." if names else "Its images have no names: choose one by @ and its digest."
    return SourceError(f"it holds no image {selector.removeprefix('@')}", where=files.where, advice=advice)


def _image(files: Files, saved: _Saved, target: str, limits: Limits) -> Image:
    where = f"{files.where}: {saved.entry.config}"
    check_layers(len(saved.entry.layers), limits, where)
    config = read_config(saved.content, where)
    extents = [_member(files, name) for name in saved.entry.layers]
    kinds = [extent.compression() for extent in extents]
    layers = describe_layers(_descriptors(extents, kinds, config, where), config, where)
    identity = ImageIdentity(
        reference=target,
        digest=digest_of(saved.content),
        platform=known_platform(config.platform),
        tags=saved.entry.tags,
        created=creation_time(config),
        layers=layers,
    )
    return Image(
        identity=identity,
        config=config,
        blobs=tuple(_blob(*part) for part in zip(layers, extents, kinds, strict=True)),
    )


def _descriptors(
    extents: Sequence[Extent], kinds: Sequence[str], config: ImageConfig, where: str
) -> tuple[Descriptor, ...]:
    if len(extents) != len(config.diff_ids):
        what = f"it has {len(extents)} layers, and its configuration has {len(config.diff_ids)} diff_ids"
        raise MalformedError(what, where=where)
    return tuple(
        Descriptor(media_type=_MEDIA_TYPES.get(kind, f"{_TAR}.{kind}"), digest=diff_id, size=extent.size)
        for extent, kind, diff_id in zip(extents, kinds, config.diff_ids, strict=True)
    )


def _blob(layer: Layer, extent: Extent, compression: str) -> LayerBlob:
    plain = None if compression else (extent.file, extent.offset, extent.size)
    return LayerBlob(layer=layer, open=extent.open, hash_of="unpacked", plain=plain)
