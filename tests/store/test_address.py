"""What names a store, and what a message may say of it."""

from pathlib import Path

import pytest

from tidewaiter.errors import UsageError
from tidewaiter.store.address import Address


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_a_path_names_a_file(form: str, tmp_path: Path) -> None:
    path = tmp_path / "a fleet?.db"
    assert Address.parse(form.format(path).replace("?", "%3F" if "://" in form else "?")).path == path


def test_a_relative_path_is_of_the_folder_that_one_is_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Address.parse("fleet.db").path == tmp_path / "fleet.db"
    assert Address.parse("sqlite:///fleet.db").path == tmp_path / "fleet.db"


def test_a_tilde_is_the_home_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Address.parse("~/fleet.db").path == tmp_path / "fleet.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_server_is_shown_without_its_password(scheme: str) -> None:
    address = Address.parse(f"{scheme}://tide:wet@db.example:5433/fleet?password=damp&sslmode=require")
    assert address.path is None
    assert address.url.drivername == "postgresql+psycopg"
    assert address.url.query["sslmode"] == "require"
    assert address.shown == f"{scheme}://tide:***@db.example:5433/fleet"


@pytest.mark.parametrize(
    "text", ["mysql://u:secret@h/d", "sqlite://", "postgresql://u:secret@h:port/d", "http://u:secret@h", "", "/"]
)
def test_what_is_no_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UsageError, match="is not an address of a store") as caught:
        Address.parse(text)
    assert "secret" not in str(caught.value)
    assert "postgresql://USER@HOST/DATABASE" in str(caught.value)
