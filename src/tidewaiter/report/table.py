"""The report for people: what the image is, what was found worst first, what was not looked at, and a verdict."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tidewaiter.model.advisory import Feed
from tidewaiter.model.finding import FixState
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import ImageIdentity, Layer
from tidewaiter.model.package import Inventory
from tidewaiter.model.report import Report
from tidewaiter.report.findings import findings_lines, severity_counts
from tidewaiter.report.layout import Cell, Style, clean, columns_of, hanging, paint, shorten, size_of

_NARROWEST = 40
_HEX_SHOWN = 12
_LABEL = 12


@dataclass(frozen=True, slots=True)
class _Page:
    width: int
    colour: bool

    def paint(self, text: str, style: Style) -> str:
        return paint(text, style, colour=self.colour)

    def hanging(self, lead: Cell, text: str, indent: int) -> list[str]:
        return hanging(lead, text, indent=indent, width=self.width, colour=self.colour)


def render(reports: Sequence[Report], *, width: int, colour: bool) -> str:
    """The reports one under the other, at most `width` columns wide (never less than 40), and a word on all of them."""
    page = _Page(max(width, _NARROWEST), colour)
    same_feeds = len({report.feeds for report in reports}) == 1
    blocks = [_report(report, page, with_feeds=not same_feeds) for report in reports]
    if same_feeds:
        blocks.append([_section(page, "Advisories"), *_feeds(reports[0].feeds, page)])
    blocks.append(_closing(reports, page))
    return "\n".join("\n".join(block) + "\n" for block in blocks)


def _report(report: Report, page: _Page, *, with_feeds: bool) -> list[str]:
    lines = _header(report.inventory, page)
    sections = [
        ("Findings", _findings(report, page)),
        ("Layers that brought them", _layers(report, page)),
        ("Not looked at, or not judged", _gaps(report.gaps, page)),
        ("Advisories", _feeds(report.feeds, page) if with_feeds else []),
    ]
    for title, section in sections:
        if section:
            lines += ["", _section(page, title), *section]
    return lines


def _section(page: _Page, title: str) -> str:
    return page.paint(title, Style.BOLD)


def _header(inventory: Inventory, page: _Page) -> list[str]:
    image = inventory.image
    # Of what could not be opened it is not known that it has no distribution and no packages.
    looked_at = inventory.extractors or inventory.packages or inventory.distros or not inventory.gaps
    facts = [
        ("tags", ", ".join(image.tags)),
        ("digest", str(image.digest or "")),
        ("platform", str(image.platform or "")),
        ("distro", _distros(inventory) if looked_at else ""),
        ("packages", _packages(inventory) if looked_at else ""),
        ("layers", _sizes(image)),
    ]
    lines = page.hanging(Cell(""), clean(image.reference), 0)
    lines = [page.paint(line.strip(), Style.BOLD) for line in lines]
    for label, fact in facts:
        if fact:
            lines += page.hanging(Cell(f"  {label}", Style.DIM), clean(fact), _LABEL)
    return lines


def _distros(inventory: Inventory) -> str:
    own = str(inventory.distro) if inventory.distro else "none found"
    others = [f"{distro} in /{distro.root}" for distro in inventory.distros if distro.root]
    return ", and ".join([own, *others])


def _packages(inventory: Inventory) -> str:
    kinds = Counter(package.type for package in inventory.packages)
    parts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    return f"{len(inventory.packages):,}" + (
        f" ({parts})" if len(kinds) > 1 else f" {parts.partition(' ')[2]}".rstrip()
    )


def _sizes(image: ImageIdentity) -> str:
    size = sum(layer.size for layer in image.layers)
    return f"{len(image.layers)} ({size_of(size)})" if image.layers else ""


def _findings(report: Report, page: _Page) -> list[str]:
    if not report.findings and not report.hidden:
        return []
    fixable = sum(finding.fix.state is FixState.FIXED for finding in report.findings)
    parts = [page.paint(f"{count:,} {severity}", style) for severity, count, style in severity_counts(report.findings)]
    totals = f"{len(report.findings):,} in all, {fixable:,} with a fix"
    lines = _flow([*parts, totals] if parts else ["none shown"], page)
    if report.hidden:
        lines.append(f"  {report.hidden:,} more hidden by the filters")
    return lines + ([""] if report.findings else []) + findings_lines(report.findings, page.width, colour=page.colour)


def _flow(parts: Iterable[str], page: _Page) -> list[str]:
    """The parts one after the other, broken between two of them only."""
    lines, filled = [""], 0
    for part in parts:
        size = columns_of(_bare(part))
        if filled and filled + 3 + size > page.width - 2:
            lines.append("")
            filled = 0
        lines[-1] += (" · " if filled else "  ") + part
        filled += size + 3
    return lines


def _bare(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _layers(report: Report, page: _Page) -> list[str]:
    counts: Counter[Layer] = Counter()
    for finding in report.findings:
        counts.update({location.layer for location in finding.package.locations if location.layer})
    return [_layer(layer, counts[layer], page) for layer in sorted(counts, key=lambda layer: layer.index)]


def _layer(layer: Layer, findings: int, page: _Page) -> str:
    lead = f"  {layer.index:>3}  {layer.digest.hex[:_HEX_SHOWN]}  {_plural(findings, 'finding'):<12}  "
    history = shorten(clean(" ".join(layer.created_by.split())), max(page.width - len(lead), 1))
    return (lead + page.paint(history, Style.DIM)).rstrip()


def _gaps(gaps: Sequence[Gap], page: _Page) -> list[str]:
    alike: dict[tuple[str, str, str], list[str]] = {}
    for gap in gaps:
        alike.setdefault((gap.why, gap.stage, gap.detail), []).append(gap.subject)
    lines = []
    for (why, stage, detail), subjects in alike.items():
        where = ", ".join(clean(subject) for subject in subjects if subject) or stage
        lines += page.hanging(Cell(f"  {why}", Style.WARNING), where, 18)
        lines += page.hanging(Cell(""), clean(detail), 18) if detail else []
    return lines


def _feeds(feeds: Sequence[Feed], page: _Page) -> list[str]:
    return (
        _flow((shorten(_feed(feed), page.width - 2) for feed in feeds), page)
        if feeds
        else ["  none: nothing was judged"]
    )


def _feed(feed: Feed) -> str:
    day = feed.newest[: len("2024-01-01")]
    return f"{clean(feed.name)} {feed.advisories:,}" + (f", newest {clean(day)}" if day else ", of unknown age")


def _closing(reports: Sequence[Report], page: _Page) -> list[str]:
    several = len(reports) > 1
    lines = []
    for report in reports:
        style, verdict = _verdict(report)
        lead = f"{clean(report.inventory.image.reference)}: " if several else ""
        wrapped = page.hanging(Cell(""), lead + verdict, 0)
        lines += [page.paint(line.strip(), style) for line in wrapped]
    return lines


def _verdict(report: Report) -> tuple[Style, str]:
    opened = [gap for gap in report.gaps if not gap.chosen]
    found = _found(report)
    if opened:
        incomplete = f"Incomplete: {_plural(len(opened), 'gap')}"
        return Style.WARNING, (
            f"{found} {incomplete}: there may be more." if found else f"{incomplete}: not a clean bill."
        )
    if found:
        return Style.HIGH if report.findings else Style.WARNING, found
    if not report.inventory.packages:
        return Style.WARNING, "Nothing was judged: no packages were found."
    return Style.GOOD, "No known vulnerabilities in what was looked at."


def _found(report: Report) -> str:
    if not report.findings:
        return f"{_plural(report.hidden, 'finding')} hidden by the filters." if report.hidden else ""
    fixable = sum(finding.fix.state is FixState.FIXED for finding in report.findings)
    packages = len({(finding.package.purl, finding.package.version) for finding in report.findings})
    found = f"{_plural(len(report.findings), 'finding')} in {_plural(packages, 'package')}, {fixable:,} with a fix."
    return found + (f" {report.hidden:,} more hidden by the filters." if report.hidden else "")


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
