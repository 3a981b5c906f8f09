"""What the tables of one image and of a fleet share: the page they are drawn on, and how it is filled."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from tidewaiter.model.advisory import Feed
from tidewaiter.report.layout import (
    Cell,
    Style,
    clean,
    columns_of,
    hanging,
    join,
    natural_widths,
    paint,
    shorten,
    shrunk,
    total,
    wrap_row,
)

_NARROWEST = 40
_INDENT = "  "
_BETWEEN = " · "
_LABEL = 18  # columns that the names in a paragraph take
_SGR = re.compile(r"\x1b\[[0-9;]*m")

Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """So many columns, and whether colours are shown."""

    width: int
    colour: bool

    @classmethod
    def fitting(cls, width: int, *, colour: bool) -> Self:
        """A page of that width, but never narrower than 40 columns."""
        return cls(max(width, _NARROWEST), colour)

    def paint(self, text: str, style: Style) -> str:
        """The text in its style, where colours are shown."""
        return paint(text, style, colour=self.colour)

    def heading(self, title: str) -> str:
        """The line above a section."""
        return self.paint(title, Style.BOLD)

    def hanging(self, lead: Cell, text: str, indent: int) -> list[str]:
        """The lead, and the text beside it, wrapped under itself at `indent` columns."""
        return hanging(lead, text, indent=indent, width=self.width, colour=self.colour)

    def flow(self, parts: Iterable[str]) -> list[str]:
        """The parts one after the other, broken between two of them only. They may be painted."""
        lines, filled = [""], 0
        for part in parts:
            size = columns_of(_SGR.sub("", part))
            if filled and filled + len(_BETWEEN) + size > self.width - len(_INDENT):
                lines.append("")
                filled = 0
            lines[-1] += (_BETWEEN if filled else _INDENT) + part
            filled += size + len(_BETWEEN)
        return lines

    def columns(self, titles: Row, rows: Sequence[Row], least: Sequence[int]) -> list[str]:
        """The rows below their titles, each column as wide as it needs; on a page too narrow for that, cells wrap.

        No column is made narrower than `least`. Where even that does not fit, each row becomes a paragraph.
        """
        room = self.width - len(_INDENT)
        needed = natural_widths([titles, *rows])
        widths = shrunk(needed, [min(pair) for pair in zip(needed, least, strict=True)], room)
        if total(widths) > room:
            return [line for row in rows for line in self._paragraph(titles, row)]
        wrapped = [line for row in (titles, *rows) for line in wrap_row(row, widths)]
        return [(_INDENT + join(line, widths, colour=self.colour)).rstrip() for line in wrapped]

    def _paragraph(self, titles: Row, row: Row) -> list[str]:
        """The first cell, and below it the others that are not empty, each after its title."""
        first, *others = row
        name = self.hanging(Cell(""), first.text, len(_INDENT)) if first.text else []
        lines = [self.paint(line, first.style) for line in name]
        for title, cell in zip(titles[1:], others, strict=True):
            if cell.text:
                lines += self.hanging(Cell(f"{_INDENT * 2}{title.text.lower()}", Style.DIM), cell.text, _LABEL)
        return lines


def titled(*names: str, right: Iterable[int] = ()) -> Row:
    """Cells for the titles of columns; those at the places `right` stand at the right."""
    at_right = frozenset(right)
    return tuple(Cell(name, Style.DIM, place in at_right) for place, name in enumerate(names))


def feeds_lines(feeds: Sequence[Feed], page: Page) -> list[str]:
    """Which publishers' advisories it was judged by, and how new they are."""
    if not feeds:
        return ["  none: nothing was judged"]
    return page.flow(shorten(_feed(feed), page.width - len(_INDENT)) for feed in feeds)


def _feed(feed: Feed) -> str:
    day = feed.newest[: len("2024-01-01")]
    return f"{clean(feed.name)} {feed.advisories:,}" + (f", newest {clean(day)}" if day else ", of unknown age")


def statement_lines(statement: Mapping[str, object]) -> list[str]:
    """A policy statement as JSON, a key a line: to be copied whole, however narrow the page is."""
    entries = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in statement.items()]
    return ["{", *(f"{entry}," for entry in entries[:-1]), *entries[-1:], "}"]


def plural(count: int, noun: str, many: str = "") -> str:
    """`1 image`, `1,204 images`; `many` is the noun's plural where an s does not make it."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"
