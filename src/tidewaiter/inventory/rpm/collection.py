"""What one database or manifest has yielded so far, within bounds."""

from tidewaiter.errors import MalformedError
from tidewaiter.inventory.extractor import MIB
from tidewaiter.inventory.rpm.record import Damage
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.package import Extraction, Package

_MAX_HEADERS = 1 << 17  # of packages and keys; twice the largest distribution, all installed
_MAX_DAMAGE = 1000  # places; a file that is broken in more of them is read no further
_MAX_OWNED = 64 * MIB  # characters of paths; the largest images own a tenth of it
_SHOWN = 3


class Collection:
    """Packages, the files that they own and the damage met, from the file at `path`."""

    __slots__ = ("_damage", "_headers", "_owned", "_owned_size", "_packages", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._packages: list[Package] = []
        self._owned: list[str] = []
        self._owned_size = 0
        self._damage: list[Damage] = []
        self._headers = 0

    @property
    def full(self) -> bool:
        """Whether there is so much of it that the rest is not to be read."""
        return self._headers >= _MAX_HEADERS or len(self._damage) >= _MAX_DAMAGE

    @property
    def takes_files(self) -> bool:
        """Whether there is room for more owned files."""
        return self._owned_size <= _MAX_OWNED

    def add(self, package: Package | None) -> None:
        """A package, or None for a header that was read and is none (a key)."""
        self._headers += 1
        if package is not None:
            self._packages.append(package)

    def own(self, files: list[str]) -> None:
        """Files that a package owns. When they become too many in all, neither these nor later ones are kept."""
        self._owned_size += sum(map(len, files))
        if self.takes_files:
            self._owned += files

    def damage(self, damage: Damage) -> None:
        """A place that could not be read."""
        self._damage.append(damage)

    def extraction(self) -> Extraction:
        """All of it. Raises MalformedError if there was damage and nothing else."""
        if self._damage and not self._headers:
            raise MalformedError(self._summary())
        return Extraction(packages=tuple(self._packages), owned=tuple(self._owned), gaps=tuple(self._gaps()))

    def _gaps(self) -> list[Gap]:
        gaps = []
        if self._damage:
            gaps.append(self._gap(Why.MALFORMED, self._summary()))
        if self._headers >= _MAX_HEADERS:
            gaps.append(self._gap(Why.LIMIT, f"only the first {_MAX_HEADERS} packages were read"))
        if not self.takes_files:
            gaps.append(self._gap(Why.LIMIT, "the packages own more files than can be noted: some are judged twice"))
        return gaps

    def _gap(self, why: Why, detail: str) -> Gap:
        return Gap(stage=Stage.INVENTORY, why=why, subject=self._path, detail=detail)

    def _summary(self) -> str:
        """One sentence on the damage, with the first places."""
        count = len(self._damage)
        shown = "; ".join(str(damage) for damage in self._damage[:_SHOWN])
        places = "1 place" if count == 1 else f"{count} places"
        rest = ", and the rest was not read" if count >= _MAX_DAMAGE else ""
        return f"{places} could not be read{rest}, so packages may be missing: {shown}"
