"""What a run would look at, for people: who asks, what there is in each account and region, and in each repository."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tidewaiter.model.cloud import Registry
from tidewaiter.model.fleet import FleetImage, FleetReport, State
from tidewaiter.report.fleet_coverage import foreseen_lines
from tidewaiter.report.fleet_gaps import left_out_lines, lost, unseen_lines
from tidewaiter.report.fleet_table import asked_by
from tidewaiter.report.layout import Cell, Style, clean
from tidewaiter.report.page import Page, Row, plural, titled

_LABEL = 12
_TITLES = titled("Repository", "Account", "Region", "Found", "To scan", "Last push", right=(3, 4))
_LEAST = (20, 12, 14, 5, 7, 10)


def render(survey: FleetReport, *, width: int, colour: bool) -> str:
    """The survey, at most `width` columns wide (never less than 40), but for policy statements, which stay whole."""
    page = Page.fitting(width, colour=colour)
    lines = [page.paint(line.strip(), Style.BOLD) for line in page.hanging(Cell(""), clean(survey.run.command), 0)]
    if who := asked_by(survey.run):
        lines += page.hanging(Cell("  asked by", Style.DIM), who, _LABEL)
    for title, section in _sections(survey, page):
        if section:
            lines += ["", page.heading(title), *section]
    style, verdict = _verdict(survey)
    lines += ["", *(page.paint(line.strip(), style) for line in page.hanging(Cell(""), verdict, 0))]
    return "\n".join(lines) + "\n"


def _sections(survey: FleetReport, page: Page) -> Sequence[tuple[str, list[str]]]:
    # What is pending is no gap here: it would be looked at.
    settled = tuple(image for image in survey.images if image.outcome.state is not State.PENDING)
    return (
        ("Coverage", foreseen_lines(survey.accounts, page)),
        ("Repositories", _repositories(survey.images, page)),
        ("Would not be looked at", unseen_lines(replace(survey, images=settled), page)),
        ("Left out", left_out_lines(survey, page)),
    )


@dataclass(slots=True)
class _Repository:
    """What is counted of a repository; `pushed` is the last push of what would be scanned."""

    found: int = 0
    wanted: int = 0
    pushed: datetime | None = None


def _repositories(images: Sequence[FleetImage], page: Page) -> list[str]:
    if not images:
        return []
    counted: dict[tuple[Registry, str], _Repository] = {}
    for image in images:
        repository = counted.setdefault((image.registry, image.repository), _Repository())
        repository.found += 1
        if image.outcome.state is State.PENDING:
            repository.wanted += 1
            repository.pushed = max(filter(None, (repository.pushed, image.pushed)), default=None)
    return page.columns(_TITLES, list(_rows(counted)), _LEAST)


def _rows(counted: Mapping[tuple[Registry, str], _Repository]) -> Iterator[Row]:
    for (registry, name), repository in sorted(counted.items(), key=lambda item: item[0]):
        yield (
            Cell(clean(name), Style.BOLD),
            Cell(clean(registry.account)),
            Cell("public" if registry.public else clean(registry.region)),
            Cell(f"{repository.found:,}", right=True),
            Cell(f"{repository.wanted:,}", right=True),
            Cell(f"{repository.pushed:%Y-%m-%d}" if repository.pushed else "", Style.DIM),
        )


def _verdict(survey: FleetReport) -> tuple[Style, str]:
    wanted = sum(image.outcome.state is State.PENDING for image in survey.images)
    said = f"{wanted:,} of {plural(len(survey.images), 'manifest')} would be scanned."
    if gaps := len(lost(survey)):
        return Style.WARNING, f"{said} Incomplete: {plural(gaps, 'gap')}: there may be more."
    return Style.GOOD if wanted else Style.WARNING, said
