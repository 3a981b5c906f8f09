"""The report on a fleet for people: who asked, what was covered, what was not, what is worst, and a verdict."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from tidewaiter.model.finding import Severity
from tidewaiter.model.fleet import FleetImage, FleetReport, Kind, RunSummary, State
from tidewaiter.report.findings import STYLES
from tidewaiter.report.fleet_coverage import coverage_lines
from tidewaiter.report.fleet_gaps import doubtful, left_out_lines, looked_at, unseen, unseen_lines
from tidewaiter.report.fleet_rankings import base_upgrades, frequent_vulnerabilities, moved_tags, worst_images
from tidewaiter.report.layout import Cell, Style, clean, size_of
from tidewaiter.report.page import Page, feeds_lines, plural

_LABEL = 12
_MINUTE, _HOUR = 60, 3600  # seconds


def render(report: FleetReport, *, width: int, colour: bool) -> str:
    """The report, at most `width` columns wide (never less than 40), but for policy statements, which stay whole."""
    page = Page.fitting(width, colour=colour)
    lines = _header(report, page)
    for title, section in _sections(report, page):
        if section:
            lines += ["", page.heading(title), *section]
    style, verdict = _verdict(report)
    lines += ["", *(page.paint(line.strip(), style) for line in page.hanging(Cell(""), verdict, 0))]
    return "\n".join(lines) + "\n"


def _sections(report: FleetReport, page: Page) -> Sequence[tuple[str, list[str]]]:
    return (
        ("Coverage", coverage_lines(report.accounts, page)),
        ("Not looked at, or not judged", unseen_lines(report, page)),
        ("Left out", left_out_lines(report, page)),
        ("Findings", _findings(report, page)),
        ("Worst images", worst_images(report.images, page)),
        ("Most frequent vulnerabilities", frequent_vulnerabilities(report.vulnerabilities, page)),
        ("Upgrades of shared bases", base_upgrades(report.bases, page)),
        ("Tags that moved since the run before", moved_tags(report.run, page)),
        ("Advisories", feeds_lines(report.feeds, page)),
    )


def _header(report: FleetReport, page: Page) -> list[str]:
    run = report.run
    lines = [page.paint(line.strip(), Style.BOLD) for line in page.hanging(Cell(""), clean(run.command), 0)]
    facts = [("asked by", asked_by(run)), ("run", _when(run)), ("images", _images(report)), ("pulled", _pulled(run))]
    for label, fact in facts:
        if fact:
            lines += page.hanging(Cell(f"  {label}", Style.DIM), fact, _LABEL)
    return lines


def asked_by(run: RunSummary) -> str:
    """The principal, what gave its credentials, and the roles after it."""
    if run.identity is None:
        return ""
    provider = f" (from {run.identity.provider})" if run.identity.provider else ""
    hops = [f", then {hop.role_arn}" for hop in run.identity.hops]
    return clean(f"{run.identity.arn}{provider}{''.join(hops)}")


def _when(run: RunSummary) -> str:
    began = run.started.strftime("%Y-%m-%d %H:%M %Z").strip()
    took = f", {_duration(run.finished - run.started)}" if run.finished else ", did not finish"
    return f"{run.id}, {began}{took}" + (", continues one that did not finish" if run.continued else "")


def _duration(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min {seconds % _MINUTE} s"
    return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE} min"


def _images(report: FleetReport) -> str:
    """How many were scanned: with the indexes as many as the coverage counts, and of how many contents they are."""
    scanned = _scanned(report)
    indexes = sum(image.kind is Kind.INDEX and image.outcome.state is State.SCANNED for image in report.images)
    also = f" and {plural(indexes, 'index', 'indexes')}" if indexes else ""
    different = len({image.digest for image in scanned})
    facts = [f"{plural(different, 'different image')}"] if different < len(scanned) else []
    facts += [f"{report.run.known:,} known from before"] if report.run.known else []
    return f"{plural(len(scanned), 'image')}{also} scanned" + (f": {', '.join(facts)}" if facts else "")


def _scanned(report: FleetReport) -> list[FleetImage]:
    return [image for image in report.images if image.outcome.state is State.SCANNED and image.kind is not Kind.INDEX]


def _pulled(run: RunSummary) -> str:
    if not run.layers_read:
        return "nothing"
    return f"{size_of(run.bytes_pulled)} in {plural(run.layers_read, 'layer')}, each once"


def _findings(report: FleetReport, page: Page) -> list[str]:
    counts: Counter[Severity] = Counter()
    for image in report.images:
        counts.update(dict(image.severities))
    found = sum(image.findings for image in report.images)
    if not found and not report.hidden:
        return []
    parts = [
        page.paint(f"{counts[severity]:,} {severity}", STYLES[severity])
        for severity in sorted(counts, reverse=True)
        if counts[severity]
    ]
    fixable = sum(image.fixable for image in report.images)
    lines = page.flow([*parts, f"{found:,} in all, {fixable:,} with a fix"] if parts else ["none shown"])
    if report.hidden:
        lines += page.hanging(Cell(""), f"{report.hidden:,} more hidden by the filters", 2)
    return lines


def _verdict(report: FleetReport) -> tuple[Style, str]:
    found, missed = _found(report), unseen(report)
    if not looked_at(report) and not missed:
        return Style.WARNING, "Incomplete: no image was looked at."
    if missed or (not found and doubtful(report)):
        incomplete = f"Incomplete: {_missed(report)}"
        return (
            Style.WARNING,
            f"{found} {incomplete}: there may be more." if found else f"{incomplete}: not a clean bill.",
        )
    if found:
        return Style.HIGH if any(image.findings for image in report.images) else Style.WARNING, found
    if not any(image.packages for image in report.images):
        return Style.WARNING, "Nothing was judged: no packages were found."
    return Style.GOOD, "No known vulnerabilities in what was looked at."


def _missed(report: FleetReport) -> str:
    gaps = unseen(report) or sum(not count.gap.chosen for count in report.gaps)
    return plural(gaps, "gap")


def _found(report: FleetReport) -> str:
    affected = sum(image.findings > 0 for image in report.images)
    hidden = f"{plural(report.hidden, 'finding')} hidden by the filters." if report.hidden else ""
    if not affected:
        return hidden
    found = sum(image.findings for image in report.images)
    spread = f"{plural(found, 'finding')} in {affected:,} of {plural(len(_scanned(report)), 'image')}"
    distinct = plural(len(report.vulnerabilities), "vulnerability", "vulnerabilities")
    return f"{spread}: {distinct} in {plural(len(report.vulnerable), 'distinct package')}. {hidden}".strip()
