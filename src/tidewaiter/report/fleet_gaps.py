"""What a run did not look at, and what it left out: which of it counts, and how it is drawn."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tidewaiter.model.fleet import FleetImage, FleetReport, State
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.report.layout import ELLIPSIS, Cell, Style, clean, shorten
from tidewaiter.report.page import Page, plural, statement_lines

LEFT_OUT = frozenset({Why.FILTERED, Why.INACTIVE, Why.ARCHIVED, Why.NOT_AN_IMAGE})
"""Why an account, a repository or a manifest is passed over without making the run incomplete."""

_INDENT = 18
_SUBJECTS_SHOWN = 6
_NAMES_SHOWN = 3
_HEX_SHOWN = 12
_REASONS_SHOWN = 12
_LONGEST_NAME = 60
_LONGEST_SUBJECT = 120
_HOLDERS_SHOWN = 3
_GROUPS_SHOWN = 20
_PLACES = {
    "account": re.compile(r"(?<!\d)\d{12}(?!\d)(?: \([^()]*\))?"),  # with its name
    "region": re.compile(r"\b[a-z]{2,4}(?:-[a-z]+)+-\d\b"),
    "repository": re.compile(r"(?<=:repository/)[\w./*-]*[\w/*-]"),
    "digests": re.compile(r"\bsha(?:256|512):[0-9a-f]{64,128}\b"),
}
"""What sentences on many accounts, regions, repositories and manifests differ in."""

_STATEMENT = re.compile(r'\{\s*"(?:Effect|Sid|Statement|Version)"')


def without_places(sentence: str) -> str:
    """What is the same in what many accounts, regions, repositories and manifests say."""
    for place, pattern in _PLACES.items():
        sentence = pattern.sub(place, sentence)
    return sentence


def places(report: FleetReport) -> Iterator[Gap]:
    """The gaps of accounts, registries and repositories."""
    for account in report.accounts:
        yield from account.gaps
        for registry in account.registries:
            yield from registry.gaps


def lost(report: FleetReport) -> list[Gap]:
    """The places that should have been looked at and were not."""
    return [gap for gap in places(report) if gap.why not in LEFT_OUT]


def unseen(report: FleetReport) -> int:
    """How many places and manifests went unseen, and whole parts of images unread or unjudged."""
    manifests = sum(image.outcome.state in (State.FAILED, State.PENDING) for image in report.images)
    return len(lost(report)) + manifests + sum(count.gap.wide for count in report.gaps)


def looked_at(report: FleetReport) -> bool:
    """Whether any image was looked through at all."""
    return any(image.outcome.state is State.SCANNED for image in report.images)


def doubtful(report: FleetReport) -> bool:
    """Whether anything in a scanned image could not be read or judged for sure."""
    return any(not count.gap.chosen for count in report.gaps)


def name_of(image: FleetImage) -> str:
    """A manifest as people call it: repository and first tag, or the start of the digest; with its platform."""
    tag = f":{image.tags[0]}" if image.tags else f"@{image.digest.hex[:_HEX_SHOWN]}"
    platform = f" ({image.platform})" if image.platform and image.indexes else ""
    return shorten(clean(f"{image.repository}{tag}"), _LONGEST_NAME) + clean(platform)


def located(report: FleetReport) -> Callable[[FleetImage], str]:
    """How manifests are called where their account and region stand nowhere else: with both, if there are several."""
    if len({image.registry for image in report.images}) < 2:  # noqa: PLR2004 - one needs no telling apart
        return name_of
    return lambda image: f"{name_of(image)} in {clean(_place(image))}"


def _place(image: FleetImage) -> str:
    region = "public" if image.registry.public else image.registry.region
    return "/".join(filter(None, (image.registry.account, region)))


@dataclass(slots=True)
class _Alike:
    """Gaps that say the same, but for account, region, repository or digests.

    `holders` are the names, by reference, of the images that hold the subjects, where these are parts of images.
    """

    detail: str
    subjects: list[str] = field(default_factory=list)
    details: set[str] = field(default_factory=set)
    holders: dict[str, str] = field(default_factory=dict)


def unseen_lines(report: FleetReport, page: Page) -> list[str]:
    """What was not looked at or not judged, those that say the same together, with what would help.

    Places are told all, of images and what is in them no more than can be read: JSON has all.
    """
    named = located(report)
    shut, spoilt = _together(lost(report)), _together(_failures(report.images, named))
    _add_doubts(report, named, spoilt)
    groups = list(spoilt.items())
    lines = [
        line for (why, *_), alike in [*shut.items(), *groups[:_GROUPS_SHOWN]] for line in _alike_lines(why, alike, page)
    ]
    if rest := groups[_GROUPS_SHOWN:]:
        count = sum(len(alike.subjects) for _, alike in rest)
        lines += page.hanging(Cell(""), f"and {count:,} for other reasons: --format json has all", 2)
    if waiting := [named(image) for image in report.images if image.outcome.state is State.PENDING]:
        detail = "The run ended before it came to them. Run the same command again: it goes on from here."
        lines += _alike_lines("not come to", _Alike(detail, waiting, {detail}), page)
    return lines


_Groups = dict[tuple[str, str, str], _Alike]


def _failures(images: Iterable[FleetImage], named: Callable[[FleetImage], str]) -> Iterator[Gap]:
    """Manifests that should have been scanned, as gaps."""
    for image in images:
        if image.outcome.state is State.FAILED:
            why = image.outcome.why or Why.MALFORMED
            yield Gap(stage=Stage.IMAGE, why=why, subject=named(image), detail=image.outcome.detail)


def _together(gaps: Iterable[Gap]) -> _Groups:
    groups: _Groups = {}
    for gap in gaps:
        _group(groups, gap).subjects.append(gap.subject)
    return groups


def _group(groups: _Groups, gap: Gap) -> _Alike:
    alike = groups.setdefault((gap.why, gap.stage, without_places(gap.detail)), _Alike(gap.detail))
    alike.details.add(gap.detail)
    return alike


def _add_doubts(report: FleetReport, named: Callable[[FleetImage], str], groups: _Groups) -> None:
    """What could not be read or judged in scanned images: by the image where it is all of it, else by what it is."""
    doubts = {count.gap: _group(groups, count.gap) for count in report.gaps if not count.gap.chosen}
    for image in report.images:
        for gap in image.gaps:
            if (alike := doubts.get(gap)) is None:
                continue
            if gap.subject.endswith(f"@{image.digest}"):
                alike.subjects.append(named(image))
            else:
                alike.subjects.append(gap.subject)
                alike.holders[image.reference] = named(image)


def _alike_lines(why: str, alike: _Alike, page: Page) -> list[str]:
    lines = page.hanging(Cell(f"  {why}", Style.WARNING), _subjects(alike.subjects), _INDENT)
    if alike.holders:
        lines += page.hanging(Cell(""), _held(alike), _INDENT)
    if len(alike.details) > 1:
        differing = " and ".join(_differing(alike.details))
        lines += page.hanging(Cell(""), f"Each the same but for its {differing}; of the first:", _INDENT)
    return lines + _detail_lines(alike.detail, page)


def _differing(sentences: Collection[str]) -> Iterator[str]:
    """What of a place is not the same in all of the sentences."""
    for place, pattern in _PLACES.items():
        if len({tuple(pattern.findall(sentence)) for sentence in sentences}) > 1:
            yield place


def _subjects(names: Iterable[str]) -> str:
    """The first names, and how many more there are. What several have in common before or after ` in ` stands once."""
    several = [clean(name).rpartition(" in ") for name in dict.fromkeys(names) if name]
    shown = []
    for place, alike in groupby(_by_name(several[:_SUBJECTS_SHOWN]), lambda each: each[1]):
        found = ", ".join(name for name, _ in alike)
        shown.append(f"{found} in {place}" if place else found)
    rest = len(several) - _SUBJECTS_SHOWN
    return ", ".join(shown) + (f" and {rest:,} more" if rest > 0 else "")


def _by_name(parted: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
    """Each name with its places; what has none is its own name."""
    for name, alike in groupby(parted, lambda each: each[0] or each[2]):
        yield name, ", ".join(place for lead, _, place in alike if lead)


def _held(alike: _Alike) -> str:
    """How many images hold it, and the first of them."""
    names = list(alike.holders.values())
    more = f", {ELLIPSIS}" if len(names) > _HOLDERS_SHOWN else ""
    return f"In {plural(len(names), 'image')}: {_subjects(names[:_HOLDERS_SHOWN])}{more}"


def _detail_lines(detail: str, page: Page) -> list[str]:
    """The sentence, wrapped; the policy statements in it stand on lines of their own that can be copied whole."""
    lines, told = [], 0
    for begin, end, statement in _statements(detail):
        lines += _wrapped(detail[told:begin], page)
        lines += [" " * _INDENT + line for line in statement]
        told = end
    return lines + _wrapped(detail[told:].lstrip(" ."), page)


def _wrapped(text: str, page: Page) -> list[str]:
    return page.hanging(Cell(""), clean(text.strip()), _INDENT) if text.strip() else []


def _statements(detail: str) -> Iterator[tuple[int, int, Sequence[str]]]:
    """Where in a text a policy statement begins and ends, and that statement a key a line."""
    decoder, end = json.JSONDecoder(), 0
    for brace in _STATEMENT.finditer(detail):
        if brace.start() < end:  # within the one before
            continue
        try:
            found, end = decoder.raw_decode(detail, brace.start())
        except (ValueError, RecursionError):
            continue
        yield brace.start(), end, statement_lines(found)


def left_out_lines(report: FleetReport, page: Page) -> list[str]:
    """What was passed over on purpose, by reason, with some of its names; the most frequent reasons first."""
    names: dict[tuple[str, str], list[str]] = {}
    for why, detail, name in _passed_over(report, located(report)):
        # A filter says after its name why it leaves this one out: as many ways as there are days of a push.
        said = detail.partition(":")[0] if why == Why.FILTERED else detail
        names.setdefault((why, said), []).append(name)
    order = sorted(names, key=lambda key: (-len(names[key]), *key))
    lines = [line for key in order[:_REASONS_SHOWN] for line in _left_out(*key, names[key], page)]
    if len(order) > _REASONS_SHOWN:
        rest = sum(len(names[key]) for key in order[_REASONS_SHOWN:])
        lines += page.hanging(Cell(""), f"and {rest:,} for other reasons: --format json has all", 2)
    return lines


def _passed_over(report: FleetReport, named: Callable[[FleetImage], str]) -> Iterator[tuple[str, str, str]]:
    """Why, in a word and in a sentence, and what."""
    for gap in places(report):
        if gap.why in LEFT_OUT:
            yield gap.why, gap.detail, shorten(gap.subject, _LONGEST_SUBJECT)
    for image in report.images:
        if image.outcome.state is State.SKIPPED:
            yield image.outcome.why or Why.FILTERED, image.outcome.detail, named(image)


def _left_out(why: str, detail: str, names: Sequence[str], page: Page) -> list[str]:
    several = tuple(dict.fromkeys(names))
    shown = _subjects(several[:_NAMES_SHOWN])
    more = f", {ELLIPSIS}" if len(several) > _NAMES_SHOWN else ""
    return page.hanging(Cell(f"  {why}", Style.DIM), f"{len(names):,}: {clean(detail)} ({shown}{more})", _INDENT)
