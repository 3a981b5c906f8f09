"""What could not be judged, in as few words as say it whole: like reasons together, with a count and the first names.

A release without advisories is one gap, and so are the packages of one foreign vendor; what a publisher has not
determined is one gap a source package. Nothing is left out of the counts.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tidewaiter.match.distributions import Unjudged
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.package import Distro, Package

_SHOWN = 20
_UPDATE = "Build the database with its advisories, or judge these packages by other means."


@dataclass(frozen=True, slots=True)
class Concern:
    """Packages that could not be judged, all for one reason.

    `tell` gives the gaps for any of them together; where `general`, also for none: then it says the reason only.
    """

    packages: Sequence[Package]
    tell: Callable[[Sequence[Package]], Iterable[Gap]]
    general: bool = True

    def gaps(self) -> Iterable[Gap]:
        """What is said of all of them."""
        return self.tell(self.packages)

    def gaps_of(self, package: Package) -> Iterable[Gap]:
        """What is said of one of them, in words that are the same for its like: the reason, without a list."""
        return self.tell(()) if self.general else self.tell((package,))


def listed(names: Iterable[str]) -> str:
    """`3: a, b, c`: how many, and the first of them in order."""
    distinct = sorted(set(names))
    more = f" and {len(distinct) - _SHOWN} more" if len(distinct) > _SHOWN else ""
    return f"{len(distinct)}: {', '.join(distinct[:_SHOWN])}{more}"


def titled(packages: Sequence[Package]) -> str:
    """How many packages, and the first of them by name and version."""
    return listed(f"{package.name} {package.version}".strip() for package in packages)


def _unjudged(packages: Sequence[Package]) -> str:
    return f"; not judged: {titled(packages)}" if packages else ""


def _gap(why: Why, subject: str, detail: str) -> Gap:
    return Gap(stage=Stage.MATCH, why=why, subject=subject, detail=detail)


def no_feed(distro: Distro, unjudged: Unjudged, packages: Sequence[Package]) -> Gap:
    """A release that nothing in the database speaks of."""
    count = f"; packages not judged: {len(packages)}" if packages else ""
    detail = f"{unjudged.reason}{count}. {_UPDATE}"
    return _gap(unjudged.why, str(distro), detail)


def no_ecosystem(ecosystem: str, packages: Sequence[Package]) -> Gap:
    """Application packages of an ecosystem that nothing in the database speaks of."""
    count = f"; packages not judged: {titled(packages)}" if packages else ""
    detail = f"the database holds no advisories for {ecosystem}{count}. {_UPDATE}"
    return _gap(Why.NO_FEED, ecosystem, detail)


def unknown_type(kind: str, packages: Sequence[Package]) -> Gap:
    """Packages of a purl type that no advisories are known for."""
    detail = f"no advisories are known for packages of this type{_unjudged(packages)}"
    return _gap(Why.UNSUPPORTED, f"pkg:{kind}", detail)


def homeless(kind: str, packages: Sequence[Package]) -> Gap:
    """Packages of an operating system that does not say which it is."""
    detail = f"which distribution release these {kind} packages belong to is not known{_unjudged(packages)}"
    return _gap(Why.NO_FEED, f"pkg:{kind}", detail)


def third_party(distro: Distro, vendor: str, packages: Sequence[Package]) -> Gap:
    """Packages that somebody else published for the distribution."""
    detail = (
        f"third-party packages on {distro} are not judged by the distribution's advisories: "
        f"they have versions and fixes of their own{_unjudged(packages)}"
    )
    return _gap(Why.UNSUPPORTED, vendor, detail)


def foreign_type(distro: Distro, kind: str, judged: str, packages: Sequence[Package]) -> Gap:
    """Packages of a kind that is not the distribution's own (rpms on Debian)."""
    detail = f"the advisories of {distro} speak of {judged} packages only{_unjudged(packages)}"
    return _gap(Why.NO_FEED, f"pkg:{kind}", detail)


def ended(distro: Distro, day: str) -> Gap:
    """A release whose support is over: what was found since is said nowhere."""
    detail = (
        f"support ended on {day}: it was judged, but nobody looks whether newer vulnerabilities are in its packages, "
        "and no fixes come. Move to a supported release."
    )
    return _gap(Why.END_OF_LIFE, str(distro), detail)


def not_comparable(package: Package, error: str, advisories: Iterable[str]) -> Gap:
    """A package whose version can not be put in order."""
    detail = f"{error}; vulnerabilities that could not be judged: {listed(advisories)}"
    return _gap(Why.NOT_COMPARABLE, package.purl or package.name, detail)


def bad_advisory(feed: str, advisory: str, detail: str, packages: Sequence[Package]) -> Gap:
    """An advisory with a version that can not be put in order."""
    return _gap(Why.NOT_COMPARABLE, f"{feed} {advisory}", f"{detail}; not judged by it: {titled(packages)}")


def undetermined(
    packages: Sequence[Package], name: str, reason: str, vulnerabilities: Iterable[str], *, why: Why
) -> Gap:
    """Vulnerabilities of one (source) package that nobody can tell about."""
    count = f" ({len(packages)} packages)" if len(packages) > 1 else ""
    detail = f"{name}{count}: {reason}; vulnerabilities neither found nor ruled out: {listed(vulnerabilities)}"
    return _gap(why, packages[0].purl or packages[0].name, detail)
