"""Which of an index's images are meant: by platform, through nested indexes, never an attestation."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tidewaiter.errors import LimitError, MalformedError, SourceError
from tidewaiter.image.limits import Limits
from tidewaiter.model.image import Descriptor, Index, Manifest, Platform

_DEFAULT = Platform("linux", "amd64")
_IMPLIED_VARIANTS = {"arm64": "v8", "amd64": "v1", "arm": "v7"}
_COSIGN = "dev.cosignproject.cosign/"
INDEX_TYPES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFEST_TYPES = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")


class PlatformError(SourceError):
    """An image is there, but not for the platform that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asked for: one platform, all of them (`every`), or, with neither, the default."""

    platform: Platform | None = None
    every: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A manifest that an index lists, for a platform where it is known; `held` is whether it can be read."""

    descriptor: Descriptor
    platform: Platform | None
    held: bool = True


def is_attestation(descriptor: Descriptor) -> bool:
    """Whether it describes what is said of an image (provenance, SBOM, signature) and not an image.

    https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
    """
    platform = descriptor.platform
    if platform is not None and (platform.os, platform.architecture) == ("unknown", "unknown"):
        return True
    annotations = dict(descriptor.annotations)
    cosign = annotations.get("kind", "")
    return "vnd.docker.reference.type" in annotations or cosign.startswith((f"{_COSIGN}sig", f"{_COSIGN}att"))


class Flattening:
    """The manifests below an index, nested indexes opened and attestations left out.

    `fetch` gives the document behind a descriptor, None where the source does not hold it: then the descriptor stays as
    it is. Raises MalformedError for an index that refers to itself, and LimitError for too many levels or children.
    """

    def __init__(self, fetch: Callable[[Descriptor], Index | Manifest | None], limits: Limits, where: str) -> None:
        self._fetch = fetch
        self._limits = limits
        self._where = where
        self._seen = 0

    def manifests(self, index: Index) -> tuple[Descriptor, ...]:
        """Descriptors of manifests in the index's order; a nested one has at least the platform of its index.

        What is of another type is none, as the layers in the index of a build cache, unless it is for a platform.
        """
        return tuple(self._below(index, (index.digest,), None))

    def _below(self, index: Index, above: tuple[object, ...], platform: Platform | None) -> Iterator[Descriptor]:
        for child in index.manifests:
            self._count(len(above))
            if child.digest in above:
                raise MalformedError(f"the index {child.digest} refers to itself", where=self._where)
            if is_attestation(child):
                continue
            nested = self._fetch(child) if child.media_type in INDEX_TYPES else None
            if isinstance(nested, Index):
                yield from self._below(nested, (*above, child.digest), child.platform or platform)
            elif child.platform or child.media_type in (*INDEX_TYPES, *MANIFEST_TYPES, ""):
                yield _with_platform(child, platform)

    def _count(self, depth: int) -> None:
        self._seen += 1
        if self._seen > self._limits.index_manifests:
            most = self._limits.index_manifests
            raise LimitError(f"it lists more than {most} manifests", limit="index_manifests", where=self._where)
        if depth > self._limits.index_depth:
            most = self._limits.index_depth
            raise LimitError(f"its indexes are nested deeper than {most}", limit="index_depth", where=self._where)


def choose(leaves: Sequence[Leaf], wanted: Wanted, where: str) -> tuple[Leaf, ...]:
    """The leaves that are meant, each digest once.

    All that fit the platform equally well are meant (a layout may hold several images for one platform). Without a
    wish: linux/amd64, then the only one there is. Raises PlatformError, which names what there is.
    """
    unique = tuple({leaf.descriptor.digest: leaf for leaf in reversed(leaves)}.values())[::-1]
    if wanted.every:
        return unique
    held = [leaf for leaf in unique if leaf.held]
    fitting = _fitting(held, wanted.platform or _DEFAULT)
    if fitting:
        return fitting
    if wanted.platform is None and len(held) == 1:
        return tuple(held)
    raise _no_such_platform(unique, wanted.platform, where)


def fits(platform: Platform | None, wanted: Wanted) -> bool:
    """Whether a single image for `platform` (None: unknown) answers the wish."""
    return wanted.every or wanted.platform is None or platform is None or _agree(platform, wanted.platform)


def _fitting(leaves: Sequence[Leaf], platform: Platform) -> tuple[Leaf, ...]:
    same = [leaf for leaf in leaves if leaf.platform and _agree(leaf.platform, platform)]
    exact = [leaf for leaf in same if leaf.platform and _variant(leaf.platform) == _variant(platform)]
    return tuple(exact or same)


def _agree(platform: Platform, wanted: Platform) -> bool:
    """Whether they are one, as far as `wanted` says: without a variant it takes any."""
    if (platform.os, platform.architecture) != (wanted.os, wanted.architecture):
        return False
    return not wanted.variant or _variant(platform) == _variant(wanted)


def _variant(platform: Platform) -> str:
    return platform.variant or _IMPLIED_VARIANTS.get(platform.architecture, "")


def _with_platform(descriptor: Descriptor, platform: Platform | None) -> Descriptor:
    if descriptor.platform or platform is None:
        return descriptor
    return Descriptor(
        media_type=descriptor.media_type,
        digest=descriptor.digest,
        size=descriptor.size,
        platform=platform,
        annotations=descriptor.annotations,
        urls=descriptor.urls,
        artifact_type=descriptor.artifact_type,
    )


def _no_such_platform(leaves: Sequence[Leaf], platform: Platform | None, where: str) -> PlatformError:
    there = sorted({str(leaf.platform) for leaf in leaves if leaf.platform and leaf.held})
    absent = sorted({str(leaf.platform or leaf.descriptor.digest) for leaf in leaves if not leaf.held})
    what = f"it has no image for {platform or _DEFAULT}"
    what += f", only for {', '.join(there)}" if there else ""
    what += f"; it lists {', '.join(absent)}, but does not hold them" if absent else ""
    advice = "Choose one with --platform, or take them with --all-platforms." if there else ""
    return PlatformError(what, where=where, advice=advice)
