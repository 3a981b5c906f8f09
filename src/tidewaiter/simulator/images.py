"""Small images, made from what their layers hold: for tests, the demo and benchmarks.

The same input gives the same bytes. What is written here is what the tools write: OCI layouts, docker-archives of
several makers, indexes with attestations.
"""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tidewaiter.model.image import Digest, Platform

Compression = Literal["", "gzip", "zstd"]
Family = Literal["oci", "docker"]
LINUX = Platform("linux", "amd64")
CREATED = "2026-01-02T03:04:05.678901234Z"
OPAQUE = ".wh..wh..opq"

_SUFFIXES: dict[Family, dict[Compression, str]] = {
    "oci": {"": "", "gzip": "+gzip", "zstd": "+zstd"},
    "docker": {"": "", "gzip": ".gzip", "zstd": ".zstd"},
}
_LAYERS: dict[Family, str] = {
    "oci": "application/vnd.oci.image.layer.v1.tar",
    "docker": "application/vnd.docker.image.rootfs.diff.tar",
}
_CONFIGS: dict[Family, str] = {
    "oci": "application/vnd.oci.image.config.v1+json",
    "docker": "application/vnd.docker.container.image.v1+json",
}
_MANIFESTS: dict[Family, str] = {
    "oci": "application/vnd.oci.image.manifest.v1+json",
    "docker": "application/vnd.docker.distribution.manifest.v2+json",
}
_INDEXES: dict[Family, str] = {
    "oci": "application/vnd.oci.image.index.v1+json",
    "docker": "application/vnd.docker.distribution.manifest.list.v2+json",
}


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link in a layer."""

    target: str


@dataclass(frozen=True, slots=True)
class Hardlink:
    """A hard link to a path of the same layer."""

    target: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory in a layer. Those above a path need not be given."""


@dataclass(frozen=True, slots=True)
class Whiteout:
    """Hides what lower layers have at the path."""


Content = bytes | Symlink | Hardlink | Folder | Whiteout


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltLayer:
    """A layer: its plain tar, and the bytes that are stored. `media_type` "" follows from the image's family."""

    tar: bytes
    stored: bytes
    compression: Compression
    created_by: str = ""
    media_type: str = ""
    diff_id: Digest
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A manifest or index, and everything below it: `blobs` by digest, `manifests` too (with their media types)."""

    document: bytes
    media_type: str
    platform: Platform | None = None
    blobs: Mapping[Digest, bytes] = field(default_factory=dict)
    manifests: Mapping[Digest, tuple[str, bytes]] = field(default_factory=dict)
    layers: tuple[BuiltLayer, ...] = ()
    config: bytes = b""
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> Digest:
        """That of the document."""
        return sha256(self.document)

    def descriptor(self, **annotations: str) -> dict[str, object]:
        """What an index says of it."""
        found = describe(self.document, self.media_type)
        if self.platform:
            found["platform"] = _platform(self.platform)
        if merged := {**self.annotations, **annotations}:
            found["annotations"] = merged
        return found


def sha256(content: bytes) -> Digest:
    """The content's digest."""
    return Digest("sha256", hashlib.sha256(content).hexdigest())


def describe(content: bytes, media_type: str) -> dict[str, object]:
    """A descriptor of the content."""
    return {"mediaType": media_type, "digest": str(sha256(content)), "size": len(content)}


def as_json(document: object) -> bytes:
    """The document in the bytes that its digest is of."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def layer_tar(contents: Mapping[str, Content]) -> bytes:
    """A layer's tar with these paths, in this order, all owned by root and from 1970."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in contents.items():
            member, data = _member(path, content)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def build_layer(
    contents: Mapping[str, Content] | bytes,
    *,
    compression: Compression = "gzip",
    created_by: str = "",
    media_type: str = "",
) -> BuiltLayer:
    """A layer with these paths, or of a tar that is given as it is (a broken one, too)."""
    tar = contents if isinstance(contents, bytes) else layer_tar(contents)
    stored = compress(tar, compression)
    return BuiltLayer(
        tar=tar,
        stored=stored,
        compression=compression,
        created_by=created_by,
        media_type=media_type,
        diff_id=sha256(tar),
        digest=sha256(stored),
    )


def build_image(
    layers: Sequence[BuiltLayer],
    *,
    platform: Platform = LINUX,
    family: Family = "oci",
    labels: Mapping[str, str] | None = None,
    config: Mapping[str, object] | None = None,
    manifest: Mapping[str, object] | None = None,
) -> Built:
    """An image of these layers, lowest first. `config` and `manifest` replace fields of those documents."""
    config_bytes = as_json({**_config(layers, platform, labels or {}), **(config or {})})
    fields: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": _MANIFESTS[family],
        "config": describe(config_bytes, _CONFIGS[family]),
        "layers": [describe(layer.stored, _media_type(layer, family)) for layer in layers],
        **(manifest or {}),
    }
    document = as_json(fields)
    return Built(
        document=document,
        media_type=_MANIFESTS[family],
        platform=platform,
        blobs={sha256(config_bytes): config_bytes} | {layer.digest: layer.stored for layer in layers},
        manifests={sha256(document): (_MANIFESTS[family], document)},
        layers=tuple(layers),
        config=config_bytes,
    )


def build_artifact(artifact_type: str, content: bytes = b"{}", *, config_type: str = "") -> Built:
    """A manifest of something that is no image: a chart, a signature."""
    config_type = config_type or artifact_type
    fields = {
        "schemaVersion": 2,
        "mediaType": _MANIFESTS["oci"],
        "config": describe(b"{}", config_type),
        "layers": [describe(content, artifact_type)],
    }
    document = as_json(fields)
    return Built(
        document=document,
        media_type=_MANIFESTS["oci"],
        blobs={sha256(b"{}"): b"{}", sha256(content): content},
        manifests={sha256(document): (_MANIFESTS["oci"], document)},
    )


def build_attestation(image: Built) -> Built:
    """What BuildKit stores beside an image: a manifest for the platform unknown/unknown with an in-toto statement.

    https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
    """
    statement = build_layer(as_json({"predicateType": "https://slsa.dev/provenance/v1"}), compression="")
    unknown = Platform("unknown", "unknown")
    layer = {**describe(statement.stored, "application/vnd.in-toto+json")}
    built = build_image([statement], platform=unknown, manifest={"layers": [layer]})
    kind = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": str(image.digest)}
    return Built(
        document=built.document,
        media_type=built.media_type,
        platform=unknown,
        blobs=built.blobs,
        manifests=built.manifests,
        annotations=kind,
    )


def build_index(children: Iterable[Built], *, family: Family = "oci", platform: Platform | None = None) -> Built:
    """An index of images, or of indexes."""
    built = tuple(children)
    fields = {
        "schemaVersion": 2,
        "mediaType": _INDEXES[family],
        "manifests": [child.descriptor() for child in built],
    }
    document = as_json(fields)
    manifests = {sha256(document): (_INDEXES[family], document)}
    return Built(
        document=document,
        media_type=_INDEXES[family],
        platform=platform,
        blobs={digest: blob for child in built for digest, blob in child.blobs.items()},
        manifests=manifests | {digest: found for child in built for digest, found in child.manifests.items()},
    )


def compress(content: bytes, compression: Compression) -> bytes:
    """The content in a compression, the same bytes each time."""
    match compression:
        case "":
            return content
        case "gzip":
            return gzip.compress(content, mtime=0)
        case "zstd":
            import zstandard

            return zstandard.compress(content)


def _member(path: str, content: Content) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(path)
    data = b""
    match content:
        case bytes():
            data = content
            member.size = len(data)
        case Symlink(target):
            member.type, member.linkname = tarfile.SYMTYPE, target
        case Hardlink(target):
            member.type, member.linkname = tarfile.LNKTYPE, target
        case Folder():
            member.type, member.mode = tarfile.DIRTYPE, 0o755
        case Whiteout():
            folder, slash, name = path.rpartition("/")
            member.name = f"{folder}{slash}.wh.{name}"
    return member, data


def _config(layers: Sequence[BuiltLayer], platform: Platform, labels: Mapping[str, str]) -> dict[str, object]:
    history = [{"created": CREATED, "created_by": layer.created_by} for layer in layers]
    return {
        **_platform(platform),
        "created": CREATED,
        "config": {"Env": ["PATH=/bin", "PASSWORD=secret"], "Labels": dict(labels)},
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in layers]},
        "history": [*history, {"created": CREATED, "created_by": "CMD", "empty_layer": True}],
    }


def _platform(platform: Platform) -> dict[str, str]:
    fields = {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}
    return {key: value for key, value in fields.items() if value}


def _media_type(layer: BuiltLayer, family: Family) -> str:
    return layer.media_type or _LAYERS[family] + _SUFFIXES[family][layer.compression]
