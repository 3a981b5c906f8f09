"""Text in columns: what a terminal shows of a string, wrapped, padded and coloured.

Lines are laid out here and not by rich's tables: those take 0.6 ms a row and 65 ms to import, too much beside the
whole way from an image to its findings. rich measures what is wider or narrower than its characters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest

_GUTTER = "  "
_KILO = 1000
_WHOLE_FROM = 100  # what a size has before its point, so that a fraction says nothing more
ELLIPSIS = "…"
_JOINTS = "-/:_.@"


class Style(Enum):
    """How a piece of text looks where colours are shown, as the parameters of an SGR sequence (ECMA-48 8.3.117)."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    CRITICAL = "1;31"
    HIGH = "31"
    MEDIUM = "33"
    LOW = "36"
    GOOD = "32"
    WARNING = "1;33"


@dataclass(frozen=True, slots=True)
class Cell:
    """A text in one style. It is `clean` and not yet wrapped. Numbers stand at the `right` of their column."""

    text: str
    style: Style = Style.PLAIN
    right: bool = False


def clean(text: str) -> str:
    r"""The text with everything that could steer a terminal or change the order of reading shown as an escape.

    Names and paths are an image's to choose: control characters, bidirectional overrides, invisible characters, line
    breaks and undecodable bytes become `\x1b`, `\u202e`.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()


def size_of(count: int) -> str:
    """So many bytes in the unit that fits, of powers of 1000: `840 B`, `9.3 kB`, `33.5 MB`, `120 MB`, `1.4 TB`."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < _KILO:
            break
        size, unit = size / _KILO, larger
    whole = unit == "B" or size >= _WHOLE_FROM
    return f"{size:,.0f} {unit}" if whole else f"{size:,.1f} {unit}"


def columns_of(text: str) -> int:
    """How many columns of a terminal the text fills."""
    if text.replace(ELLIPSIS, ".").isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns, broken at spaces, or inside a word longer than a line."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        candidate = f"{line} {word}" if line else word
        if columns_of(candidate) <= width:
            line = candidate
            continue
        *whole, line = [*([line] if line else []), *_chop(word, width)]
        lines += whole
    return [*lines, line]


def _chop(word: str, width: int) -> list[str]:
    if word.isascii():
        return list(_cut(word, width))
    from rich.cells import chop_cells

    return chop_cells(word, width)


def _cut(word: str, width: int) -> Iterator[str]:
    """A long word in pieces: after a mark that joins its parts, if there is one far enough in the line."""
    while len(word) > width:
        end = max(word.rfind(mark, width // 3, width) for mark in _JOINTS) + 1 or width
        yield word[:end]
        word = word[end:]
    yield word


def shorten(text: str, width: int) -> str:
    """The text in one line of at most `width` columns, with an ellipsis if something was cut off."""
    text = " ".join(text.split())
    if columns_of(text) <= width:
        return text
    if text.isascii():
        return text[: max(width - 1, 1)].rstrip() + ELLIPSIS
    return _chop(text, max(width - 1, 1))[0].rstrip() + ELLIPSIS


def paint(text: str, style: Style, *, colour: bool) -> str:
    """The text in its style, where colours are shown."""
    return f"\x1b[{style.value}m{text}\x1b[0m" if colour and style is not Style.PLAIN and text else text


def wrap_row(cells: Sequence[Cell], widths: Sequence[int]) -> list[tuple[Cell, ...]]:
    """The cells, each wrapped to its column's width, as the lines of one row."""
    wrapped = [wrap(cell.text, width) for cell, width in zip(cells, widths, strict=True)]
    looks = [(cell.style, cell.right) for cell in cells]
    return [
        tuple(Cell(part, *look) for part, look in zip(parts, looks, strict=True))
        for parts in zip_longest(*wrapped, fillvalue="")
    ]


def join(cells: Sequence[Cell], widths: Sequence[int], *, colour: bool) -> str:
    """One line of cells side by side, without blanks at its end."""
    line, owed = "", ""
    for cell, width in zip(cells, widths, strict=True):
        spare = " " * (width - columns_of(cell.text))
        if cell.text:
            line += owed + (spare if cell.right else "") + paint(cell.text, cell.style, colour=colour)
            owed = ""
        owed += ("" if cell.right and cell.text else spare) + _GUTTER
    return line


def natural_widths(rows: Sequence[Sequence[Cell]]) -> list[int]:
    """The width that each column needs so that nothing wraps; no rows need no columns."""
    return [max(columns_of(cell.text) for cell in column) for column in zip(*rows, strict=True)]


def shrunk(widths: Sequence[int], least: Sequence[int], room: int) -> tuple[int, ...]:
    """The widths, made narrower in turn where there is most to take, until they fit or nothing can be taken."""
    fitted = list(widths)
    while total(fitted) > room:
        spare = [width - low for width, low in zip(fitted, least, strict=True)]
        if (most := max(spare, default=0)) <= 0:
            break
        fitted[spare.index(most)] -= 1
    return tuple(fitted)


def total(widths: Sequence[int]) -> int:
    """The width of columns side by side."""
    return sum(widths) + len(_GUTTER) * max(len(widths) - 1, 0)


def hanging(lead: Cell, text: str, *, indent: int, width: int, colour: bool) -> list[str]:
    """The lead, and the text beside it, wrapped under itself at `indent` columns."""
    lines = wrap(text, max(width - indent, 1))
    first = paint(lead.text, lead.style, colour=colour) + " " * max(indent - columns_of(lead.text), 1)
    return [(first + lines[0]).rstrip(), *(" " * indent + line for line in lines[1:])]
