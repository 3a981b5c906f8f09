"""The one list of formats: nothing is left out of it, and what it cannot hold it refuses."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import tidewaiter.report
from diagnosis_samples import AILING
from fleet_samples import SMALL_FLEET, SURVEY
from report_samples import EMPTY, INVENTORY, SMALL
from tidewaiter.errors import UsageError
from tidewaiter.report import catalog
from tidewaiter.report.catalog import (
    FORMATS,
    Canvas,
    canvas_of_stdout,
    render_diagnosis,
    render_fleet,
    render_inventories,
    render_reports,
    render_survey,
    written_at,
)


def test_every_module_that_renders_is_in_the_list() -> None:
    folder = Path(tidewaiter.report.__file__).parent
    rendering = {path.stem for path in folder.glob("*.py") if "\ndef render" in path.read_text(encoding="utf-8")}
    of_fleets = {f"fleet_{format_.name}" for format_ in FORMATS if format_.fleet}
    of_surveys = {f"survey_{format_.name}" for format_ in FORMATS if format_.survey}
    of_diagnoses = {f"diagnosis_{format_.name}" for format_ in FORMATS if format_.diagnosis}
    of_images = {format_.name for format_ in FORMATS if format_.reports or format_.inventories}
    assert rendering - {"catalog"} == of_images | of_fleets | of_surveys | of_diagnoses


def test_every_format_has_a_golden_file() -> None:
    golden = {path.name for path in (Path(__file__).parents[1] / "golden").iterdir()}
    assert {"table-80.txt", "report.json", "report.cdx.json", "inventory.cdx.json", "inventory.spdx.json"} <= golden
    assert {"fleet-80.txt", "fleet.json", "survey-80.txt", "survey.json"} <= golden
    assert {"diagnosis-80.txt", "diagnosis.json", "diagnosis.md"} <= golden


@pytest.mark.parametrize("name", [format_.name for format_ in FORMATS if format_.reports])
def test_every_format_of_reports_renders(name: str) -> None:
    assert "CVE-2024-0727" in render_reports([SMALL], name)


@pytest.mark.parametrize("name", [format_.name for format_ in FORMATS if format_.inventories])
def test_every_format_of_inventories_renders(name: str) -> None:
    assert "openssl" in render_inventories([INVENTORY], name)


@pytest.mark.parametrize("name", [format_.name for format_ in FORMATS if format_.fleet])
def test_every_format_of_fleets_renders(name: str) -> None:
    assert "CVE-2024-0727" in render_fleet(SMALL_FLEET, name)


@pytest.mark.parametrize("name", [format_.name for format_ in FORMATS if format_.survey])
def test_every_format_of_surveys_renders(name: str) -> None:
    assert "shop/checkout" in render_survey(SURVEY, name)


@pytest.mark.parametrize("name", [format_.name for format_ in FORMATS if format_.diagnosis])
def test_every_format_of_diagnoses_renders(name: str) -> None:
    assert "ecr:BatchGetImage" in render_diagnosis(AILING, name)


def test_unknown_formats_and_those_that_cannot_hold_it_are_refused() -> None:
    with pytest.raises(UsageError, match=r"no such format here: spdx\. Choose one of: table, json, cyclonedx"):
        render_reports([SMALL], "spdx")
    with pytest.raises(UsageError, match=r"no such format here: table\. Choose one of: json, cyclonedx, spdx"):
        render_inventories([INVENTORY], "table")
    with pytest.raises(UsageError, match="no such format here: pdf"):
        render_reports([SMALL], "pdf")
    with pytest.raises(UsageError, match=r"no such format here: cyclonedx\. Choose one of: table, json"):
        render_fleet(SMALL_FLEET, "cyclonedx")
    with pytest.raises(UsageError, match=r"no such format here: spdx\. Choose one of: table, json"):
        render_survey(SURVEY, "spdx")


@pytest.mark.parametrize("count", [0, 2])
def test_a_document_of_one_image_refuses_other_numbers(count: int) -> None:
    with pytest.raises(UsageError, match=f"describes one image, and there are {count}"):
        render_inventories([INVENTORY] * count, "spdx")
    with pytest.raises(UsageError, match=f"describes one image, and there are {count}"):
        render_reports([SMALL] * count, "cyclonedx")


@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: format_.name)
def test_formats_of_several_images_take_them(format_: catalog.Format) -> None:
    if format_.several and format_.reports:
        assert format_.reports([SMALL, EMPTY], Canvas())
    assert format_.reports or format_.inventories or format_.diagnosis


def test_source_date_epoch_makes_documents_reproducible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert written_at() == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert render_inventories([INVENTORY], "cyclonedx") == render_inventories([INVENTORY], "cyclonedx")
    stamp = json.loads(render_inventories([INVENTORY], "spdx"))["creationInfo"]["created"]
    assert stamp == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize("epoch", ["yesterday", "", "9" * 30])
def test_a_wrong_source_date_epoch_is_refused(epoch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        written_at()


def test_a_pipe_is_120_columns_wide_or_as_columns_says_and_never_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert canvas_of_stdout() == Canvas(120, colour=False)
    monkeypatch.setenv("COLUMNS", "77")
    assert canvas_of_stdout() == Canvas(77, colour=False)
    for nonsense in ("wide", "-3", "²"):
        monkeypatch.setenv("COLUMNS", nonsense)
        assert canvas_of_stdout().width == 120


def test_a_file_takes_no_width_from_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert render_reports([SMALL], "table", to_file=True) != render_reports([SMALL], "table")


@pytest.mark.parametrize("name", ["json", "cyclonedx"])
def test_machine_formats_import_no_library_that_they_do_not_need(name: str) -> None:
    heavy = ("rich", "cyclonedx", "spdx_tools", "packageurl")
    code = f"import tidewaiter.report.{name}, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_reports_keep_their_order() -> None:
    other = replace(SMALL, inventory=EMPTY.inventory)
    references = [each["image"]["reference"] for each in json.loads(render_reports([other, SMALL], "json"))["reports"]]
    assert references == [EMPTY.inventory.image.reference, INVENTORY.image.reference]
