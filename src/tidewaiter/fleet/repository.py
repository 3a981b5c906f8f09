"""One repository of a run: listed, planned, its manifests read, its images handed on, and every end written down."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from tidewaiter.aws.registries import RegistryApi
from tidewaiter.fleet.classify import Verdict
from tidewaiter.fleet.documents import Document, Documents
from tidewaiter.fleet.filters import Wishes
from tidewaiter.fleet.ledger import Ended, Ledger
from tidewaiter.fleet.listing import Listing, listing
from tidewaiter.fleet.looker import PulledImage
from tidewaiter.fleet.looks import End, Images
from tidewaiter.fleet.plan import Entry, Plan
from tidewaiter.fleet.watcher import Watcher
from tidewaiter.model.cloud import ImageDetail, Repository
from tidewaiter.model.fleet import Kind, Outcome, State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest
from tidewaiter.store.store import Store

_LISTINGS = 3
"""How often a repository is listed in which manifests go away meanwhile."""

_BATCH = 100  # manifests that are asked for together, and images that are handed on together
_SCANNED = Outcome(state=State.SCANNED)
_INDEX_FOR_IMAGE = Outcome(
    state=State.FAILED, why=Why.MALFORMED, detail="It is listed as an image, and its content is an index."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voyage:
    """What all repositories of a run share."""

    run: int
    started: datetime
    store: Store
    images: Images
    wishes: Wishes
    watcher: Watcher
    documents: Documents
    known: set[Digest] = field(default_factory=set)
    """Images that the store knew before the run."""


class RepositoryRun:
    """One repository, gone over once in one thread. `work` ends when all its images are under way or have ended."""

    def __init__(self, voyage: Voyage, api: RegistryApi, repository: Repository, *, number: int) -> None:
        self._voyage = voyage
        self._api = api
        self._repository = repository
        self._number = number
        self._ledger = Ledger(voyage.store, voyage.watcher, run=voyage.run, repository=number)
        self._documents: dict[Digest, Document] = {}
        self._absent: dict[Digest, Outcome] = {}
        self._handed: set[Digest] = set()

    def work(self, found: Listing) -> None:
        """Go over the repository as it was listed. Raises StoreError.

        Where the registry does not give what it listed, it is listed again: what was deleted meanwhile is no failure,
        and what was archived is not one either.
        """
        self._voyage.watcher.count("manifests", found=len(found.details))
        try:
            self._work(found)
        except BaseException:
            self._ledger.close({})  # what is under way is still written down
            raise

    def _work(self, found: Listing) -> None:
        entries, plan = self._go_over(found.details)
        for _ in range(_LISTINGS - 1):
            if found.gap or not any(detail.digest in self._absent for detail in found.details):
                break
            again = listing(self._api, self._repository)
            found = Listing(gap=again.gap, details=found.details) if again.gap else again
            self._absent.clear()
            entries, plan = self._go_over(found.details)
        self._write(found, entries, plan)

    def _write(self, found: Listing, entries: Sequence[Entry], plan: Plan) -> None:
        """What the listing says, and the end of all that nobody waits for."""
        store, run = self._voyage.store, self._voyage.run
        store.saw_manifests(run, self._number, found.details, complete=found.gap is None)
        if found.gap:
            store.repository_gap(run, self._number, found.gap)
            self._voyage.watcher.note(found.gap.detail)
        left = (each for each in entries if each.digest not in self._handed)
        ends = [Ended(each, end) for each in left if (end := each.outcome or self._absent.get(each.digest))]
        for each in ends:
            self._ledger.note(each.entry.digest, each.outcome)
        self._ledger.write([each for each in ends if each.entry.listed])
        indexes = [each for each in entries if each.kind is Kind.INDEX and each.outcome is None]
        self._ledger.close({each.digest: (each, plan.children(each.digest)) for each in indexes})

    def _go_over(self, details: Sequence[ImageDetail]) -> tuple[Sequence[Entry], Plan]:
        plan = self._plan(details)
        entries = tuple(plan.entries())
        due = [each for each in entries if each.outcome is None and each.kind is not Kind.INDEX]
        new = [each for each in due if each.digest not in self._handed]
        self._voyage.watcher.count("images", found=len(new))
        for at in range(0, len(new), _BATCH):
            self._hand_on(new[at : at + _BATCH])
        return entries, plan

    def _plan(self, details: Sequence[ImageDetail]) -> Plan:
        """The plan with all the documents that it needs."""
        images, wishes = self._voyage.images, self._voyage.wishes
        known = images.remembered([each.digest for each in details]) if wishes.filters.newest else ()
        plan = Plan(details, wishes, now=self._voyage.started, known=known)
        while needed := plan.needs():
            for each in self._indexes(needed):
                plan.learn(each.digest, each.verdict, each.children)
        return plan

    def _indexes(self, digests: Sequence[Digest]) -> Iterator[Document]:
        """What may be indexes: those that were read in an earlier run never change, and need no asking."""
        remembered = self._voyage.store.children(digests)
        for digest, children in remembered.items():
            yield Document(digest=digest, verdict=Verdict(kind=Kind.INDEX), children=children)
        for each in self._read([digest for digest in digests if digest not in remembered]):
            if each.verdict == Verdict(kind=Kind.INDEX):
                self._voyage.store.keep_children(each.digest, each.media_type, each.children)
            elif not each.absent:
                self._documents[each.digest] = each
            yield each

    def _hand_on(self, batch: Sequence[Entry]) -> None:
        """Let these images be looked through, those that nobody knows yet."""
        self._handed.update(each.digest for each in batch)
        known = self._voyage.images.remembered([each.digest for each in batch])
        ends = [Ended(each, _SCANNED, Kind.IMAGE, known[each.digest]) for each in batch if each.digest in known]
        self._voyage.known.update(each for each in known if not self._voyage.images.looked_at(each))
        unknown = {each.digest: each for each in batch if each.digest not in known}
        for each in self._read(list(unknown)):
            if each.absent:
                self._handed.discard(each.digest)
            elif end := _end_without_look(unknown[each.digest], each):
                ends.append(end)
            else:
                self._look(unknown[each.digest], each)
        self._end(ends)

    def _look(self, entry: Entry, read: Document) -> None:
        if read.digest in self._documents:
            self._documents[read.digest] = replace(read, content=b"")
        image = PulledImage(
            repository=self._repository,
            digest=entry.digest,
            manifest=read.content,
            media_type=read.media_type,
            tags=entry.tags,
        )
        self._ledger.await_one()
        self._voyage.images.want(image, partial(self._looked, entry))

    def _looked(self, entry: Entry, end: End) -> None:
        self._ledger.arrive(self._as_wished(Ended(entry, end.outcome, Kind.IMAGE, end.platform)))
        self._voyage.watcher.count("images", done=1)

    def _as_wished(self, ended: Ended) -> Ended:
        """What was looked through and is for another platform than is wanted was looked through for nothing."""
        if ended.outcome.state is not State.SCANNED:
            return ended
        unwanted = self._voyage.wishes.of_platform(ended.entry.platform or ended.platform)
        return replace(ended, outcome=unwanted) if unwanted else ended

    def _end(self, ends: Sequence[Ended]) -> None:
        self._ledger.write([self._as_wished(each) for each in ends])
        self._voyage.watcher.count("images", done=len(ends))

    def _read(self, digests: Sequence[Digest]) -> Iterator[Document]:
        """The manifests of these digests, asked for a hundred at a time; those that are here already are not."""
        yield from (self._documents[digest] for digest in digests if digest in self._documents)
        new = [digest for digest in digests if digest not in self._documents]
        for at in range(0, len(new), _BATCH):
            batch = new[at : at + _BATCH]
            for each in self._voyage.documents(self._api, self._repository, batch, self._voyage.wishes.limits):
                if each.absent and each.verdict.outcome:
                    self._absent[each.digest] = each.verdict.outcome
                yield each


def _end_without_look(entry: Entry, read: Document) -> Ended | None:
    """How a manifest ends that need not or cannot be looked through; None for an image."""
    if read.verdict.outcome:
        return Ended(entry, read.verdict.outcome, read.verdict.kind)
    return Ended(entry, _INDEX_FOR_IMAGE, Kind.INDEX) if read.verdict.kind is Kind.INDEX else None
