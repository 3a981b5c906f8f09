"""The packages of an inventory, sorted into those that can be judged, by what is looked up, and those that can not."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from tidewaiter.match import gaps
from tidewaiter.match.distributions import Release, Unjudged, release_of
from tidewaiter.match.gaps import Concern
from tidewaiter.match.keys import SYSTEM_TYPES, Lookup, application_lookup, is_paid_build, system_lookups
from tidewaiter.match.streams import stream_of
from tidewaiter.match.vendors import stranger
from tidewaiter.model.ecosystem import split_ecosystem
from tidewaiter.model.gap import Gap
from tidewaiter.model.package import Distro, Package


@dataclass(frozen=True, slots=True)
class Subject:
    """What packages with the same answer have in common: the binaries of one source are judged once.

    `stream` is the rpm module stream (see `streams`). `subscriber` tells that the installed version came from updates
    that are paid for, `system` that a distribution judges it.
    """

    lookups: tuple[Lookup, ...]
    stream: str = ""
    subscriber: bool = False
    system: bool = False


@dataclass(frozen=True, slots=True)
class Docket:
    """The subjects to judge, each with its packages in the inventory's order, and why the others are none."""

    subjects: dict[Subject, list[Package]] = field(default_factory=dict)
    concerns: list[Concern] = field(default_factory=list)


def docket(packages: Iterable[Package], known: Collection[str]) -> Docket:
    """Sorts the packages. `known` are the ecosystems, with their releases, that the database holds advisories for."""
    sorter = _Sorter(known)
    for package in packages:
        if package.type in SYSTEM_TYPES:
            sorter.system(package)
        else:
            sorter.application(package)
    return Docket(sorter.subjects, list(sorter.concerns()))


class _Sorter:
    """Puts each package to its like."""

    def __init__(self, known: Collection[str]) -> None:
        self.subjects: dict[Subject, list[Package]] = {}
        self._known = known
        self._ecosystems: dict[str, list[str]] = defaultdict(list)
        for name in sorted(known):
            self._ecosystems[split_ecosystem(name)[0]].append(name)
        self._releases: dict[Distro, Release | Unjudged] = {}
        self._of: dict[Distro, list[Package]] = defaultdict(list)
        self._homeless: dict[str, list[Package]] = defaultdict(list)
        self._unfed: dict[Distro, list[Package]] = defaultdict(list)
        self._foreign: dict[tuple[Distro, str, str], list[Package]] = defaultdict(list)
        self._strangers: dict[tuple[Distro, str], list[Package]] = defaultdict(list)
        self._untyped: dict[str, list[Package]] = defaultdict(list)
        self._absent: dict[str, list[Package]] = defaultdict(list)

    def system(self, package: Package) -> None:
        """An operating system's package: its distribution judges it, if it is the distribution's own."""
        if package.distro is None:
            self._homeless[package.type].append(package)
            return
        self._of[package.distro].append(package)
        release = self._release(package.distro)
        if isinstance(release, Unjudged):
            self._unfed[package.distro].append(package)
        elif package.type != release.type:
            self._foreign[package.distro, package.type, release.type].append(package)
        elif vendor := stranger(package, package.distro):
            self._strangers[package.distro, vendor].append(package)
        else:
            self._add(_system_subject(package, release), package)

    def application(self, package: Package) -> None:
        """Any other package: the ecosystem of its type judges it, with what other registries publish under its name.

        An inventory does not say from where a package came: `Packagist:https://packages.drupal.org/8` has its own.
        """
        lookup = application_lookup(package)
        if lookup is None:
            self._untyped[package.type].append(package)
        elif lookup.ecosystem not in self._ecosystems:
            self._absent[lookup.ecosystem].append(package)
        else:
            self._add(Subject(tuple(map(lookup.within, self._ecosystems[lookup.ecosystem]))), package)

    def _add(self, subject: Subject, package: Package) -> None:
        self.subjects.setdefault(subject, []).append(package)

    def _release(self, distro: Distro) -> Release | Unjudged:
        if distro not in self._releases:
            self._releases[distro] = release_of(distro, self._known)
        return self._releases[distro]

    def concerns(self) -> Iterator[Concern]:
        """One for each kind of package that is no subject, and for each release that nobody looks after any more."""
        for distro, release in self._releases.items():
            if isinstance(release, Unjudged):
                yield _concern(self._unfed[distro], partial(gaps.no_feed, distro, release))
            elif release.ended:
                yield _concern(self._of[distro], partial(_the_same, gaps.ended(distro, release.ended)))
        yield from (_concern(those, partial(gaps.homeless, kind)) for kind, those in self._homeless.items())
        yield from (_concern(those, partial(gaps.foreign_type, *place)) for place, those in self._foreign.items())
        yield from (_concern(those, partial(gaps.third_party, *place)) for place, those in self._strangers.items())
        yield from (_concern(those, partial(gaps.unknown_type, kind)) for kind, those in self._untyped.items())
        yield from (_concern(those, partial(gaps.no_ecosystem, name)) for name, those in self._absent.items())


def _concern(packages: Sequence[Package], tell: Callable[[Sequence[Package]], Gap]) -> Concern:
    return Concern(packages, lambda those: (tell(those),))


def _the_same(gap: Gap, _packages: Sequence[Package]) -> Gap:
    return gap


def _system_subject(package: Package, release: Release) -> Subject:
    return Subject(
        system_lookups(package, release),
        stream=stream_of(package),
        subscriber=is_paid_build(package.version),
        system=True,
    )
