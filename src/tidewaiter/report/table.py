"""The report for people: what the image is, what was found worst first, what was not looked at, and a verdict."""

from collections import Counter
from collections.abc import Sequence

from tidewaiter.model.finding import FixState
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import ImageIdentity, Layer
from tidewaiter.model.package import Inventory
from tidewaiter.model.report import Report
from tidewaiter.report.findings import findings_lines, severity_counts
from tidewaiter.report.layout import Cell, Style, clean, shorten, size_of
from tidewaiter.report.page import Page, feeds_lines, plural

_HEX_SHOWN = 12
_LABEL = 12


def render(reports: Sequence[Report], *, width: int, colour: bool) -> str:
    """The reports one under the other, at most `width` columns wide (never less than 40), and a word on all of them."""
    page = Page.fitting(width, colour=colour)
    same_feeds = len({report.feeds for report in reports}) == 1
    blocks = [_report(report, page, with_feeds=not same_feeds) for report in reports]
    if same_feeds:
        blocks.append([page.heading("Advisories"), *feeds_lines(reports[0].feeds, page)])
    blocks.append(_closing(reports, page))
    return "\n".join("\n".join(block) + "\n" for block in blocks)


def _report(report: Report, page: Page, *, with_feeds: bool) -> list[str]:
    lines = _header(report.inventory, page)
    sections = [
        ("Findings", _findings(report, page)),
        ("Layers that brought them", _layers(report, page)),
        ("Not looked at, or not judged", _gaps(report.gaps, page)),
        ("Advisories", feeds_lines(report.feeds, page) if with_feeds else []),
    ]
    for title, section in sections:
        if section:
            lines += ["", page.heading(title), *section]
    return lines


def _header(inventory: Inventory, page: Page) -> list[str]:
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


def _findings(report: Report, page: Page) -> list[str]:
    if not report.findings and not report.hidden:
        return []
    fixable = sum(finding.fix.state is FixState.FIXED for finding in report.findings)
    parts = [page.paint(f"{count:,} {severity}", style) for severity, count, style in severity_counts(report.findings)]
    totals = f"{len(report.findings):,} in all, {fixable:,} with a fix"
    lines = page.flow([*parts, totals] if parts else ["none shown"])
    if report.hidden:
        lines.append(f"  {report.hidden:,} more hidden by the filters")
    return lines + ([""] if report.findings else []) + findings_lines(report.findings, page.width, colour=page.colour)


def _layers(report: Report, page: Page) -> list[str]:
    counts: Counter[Layer] = Counter()
    for finding in report.findings:
        counts.update({location.layer for location in finding.package.locations if location.layer})
    return [_layer(layer, counts[layer], page) for layer in sorted(counts, key=lambda layer: layer.index)]


def _layer(layer: Layer, findings: int, page: Page) -> str:
    lead = f"  {layer.index:>3}  {layer.digest.hex[:_HEX_SHOWN]}  {plural(findings, 'finding'):<12}  "
    history = shorten(clean(" ".join(layer.created_by.split())), max(page.width - len(lead), 1))
    return (lead + page.paint(history, Style.DIM)).rstrip()


def _gaps(gaps: Sequence[Gap], page: Page) -> list[str]:
    alike: dict[tuple[str, str, str], list[str]] = {}
    for gap in gaps:
        alike.setdefault((gap.why, gap.stage, gap.detail), []).append(gap.subject)
    lines = []
    for (why, stage, detail), subjects in alike.items():
        where = ", ".join(clean(subject) for subject in subjects if subject) or stage
        lines += page.hanging(Cell(f"  {why}", Style.WARNING), where, 18)
        lines += page.hanging(Cell(""), clean(detail), 18) if detail else []
    return lines


def _closing(reports: Sequence[Report], page: Page) -> list[str]:
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
        incomplete = f"Incomplete: {plural(len(opened), 'gap')}"
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
        return f"{plural(report.hidden, 'finding')} hidden by the filters." if report.hidden else ""
    fixable = sum(finding.fix.state is FixState.FIXED for finding in report.findings)
    packages = len({(finding.package.purl, finding.package.version) for finding in report.findings})
    found = f"{plural(len(report.findings), 'finding')} in {plural(packages, 'package')}, {fixable:,} with a fix."
    return found + (f" {report.hidden:,} more hidden by the filters." if report.hidden else "")
