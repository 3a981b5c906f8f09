"""The ceilings that keep memory, disk and time bounded, whatever an image does. Every one can be set."""

from dataclasses import dataclass

_KIB = 1 << 10
_MIB = 1 << 20
_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ceilings with their defaults. Sizes are in bytes.

    `manifest_bytes` and `config_bytes`: a manifest or index, and an image's configuration (registries must take
    manifests of 4 MiB). `index_depth`: indexes inside indexes. `index_manifests`: manifests below one
    index, nested ones included. `images`: images in one archive or layout. `layers`: layers of one image.
    `archive_members` and `archive_bytes`: members of an archive that holds images, and its size where the whole archive
    is compressed and must be unpacked to disk first.
    """

    manifest_bytes: int = 4 * _MIB
    config_bytes: int = 8 * _MIB
    index_depth: int = 4
    index_manifests: int = 1_000
    images: int = 1_000
    layers: int = 1_000
    archive_members: int = 100_000
    archive_bytes: int = 64 * _GIB
