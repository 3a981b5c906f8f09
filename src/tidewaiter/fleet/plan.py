"""What becomes of the manifests of one repository: which are looked at, under which tags, and why the others are not.

Nothing here asks a registry: a plan says which documents it needs, is told what they are, and goes on.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from tidewaiter.fleet.classify import Verdict, by_descriptor, by_listing
from tidewaiter.fleet.filters import Wishes, left_out
from tidewaiter.image.limits import how_to_raise
from tidewaiter.image.selection import INDEX_TYPES, Leaf, PlatformError, Wanted, choose
from tidewaiter.model.cloud import ImageDetail
from tidewaiter.model.fleet import Kind, Outcome, State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Descriptor, Digest, Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of one manifest of a repository.

    `outcome` is None for an image that is to be looked at, and for an index, which ends as what it lists does. `tags`
    are its own and those of `indexes`, all that list it. `listed` is False for what only an index names.
    """

    digest: Digest
    kind: Kind
    outcome: Outcome | None = None
    platform: Platform | None = None
    indexes: tuple[Digest, ...] = ()
    tags: tuple[str, ...] = ()
    listed: bool = True


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of an index, with the indexes it stands below (the nearest first) and their word on the platform."""

    descriptor: Descriptor
    platform: Platform | None
    above: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """`roots` are wanted for their own sake, `inside` is what stands below them, `claimed` belongs to another index.

    `claimed` gives the outcome of the index that is left out with it.
    """

    roots: Collection[Digest]
    inside: Collection[Digest]
    claimed: Mapping[Digest, Outcome]


class Plan:
    """The plan for one repository, as far as its documents are known.

    `details` is its whole listing. Of `known` images nothing needs to be read. While `needs` names manifests, they are
    to be read and told by `learn`; then `entries` says what becomes of every manifest.
    """

    def __init__(
        self, details: Sequence[ImageDetail], wishes: Wishes, *, now: datetime, known: Iterable[Digest] = ()
    ) -> None:
        self._wishes = wishes
        self._filters = wishes.filters
        self._listed = {detail.digest: detail for detail in details}
        self._verdicts = {detail.digest: by_listing(detail) for detail in details}
        self._read = set(known)
        self._children: dict[Digest, tuple[Descriptor, ...]] = {}
        looked_at = [detail for detail in details if self._verdicts[detail.digest].outcome is None]
        filtered = ((detail, self._filters.of_image(detail, now)) for detail in looked_at)
        self._filtered = {detail.digest: outcome for detail, outcome in filtered if outcome is not None}
        self._order = sorted((each for each in looked_at if each.digest not in self._filtered), key=newest_first)

    def needs(self) -> tuple[Digest, ...]:
        """The manifests to be read next: indexes, and whatever must be known to be one of the newest images."""
        choice = self._choice()
        below = chain.from_iterable(self._below(root) for root in choice.roots)
        nested = (line.descriptor.digest for line in below if self._may_be_index(line))
        unread = dict.fromkeys(digest for digest in (*choice.roots, *nested) if not self._is_clear(digest))
        return tuple(unread) or tuple(self._claimants(choice))

    def learn(self, digest: Digest, verdict: Verdict, children: Sequence[Descriptor] = ()) -> None:
        """What a manifest is by its own words, or how it ends because it could not be read; an index lists children."""
        known = self._verdicts.get(digest, verdict)
        self._verdicts[digest] = replace(verdict, kind=known.kind) if verdict.kind is Kind.UNKNOWN else verdict
        self._read.add(digest)
        if verdict.kind is Kind.INDEX and verdict.outcome is None:
            self._children[digest] = tuple(children)

    def children(self, index: Digest) -> tuple[Digest, ...]:
        """The manifests that an index lists itself."""
        return tuple(dict.fromkeys(descriptor.digest for descriptor in self._children.get(index, ())))

    def entries(self) -> Iterator[Entry]:
        """Every manifest that is listed, or that a wanted index names."""
        choice = self._choice()
        lines: dict[Digest, list[_Line]] = {}
        chosen: set[Digest] = set()
        for root in choice.roots:
            below = self._below(root)
            chosen |= self._for_wanted_platforms(below)
            for line in below:
                lines.setdefault(line.descriptor.digest, []).append(line)
        for digest in {**self._listed, **lines}:
            yield self._entry(digest, lines.get(digest, ()), choice, chosen)

    def _choice(self) -> _Choice:
        claimed = self._claimed()
        roots: dict[Digest, None] = {}
        inside: set[Digest] = set()
        for detail in self._order:
            digest = detail.digest
            if self._filters.newest and len(roots) >= self._filters.newest and detail.pushed is not None:
                continue  # what nobody knows the age of, as in other registries than ECR, may be the newest
            if digest in inside or (digest in claimed and not detail.tags):
                continue
            if self._verdicts[digest].kind is Kind.ARTIFACT:
                continue
            roots[digest] = None
            below = {line.descriptor.digest for line in self._below(digest)}
            inside |= below
            for part in below & roots.keys():
                del roots[part]
        return _Choice(roots.keys(), inside, claimed)

    def _claimed(self) -> dict[Digest, Outcome]:
        """What stands below an index that its tags leave out: it has no tags of its own to be judged by."""
        claimed: dict[Digest, Outcome] = {}
        for index, outcome in self._left_out_by_tags():
            claimed.update((line.descriptor.digest, outcome) for line in self._below(index))
        return claimed

    def _left_out_by_tags(self) -> Iterator[tuple[Digest, Outcome]]:
        for digest in self._filtered:
            if self._verdicts[digest].kind is Kind.INDEX and (outcome := self._of_tags(digest)):
                yield digest, outcome

    def _of_tags(self, digest: Digest) -> Outcome | None:
        return self._filters.of_tags(self._listed[digest].tags)

    def _claimants(self, choice: _Choice) -> Iterator[Digest]:
        """Unread indexes that are left out by their tags, and that wanted images without tags may belong to.

        They are pulled for this alone: never one that was pushed before all those images, and so cannot list them.
        """
        doubtful = [detail for root in choice.roots if not (detail := self._listed[root]).tags]
        earliest = min(map(_pushed, doubtful), default=math.inf)
        for index, _ in self._left_out_by_tags():
            pushed = self._listed[index].pushed
            if doubtful and not self._is_clear(index) and (pushed is None or pushed.timestamp() >= earliest):
                yield index

    def _is_clear(self, digest: Digest) -> bool:
        """Whether enough is known of a manifest to plan with it."""
        verdict = self._verdicts.get(digest)
        if digest in self._read or (verdict and verdict.outcome):
            return True
        return verdict is not None and verdict.kind is Kind.IMAGE and not self._filters.newest

    def _below(self, root: Digest) -> Sequence[_Line]:
        """All lines of an index, and of those below it. One that goes beyond a ceiling fails, and has none."""
        limits = self._wishes.limits
        lines: list[_Line] = []
        waiting: list[tuple[Digest, Platform | None, tuple[Digest, ...]]] = [(root, None, ())]
        while waiting:
            index, platform, above = waiting.pop()
            if len(above) >= limits.index_depth:
                return self._give_up(root, f"Its indexes are nested deeper than {limits.index_depth}", "index_depth")
            for descriptor in self._children.get(index, ()):
                line = _Line(descriptor, descriptor.platform or platform, (index, *above))
                lines.append(line)
                if descriptor.digest in self._children:
                    waiting.append((descriptor.digest, line.platform, line.above))
            if len(lines) > limits.index_manifests:
                what = f"It lists more than {limits.index_manifests} manifests"
                return self._give_up(root, what, "index_manifests")
        return lines

    def _give_up(self, index: Digest, what: str, limit: str) -> Sequence[_Line]:
        detail = f"{what}. {how_to_raise(limit)}"
        outcome = Outcome(state=State.FAILED, why=Why.LIMIT, detail=detail)
        self.learn(index, Verdict(kind=Kind.INDEX, outcome=outcome))
        self._children.pop(index)
        return ()

    def _for_wanted_platforms(self, lines: Sequence[_Line]) -> set[Digest]:
        """Which of an index's images are for a platform that is wanted, or may be."""
        images = [line for line in lines if self._verdict(line.descriptor.digest, [line]).kind is Kind.IMAGE]
        leaves = [Leaf(descriptor=line.descriptor, platform=line.platform) for line in images]
        if not self._wishes.platforms:
            return {leaf.descriptor.digest for leaf in leaves}
        chosen = {leaf.descriptor.digest for leaf in leaves if leaf.platform is None}
        for platform in self._wishes.platforms:
            try:
                fitting = choose(leaves, Wanted(platform=platform), "")
            except PlatformError:
                continue
            chosen |= {leaf.descriptor.digest for leaf in fitting}
        return chosen

    def _entry(self, digest: Digest, lines: Sequence[_Line], choice: _Choice, chosen: Collection[Digest]) -> Entry:
        detail = self._listed.get(digest)
        own = detail.tags if detail else ()
        indexes = tuple(dict.fromkeys(index for line in lines for index in line.above))
        inherited = (tag for index in indexes if index in self._listed for tag in self._listed[index].tags)
        platform = next((line.platform for line in lines if line.platform), None)
        verdict = self._verdict(digest, lines)
        return Entry(
            digest=digest,
            kind=verdict.kind,
            outcome=verdict.outcome or self._left_out(digest, verdict.kind, platform, choice, chosen),
            platform=platform,
            indexes=indexes,
            tags=tuple(dict.fromkeys((*own, *inherited))),
            listed=detail is not None,
        )

    def _may_be_index(self, line: _Line) -> bool:
        """Whether a manifest must be opened for what it may list, by what is known of it or by its index's word."""
        kind = self._verdict(line.descriptor.digest, [line]).kind
        listed = self._verdicts.get(line.descriptor.digest)
        return kind is Kind.INDEX or (kind is Kind.IMAGE and listed is not None and listed.kind is Kind.UNKNOWN)

    def _verdict(self, digest: Digest, lines: Sequence[_Line]) -> Verdict:
        """What a manifest is: by itself, then by the indexes that list it. One with tags may be pulled as an image."""
        verdict = self._verdicts.get(digest)
        by_lines = [by_descriptor(line.descriptor) for line in lines]
        artifacts = [each for each in by_lines if each.kind is Kind.ARTIFACT]
        if verdict and (verdict.outcome or digest in self._read):
            return verdict
        tagged = digest in self._listed and bool(self._listed[digest].tags)
        if artifacts and len(artifacts) == len(by_lines) and not tagged:
            return artifacts[0]
        if verdict and verdict.kind is not Kind.UNKNOWN:
            return verdict
        return next((each for each in by_lines if each.kind is not Kind.ARTIFACT), Verdict(kind=Kind.IMAGE))

    def _left_out(
        self, digest: Digest, kind: Kind, platform: Platform | None, choice: _Choice, chosen: Collection[Digest]
    ) -> Outcome | None:
        """Why what could be looked at is not, by the user's wish."""
        if digest in chosen or (kind is Kind.INDEX and digest in choice.inside):
            return None
        if digest in choice.roots or digest in choice.inside:
            unwanted = self._wishes.of_platform(platform)
            alone = digest in choice.roots or self._passes_by_tag(digest)
            return unwanted if unwanted or alone else left_out("--platform", "another image of its index fits better")
        if digest in self._filtered:
            return self._filtered[digest]
        if digest in choice.claimed and not self._listed[digest].tags:
            return choice.claimed[digest]
        return self._filters.beyond_newest()

    def _passes_by_tag(self, digest: Digest) -> bool:
        detail = self._listed.get(digest)
        return detail is not None and bool(detail.tags) and digest not in self._filtered


def end_of_index(children: Sequence[tuple[Digest, Outcome]]) -> Outcome:
    """How an index ends: as the images that it lists, with the worst of them."""
    failed = [(digest, outcome) for digest, outcome in children if outcome.state is State.FAILED]
    if failed:
        digest, first = failed[0]
        detail = f"{len(failed)} of the {len(children)} manifests in it failed, the first {digest}: {first.detail}"
        return Outcome(state=State.FAILED, why=first.why, detail=detail)
    states = {outcome.state for _, outcome in children}
    for state in (State.PENDING, State.SCANNED):
        if state in states:
            return Outcome(state=state)
    for why in (Why.ARCHIVED, Why.FILTERED):
        alike = [outcome for _, outcome in children if outcome.why is why]
        if alike:
            return Outcome(state=State.SKIPPED, why=why, detail=f"No image of it was looked at. {alike[0].detail}")
    return Outcome(state=State.SKIPPED, why=Why.NOT_AN_IMAGE, detail="It is an index that lists no image.")


def newest_first(detail: ImageDetail) -> tuple[float, bool, Digest]:
    """The order of pushes; of those at the same time, an index comes before what it may list."""
    return -_pushed(detail), detail.media_type not in INDEX_TYPES, detail.digest


def _pushed(detail: ImageDetail) -> float:
    return detail.pushed.timestamp() if detail.pushed else -math.inf
