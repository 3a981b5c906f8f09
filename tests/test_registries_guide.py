"""The page on other registries names every type, and what the program takes for it."""

import re

import pytest

from documents import code_spans, read, tables
from tidewaiter.registry.kinds import KINDS, base_of, kind_of

ROWS = {row[0].strip("`"): row[1:] for row in tables(read("docs/registries.md"))["Types"]}


def test_every_type_is_on_the_page_and_nothing_else() -> None:
    assert set(ROWS) == set(KINDS)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_bases_on_the_page_are_taken(name: str) -> None:
    kind, bases = kind_of(name), [each for each in code_spans(ROWS[name][0]) if not each.startswith("/")]
    if kind.base:
        assert bases[0] == kind.base
    else:
        assert re.match(r"as `", ROWS[name][0])
        assert kind.example in bases
    assert all(base_of(kind, base).registry for base in bases)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_what_a_token_alone_is_stands_on_the_page(name: str) -> None:
    told, login_as = ROWS[name][1], kind_of(name).login_as
    assert (told == "no login: name the user too") == (login_as is None)
    if name not in ("digitalocean-cr", "docker-hub"):
        assert (told == "shown as it is") == (login_as == "")
