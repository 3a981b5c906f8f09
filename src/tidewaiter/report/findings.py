"""The findings of the table: a block a package, worst first; packages of one source with equal findings share one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Self, TypeAlias, assert_never

from tidewaiter.model.finding import Finding, Fix, FixState, Severity
from tidewaiter.model.package import Package
from tidewaiter.report.layout import (
    ELLIPSIS,
    Cell,
    Style,
    clean,
    join,
    natural_widths,
    shorten,
    shrunk,
    total,
    wrap,
    wrap_row,
)

STYLES = {
    Severity.CRITICAL: Style.CRITICAL,
    Severity.HIGH: Style.HIGH,
    Severity.MEDIUM: Style.MEDIUM,
    Severity.LOW: Style.LOW,
    Severity.NEGLIGIBLE: Style.DIM,
    Severity.UNKNOWN: Style.PLAIN,
}
_PACKAGE_TITLES = (Cell("Package", Style.DIM), Cell("Installed", Style.DIM), Cell("Layer", Style.DIM))
_FINDING_TITLES = (Cell("Vulnerability", Style.DIM), Cell("Severity", Style.DIM), Cell("Fixed in", Style.DIM))
_PACKAGE_MOST, _PACKAGE_LEAST = (34, 28, 7), (18, 14, 5)
_FINDING_MOST, _FINDING_LEAST = (24, 20, 32), (20, 8, 14)
_FINDING_LEAST_OF_ALL = (9, 8, 8)
_FIX_WORDS = {
    FixState.NOT_FIXED: "no fix yet",
    FixState.WONT_FIX: "won't be fixed",
    FixState.DEFERRED: "fix deferred",
    FixState.UNKNOWN: "unknown",
}
_VERSIONS_SHOWN = 3
_WORST_FIRST = sorted(Severity, reverse=True)
_SUMMARY_LEAST = 24
_INDENT = "  "
_HELD = "\ue000"  # a blank that no line is broken at: as wide as one, and escaped wherever an image would have it

_Line: TypeAlias = tuple[tuple[Cell, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Block:
    """The packages that share `findings`, which are sorted worst first."""

    packages: tuple[Package, ...]
    findings: tuple[Finding, ...]

    @property
    def weight(self) -> tuple[list[int], list[str]]:
        """Sorts the worst block first: by how many it has of each severity from critical on, then by name."""
        counts = Counter(finding.severity for finding in self.findings)
        return [-counts[severity] for severity in _WORST_FIRST], [package.name for package in self.packages]


def severity_counts(findings: Iterable[Finding]) -> Iterator[tuple[Severity, int, Style]]:
    """The severities that occur, worst first, how often, and how they look."""
    counts = Counter(finding.severity for finding in findings)
    for severity in sorted(counts, reverse=True):
        yield severity, counts[severity], STYLES[severity]


def findings_lines(findings: Sequence[Finding], width: int, *, colour: bool) -> list[str]:
    """The findings in columns; where `width` is too narrow for all, each package stands above its findings."""
    blocks = _blocks(findings)
    if not blocks:
        return []
    columns = _Columns.fitting(blocks, width - len(_INDENT))
    draw = _beside if columns.left else _above
    return [(_INDENT + join(cells, widths, colour=colour)).rstrip() for cells, widths in draw(blocks, columns)]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Widths: of the package's columns (empty: they stand above), of a finding's, with the summary's if it has room."""

    width: int
    left: tuple[int, ...]
    right: tuple[int, ...]

    @classmethod
    def fitting(cls, blocks: Sequence[_Block], width: int) -> Self:
        """The widest columns that `width` allows and the content needs."""
        left = _needed([_PACKAGE_TITLES, *map(_head, blocks)], _PACKAGE_MOST)
        right = _needed(
            [_FINDING_TITLES, *(_row(finding) for block in blocks for finding in block.findings)], _FINDING_MOST
        )
        least = total((*map(min, left, _PACKAGE_LEAST), *map(min, right, _FINDING_LEAST)))
        if least > width:
            room = width - len(_INDENT)
            narrow = shrunk(shrunk(right, _FINDING_LEAST, room), _FINDING_LEAST_OF_ALL, room)
            return cls(width, (), _with_summary(narrow, room))
        both = shrunk(left + right, _PACKAGE_LEAST + _FINDING_LEAST, width)
        return cls(width, both[: len(left)], _with_summary(both[len(left) :], width - total(both[: len(left)]) - 2))


def _needed(rows: Sequence[Sequence[Cell]], most: Sequence[int]) -> tuple[int, ...]:
    return tuple(map(min, natural_widths(rows), most))


def _with_summary(widths: tuple[int, ...], room: int) -> tuple[int, ...]:
    left_over = room - total(widths) - 2
    return (*widths, left_over) if left_over >= _SUMMARY_LEAST else widths


def _beside(blocks: Sequence[_Block], columns: _Columns) -> Iterator[_Line]:
    widths = columns.left + columns.right
    yield _titles(_PACKAGE_TITLES + _FINDING_TITLES, widths), widths
    blank_left, blank_right = (Cell(""),) * len(columns.left), (Cell(""),) * len(columns.right)
    for block in blocks:
        head = wrap_row(_head(block), columns.left)
        rows = [line for finding in block.findings for line in _finding_lines(finding, columns)]
        for left, right in zip_longest(head, rows):
            yield (left or blank_left) + (right or blank_right), widths


def _above(blocks: Sequence[_Block], columns: _Columns) -> Iterator[_Line]:
    widths = (0, *columns.right)
    for block in blocks:
        name, installed, layer = _head(block)
        brought = f" (layer{_HELD}{layer.text})" if layer.text else ""
        for line in wrap(f"{name.text} {installed.text}{brought}", columns.width):
            yield (Cell(line.replace(_HELD, " "), name.style),), (columns.width,)
        for finding in block.findings:
            for cells in _finding_lines(finding, columns):
                yield (Cell(""), *cells), widths


def _titles(titles: Sequence[Cell], widths: Sequence[int]) -> tuple[Cell, ...]:
    return (*titles, *([Cell("Summary", Style.DIM)] * (len(widths) - len(titles))))


def _finding_lines(finding: Finding, columns: _Columns) -> list[tuple[Cell, ...]]:
    row: tuple[Cell, ...] = _row(finding)
    if len(columns.right) > len(row):
        row = (*row, Cell(shorten(_summary(finding), columns.right[-1]), Style.DIM))
    return wrap_row(row, columns.right)


def _summary(finding: Finding) -> str:
    """The summary without the vulnerability's own name, with which many publishers begin it."""
    return clean(finding.summary.removeprefix(finding.vulnerability).lstrip(" :-"))


def _blocks(findings: Sequence[Finding]) -> list[_Block]:
    of_package: dict[Package, list[Finding]] = {}
    for finding in findings:
        of_package.setdefault(finding.package, []).append(finding)
    alike: dict[tuple[object, ...], _Block] = {}
    for package, unsorted in of_package.items():
        own = tuple(sorted(unsorted, key=_by_weight))
        key = _likeness(package, own)
        others = alike[key].packages if key in alike else ()
        alike[key] = _Block((*others, package), own)
    return sorted(alike.values(), key=lambda block: block.weight)


def _by_weight(finding: Finding) -> tuple[int, str]:
    return -finding.severity.value, finding.vulnerability


def _likeness(package: Package, findings: tuple[Finding, ...]) -> tuple[object, ...]:
    said = tuple((finding.vulnerability, finding.severity, finding.fix, finding.threat) for finding in findings)
    source = package.source.name if package.source else package.name
    return package.type, source, package.version, package.distro, _layers(package), said


def _layers(package: Package) -> tuple[int, ...]:
    return tuple(sorted({location.layer.index for location in package.locations if location.layer}))


def _head(block: _Block) -> tuple[Cell, Cell, Cell]:
    names = ", ".join(sorted({clean(package.name) for package in block.packages}))
    package = block.packages[0]
    layers = ", ".join(map(str, _layers(package)))
    return Cell(names, Style.BOLD), Cell(clean(package.version)), Cell(layers, Style.DIM)


def _row(finding: Finding) -> tuple[Cell, Cell, Cell]:
    severity = f"{finding.severity} (exploited)" if finding.threat.kev else str(finding.severity)
    return (
        Cell(clean(finding.vulnerability)),
        Cell(severity, STYLES[finding.severity]),
        fix_cell(finding.fix),
    )


def fix_cell(fix: Fix) -> Cell:
    """What can be done by upgrading: versions, or the publisher's word where there are none."""
    versions = ", ".join(clean(version) for version in fix.versions[:_VERSIONS_SHOWN])
    versions += f" {ELLIPSIS}" if len(fix.versions) > _VERSIONS_SHOWN else ""
    match fix.state:
        case FixState.FIXED:
            return Cell(versions or "a newer version", Style.GOOD)
        case FixState.PRO_ONLY:
            return Cell(f"{versions} (Pro only)".strip(), Style.DIM)
        case FixState.NOT_FIXED | FixState.WONT_FIX | FixState.DEFERRED | FixState.UNKNOWN:
            return Cell(_FIX_WORDS[fix.state], Style.DIM)
    assert_never(fix.state)
