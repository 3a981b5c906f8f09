"""Manifests, indexes and configurations, read from JSON into typed values.

https://github.com/opencontainers/image-spec/blob/main/manifest.md and
https://github.com/distribution/distribution/blob/main/docs/content/spec/manifest-v2-2.md
"""

import hashlib
from typing import Annotated, TypeVar

import msgspec

from tidewaiter.errors import LimitError, MalformedError, UnsupportedError
from tidewaiter.model.image import Descriptor, Digest, History, ImageConfig, Index, Manifest, Platform

_T = TypeVar("_T")
_Size = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Strings = dict[str, str]
_SHOWN = 100


class _Platform(msgspec.Struct):
    os: str = ""
    architecture: str = ""
    variant: str | None = None


class _Descriptor(msgspec.Struct, rename="camel"):
    digest: str
    size: _Size
    media_type: str = ""
    platform: _Platform | None = None
    annotations: _Strings | None = None
    urls: list[str] | None = None
    artifact_type: str | None = None


class _Kind(msgspec.Struct, rename="camel"):
    """The fields that tell what a document is; their values are checked when it is read as that."""

    schema_version: int = 0
    config: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    layers: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    manifests: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    fs_layers: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Manifest(msgspec.Struct, rename="camel"):
    config: _Descriptor
    layers: list[_Descriptor] | None = None
    media_type: str | None = None
    artifact_type: str | None = None
    subject: _Descriptor | None = None
    annotations: _Strings | None = None


class _Index(msgspec.Struct, rename="camel"):
    manifests: list[_Descriptor] | None = None
    media_type: str | None = None
    annotations: _Strings | None = None


class _RootFilesystem(msgspec.Struct):
    diff_ids: list[str] | None = None


class _History(msgspec.Struct):
    created_by: str | None = None
    comment: str | None = None
    empty_layer: bool | None = None


class _Execution(msgspec.Struct):
    labels: _Strings | None = msgspec.field(name="Labels", default=None)


class _Config(msgspec.Struct):
    rootfs: _RootFilesystem
    os: str | None = None
    architecture: str | None = None
    variant: str | None = None
    created: str | None = None
    config: _Execution | None = None
    history: list[_History] | None = None


class _Saved(msgspec.Struct):
    config: str = msgspec.field(name="Config")
    layers: list[str] | None = msgspec.field(name="Layers", default=None)
    tags: list[str] | None = msgspec.field(name="RepoTags", default=None)


class SavedImage(msgspec.Struct, frozen=True):
    """An image in a docker-archive: the members that hold its configuration and its layers, and its names."""

    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...]


def digest_of(content: bytes) -> Digest:
    """The sha256 of the content."""
    return Digest("sha256", hashlib.sha256(content).hexdigest())


def verify(content: bytes, descriptor: Descriptor, where: str) -> bytes:
    """The content, when it has the size and the digest that the descriptor promises; else raises MalformedError."""
    if len(content) != descriptor.size:
        raise MalformedError(f"it has {len(content)} bytes, and {descriptor.size} were promised", where=where)
    found = hashlib.new(descriptor.digest.algorithm, content).hexdigest()
    if found != descriptor.digest.hex:
        raise MalformedError(f"wrong digest: its bytes have {descriptor.digest.algorithm}:{found}", where=where)
    return content


def check_size(size: int, ceiling: int, *, limit: str, where: str) -> None:
    """Raises LimitError with the ceiling's name when `size` is beyond it."""
    if size > ceiling:
        raise LimitError(f"{size} bytes are more than the ceiling of {ceiling}", limit=limit, where=where)


def read_document(content: bytes, where: str, media_type: str = "") -> Manifest | Index:
    """The manifest or index that the content spells.

    `media_type` is what the outside says of it (a header, a descriptor); the document's own word wins. Raises
    MalformedError, also for a document that is both (a reader could be shown one image and run another), and
    UnsupportedError for schema 1.
    """
    kind = _decode(content, _Kind, where)
    is_manifest = kind.config is not msgspec.UNSET or kind.layers is not msgspec.UNSET
    is_index = kind.manifests is not msgspec.UNSET
    if kind.fs_layers is not msgspec.UNSET or kind.schema_version == 1:
        raise UnsupportedError(
            "it is a manifest of schema 1, which is obsolete and not read",
            where=where,
            advice="Push the image again with a newer tool.",
        )
    if is_manifest and is_index:
        raise MalformedError("it is a manifest and an index at once", where=where)
    if is_manifest:
        return _manifest(content, where, media_type)
    if is_index:
        return _index(content, where, media_type)
    raise MalformedError("it is neither a manifest nor an index", where=where)


def read_index(content: bytes, where: str) -> Index:
    """The index that the content spells, as `index.json` of an OCI layout. Raises MalformedError."""
    document = read_document(content, where)
    if isinstance(document, Manifest):
        raise MalformedError("it is a manifest, and an index was expected", where=where)
    return document


def read_config(content: bytes, where: str) -> ImageConfig:
    """An image's configuration, without its environment. Raises MalformedError.

    https://github.com/opencontainers/image-spec/blob/main/config.md
    """
    raw = _decode(content, _Config, where)
    diff_ids = raw.rootfs.diff_ids or []
    return ImageConfig(
        platform=Platform((raw.os or "").lower(), (raw.architecture or "").lower(), (raw.variant or "").lower()),
        diff_ids=tuple(_digest(text, f"{where}: rootfs.diff_ids[{n}]") for n, text in enumerate(diff_ids)),
        history=tuple(_history(line) for line in raw.history or ()),
        created=raw.created or "",
        labels=_pairs(raw.config.labels if raw.config else None),
    )


def read_saved(content: bytes, where: str) -> tuple[SavedImage, ...]:
    """The images that a docker-archive's `manifest.json` lists. Raises MalformedError.

    https://github.com/moby/docker-image-spec/blob/main/spec.md#combined-image-json--filesystem-changeset-format
    """
    return tuple(
        SavedImage(saved.config, tuple(saved.layers or ()), tuple(saved.tags or ()))
        for saved in _decode(content, list[_Saved], where)
    )


def _decode(content: bytes, kind: type[_T], where: str) -> _T:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        path = path.rstrip("`").lstrip(".")
        raise MalformedError(what[:1].lower() + what[1:], where=f"{where}: {path}" if path else where) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError(f"it is not valid JSON: {error}", where=where) from None
    except RecursionError:
        raise MalformedError("its JSON is nested too deep", where=where) from None


def _manifest(content: bytes, where: str, media_type: str) -> Manifest:
    raw = _decode(content, _Manifest, where)
    return Manifest(
        digest=digest_of(content),
        media_type=raw.media_type or media_type,
        config=_descriptor(raw.config, f"{where}: config"),
        layers=tuple(_descriptor(layer, f"{where}: layers[{n}]") for n, layer in enumerate(raw.layers or ())),
        artifact_type=raw.artifact_type or "",
        subject=_descriptor(raw.subject, f"{where}: subject").digest if raw.subject else None,
        annotations=_pairs(raw.annotations),
    )


def _index(content: bytes, where: str, media_type: str) -> Index:
    raw = _decode(content, _Index, where)
    children = raw.manifests or ()
    return Index(
        digest=digest_of(content),
        media_type=raw.media_type or media_type,
        manifests=tuple(_descriptor(child, f"{where}: manifests[{n}]") for n, child in enumerate(children)),
        annotations=_pairs(raw.annotations),
    )


def _descriptor(raw: _Descriptor, where: str) -> Descriptor:
    return Descriptor(
        media_type=raw.media_type,
        digest=_digest(raw.digest, f"{where}.digest"),
        size=raw.size,
        platform=_platform(raw.platform),
        annotations=_pairs(raw.annotations),
        urls=tuple(raw.urls or ()),
        artifact_type=raw.artifact_type or "",
    )


def _platform(raw: _Platform | None) -> Platform | None:
    if raw is None or not (raw.os or raw.architecture):
        return None
    return Platform(raw.os.lower(), raw.architecture.lower(), (raw.variant or "").lower())


def _digest(text: str, where: str) -> Digest:
    """What the text spells. Raises MalformedError, which does not quote it: of configurations, nothing is told."""
    try:
        return Digest.parse(text)
    except ValueError:
        raise MalformedError("not a digest (expected sha256: and 64 lower-case hex digits)", where=where) from None


def _history(raw: _History) -> History:
    return History(created_by=raw.created_by or "", comment=raw.comment or "", empty_layer=bool(raw.empty_layer))


def _pairs(strings: _Strings | None) -> tuple[tuple[str, str], ...]:
    return tuple((strings or {}).items())
