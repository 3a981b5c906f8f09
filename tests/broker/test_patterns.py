import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.broker.patterns import Pattern, Token, Wild

_EXPRESSIONS = {Wild.ONE_IN_SEGMENT: "[^/]", Wild.IN_SEGMENT: "[^/]*", Wild.ANY: ".*"}


@given(
    st.lists(st.sampled_from(["a", "b", "/", *Wild]), max_size=8),
    st.text(alphabet="ab/", max_size=10),
)
def test_a_pattern_fits_what_the_same_regular_expression_fits(tokens: list[Token], text: str) -> None:
    expression = "".join(_EXPRESSIONS[token] if isinstance(token, Wild) else token for token in tokens)
    assert Pattern(tokens).fits(text) == bool(re.fullmatch(expression, text))


@pytest.mark.parametrize("end", ["b", "/", ""])
def test_no_text_makes_a_pattern_go_back_over_what_it_has_read(end: str) -> None:
    """With going back, these thirty repeats would take longer than anybody has."""
    tokens: list[Token] = [Wild.ANY, "a"] * 30
    assert not Pattern([*tokens, "c"]).fits("a" * 8000 + end)
    assert Pattern([*tokens, Wild.IN_SEGMENT]).fits("a" * 8000)
