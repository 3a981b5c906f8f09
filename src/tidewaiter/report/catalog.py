"""The formats: the one list, and the way from a format's name to text. A format is imported when it is asked for."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewaiter.errors import UsageError

if TYPE_CHECKING:  # `--help` names the formats, and shall not wait for the model
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tidewaiter.model.diagnosis import Diagnosis
    from tidewaiter.model.fleet import FleetReport
    from tidewaiter.model.package import Inventory
    from tidewaiter.model.report import Report

_PIPE_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a report is drawn on: its width in columns, and whether it shows colours."""

    width: int = _PIPE_WIDTH
    colour: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format: its name on the command line, and what it can hold (None: not offered for that).

    `several` tells whether one document holds several images. A fleet's report, the survey of one (a report in which
    what would be scanned is pending), and a diagnosis are documents of their own.
    """

    name: str
    summary: str
    several: bool
    reports: Callable[[Sequence[Report], Canvas], str] | None = None
    inventories: Callable[[Sequence[Inventory]], str] | None = None
    fleet: Callable[[FleetReport, Canvas], str] | None = None
    survey: Callable[[FleetReport, Canvas], str] | None = None
    diagnosis: Callable[[Diagnosis, Canvas], str] | None = None


def _table(reports: Sequence[Report], canvas: Canvas) -> str:
    from tidewaiter.report import table

    return table.render(reports, width=canvas.width, colour=canvas.colour)


def _json(reports: Sequence[Report], _canvas: Canvas) -> str:
    from tidewaiter.report import json

    return json.render(reports)


def _json_inventories(inventories: Sequence[Inventory]) -> str:
    from tidewaiter.report import json

    return json.render_inventories(inventories)


def _fleet_table(report: FleetReport, canvas: Canvas) -> str:
    from tidewaiter.report import fleet_table

    return fleet_table.render(report, width=canvas.width, colour=canvas.colour)


def _fleet_json(report: FleetReport, _canvas: Canvas) -> str:
    from tidewaiter.report import fleet_json

    return fleet_json.render(report)


def _survey_table(survey: FleetReport, canvas: Canvas) -> str:
    from tidewaiter.report import survey_table

    return survey_table.render(survey, width=canvas.width, colour=canvas.colour)


def _survey_json(survey: FleetReport, _canvas: Canvas) -> str:
    from tidewaiter.report import survey_json

    return survey_json.render(survey)


def _diagnosis_table(diagnosis: Diagnosis, canvas: Canvas) -> str:
    from tidewaiter.report import diagnosis_table

    return diagnosis_table.render(diagnosis, width=canvas.width, colour=canvas.colour)


def _diagnosis_json(diagnosis: Diagnosis, _canvas: Canvas) -> str:
    from tidewaiter.report import diagnosis_json

    return diagnosis_json.render(diagnosis)


def _diagnosis_markdown(diagnosis: Diagnosis, _canvas: Canvas) -> str:
    from tidewaiter.report import diagnosis_markdown

    return diagnosis_markdown.render(diagnosis)


def _cyclonedx(reports: Sequence[Report], _canvas: Canvas) -> str:
    from tidewaiter.report import cyclonedx

    return cyclonedx.render(reports[0], written=written_at())


def _cyclonedx_inventory(inventories: Sequence[Inventory]) -> str:
    from tidewaiter.report import cyclonedx

    return cyclonedx.render_inventory(inventories[0], written=written_at())


def _spdx_inventory(inventories: Sequence[Inventory]) -> str:
    from tidewaiter.report import spdx

    return spdx.render_inventory(inventories[0], written=written_at())


FORMATS: tuple[Format, ...] = (
    Format(
        name="table",
        summary="for people, as wide as the terminal",
        several=True,
        reports=_table,
        fleet=_fleet_table,
        survey=_survey_table,
        diagnosis=_diagnosis_table,
    ),
    Format(
        name="json",
        summary="all that is known, in stable keys",
        several=True,
        reports=_json,
        inventories=_json_inventories,
        fleet=_fleet_json,
        survey=_survey_json,
        diagnosis=_diagnosis_json,
    ),
    Format(
        name="cyclonedx",
        summary="CycloneDX 1.6 JSON, with vulnerabilities where they were judged",
        several=False,
        reports=_cyclonedx,
        inventories=_cyclonedx_inventory,
    ),
    # SPDX 2.3 has no place for vulnerabilities and their fixes: it holds inventories only.
    Format(name="spdx", summary="SPDX 2.3 JSON", several=False, inventories=_spdx_inventory),
    Format(name="markdown", summary="for a ticket or a wiki page", several=False, diagnosis=_diagnosis_markdown),
)
_BY_NAME = {format_.name: format_ for format_ in FORMATS}
REPORT_FORMATS = tuple(format_.name for format_ in FORMATS if format_.reports)
INVENTORY_FORMATS = tuple(format_.name for format_ in FORMATS if format_.inventories)
FLEET_FORMATS = tuple(format_.name for format_ in FORMATS if format_.fleet)
SURVEY_FORMATS = tuple(format_.name for format_ in FORMATS if format_.survey)
DIAGNOSIS_FORMATS = tuple(format_.name for format_ in FORMATS if format_.diagnosis)


def render_reports(reports: Sequence[Report], name: str, *, to_file: bool = False) -> str:
    """The reports in the format of that name. Raises UsageError for a format that cannot hold them.

    `to_file` says that the text does not go to stdout, so that the terminal's width and colours do not matter.
    """
    format_ = _BY_NAME.get(name)
    if format_ is None or format_.reports is None:
        raise _unknown(name, REPORT_FORMATS)
    check_count(name, len(reports))
    return format_.reports(reports, Canvas() if to_file else canvas_of_stdout())


def render_inventories(inventories: Sequence[Inventory], name: str) -> str:
    """The inventories in the format of that name. Raises UsageError for a format that cannot hold them."""
    format_ = _BY_NAME.get(name)
    if format_ is None or format_.inventories is None:
        raise _unknown(name, INVENTORY_FORMATS)
    check_count(name, len(inventories))
    return format_.inventories(inventories)


def render_fleet(report: FleetReport, name: str, *, to_file: bool = False) -> str:
    """The report on a fleet in the format of that name. Raises UsageError for a format that cannot hold it."""
    format_ = _BY_NAME.get(name)
    if format_ is None or format_.fleet is None:
        raise _unknown(name, FLEET_FORMATS)
    return format_.fleet(report, Canvas() if to_file else canvas_of_stdout())


def render_survey(survey: FleetReport, name: str, *, to_file: bool = False) -> str:
    """What a run would look at, in the format of that name. Raises UsageError for a format that cannot hold it."""
    format_ = _BY_NAME.get(name)
    if format_ is None or format_.survey is None:
        raise _unknown(name, SURVEY_FORMATS)
    return format_.survey(survey, Canvas() if to_file else canvas_of_stdout())


def render_diagnosis(diagnosis: Diagnosis, name: str, *, to_file: bool = False) -> str:
    """A diagnosis in the format of that name. Raises UsageError for a format that cannot hold it."""
    format_ = _BY_NAME.get(name)
    if format_ is None or format_.diagnosis is None:
        raise _unknown(name, DIAGNOSIS_FORMATS)
    return format_.diagnosis(diagnosis, Canvas() if to_file else canvas_of_stdout())


def check_count(name: str, images: int) -> None:
    """Raises UsageError if a document of the format cannot hold so many images."""
    if not _BY_NAME[name].several and images != 1:
        raise UsageError(
            f"a {name} document describes one image, and there are {images}",
            advice="Name one image and platform, or use --format json.",
        )


def canvas_of_stdout() -> Canvas:
    """The terminal's width and colours; a pipe is 120 columns wide, or COLUMNS, without colours.

    `NO_COLOR` (https://no-color.org) is obeyed.
    """
    columns = os.environ.get("COLUMNS", "")
    chosen = int(columns) if columns.isdecimal() and columns.isascii() else 0
    if sys.stdout is None or not sys.stdout.isatty():
        return Canvas(chosen or _PIPE_WIDTH)
    dull = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Canvas(chosen or os.get_terminal_size(sys.stdout.fileno()).columns or _PIPE_WIDTH, colour=not dull)


def written_at() -> datetime:
    """The time that documents state: now, or SOURCE_DATE_EPOCH where builds shall be reproducible.

    https://reproducible-builds.org/specs/source-date-epoch/ Raises UsageError if it is no number of seconds.
    """
    from datetime import UTC, datetime

    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        moment = datetime.now(UTC) if epoch is None else datetime.fromtimestamp(int(epoch), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError("SOURCE_DATE_EPOCH is no number of seconds since 1970", where=f"{epoch!r}") from error
    return moment.replace(microsecond=0)


def _unknown(name: str, known: Sequence[str]) -> UsageError:
    return UsageError(f"no such format here: {name}", advice=f"Choose one of: {', '.join(known)}.")
