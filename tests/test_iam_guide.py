"""What the guide to roles and policies says is true: options, topologies, what the doctor tells of organizations."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import pytest

from documents import all_commands, blocks, options, read, tables
from organizations import DOCTOR, ailing_organization, sound_organization
from tidewaiter.cli.exit import Exit
from tidewaiter.cli.grants import RUNS, TOPOLOGIES
from tidewaiter.cli.main import run
from tidewaiter.iam import formats
from tidewaiter.model.diagnosis import Health

GUIDE = "docs/iam.md"


def _first_cells(section: str) -> list[str]:
    return [row[0].strip("`") for row in tables(read(GUIDE))[section]]


def test_every_option_of_render_is_named() -> None:
    (render,) = [called for name, called in all_commands() if name == "tidewaiter iam render"]
    guide = read(GUIDE)
    beside = {"-h", "--help", "--output", "-o"}
    assert [option for option in options(render) - beside if f"`{option}" not in guide] == []


def test_topologies_places_and_forms_are_those_of_the_program() -> None:
    cells = _first_cells("Render")
    for several in (TOPOLOGIES, RUNS, formats.FORMATS):
        assert [cell for cell in cells if cell in several] == sorted(several, key=cells.index)
        assert set(several) <= set(cells)


def test_the_ways_to_end_are_those_of_checks() -> None:
    assert _first_cells("Doctor") == list(map(str, Health))


@pytest.mark.parametrize(
    ("number", "organization", "code"),
    [(0, sound_organization, Exit.CLEAN), (1, ailing_organization, Exit.INCOMPLETE)],
    ids=["sound", "ailing"],
)
def test_the_doctor_says_of_both_organizations_what_the_guide_shows(
    number: int,
    organization: Callable[[], AbstractContextManager[Mapping[str, str]]],
    code: Exit,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with organization() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert run(list(DOCTOR)) is code
    shown = [block.text for block in blocks(read(GUIDE), "text")][number]
    assert _lasting(capsys.readouterr().out) == _lasting(shown)


def _lasting(text: str) -> list[str]:
    """Without the time, how long it took, and the port of the simulated AWS."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC, \d+ s", "WHEN", text)
    return re.sub(r"127\.0\.0\.1:\d+", "HERE", text).strip().splitlines()
