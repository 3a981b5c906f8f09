"""A diagnosis for people: what works where, what does not and what would help, and a verdict."""

from collections import Counter
from collections.abc import Sequence

from tidewaiter.model.diagnosis import Check, Diagnosis, Health
from tidewaiter.report.ailments import ORDER, Ailment, ailing_topics, ailments, by_place, right_topics, spelled
from tidewaiter.report.layout import Cell, Style, clean
from tidewaiter.report.page import Page, plural, titled

_LABEL = 12
_INDENT = 12
_PLACES_SHOWN = 6
_REGIONS_SHOWN = 3
STYLES = {
    Health.RIGHT: Style.GOOD,
    Health.WRONG: Style.HIGH,
    Health.WIDE: Style.WARNING,
    Health.POORER: Style.WARNING,
    Health.UNKNOWN: Style.DIM,
}
_WORDS = {
    Health.WRONG: "wrong",
    Health.WIDE: "too wide",
    Health.POORER: "poorer than it could be",
    Health.UNKNOWN: "not to be told",
}


def render(diagnosis: Diagnosis, *, width: int, colour: bool) -> str:
    """The diagnosis on a page of that width."""
    page = Page.fitting(width, colour=colour)
    sections = [_head(diagnosis, page), _works(diagnosis, page), _ailing(diagnosis, page), _registries(diagnosis, page)]
    style, verdict = verdict_of(diagnosis)
    told = [page.paint(line.strip(), style) for line in page.hanging(Cell(""), verdict, 0)]
    return "\n\n".join("\n".join(lines) for lines in [*filter(None, sections), told])


def verdict_of(diagnosis: Diagnosis) -> tuple[Style, str]:
    """The last line: whether all is right, else how much is not."""
    counts = Counter(ailment.first.health for ailment in ailments(diagnosis.checks))
    said = ", ".join(f"{counts[health]:,} {_WORDS[health]}" for health in ORDER if counts[health])
    if diagnosis.healthy:
        return Style.GOOD, "All is right." + (f" Beside it: {said}." if said else "")
    return Style.WARNING, f"Not all is right: {said or 'nothing could be checked'}."


def _head(diagnosis: Diagnosis, page: Page) -> list[str]:
    lines = [page.paint(clean(diagnosis.command), Style.BOLD)]
    identity = diagnosis.identity
    if identity:
        provider = f" (from {clean(identity.provider)})" if identity.provider else ""
        hops = "".join(f", then {clean(hop.role_arn)}" for hop in identity.hops)
        lines += page.hanging(Cell("  asked by", Style.DIM), f"{clean(identity.arn)}{provider}{hops}", _LABEL)
    seconds = (diagnosis.finished - diagnosis.started).total_seconds()
    when = f"{diagnosis.started:%Y-%m-%d %H:%M} UTC, {seconds:.0f} s"
    return lines + page.hanging(Cell("  checked", Style.DIM), when, _LABEL)


def _works(diagnosis: Diagnosis, page: Page) -> list[str]:
    """What was found right and what not: one row for all regions of an account that are alike."""
    if not diagnosis.checks:
        return []
    alike: dict[tuple[str, bool, Cell, Cell], list[str]] = {}
    for (account, region), checks in by_place(diagnosis.checks).items():
        alike.setdefault((account, bool(region), *_found(checks)), []).append(region)
    rows = [
        (Cell(clean(account) or "all"), Cell(_regions(regions)), right, ailing)
        for (account, _, right, ailing), regions in alike.items()
    ]
    columns = page.columns(titled("Account", "Region", "Right", "Not right"), rows, (12, 9, 8, 8))
    return [page.heading("Checked"), *columns]


def _found(checks: Sequence[Check]) -> tuple[Cell, Cell]:
    worst = min((ORDER.index(check.health) for check in checks if check.health is not Health.RIGHT), default=None)
    style = Style.PLAIN if worst is None else STYLES[ORDER[worst]]
    return Cell(right_topics(checks), Style.GOOD), Cell(ailing_topics(checks), style)


def _regions(regions: Sequence[str]) -> str:
    return clean(", ".join(regions)) if len(regions) <= _REGIONS_SHOWN else f"{len(regions)} regions"


def _ailing(diagnosis: Diagnosis, page: Page) -> list[str]:
    found = ailments(diagnosis.checks)
    if not found:
        return []
    title = "Good to know" if diagnosis.healthy else "What is not right"
    return [page.heading(title), *(line for each in found for line in _ailment(each, page))]


def _ailment(ailment: Ailment, page: Page) -> list[str]:
    check = ailment.first
    where = spelled(ailment.places, _PLACES_SHOWN)
    topic = f"{check.topic}, {where}" if where else str(check.topic)
    lines = page.hanging(Cell(f"  {check.health}", STYLES[check.health]), clean(topic), _INDENT)
    if ailment.differing:
        lines += page.hanging(Cell(""), "Each the same but for account and region; of the first:", _INDENT)
    lines += page.hanging(Cell(""), clean(check.says), _INDENT)
    if statement := ailment.statement:
        lines += page.hanging(Cell(""), f"Add to the {clean(check.document) or 'policy'}:", _INDENT)
        lines += [" " * _INDENT + clean(line) for line in statement.splitlines()]
    return lines + (page.hanging(Cell(""), clean(check.advice), _INDENT) if check.advice else [])


def _registries(diagnosis: Diagnosis, page: Page) -> list[str]:
    """The registries that hold anything; empty ones are counted."""
    holding = [(registry, count) for registry, count in diagnosis.registries if count]
    empty = len(diagnosis.registries) - len(holding)
    rows = [
        (Cell(clean(registry.host)), Cell(f"{count:,}", right=True))
        for registry, count in sorted(holding, key=lambda each: each[0])
    ]
    lines = page.columns(titled("Registry", "Repositories", right=(1,)), rows, (20, 12)) if rows else []
    if empty:
        lines.append(f"  {plural(empty, 'registry', 'registries')} without repositories")
    return [page.heading("Registries"), *(lines or ["  none that can be read"])]
