"""Small advisories in OSV's format, and folders of them."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.feeds.database import Database, build
from tidewaiter.feeds.osv import Osv
from tidewaiter.model.advisory import Advisory, Affected

Json = dict[str, Any]


@pytest.fixture
def record() -> Callable[..., Json]:
    """A whole advisory with the given fields changed."""

    def make(identifier: str = "GHSA-1111-2222-3333", **fields: Any) -> Json:
        return {
            "id": identifier,
            "modified": "2024-01-02T03:04:05Z",
            "affected": [
                {
                    "package": {"ecosystem": "npm", "name": "left-pad"},
                    "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.3.0"}]}],
                }
            ],
            **fields,
        }

    return make


@pytest.fixture
def parse(record: Callable[..., Json]) -> Callable[..., Advisory]:
    """The advisory that a record with these fields is read as."""

    def read(identifier: str = "GHSA-1111-2222-3333", **fields: Any) -> Advisory:
        (advisory,) = Osv().parse(json.dumps(record(identifier, **fields)).encode())
        return advisory

    return read


@pytest.fixture
def parse_row(parse: Callable[..., Advisory]) -> Callable[..., Affected]:
    """The one row of an advisory: its id, the ecosystem, and the row's other fields."""

    def read(identifier: str, ecosystem: str, *, name: str = "thing", summary: str = "", **fields: Any) -> Affected:
        row = {"package": {"ecosystem": ecosystem, "name": name}, **fields}
        (affected,) = parse(identifier, summary=summary, affected=[row]).affected
        return affected

    return read


@pytest.fixture
def fix() -> Callable[[str], list[Json]]:
    """The ranges of what is fixed in a version."""
    return lambda version: [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": version}]}]


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., Path]:
    """Writes a zip archive of records (or of any bytes) below a folder of the test; returns the folder."""

    def write(members: Mapping[str, Json | bytes], *, folder: str = "bulk", name: str = "all.zip") -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members.items():
                archive.writestr(member, content if isinstance(content, bytes) else json.dumps(content))
        return tmp_path / folder

    return write


def _unexpected(message: str) -> None:
    pytest.fail(f"a real record was left out: {message}")


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Database]:
    """A database built of these folders, open."""

    def make(*folders: Path) -> Database:
        build(folders, tmp_path / "advisories.db", warn=_unexpected)
        return Database.open(tmp_path / "advisories.db")

    return make
