"""What a run would look at, as a table and as JSON."""

import json
import re
from dataclasses import replace

import pytest

from fleet_samples import EMPTY_FLEET, SMALL_FLEET, SURVEY
from golden_files import assert_golden
from tidewaiter.model.fleet import FleetReport, State
from tidewaiter.report import survey_json, survey_table
from tidewaiter.report.layout import columns_of

_SGR = re.compile(r"\x1b\[[0-9;]*m")
UNREFUSED = replace(SURVEY, accounts=tuple(each for each in SURVEY.accounts if each.account.id[0] != "3"))


def drawn(survey: FleetReport, width: int = 120) -> str:
    return survey_table.render(survey, width=width, colour=False)


@pytest.mark.parametrize(("width", "name"), [(80, "survey-80.txt"), (120, "survey-120.txt")])
def test_the_small_survey_is_drawn_as_before(width: int, name: str) -> None:
    assert_golden(name, drawn(SURVEY, width))


def test_the_small_survey_is_written_as_before() -> None:
    assert_golden("survey.json", survey_json.render(SURVEY))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("survey", [UNREFUSED, EMPTY_FLEET], ids=["small", "empty"])
def test_no_line_is_wider_than_asked(width: int, survey: FleetReport) -> None:
    lines = drawn(survey, width).splitlines()
    assert max(map(columns_of, lines)) <= width
    assert [line for line in lines if line != line.rstrip()] == []


def test_colours_change_nothing_but_colours() -> None:
    coloured = survey_table.render(SURVEY, width=100, colour=True)
    assert _SGR.search(coloured)
    assert _SGR.sub("", coloured) == drawn(SURVEY, 100)


def test_what_would_be_scanned_is_no_gap() -> None:
    text = drawn(UNREFUSED)
    assert "not come to" not in text
    assert "Run the same command again: it goes on" not in text
    assert "shop/checkout:1.3" in text, "a manifest that is known to fail is said"


def test_each_repository_has_its_row_with_the_last_push_of_what_would_be_scanned() -> None:
    rows = [re.split(r" {2,}", line.strip()) for line in drawn(SURVEY).splitlines()]
    assert ["shop/checkout", "222233334444", "eu-west-1", "9", "4", "2024-05-30"] in rows
    assert ["tool", "222233334444", "public", "1", "1", "2024-05-30"] in rows


@pytest.mark.parametrize(
    ("survey", "verdict"),
    [
        (SURVEY, "6 of 11 manifests would be scanned. Incomplete: 3 gaps: there may be more."),
        (replace(SURVEY, accounts=SURVEY.accounts[-1:]), "6 of 11 manifests would be scanned."),
        (EMPTY_FLEET, "0 of 0 manifests would be scanned."),
    ],
    ids=["incomplete", "complete", "empty"],
)
def test_the_last_line_says_how_much_would_be_scanned(survey: FleetReport, verdict: str) -> None:
    assert drawn(survey).rstrip().splitlines()[-1] == verdict


def test_the_document_says_how_each_manifest_would_end() -> None:
    document = json.loads(survey_json.render(SURVEY))
    assert document["schema"] == "tidewaiter/survey/1"
    assert {image["state"] for image in document["images"]} == {State.PENDING, State.SKIPPED, State.FAILED}
    assert [each["id"] for each in document["accounts"]] == [each.account.id for each in SMALL_FLEET.accounts]
    assert "not-to-be-told" not in json.dumps(document)
