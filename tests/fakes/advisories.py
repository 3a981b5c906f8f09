"""Advisories in memory, written by hand, and packages to judge by them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tidewaiter.model.advisory import (
    Advisory,
    Affected,
    Candidate,
    Event,
    EventKind,
    Feed,
    Range,
    RangeType,
    Rating,
    Status,
)
from tidewaiter.model.ecosystem import normalise
from tidewaiter.model.image import ImageIdentity
from tidewaiter.model.package import Distro, Inventory, Package, SourcePackage


class MemoryAdvisories:
    """What a database answers, from the advisories it is given. It counts what it was asked."""

    def __init__(self, *advisories: Advisory) -> None:
        self._advisories = dict(enumerate(advisories))
        self._rows: dict[tuple[str, str], list[Candidate]] = {}
        self.questions: Counter[str] = Counter()
        for number, advisory in self._advisories.items():
            for row in () if advisory.withdrawn or advisory.informational else advisory.affected:
                key = (row.ecosystem, normalise(row.ecosystem, row.name))
                self._rows.setdefault(key, []).append(Candidate(number=number, affected=row))
        self._ecosystems = Counter(ecosystem for (ecosystem, _), rows in self._rows.items() for _ in rows)

    def ecosystems(self) -> Mapping[str, int]:
        self.questions["ecosystems"] += 1
        return self._ecosystems

    def candidates(self, keys: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Sequence[Candidate]]:
        self.questions["candidates"] += 1
        return {key: self._rows[key] for key in keys if key in self._rows}

    def advisories(self, numbers: Iterable[int]) -> Mapping[int, Advisory]:
        self.questions["advisories"] += 1
        return {number: replace(self._advisories[number], affected=()) for number in numbers}

    def feeds(self) -> tuple[Feed, ...]:
        return ()


def events(text: str) -> tuple[Event, ...]:
    """`introduced 0, fixed 1.2` as events."""
    pairs = (each.split() for each in text.split(", ") if each)
    return tuple(Event(EventKind(kind), version) for kind, version in pairs)


def affected(
    ecosystem: str,
    name: str,
    *ranges: str,
    type: RangeType = RangeType.ECOSYSTEM,  # noqa: A002 - the schema's own word
    versions: tuple[str, ...] = (),
    status: Status | None = None,
    module: str = "",
    note: str = "",
    ratings: tuple[Rating, ...] = (),
) -> Affected:
    """A row; each of `ranges` as `events` reads it."""
    return Affected(
        ecosystem=ecosystem,
        name=name,
        ranges=tuple(Range(type=type, events=events(each)) for each in ranges),
        versions=versions,
        status=status,
        module=module,
        note=note,
        ratings=ratings,
    )


def advisory(id: str, *rows: Affected, feed: str = "debian", cve: str = "", **more: Any) -> Advisory:  # noqa: A002 - the schema's word
    """An advisory of `feed`, about the CVE if one is named."""
    upstream = more.pop("upstream", (cve,) if cve else ())
    return Advisory(feed=feed, id=id, affected=rows, upstream=upstream, **more)


def distro(id: str, version_id: str = "", **more: str) -> Distro:  # noqa: A002 - os-release's word
    return Distro(id=id, version_id=version_id, **more)  # type: ignore[arg-type]  # the text fields of Distro


BOOKWORM = distro("debian", "12", pretty_name="Debian GNU/Linux 12 (bookworm)")
JAMMY = distro("ubuntu", "22.04", pretty_name="Ubuntu 22.04.3 LTS")
BIONIC = distro("ubuntu", "18.04", pretty_name="Ubuntu 18.04.6 LTS")
ALPINE = distro("alpine", "3.18.4", pretty_name="Alpine Linux v3.18")
RHEL8 = distro("rhel", "8.9", pretty_name="Red Hat Enterprise Linux 8.9 (Ootpa)")
ALMA8 = distro("almalinux", "8.9", pretty_name="AlmaLinux 8.9 (Midnight Oncilla)")


def package(
    type: str,  # noqa: A002 - purl's own word
    name: str,
    version: str,
    *,
    source: str = "",
    on: Distro | None = None,
    **more: str,
) -> Package:
    """An installed package; `source` is `name` or `name version`."""
    origin, _, origin_version = source.partition(" ")
    return Package(
        purl=f"pkg:{type}/{name}@{version}",
        type=type,
        name=name,
        version=version,
        source=SourcePackage(name=origin, version=origin_version) if origin else None,
        distro=on,
        **more,  # type: ignore[arg-type]  # the text fields of Package
    )


def inventory(*packages: Package) -> Inventory:
    return Inventory(image=ImageIdentity(reference="test"), packages=packages)
