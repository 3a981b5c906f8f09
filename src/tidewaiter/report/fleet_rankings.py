"""What to do first: the worst images, the most frequent vulnerabilities, the bases whose upgrade ends most findings."""

from collections.abc import Iterator, Sequence
from itertools import islice

from tidewaiter.model.finding import Severity
from tidewaiter.model.fleet import BaseUpgrade, FleetImage, RunSummary, VulnerabilityCount
from tidewaiter.model.image import Digest
from tidewaiter.report.findings import STYLES, fix_cell
from tidewaiter.report.fleet_gaps import name_of
from tidewaiter.report.layout import Cell, Style, clean, shorten
from tidewaiter.report.page import Page, Row, plural, titled

_SHOWN = 10
_UPGRADES_SHOWN = 6
_NAMES_SHOWN = 3
_HEX_SHOWN = 12
_COUNTED = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)
_IMAGE_TITLES = titled("Image", "Account", "Region", "Crit", "High", "Med", "Low", "All", "Fix", right=range(3, 9))
_IMAGE_LEAST = (14, 12, 14, 4, 4, 3, 3, 3, 3)
_VULNERABILITY_TITLES = titled("Vulnerability", "Severity", "Images", "Fixed in", "Packages", "Summary", right=(2,))
_VULNERABILITY_LEAST = (14, 8, 6, 14, 12)
_SUMMARY_LEAST = 24
_WIDE = 110  # columns, from which on a summary has room


def worst_images(images: Sequence[FleetImage], page: Page) -> list[str]:
    """The images with findings, in their order, as many as a screen holds.

    One in several places stands once, in the first where it has a tag.
    """
    places: dict[Digest, list[FleetImage]] = {}
    for image in images:
        if image.findings:
            places.setdefault(image.digest, []).append(image)
    if not places:
        return []
    rows = [_image(min(found, key=_is_nameless), len(found) - 1) for found in islice(places.values(), _SHOWN)]
    return [*page.columns(_IMAGE_TITLES, rows, _IMAGE_LEAST), *_more(len(places), "image", page)]


def _is_nameless(image: FleetImage) -> bool:
    return not image.tags


def _image(image: FleetImage, elsewhere: int) -> Row:
    copies = f", {elsewhere:,} more of it" if elsewhere else ""
    counts = dict(image.severities)
    severities = [(counts.get(severity, 0), STYLES[severity]) for severity in _COUNTED]
    return (
        Cell(name_of(image) + copies, Style.BOLD),
        Cell(clean(image.registry.account)),
        Cell("public" if image.registry.public else clean(image.registry.region)),
        *(Cell(f"{count:,}" if count else "", style, right=True) for count, style in severities),
        Cell(f"{image.findings:,}", right=True),
        Cell(f"{image.fixable:,}" if image.fixable else "", Style.GOOD, right=True),
    )


def frequent_vulnerabilities(counts: Sequence[VulnerabilityCount], page: Page) -> list[str]:
    """The vulnerabilities, in their order, with the number of images that have them."""
    if not counts:
        return []
    with_summary = page.width >= _WIDE
    columns = len(_VULNERABILITY_TITLES) - (not with_summary)
    rows = [_vulnerability(count)[:columns] for count in counts[:_SHOWN]]
    least = (*_VULNERABILITY_LEAST, _SUMMARY_LEAST)[:columns]
    lines = page.columns(_VULNERABILITY_TITLES[:columns], rows, least)
    return [*lines, *_more(len(counts), "vulnerability", page, "vulnerabilities")]


def _vulnerability(count: VulnerabilityCount) -> Row:
    summary = count.summary.removeprefix(count.vulnerability).lstrip(" :-")
    return (
        Cell(clean(count.vulnerability)),
        Cell(str(count.severity), STYLES[count.severity]),
        Cell(f"{count.images:,}", right=True),
        fix_cell(count.fix),
        Cell(_names(count.packages)),
        Cell(shorten(clean(summary), 2 * _SUMMARY_LEAST), Style.DIM),
    )


def base_upgrades(bases: Sequence[BaseUpgrade], page: Page) -> list[str]:
    """The shared bases, in their order: what each brings, and what to upgrade in it."""
    lines = [line for base in bases[:_SHOWN] for line in _base(base, page)]
    return [*lines, *_more(len(bases), "base", page)] if lines else []


def _base(base: BaseUpgrade, page: Page) -> Iterator[str]:
    name = _names(base.names) or f"{plural(len(base.layers), 'layer')} up to {_short(base.layers[-1])}"
    distro = f" ({clean(base.distro)})" if base.distro else ""
    yield from page.hanging(Cell(""), f"{name}{distro}, under {plural(base.images, 'image')}", 2)
    counts = " · ".join(f"{count:,} {severity}" for severity, count in base.severities if count)
    fixes = f"{plural(base.findings, 'finding')}, {base.fixable:,} with a fix ({counts})"
    yield from page.hanging(Cell(""), f"{fixes}: an upgrade ends {base.everywhere:,} in all images", 5)
    if base.upgrades:
        yield from page.hanging(Cell("     upgrade", Style.GOOD), _upgrades(base), 13)


def _upgrades(base: BaseUpgrade) -> str:
    shown = [f"{clean(name)} {clean(old)} → {clean(new)}" for name, old, new in base.upgrades[:_UPGRADES_SHOWN]]
    rest = len(base.upgrades) - _UPGRADES_SHOWN
    return ", ".join(shown) + (f", and {rest:,} more" if rest > 0 else "")


def moved_tags(run: RunSummary, page: Page) -> list[str]:
    """Tags that name another manifest than at the run before."""
    lines = []
    for repository, tag, old, new in run.moved[:_SHOWN]:
        moved = f"{clean(f'{repository}:{tag}')} {_short(old)} → {_short(new)}"
        lines += page.hanging(Cell(""), moved, 2)
    return [*lines, *_more(len(run.moved), "tag", page)]


def _names(names: Sequence[str]) -> str:
    rest = len(names) - _NAMES_SHOWN
    shown = ", ".join(clean(name) for name in names[:_NAMES_SHOWN])
    return shown + (f" and {rest:,} more" if rest > 0 else "")


def _short(digest: Digest) -> str:
    return digest.hex[:_HEX_SHOWN]


def _more(count: int, noun: str, page: Page, many: str = "") -> list[str]:
    if count <= _SHOWN:
        return []
    return page.hanging(Cell(""), f"and {plural(count - _SHOWN, noun, many)} more: --format json has all", 2)
