"""Offering files to the extractors as they pass, and keeping what they say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tidewaiter.errors import LimitError, MalformedError, TidewaiterError
from tidewaiter.inventory.allowance import Allowance, weight
from tidewaiter.inventory.distro import DistroFiles
from tidewaiter.inventory.extractor import Extractor
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.package import Extraction, FileInventory


class Interest:
    """Which extractors want which path, found with two look-ups for the many that nobody wants."""

    def __init__(self, extractors: Sequence[Extractor]) -> None:
        self.extractors = tuple(extractors)
        self._basenames = frozenset().union(*(extractor.basenames for extractor in extractors))
        self._parents = frozenset().union(*(extractor.parents for extractor in extractors))

    def __call__(self, path: str) -> tuple[Extractor, ...]:
        """The extractors that want the file at this path."""
        folder, _, name = path.rpartition("/")
        if name not in self._basenames and folder[folder.rfind("/") + 1 :] not in self._parents:
            return ()
        return tuple(extractor for extractor in self.extractors if extractor.wants(path))

    def well_known(self, root: str = "") -> tuple[tuple[Extractor, str], ...]:
        """Where each extractor must look in a root ("" for the image's own), even if links lead elsewhere."""
        below = f"{root}/" if root else ""
        return tuple((extractor, below + path) for extractor in self.extractors for path in extractor.well_known)

    def names_release(self, path: str) -> bool:
        """Whether the file there would name the distribution, as several others do that one can do without."""
        return any(isinstance(extractor, DistroFiles) for extractor in self(path))

    def root(self, path: str) -> str:
        """The root that a file belongs to: "" for the image's own, else the path of a chroot.

        It is what stands before a well-known path, the shortest of several: `usr/lib/apk/db/installed` belongs to the
        image, though `lib/apk/db/installed` is well-known too.
        """
        whole = f"/{path}/"
        places = (whole.find(f"/{known}/") for extractor in self.extractors for known in extractor.well_known)
        found = min((place for place in places if place >= 0), default=0)
        return whole[1:found] if found else ""

    def roots(self, paths: Iterable[str], most: int) -> tuple[list[str], tuple[Gap, ...]]:
        """The image's own root and those that these files belong to, at most so many; a gap where there are more."""
        found = sorted({"", *map(self.root, paths)})
        if len(found) <= most:
            return found, ()
        detail = f"there are {len(found):,} root file systems: links in this one and those behind it were not followed"
        return found[:most], (file_gap(Why.LIMIT, found[most], "", f"{detail} (limit roots)"),)


class Collector:
    """Takes the files of one layer that an extractor wants, and keeps what they say.

    `where` is what gaps call the layer ("" for a folder). A file beyond `file_bytes`, or beyond its extractor's own
    ceiling, is not taken but a gap; an extractor that fails leaves a gap, and the other files go on. So do files beyond
    the image's `allowance`, together (in `gaps`, since they count even where another layer hides such a file). Of
    several files at one path the last counts, as it does when they are unpacked. `looked` and `kept` tell what all of
    them counted against the allowance.
    """

    def __init__(self, interest: Interest, *, where: str, file_bytes: int, allowance: Allowance) -> None:
        self._files: dict[tuple[str, str], FileInventory] = {}
        self._refused: dict[str, _Refused] = {}
        self._allowance = allowance
        self._interest = interest
        self._where = where
        self._file_bytes = file_bytes
        self.looked = 0
        self.kept = 0

    @property
    def files(self) -> tuple[FileInventory, ...]:
        """What the files said, each path once for an extractor."""
        return tuple(self._files.values())

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The ceilings of the image that kept files from being looked into."""
        return tuple(self._refusal(refused) for refused in self._refused.values())

    def wants(self, path: str, size: int) -> bool:
        """Whether an extractor wants the file; one that is too large is noted as a gap."""
        fitting = [extractor for extractor in self._interest(path) if self._fits(extractor, path, size)]
        return bool(fitting)

    def take(self, path: str, content: bytes) -> None:
        """Let the extractors that want the file read it."""
        for extractor in self._interest(path):
            if len(content) <= self._ceiling(extractor):
                self._look(extractor, path, content)

    def _fits(self, extractor: Extractor, path: str, size: int) -> bool:
        ceiling = self._ceiling(extractor)
        if size <= ceiling:
            return True
        named = "limit file_bytes" if ceiling == self._file_bytes else f"the {extractor.name} reader's own limit"
        detail = f"it has {size:,} bytes, and {named} is {ceiling:,}: not read"
        self._keep(extractor, path, self._gap(Why.LIMIT, path, detail))
        return False

    def _ceiling(self, extractor: Extractor) -> int:
        return min(extractor.ceiling, self._file_bytes)

    def _look(self, extractor: Extractor, path: str, content: bytes) -> None:
        self.looked += len(content)
        try:
            self._allowance.look(len(content))
        except LimitError as error:
            self._refuse(path, error)
        else:
            self._keep(extractor, path, self._extract(extractor, path, content))

    def _extract(self, extractor: Extractor, path: str, content: bytes) -> Extraction:
        try:
            return extractor.extract(path, content)
        except LimitError as error:
            return self._gap(Why.LIMIT, path, _reason(error))
        except MalformedError as error:
            return self._gap(Why.MALFORMED, path, _reason(error))
        except TidewaiterError as error:
            return self._gap(Why.UNSUPPORTED, path, _reason(error))
        except Exception as error:  # noqa: BLE001 - the edge of the stage: no file of an image may end the scan
            detail = f"the {extractor.name} reader failed on it ({type(error).__name__}: {error}); please report this"
            return self._gap(Why.MALFORMED, path, detail)

    def _gap(self, why: Why, path: str, detail: str) -> Extraction:
        return Extraction(gaps=(file_gap(why, path, self._where, detail),))

    def _keep(self, extractor: Extractor, path: str, extraction: Extraction) -> None:
        size = weight(extraction)
        self.kept += size
        try:
            self._allowance.keep(size)
        except LimitError as error:
            self._refuse(path, error)
        else:
            file = FileInventory(path=path, extractor=extractor.name, extraction=extraction)
            self._files[path, extractor.name] = file

    def _refuse(self, path: str, error: LimitError) -> None:
        self._refused.setdefault(error.limit, _Refused(error, path)).count += 1

    def _refusal(self, refused: "_Refused") -> Gap:
        more = f" and {refused.count - 1:,} more" if refused.count > 1 else ""
        detail = f"{_reason(refused.error)}: {printable(refused.path)}{more} not looked into"
        return file_gap(Why.LIMIT, self._where or "/", "", detail)


@dataclass(slots=True)
class _Refused:
    """Files that a ceiling of the image kept from being looked into: the first, and how many."""

    error: LimitError
    path: str
    count: int = 0


def _reason(error: TidewaiterError) -> str:
    limit = f" (limit {error.limit})" if isinstance(error, LimitError) else ""
    return f"{error.what}{limit}. {error.advice}".rstrip(". ")


def file_gap(why: Why, path: str, where: str, detail: str) -> Gap:
    """The gap that a file leaves; `where` is its layer, "" if there is none."""
    return Gap(
        stage=Stage.INVENTORY, why=why, subject=printable(path), detail=f"{where}: {detail}." if where else f"{detail}."
    )


def printable(path: str) -> str:
    """The path as text that can be written anywhere: bytes that are no UTF-8 become question marks."""
    return path.encode("utf-8", "replace").decode()
