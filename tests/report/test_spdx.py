"""SPDX documents: valid by spdx-tools' full validation, deterministic, and read back with nothing lost."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from golden_files import assert_golden
from report_samples import BASH, EMPTY, INVENTORY, LODASH, WRITTEN, deb
from tidewaiter.inventory.sbom import read_sbom
from tidewaiter.model.package import Inventory, Location
from tidewaiter.report.spdx import document, render_inventory


def _many(count: int) -> Inventory:
    packages = tuple(
        deb(f"p{number}", f"1.{number}-1", source="all", licenses=("MIT", "odd")) for number in range(count)
    )
    return replace(INVENTORY, packages=packages)


def test_the_small_inventory_stays_as_it_is() -> None:
    assert_golden("inventory.spdx.json", render_inventory(INVENTORY, written=WRITTEN))


@pytest.mark.parametrize("inventory", [EMPTY.inventory, INVENTORY, _many(300)], ids=["empty", "small", "big"])
def test_the_text_is_a_valid_document(inventory: Inventory, tmp_path: Path) -> None:
    file = tmp_path / "inventory.spdx.json"
    file.write_text(render_inventory(inventory, written=WRITTEN), encoding="utf-8")
    assert validate_full_spdx_document(parse_file(str(file)), "SPDX-2.3") == []


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=1, max_size=20), st.text(max_size=20), st.lists(st.text(max_size=20), max_size=3))
def test_whatever_a_package_is_called_the_document_is_valid(name: str, version: str, licenses: list[str]) -> None:
    package = replace(BASH, name=name, version=version, licenses=tuple(licenses), vendor=name)
    assert validate_full_spdx_document(document(replace(INVENTORY, packages=(package,)), written=WRITTEN)) == []


@pytest.mark.parametrize(
    ("licenses", "declared"),
    [
        (("MIT",), "MIT"),
        (("MIT OR Apache-2.0", "Zlib"), "(MIT OR Apache-2.0) AND Zlib"),
        (("GPL-2.0-only WITH Classpath-exception-2.0",), "GPL-2.0-only WITH Classpath-exception-2.0"),
        ((), "NOASSERTION"),
        (("",), "NOASSERTION"),
    ],
)
def test_licences_are_declared_as_expressions(licenses: tuple[str, ...], declared: str) -> None:
    inventory = replace(INVENTORY, packages=(replace(BASH, licenses=licenses),))
    assert json.loads(render_inventory(inventory, written=WRITTEN))["packages"][-1]["licenseDeclared"] == declared


@pytest.mark.parametrize("text", ["GPLv2+", "MIT AND", "Zlib and (MIT", "LicenseRef-unknown", "public domain"])
def test_what_is_no_expression_is_a_reference_to_its_text(text: str) -> None:
    inventory = replace(INVENTORY, packages=(replace(BASH, licenses=(text,)),))
    written = json.loads(render_inventory(inventory, written=WRITTEN))
    (extracted,) = written["hasExtractedLicensingInfos"]
    assert extracted["extractedText"] == text
    assert written["packages"][-1]["licenseDeclared"] == extracted["licenseId"]


def test_equal_content_has_an_equal_namespace_whenever_it_is_written() -> None:
    def namespace(inventory: Inventory, later: int) -> object:
        return json.loads(render_inventory(inventory, written=WRITTEN + timedelta(days=later)))["documentNamespace"]

    assert namespace(INVENTORY, 0) == namespace(INVENTORY, 5)
    assert namespace(INVENTORY, 0) != namespace(replace(INVENTORY, packages=()), 0)


def test_gaps_are_annotations_and_the_comment_counts_them() -> None:
    written = json.loads(render_inventory(INVENTORY, written=WRITTEN))
    assert written["comment"].startswith("Incomplete: 1 gap.")
    assert json.loads(written["annotations"][0]["comment"])["subject"] == "opt/app/package.json"
    assert json.loads(render_inventory(EMPTY.inventory, written=WRITTEN))["comment"].startswith("No gaps")


def test_undecodable_file_names_are_written_as_escapes() -> None:
    odd = replace(LODASH, locations=(Location(path="srv/\udcff"),))
    text = render_inventory(replace(INVENTORY, packages=(odd,)), written=WRITTEN)
    assert read_sbom(text.encode(), "x").packages[0].locations[0].path == "srv/\\udcff"


def test_everything_is_read_back() -> None:
    assert read_sbom(render_inventory(INVENTORY, written=WRITTEN).encode(), "x") == INVENTORY
