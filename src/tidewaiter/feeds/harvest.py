"""From folders of published files to settled advisories, with an account of what was read."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tidewaiter.errors import FeedError
from tidewaiter.feeds.catalog import FORMATS
from tidewaiter.feeds.feed import Document, Format, RecordError
from tidewaiter.feeds.folder import Ceilings, Source, Warn, sources
from tidewaiter.feeds.manifest import Input
from tidewaiter.feeds.publishers.catalog import publisher_of
from tidewaiter.feeds.staging import Settled, Staging, is_named
from tidewaiter.model.advisory import Feed

Advance = Callable[[int, int], None]

_STEPS = 500  # how often progress is told, from beginning to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """What was gathered: the advisories, and what is said of their publishers and of the files they came in."""

    settled: Settled
    feeds: tuple[Feed, ...]
    inputs: tuple[Input, ...]


def gather(folders: Iterable[Path], spool: BinaryIO, *, warn: Warn, advance: Advance, ceilings: Ceilings) -> Harvest:
    """Read all that the folders hold. `spool` is an empty file for what is too much for memory.

    A broken record is told to `warn` and left out. Raises FeedError for a broken archive, and for folders without any
    advisory.
    """
    folders = tuple(folders)
    found = sources(folders, lambda path: _format(path) is not None, warn)
    reading = _Reading(Staging(spool), warn, _Progress(advance, sum(source.size for source in found)), ceilings)
    inputs = [reading.read(number, source) for number, source in enumerate(found)]
    settled = reading.staging.settle()
    if not settled.keys:
        raise FeedError(
            "no advisories were found",
            where=", ".join(map(str, folders)),
            advice="Give a folder that holds zip archives or JSON files in OSV's format",
        )
    return Harvest(
        settled=settled,
        feeds=_with_broken(settled.feeds(), reading.broken),
        inputs=tuple(replace(told, superseded=settled.superseded.get(number, 0)) for number, told in enumerate(inputs)),
    )


def _format(path: str) -> Format | None:
    return next((known for known in FORMATS if known.wants(path)), None)


class _Progress:
    """Tells how many of the stored bytes are read, not more often than a bar can show."""

    def __init__(self, advance: Advance, total: int) -> None:
        self._advance = advance
        self._total = total
        self._before = 0
        self._told = 0

    def within(self, read: int, size: int) -> None:
        """So much of an input of this size was read, as far as its records tell: an archive has bytes beside them."""
        done = self._before + min(read, size)
        if (done - self._told) * _STEPS >= self._total:
            self._tell(done)

    def finish(self, size: int) -> None:
        """The input was read to its end."""
        self._before += size
        if self._before > self._told:
            self._tell(self._before)

    def _tell(self, done: int) -> None:
        self._told = done
        self._advance(done, self._total)


class _Reading:
    """One build's reading: stages what is good, counts and tells what is not. `broken` counts by publisher."""

    def __init__(self, staging: Staging, warn: Warn, progress: _Progress, ceilings: Ceilings) -> None:
        self.staging = staging
        self.broken: Counter[str] = Counter()
        self._warn = warn
        self._progress = progress
        self._ceilings = ceilings

    def read(self, number: int, source: Source) -> Input:
        """Stage the advisories of one input. Raises FeedError if it is broken as a whole."""
        counts: Counter[str] = Counter()
        read = 0
        for document in source.documents(lambda path: _format(path) is not None, self._warn, self._ceilings):
            try:
                self._stage(document, number, counts)
            except RecordError as error:
                self._warn(f"{document.path}: {error}")
                self.broken[publisher_of(PurePosixPath(document.path).stem).name] += 1
                counts["broken"] += 1
            read += document.size
            self._progress.within(read, source.size)
        self._progress.finish(source.size)
        return Input(
            name=source.name,
            digest=source.digest,
            advisories=counts["advisories"],
            affected=counts["affected"],
            broken=counts["broken"],
            nameless=counts["nameless"],
            superseded=0,
            newest=self.staging.newest(number),
        )

    def _stage(self, document: Document, number: int, counts: "Counter[str]") -> None:
        content = document.read()
        known = next(known for known in FORMATS if known.wants(document.path))
        for advisory in known.parse(content):
            self.staging.add(advisory, content=content, source=number)
            named = sum(map(is_named, advisory.affected))
            counts["advisories"] += 1
            counts["affected"] += named
            counts["nameless"] += len(advisory.affected) - named


def _with_broken(feeds: Iterable[Feed], broken: "Counter[str]") -> tuple[Feed, ...]:
    """The feeds with their broken records; a feed may consist of nothing else."""
    known = {feed.name: replace(feed, broken=broken[feed.name]) for feed in feeds}
    for name in broken.keys() - known.keys():
        known[name] = Feed(
            name=name, advisories=0, affected=0, withdrawn=0, broken=broken[name], newest="", fingerprint=""
        )
    return tuple(known[name] for name in sorted(known))
