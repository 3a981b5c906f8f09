"""CycloneDX documents: valid by the official schema, deterministic, and silent about nothing."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from golden_files import assert_golden
from report_samples import BASH, CLEAN, EMPTY, GAPS, INVENTORY, LIBSSL, LODASH, OPENSSL, SMALL, WRITTEN, deb
from tidewaiter.inventory.sbom import read_sbom
from tidewaiter.model.gap import Stage, Why
from tidewaiter.model.package import Inventory, Location
from tidewaiter.model.report import Report
from tidewaiter.report.cyclonedx import render, render_inventory

_VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)


def _valid(text: str) -> None:
    assert _VALIDATOR.validate_str(text) is None
    Bom.from_json(json.loads(text)).validate()  # type: ignore[attr-defined] # py-serializable adds it


def _many(count: int) -> Inventory:
    packages = tuple(
        deb(f"p{number}", f"1.{number}-1", source="all", licenses=("MIT", "odd")) for number in range(count)
    )
    return replace(INVENTORY, packages=packages)


def test_the_small_inventory_stays_as_it_is() -> None:
    assert_golden("inventory.cdx.json", render_inventory(INVENTORY, written=WRITTEN))


def test_the_small_report_stays_as_it_is() -> None:
    assert_golden("report.cdx.json", render(SMALL, written=WRITTEN))


@pytest.mark.parametrize("inventory", [EMPTY.inventory, INVENTORY, _many(700)], ids=["empty", "small", "big"])
def test_inventories_are_valid_and_the_library_reads_them(inventory: Inventory) -> None:
    text = render_inventory(inventory, written=WRITTEN)
    _valid(text)
    read = Bom.from_json(json.loads(text))  # type: ignore[attr-defined] # the same
    assert {str(part.purl) for part in read.components if part.purl} == {package.purl for package in inventory.packages}


@pytest.mark.parametrize(
    "report", [EMPTY, CLEAN, SMALL, replace(SMALL, hidden=3)], ids=["empty", "clean", "small", "hidden"]
)
def test_reports_are_valid(report: Report) -> None:
    _valid(render(report, written=WRITTEN))


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20), st.lists(st.text(max_size=20), max_size=3))
def test_whatever_a_package_is_called_the_document_is_valid(name: str, version: str, licenses: list[str]) -> None:
    package = replace(BASH, name=name, version=version, licenses=tuple(licenses), vendor=name, purl="")
    _valid(render_inventory(replace(INVENTORY, packages=(package, package)), written=WRITTEN))


def test_undecodable_file_names_are_written_as_escapes() -> None:
    odd = replace(LODASH, locations=(Location(path="srv/\udcff"),))
    text = render_inventory(replace(INVENTORY, packages=(odd,)), written=WRITTEN)
    _valid(text)
    assert "srv/\\\\udcff" in text


def test_equal_content_has_an_equal_serial_number_whenever_it_is_written() -> None:
    def serial(inventory: Inventory, later: int) -> object:
        return json.loads(render_inventory(inventory, written=WRITTEN + timedelta(days=later)))["serialNumber"]

    assert serial(INVENTORY, 0) == serial(INVENTORY, 5)
    assert serial(INVENTORY, 0) != serial(replace(INVENTORY, packages=INVENTORY.packages[:-1]), 0)


def test_gaps_make_the_document_call_itself_incomplete() -> None:
    document = json.loads(render_inventory(INVENTORY, written=WRITTEN))
    assert document["compositions"] == [{"aggregate": "incomplete", "assemblies": ["image"]}]
    stated = [
        json.loads(each["value"]) for each in document["metadata"]["properties"] if each["name"] == "tidewaiter:gap"
    ]
    assert stated == [
        {
            "stage": "inventory",
            "why": "malformed",
            "subject": "opt/app/package.json",
            "detail": "package.json is no JSON at byte 12. The packages that it names are not known.",
        }
    ]


def test_without_gaps_completeness_is_not_claimed() -> None:
    chosen = replace(GAPS[0], why=Why.FILTERED)
    for gaps in ((), (chosen,)):
        document = json.loads(render_inventory(replace(INVENTORY, gaps=gaps), written=WRITTEN))
        assert document["compositions"][0]["aggregate"] == "unknown"


def test_a_package_that_is_there_twice_has_two_names_in_the_document() -> None:
    document = json.loads(render_inventory(replace(INVENTORY, packages=(BASH, BASH)), written=WRITTEN))
    refs = [part["bom-ref"] for part in document["components"]]
    assert len(set(refs)) == len(refs)


def test_licences_are_identifiers_expressions_or_names() -> None:
    cases = {
        ("MIT",): [{"license": {"id": "MIT"}}],
        ("MIT OR Apache-2.0",): [{"expression": "MIT OR Apache-2.0"}],
        ("GPLv2+",): [{"license": {"name": "GPLv2+"}}],
        ("MIT", "GPL-2.0-only AND MIT"): [{"license": {"id": "MIT"}}, {"license": {"name": "GPL-2.0-only AND MIT"}}],
        (): None,
    }
    for licenses, written in cases.items():
        inventory = replace(INVENTORY, packages=(replace(BASH, licenses=licenses),))
        component = json.loads(render_inventory(inventory, written=WRITTEN))["components"][-1]
        assert component.get("licenses") == written


def test_a_vulnerability_names_all_components_that_have_it_and_what_to_do() -> None:
    document = json.loads(render(SMALL, written=WRITTEN))
    found = document["vulnerabilities"][0]
    assert found["id"] == "CVE-2024-0727"
    assert [each["ref"] for each in found["affects"]] == [OPENSSL.purl, LIBSSL.purl]
    assert {"version": "3.0.13-1~deb12u1", "status": "unaffected"} in found["affects"][0]["versions"]
    assert found["recommendation"].startswith("Upgrade openssl to 3.0.13-1~deb12u1.")
    assert found["ratings"] == [{"source": {"name": "debian"}, "severity": "medium"}]
    assert "analysis" not in found
    refs = {part["bom-ref"] for part in document["components"]}
    assert {
        each["ref"] for each in (place for found in document["vulnerabilities"] for place in found["affects"])
    } <= refs


def test_threats_are_said_only_where_they_are_known() -> None:
    by_id = {each["id"]: each for each in json.loads(render(SMALL, written=WRITTEN))["vulnerabilities"]}
    assert {"name": "tidewaiter:kev", "value": "true"} in by_id["CVE-2023-45853"]["properties"]
    assert "properties" not in by_id["CVE-2024-0727"]


def test_what_judging_needs_is_read_back() -> None:
    read = read_sbom(render(SMALL, written=WRITTEN).encode(), "report.cdx.json")
    assert read.packages == INVENTORY.packages
    assert read.distros == INVENTORY.distros
    assert read.image == INVENTORY.image
    assert read.extractors == INVENTORY.extractors
    assert read.gaps == tuple(gap for gap in SMALL.gaps if gap.stage is not Stage.MATCH)
