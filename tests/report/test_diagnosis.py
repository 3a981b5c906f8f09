"""What the doctor found, for people, programs and tickets."""

import json
from dataclasses import replace

import pytest

from diagnosis_samples import AILING, HEALTHY, NOTHING
from golden_files import assert_golden
from tidewaiter.model.diagnosis import Check, Diagnosis, Health, Topic
from tidewaiter.report import diagnosis_json, diagnosis_markdown, diagnosis_table
from tidewaiter.report.ailments import ailments


def drawn(diagnosis: Diagnosis, width: int = 100) -> str:
    return diagnosis_table.render(diagnosis, width=width, colour=False)


def test_the_table_at_80_columns_is_as_it_was_agreed() -> None:
    assert_golden("diagnosis-80.txt", drawn(AILING, 80))


def test_the_json_is_as_it_was_agreed() -> None:
    assert_golden("diagnosis.json", diagnosis_json.render(AILING))


def test_the_markdown_is_as_it_was_agreed() -> None:
    assert_golden("diagnosis.md", diagnosis_markdown.render(AILING))


@pytest.mark.parametrize(
    ("diagnosis", "verdict"),
    [
        (HEALTHY, "All is right."),
        (AILING, "Not all is right: 1 wrong, 1 too wide, 1 poorer than it could be, 1 not to be told."),
        (NOTHING, "Not all is right: nothing could be checked."),
    ],
    ids=["healthy", "ailing", "nothing"],
)
def test_the_last_line_is_an_honest_verdict(diagnosis: Diagnosis, verdict: str) -> None:
    assert drawn(diagnosis).splitlines()[-1] == verdict
    assert f"**{verdict}**" in diagnosis_markdown.render(diagnosis)


def test_what_is_the_same_in_several_places_stands_once_with_all_of_them() -> None:
    wrong = [each for each in ailments(AILING.checks) if each.first.health is Health.WRONG]
    assert [each.places for each in wrong] == [[("222233334444", "eu-west-1"), ("222233334444", "us-east-1")]]
    assert "wrong     pulling, 222233334444 in eu-west-1, us-east-1" in drawn(AILING)
    assert "of the first" in drawn(AILING)


def test_the_statement_can_be_copied_whole_however_narrow_the_page() -> None:
    lines = drawn(AILING, 40).splitlines()
    begin = next(number for number, line in enumerate(lines) if line.strip() == "{")
    end = next(number for number, line in enumerate(lines) if line.strip() == "}")
    assert json.loads("\n".join(lines[begin : end + 1])) == json.loads(AILING.checks[8].statement)


def test_no_external_id_stands_in_any_format() -> None:
    for text in (drawn(AILING), diagnosis_json.render(AILING), diagnosis_markdown.render(AILING)):
        assert "secret-of-the-trust" not in text


def test_what_could_steer_a_terminal_or_the_page_is_shown_as_it_is() -> None:
    assert "\x1b" not in drawn(AILING) + diagnosis_markdown.render(AILING)
    assert r"\| or \*none\*" in diagnosis_markdown.render(AILING)


def test_empty_registries_are_counted_and_the_others_named() -> None:
    text = drawn(HEALTHY)
    assert "222233334444.dkr.ecr.eu-west-1.amazonaws.com         1,204" in text
    assert "2 registries without repositories" in text
    assert "none that can be read" in drawn(AILING)


def test_a_fleet_is_healthy_only_if_all_is_right_but_what_need_not_be_read() -> None:
    beside = Check(topic=Topic.RIGHTS, health=Health.UNKNOWN, says="Its policies could not be read.")
    assert HEALTHY.healthy
    assert not AILING.healthy
    assert replace(HEALTHY, checks=(*HEALTHY.checks, beside)).healthy
    assert not NOTHING.healthy
