"""What an image is made of, in the terms of the OCI image and distribution specifications."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

_HEX_LENGTH = {"sha256": 64, "sha384": 96, "sha512": 128}
_HEX = re.compile(r"[0-9a-f]+")
_COMMON_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386"}


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A content address: `sha256:<64 hex digits>` (also sha384 and sha512).

    https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests
    """

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The digest that `text` spells. Raises ValueError for an unknown algorithm or a wrong length."""
        algorithm, colon, value = text.partition(":")
        if not colon or _HEX_LENGTH.get(algorithm) != len(value) or not _HEX.fullmatch(value):
            message = f"not a digest: {text[:100]!r} (expected sha256: and 64 lower-case hex digits)"
            raise ValueError(message)
        return cls(algorithm, value)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """An operating system and processor that an image is for, in Go's names (`linux`, `amd64`)."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """`os/architecture[/variant]`; `uname` names of processors are taken too. Raises ValueError."""
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(parts):
            message = f"not a platform: {text!r} (expected os/architecture or os/architecture/variant, as linux/arm64)"
            raise ValueError(message)
        os, architecture, *variant = parts
        return cls(os.lower(), _COMMON_ARCHITECTURES.get(architecture.lower(), architecture.lower()), *variant)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A reference to content: its media type, digest and size in bytes.

    https://github.com/opencontainers/image-spec/blob/main/descriptor.md
    """

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    annotations: tuple[tuple[str, str], ...] = ()
    urls: tuple[str, ...] = ()
    artifact_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One image (or other artifact): its configuration and its layers, lowest first."""

    digest: Digest
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    artifact_type: str = ""
    subject: Digest | None = None
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A list of manifests, usually one a platform."""

    digest: Digest
    media_type: str
    manifests: tuple[Descriptor, ...]
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One line of an image's history; `empty_layer` lines brought no layer."""

    created_by: str = ""
    comment: str = ""
    empty_layer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """What an image's configuration says, without its environment variables: they are never kept."""

    platform: Platform
    diff_ids: tuple[Digest, ...]
    history: tuple[History, ...] = ()
    created: str = ""
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An image in a registry: `registry/repository[:tag][@digest]`."""

    registry: str
    repository: str
    tag: str = ""
    digest: Digest | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer at its place in an image. `index` counts from 0, lowest first.

    `digest` is that of the bytes as stored (compressed or not); in a docker-archive it is the diff_id.
    `size` is that of the stored bytes. `created_by` is the history line that brought the layer, "" if unknown.
    """

    index: int
    digest: Digest
    diff_id: Digest | None = None
    media_type: str = ""
    size: int = 0
    created_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageIdentity:
    """Which image a report is about.

    `reference` is the target as the user named it. `digest` is the manifest's, or for a docker-archive the
    configuration's; None for a folder. `tags` are the names that the source knows for it.
    """

    reference: str
    digest: Digest | None = None
    platform: Platform | None = None
    tags: tuple[str, ...] = ()
    created: datetime | None = None
    layers: tuple[Layer, ...] = field(default=())
