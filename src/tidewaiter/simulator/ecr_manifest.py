"""What ECR reads in a manifest that is pushed: its kind, what it is made of, what it is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from tidewaiter.model.image import Digest

_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
_DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
_OCI = "application/vnd.oci.image.manifest.v1+json"
_OCI_INDEX = "application/vnd.oci.image.index.v1+json"
_DOCKER_NAMES = {
    _OCI: _DOCKER,
    "application/vnd.oci.image.config.v1+json": "application/vnd.docker.container.image.v1+json",
    "application/vnd.oci.image.layer.v1.tar": "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
_OCI_NAMES = {docker: oci for oci, docker in _DOCKER_NAMES.items()}


class _Part(msgspec.Struct, rename="camel"):
    digest: str
    media_type: str = ""
    size: int = 0


class _OldLayer(msgspec.Struct):
    blobSum: str  # noqa: N815  its name in the document


class _Document(msgspec.Struct, rename="camel"):
    schema_version: int
    media_type: str = ""
    artifact_type: str = ""
    config: _Part | None = None
    layers: list[_Part] = []
    manifests: list[_Part] = []
    fs_layers: list[_OldLayer] = []
    subject: _Part | None = None
    annotations: dict[str, str] = {}


_DECODER = msgspec.json.Decoder(_Document)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobEntry:
    """A blob that a manifest names."""

    digest: Digest
    media_type: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a manifest names: `config` and `layers`, or `children`. `artifact_type` may be its configuration's type."""

    media_type: str
    artifact_type: str = ""
    config: BlobEntry | None = None
    layers: tuple[BlobEntry, ...] = ()
    children: tuple[Digest, ...] = ()
    subject: Digest | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def blobs(self) -> tuple[BlobEntry, ...]:
        """The configuration and the layers."""
        return (self.config, *self.layers) if self.config else self.layers


def read_contents(document: bytes, media_type: str = "") -> Contents:
    """What the manifest names; the sender says that it is a `media_type`. Raises ValueError for what is no manifest."""
    try:
        found = _DECODER.decode(document)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None
    old = [_Part(digest=layer.blobSum) for layer in reversed(found.fs_layers)]
    config = _entry(found.config) if found.config else None
    return Contents(
        media_type=found.media_type or media_type or _guess(found),
        artifact_type=found.artifact_type or (config.media_type if config else ""),
        config=config,
        layers=tuple(_entry(part) for part in found.layers or old),
        children=tuple(Digest.parse(part.digest) for part in found.manifests),
        subject=Digest.parse(found.subject.digest) if found.subject else None,
        annotations=found.annotations,
    )


def converted(document: bytes, media_type: str, accepted: frozenset[str]) -> tuple[str, bytes] | None:
    """An image's manifest in the other family's media types, where only those are accepted; None where it cannot be.

    ECR does so for pulls by tag; the digest is another one then.
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-manifest-formats.html
    """
    names = _DOCKER_NAMES if media_type == _OCI else _OCI_NAMES
    wanted = names.get(media_type, "")
    if wanted not in accepted:
        return None
    fields = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    fields["mediaType"] = msgspec.Raw(msgspec.json.encode(wanted))
    fields["config"] = _renamed(fields["config"], names)
    layers = msgspec.json.decode(fields["layers"], type=list[msgspec.Raw])
    fields["layers"] = msgspec.Raw(msgspec.json.encode([_renamed(layer, names) for layer in layers]))
    return wanted, msgspec.json.encode(fields)


def _renamed(part: msgspec.Raw, names: Mapping[str, str]) -> msgspec.Raw:
    fields = msgspec.json.decode(part, type=dict[str, msgspec.Raw])
    old = msgspec.json.decode(fields["mediaType"], type=str)
    fields["mediaType"] = msgspec.Raw(msgspec.json.encode(names.get(old, old)))
    return msgspec.Raw(msgspec.json.encode(fields))


def _guess(found: _Document) -> str:
    if found.schema_version == 1:
        return _SCHEMA_1
    return _OCI_INDEX if found.manifests else _OCI


def _entry(part: _Part) -> BlobEntry:
    return BlobEntry(digest=Digest.parse(part.digest), media_type=part.media_type, size=part.size)
