"""The guide to JSON is true: every key of every document is in it, and every word that a key may hold."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from documents import read, tables
from tidewaiter.feeds.manifest import Input, Manifest
from tidewaiter.model import fleet_document
from tidewaiter.model.advisory import Feed
from tidewaiter.model.diagnosis import Health, Topic
from tidewaiter.model.diagnosis_document import DiagnosisDocument
from tidewaiter.model.document import ReportDocument
from tidewaiter.model.finding import FixState, MatchKind, Severity
from tidewaiter.model.fleet import Kind, State
from tidewaiter.model.fleet_document import (
    AccountEntry,
    FleetDocument,
    HopEntry,
    IdentityEntry,
    ReasonEntry,
    RegistryEntry,
    SurveyDocument,
)
from tidewaiter.model.gap import Stage, Why

_TOLD_ABOVE = (IdentityEntry, HopEntry, AccountEntry, RegistryEntry, ReasonEntry)


def _structures(kind: Any, path: str) -> Iterator[tuple[str, type]]:
    """The dataclasses below a type, by the path to them: `packages[].source`."""
    if get_origin(kind) is tuple:
        yield from _structures(get_args(kind)[0], f"{path}[]")
    elif is_dataclass(kind) and isinstance(kind, type):
        yield path, kind
        for name, below in get_type_hints(kind).items():
            yield from _structures(below, f"{path}.{name}".lstrip("."))
    elif get_origin(kind) is not Literal and get_args(kind):
        for each in get_args(kind):
            yield from _structures(each, path)


def _documented(headings: dict[str, list[list[str]]]) -> dict[str, list[str]]:
    paths: dict[str, list[str]] = {}
    for heading, rows in headings.items():
        for path in re.findall(r"`([^`]+)`", heading):
            paths[path] = [row[0].strip("`") for row in rows]
    return paths


def _chapters() -> dict[str, str]:
    """The chapters of the document on JSON, by title."""
    parts = re.split(r"^# (.+)$", read("docs/json.md"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _chapter(title: str) -> dict[str, list[list[str]]]:
    """The tables of a chapter by heading; those of its beginning stand under ""."""
    return tables(_chapters()[title])


def test_the_keys_of_the_json_report_are_those_documented() -> None:
    rows = _chapter("The JSON report")
    documented = _documented(rows) | {"": [row[0].strip("`") for row in rows["The document"]]}
    written = {path: {field.name for field in fields(kind)} for path, kind in _structures(ReportDocument, "")}
    assert {path: set(keys) for path, keys in documented.items()} == written


@pytest.mark.parametrize(
    ("title", "document", "elsewhere"),
    [
        ("The report on a fleet", FleetDocument, ()),
        # Whose identity asked, and what there is in accounts, is told as in the report on a fleet.
        ("What would be scanned", SurveyDocument, _TOLD_ABOVE),
        ("A diagnosis", DiagnosisDocument, _TOLD_ABOVE),
    ],
)
def test_the_keys_of_the_reports_on_fleets_are_those_documented(
    title: str, document: type, elsewhere: tuple[type, ...]
) -> None:
    rows = _chapter(title)
    documented = _documented(rows) | {"": [row[0].strip("`") for row in rows[""]]}
    written = {
        path: {field.name for field in fields(kind)}
        for path, kind in _structures(document, "")
        if kind.__module__ in {fleet_document.__name__, DiagnosisDocument.__module__} and kind not in elsewhere
    }
    assert {path: set(keys) for path, keys in documented.items()} == written


def test_the_keys_of_the_account_of_a_database_are_those_documented() -> None:
    rows = _chapter("The account of a database")
    names = [row[0].strip("`") for row in rows[""]]
    assert set(names) == {field.name for field in fields(Manifest)} - {"schema"}
    paths = _documented(rows)
    assert set(paths["feeds[]"]) == {field.name for field in fields(Feed)}
    assert set(paths["inputs[]"]) == {field.name for field in fields(Input)}


@pytest.mark.parametrize(
    ("chapter", "section", "key", "values"),
    [
        ("The JSON report", "`findings[]`", "severity", [str(severity) for severity in Severity]),
        ("The JSON report", "`findings[].fix`", "state", list(FixState)),
        ("The JSON report", "`findings[].matches[]`", "kind", list(MatchKind)),
        ("The JSON report", "`gaps[]`", "stage", list(Stage)),
        ("The JSON report", "`gaps[]`", "why", list(Why)),
        ("The report on a fleet", "`images[]`", "state", list(State)),
        ("The report on a fleet", "`images[]`", "kind", list(Kind)),
        ("A diagnosis", "`checks[]`", "topic", list(Topic)),
        ("A diagnosis", "`checks[]`", "health", list(Health)),
    ],
)
def test_the_words_that_a_key_may_hold_are_those_documented(
    chapter: str, section: str, key: str, values: list[str]
) -> None:
    (meaning,) = [row[2] for row in _chapter(chapter)[section] if row[0] == f"`{key}`"]
    assert re.findall(r"`([^`]+)`", meaning) == values
