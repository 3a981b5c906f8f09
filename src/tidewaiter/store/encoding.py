"""How values of the model are spelled in columns: JSON that a database's own tools can read, in ASCII.

Names of files can hold lone surrogates, which no database takes as text; as escapes they come back as they were.
"""

import json
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
import zstandard

from tidewaiter.model.finding import Finding, Fix, Match, Severity, Threat
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Descriptor, Digest, Platform
from tidewaiter.model.package import Distro, Package, SourcePackage

_T = TypeVar("_T")
_LEVEL = 3
_DUMP = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class _Verdict(msgspec.Struct, array_like=True):
    """A finding without its package."""

    vulnerability: str
    aliases: tuple[str, ...]
    matches: tuple[Match, ...]
    severity: Severity
    severity_source: str
    score: float | None
    fix: Fix
    threat: Threat
    summary: str
    references: tuple[str, ...]


class _Judged(msgspec.Struct, array_like=True):
    """What is known of a package."""

    verdicts: tuple[_Verdict, ...]
    gaps: tuple[Gap, ...]


class _Bare(msgspec.Struct, array_like=True):
    """A package as it is judged, its release left out: that is a row of its own."""

    purl: str
    type: str
    name: str
    version: str
    source: tuple[str, str] | None
    architecture: str
    module: str
    vendor: str
    origin: str
    provides: tuple[str, ...]


class _Release(msgspec.Struct, array_like=True):
    """A release as packages are judged by it, wherever in the image it stands."""

    id: str
    version_id: str
    pretty_name: str
    version_codename: str
    id_like: tuple[str, ...]
    cpe_name: str
    variant_id: str


def spelled(value: object) -> str:
    """The value as JSON."""
    return _DUMP(msgspec.to_builtins(value))


def read(content: str, kind: type[_T]) -> _T:
    """What `spelled` wrote. Raises ValueError or msgspec's errors for anything else."""
    return msgspec.convert(json.loads(content), kind)


def spelled_gaps(gaps: Iterable[Gap]) -> str:
    """Gaps, in their order."""
    return spelled(tuple(gaps))


def read_gaps(content: str) -> tuple[Gap, ...]:
    """What `spelled_gaps` wrote."""
    return read(content, tuple[Gap, ...]) if content != "[]" else ()


def spelled_digests(digests: Iterable[Digest]) -> str:
    """Digests as people write them."""
    return _DUMP(list(map(str, digests)))


def read_digests(content: str) -> tuple[Digest, ...]:
    """What `spelled_digests` wrote."""
    return tuple(map(Digest.parse, read(content, tuple[str, ...]))) if content != "[]" else ()


def read_names(content: str) -> tuple[str, ...]:
    """A list of names."""
    return read(content, tuple[str, ...]) if content != "[]" else ()


def read_platform(content: str | None) -> Platform | None:
    """A platform that was `spelled`."""
    return read(content, Platform) if content is not None else None


def read_children(content: str) -> tuple[Descriptor, ...]:
    """Descriptors that were `spelled`."""
    return read(content, tuple[Descriptor, ...])


def spelled_package(package: Package) -> str:
    """All of a package that its judgement depends on, but for its release: equal ones are judged once."""
    source = package.source
    return _DUMP(
        (
            package.purl,
            package.type,
            package.name,
            package.version,
            None if source is None else (source.name, source.version),
            package.architecture,
            package.module,
            package.vendor,
            package.origin,
            package.provides,
        )
    )


def read_package(content: str, distro: Distro | None) -> Package:
    """The package that `spelled_package` wrote, of this release."""
    bare = read(content, _Bare)
    return Package(
        purl=bare.purl,
        type=bare.type,
        name=bare.name,
        version=bare.version,
        source=None if bare.source is None else SourcePackage(name=bare.source[0], version=bare.source[1]),
        architecture=bare.architecture,
        distro=distro,
        module=bare.module,
        vendor=bare.vendor,
        origin=bare.origin,
        provides=bare.provides,
    )


def spelled_distro(distro: Distro) -> str:
    """All of a release that a judgement depends on: not where in the image it stands."""
    return _DUMP(
        (
            distro.id,
            distro.version_id,
            distro.pretty_name,
            distro.version_codename,
            distro.id_like,
            distro.cpe_name,
            distro.variant_id,
        )
    )


def read_distro(content: str) -> Distro:
    """What `spelled_distro` wrote."""
    release = read(content, _Release)
    return Distro(
        id=release.id,
        version_id=release.version_id,
        pretty_name=release.pretty_name,
        version_codename=release.version_codename,
        id_like=release.id_like,
        cpe_name=release.cpe_name,
        variant_id=release.variant_id,
    )


def packed_judgement(findings: Iterable[Finding], gaps: Iterable[Gap]) -> bytes | None:
    """What was found in a package, and what could not be judged; None for neither."""
    judged = _Judged(verdicts=tuple(map(_verdict, findings)), gaps=tuple(gaps))
    if not judged.verdicts and not judged.gaps:
        return None
    return zstandard.compress(spelled(judged).encode("ascii"), _LEVEL)


def read_judgement(content: bytes, package: Package) -> tuple[tuple[Finding, ...], tuple[Gap, ...]]:
    """The findings in this package, and the gaps, that `packed_judgement` wrote."""
    judged = read(zstandard.decompress(content).decode("ascii"), _Judged)
    return tuple(_finding(verdict, package) for verdict in judged.verdicts), judged.gaps


def _verdict(finding: Finding) -> _Verdict:
    return _Verdict(**{name: getattr(finding, name) for name in _Verdict.__struct_fields__})


def _finding(verdict: _Verdict, package: Package) -> Finding:
    fields: dict[str, Any] = {name: getattr(verdict, name) for name in _Verdict.__struct_fields__}
    return Finding(package=package, **fields)
