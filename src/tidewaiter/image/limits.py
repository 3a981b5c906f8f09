"""The ceilings that keep memory, disk and time bounded, whatever an image does. Every one can be set."""

from dataclasses import dataclass, fields

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

    `layer_bytes` and `image_bytes`: one layer, and all layers of an image, unpacked. `ratio`: unpacked bytes for each
    stored one, asked only of a layer that unpacks to more than `ratio_floor` bytes: what compresses better is a bomb.
    `window_bytes`: the history that a zstd or xz layer may ask for while it is unpacked. `entries`: names in one layer
    or folder; `links`: symbolic links, hard links and whiteouts among them. `name_bytes`: one name, or a link's target.
    `names_bytes`: all of them, over all layers of an image.
    `extension_bytes`: one pax header or GNU long name. `file_bytes`: one file that is looked into (an extractor may set
    a lower ceiling of its own). `held_bytes`: such files in memory at the same time, over all layers of an image;
    a file that does not fit waits for its turn. `looked_bytes`: all such files together, over all layers of an image.
    `inventory_bytes`: what is kept of what they say, about a kilobyte for a package. `roots`: root file systems in an
    image, its own and chroots, in which links are followed.
    """

    manifest_bytes: int = 4 * _MIB
    config_bytes: int = 8 * _MIB
    index_depth: int = 4
    index_manifests: int = 1_000
    images: int = 1_000
    layers: int = 1_000
    archive_members: int = 100_000
    archive_bytes: int = 64 * _GIB
    layer_bytes: int = 64 * _GIB
    image_bytes: int = 256 * _GIB
    ratio: int = 250
    ratio_floor: int = 1 * _GIB
    window_bytes: int = 64 * _MIB
    entries: int = 2_000_000
    links: int = 400_000
    name_bytes: int = 4 * _KIB
    names_bytes: int = 128 * _MIB
    extension_bytes: int = 1 * _MIB
    file_bytes: int = 192 * _MIB
    held_bytes: int = 192 * _MIB
    looked_bytes: int = 8 * _GIB
    inventory_bytes: int = 256 * _MIB
    roots: int = 1_000


_SETTABLE = frozenset(field.name for field in fields(Limits))


def how_to_raise(limit: str) -> str:
    """The sentence that says how this ceiling is raised; "" for one that is none of `Limits`."""
    return f"Raise the ceiling with --limit {limit}=…" if limit in _SETTABLE else ""
