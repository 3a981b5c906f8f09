"""The JSON report on a fleet keeps its keys, holds everything, and tells no secret."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fleet_samples import CLEAN_FLEET, EMPTY_FLEET, FINDINGS_OF, SMALL_FLEET
from golden_files import assert_golden
from report_samples import SMALL
from tidewaiter.model.fleet import FleetReport, State
from tidewaiter.report.fleet_json import render
from tidewaiter.report.json import render as render_reports


def document(report: FleetReport) -> Mapping[str, Any]:
    read: Mapping[str, Any] = json.loads(render(report))
    return read


def test_the_small_fleet_stays_as_it_is() -> None:
    assert_golden("fleet.json", render(SMALL_FLEET))


def test_every_manifest_stands_in_it_with_how_it_ended() -> None:
    images = document(SMALL_FLEET)["images"]
    assert len(images) == len(SMALL_FLEET.images)
    assert {image["state"] for image in images} == set(State)
    assert [image["why"] for image in images if image["state"] == "failed"] == ["malformed"]
    assert all(image["why"] is None for image in images if image["state"] in {"scanned", "pending"})


def test_the_numbers_of_an_image_lead_to_its_packages_and_their_findings() -> None:
    read = document(SMALL_FLEET)
    worst = read["images"][0]
    found = [each for number in worst["vulnerable"] for each in read["packages"][number]["findings"]]
    assert len(found) == worst["findings"]
    severities = [each["severity"] for each in found]
    assert {name: severities.count(name) for name in worst["severities"]} == worst["severities"]
    assert read["packages"][0]["package"]["name"] == FINDINGS_OF[0][0].package.name


def test_findings_have_the_keys_of_the_report_on_one_image() -> None:
    one = json.loads(render_reports([SMALL]))["findings"][0]
    of_fleet = document(SMALL_FLEET)["packages"][0]["findings"][0]
    assert of_fleet.keys() == one.keys()


def test_who_asked_is_told_without_external_ids() -> None:
    text = render(SMALL_FLEET)
    assert "not-to-be-told" not in text
    hop = json.loads(text)["run"]["identity"]["hops"][0]
    assert hop.keys() == {"role_arn", "session_name", "duration"}


def test_what_is_not_known_is_null() -> None:
    empty = document(EMPTY_FLEET)
    assert (empty["run"]["finished"], empty["run"]["identity"]) == (None, None)
    failed = document(SMALL_FLEET)["images"][-1]
    assert (failed["platform"], failed["pushed"], failed["pulled"]) == (None, None, None)


def test_every_severity_has_its_count_also_where_there_is_none() -> None:
    clean = document(CLEAN_FLEET)["images"][0]
    names = ("critical", "high", "medium", "low", "negligible", "unknown")
    assert clean["severities"] == dict.fromkeys(names, 0)


def test_gaps_of_images_are_told_once_with_their_number() -> None:
    (gap,) = document(SMALL_FLEET)["gaps"]
    assert (gap["why"], gap["subject"], gap["images"]) == ("no-feed", "Alpine Linux v3.18", 1)


def test_undecodable_names_are_written_as_escapes() -> None:
    odd = replace(SMALL_FLEET, run=replace(SMALL_FLEET.run, command="scan \udcff"))
    assert document(odd)["run"]["command"] == "scan \\udcff"
