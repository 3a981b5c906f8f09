"""Text in columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.report.layout import Cell, Style, clean, columns_of, join, paint, shorten, total, wrap, wrap_row


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\r\nb", r"a\r\nb"),
        ("\u202eevil", r"\u202eevil"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("\x85", r"\x85"),
        ("\udcff", r"\udcff"),
        ("Größe 東京", "Größe 東京"),
    ],
)
def test_what_could_steer_a_terminal_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_wide_characters_count_two_columns() -> None:
    assert columns_of("東京") == 4
    assert wrap("東京東京", 5) == ["東京", "東京"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("one two three", ["one two", "three"]),
        ("longerthanaline", ["longertha", "naline"]),
        ("a longerthanaline b", ["a", "longertha", "naline b"]),
        ("  spaces   vanish ", ["spaces", "vanish"]),
    ],
)
def test_text_wraps_at_spaces_or_inside_long_words(text: str, lines: list[str]) -> None:
    assert wrap(text, 9) == lines


@given(st.text(max_size=80), st.integers(2, 40))
def test_wrapping_keeps_the_width_and_every_character(text: str, width: int) -> None:
    cleaned = clean(text)
    lines = wrap(cleaned, width)
    assert all(columns_of(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == cleaned.replace(" ", "")


@given(st.text(max_size=80), st.integers(2, 40))
def test_shortening_keeps_the_width(text: str, width: int) -> None:
    assert columns_of(shorten(clean(text), width)) <= width


def test_what_was_cut_off_leaves_an_ellipsis() -> None:
    assert shorten("one two three", 9) == "one two…"
    assert shorten("one two", 9) == "one two"


def test_cells_stand_side_by_side_without_blanks_at_the_end() -> None:
    cells = (Cell("one two", Style.BOLD), Cell("x"), Cell(""))
    rows = wrap_row(cells, (3, 4, 5))
    assert [join(row, (3, 4, 5), colour=False) for row in rows] == ["one  x", "two"]
    assert total((3, 4, 5)) == 16


def test_colours_are_painted_only_where_they_are_shown() -> None:
    assert paint("x", Style.HIGH, colour=True) == "\x1b[31mx\x1b[0m"
    assert paint("x", Style.HIGH, colour=False) == "x"
    assert paint("x", Style.PLAIN, colour=True) == "x"
