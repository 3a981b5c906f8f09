"""Which layers many images begin with, and what an upgrade of them would fix in all of these.

Images that share their lowest layers were built on one base, whatever it is called. Where their ways part, a base ends:
so bases are found without any list of known ones, also those that a company builds for itself.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tidewaiter.errors import VersionError
from tidewaiter.fleet.verdicts import Verdicts, weight
from tidewaiter.model.finding import Finding, FixState
from tidewaiter.model.fleet import BaseUpgrade
from tidewaiter.model.image import Digest
from tidewaiter.versions import compare

_UPGRADES = 20  # packages named for a base: the worst


@dataclass(slots=True)
class _Node:
    """A layer on top of those below it. `images` stand on it; of those named `names` it is the last layer (`ends`)."""

    layer: Digest | None
    below: "_Node | None" = None
    above: dict[Digest, "_Node"] = field(default_factory=dict)
    images: int = 0
    ends: bool = False
    names: list[str] = field(default_factory=list)
    distro: str = ""
    brought: Counter[int] = field(default_factory=Counter)

    @property
    def is_base(self) -> bool:
        """Whether ways part here: images go on differently, or one ends where another goes on."""
        return self.layer is not None and (len(self.above) > 1 or (self.ends and bool(self.above)))

    def path(self) -> tuple[Digest, ...]:
        """The layers up to here, lowest first."""
        layers = []
        node: _Node | None = self
        while node is not None and node.layer is not None:
            layers.append(node.layer)
            node = node.below
        return tuple(reversed(layers))


class Bases:
    """The bases of a fleet: first every image is laid in (`add`), then every image's packages (`charge`)."""

    def __init__(self, verdicts: Verdicts) -> None:
        self._root = _Node(None)
        self._verdicts = verdicts

    def add(self, layers: Sequence[Digest], *, names: Sequence[str], images: int, distro: str) -> None:
        """One image, that stands in so many places under these names."""
        node = self._root
        for layer in layers:
            node = node.above.setdefault(layer, _Node(layer, node))
            node.images += images
            node.distro = node.distro or distro
        node.ends = True
        node.names += names

    def charge(self, layers: Sequence[Digest], packages: Iterable[tuple[int, int]], *, images: int) -> None:
        """An image's packages, each with the layer that brought it (-1: not known): told to the base that ends next."""
        owners = self._owners(layers)
        for package, layer in packages:
            place = self._verdicts.place(package)
            owner = owners[layer] if place is not None and 0 <= layer < len(owners) else None
            if place is not None and owner is not None:
                owner.brought[place] += images

    def upgrades(self) -> Iterator[BaseUpgrade]:
        """The bases that bring findings, those first of which an upgrade fixes the most."""
        told = (self._upgrade(node) for node in self._nodes() if node.brought)
        yield from sorted(told, key=lambda each: (-each.everywhere, weight(each.severities), -each.images, each.layers))

    def _owners(self, layers: Sequence[Digest]) -> list[_Node | None]:
        """For each layer of an image the base that it belongs to, None for those that are the image's own."""
        path = []
        node = self._root
        for layer in layers:
            node = node.above[layer]
            path.append(node)
        owners: list[_Node | None] = []
        owner = None
        for node in reversed(path):
            owner = node if node.is_base else owner
            owners.append(owner)
        return owners[::-1]

    def _nodes(self) -> Iterator[_Node]:
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            waiting += node.above.values()
            if node.is_base:
                yield node

    def _upgrade(self, node: _Node) -> BaseUpgrade:
        totals = self._verdicts.totals(node.brought)
        fixable = {place: self._verdicts.totals([place]).fixable for place in node.brought}
        return BaseUpgrade(
            layers=node.path(),
            names=tuple(sorted(set(node.names))),
            distro=node.distro,
            images=node.images,
            findings=totals.findings,
            fixable=totals.fixable,
            everywhere=sum(count * fixable[place] for place, count in node.brought.items()),
            severities=totals.severities,
            upgrades=tuple(self._named(node.brought)),
        )

    def _named(self, places: Iterable[int]) -> Iterator[tuple[str, str, str]]:
        packages = [self._verdicts.packages[place].findings for place in sorted(places)]
        fixed = [[each for each in findings if each.fix.state is FixState.FIXED] for findings in packages]
        worst = sorted(
            filter(None, fixed), key=lambda those: (-max(each.severity.value for each in those), -len(those))
        )
        for findings in worst[:_UPGRADES]:
            package = findings[0].package
            yield package.name, package.version, _highest(findings)


def _highest(findings: Sequence[Finding]) -> str:
    """The version that fixes all of a package's findings: the highest of the lowest that fix each."""
    highest = ""
    for finding in findings:
        version = next(iter(finding.fix.versions), "")
        if version and (not highest or _is_higher(finding.package.type, version, highest)):
            highest = version
    return highest


def _is_higher(scheme: str, one: str, other: str) -> bool:
    try:
        return compare(scheme, one, other) > 0
    except (VersionError, ValueError):  # a type without an order of its own, or a version that has none
        return False
