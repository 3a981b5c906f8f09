"""No golden file without a test."""

from pathlib import Path

from golden_files import FOLDER

_TESTS = Path(__file__).parent


def test_every_golden_file_is_asserted_by_a_test() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in _TESTS.rglob("test_*.py"))
    golden = [path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()]
    assert golden, "the golden files are gone"
    assert [name for name in golden if f'"{name}"' not in sources] == []


def test_updating_is_asked_for_explicitly_and_never_in_ci() -> None:
    ci = _TESTS.parent / ".ci"
    assert not [
        path for path in ci.rglob("*") if path.is_file() and "UPDATE_GOLDEN" in path.read_text(encoding="utf-8")
    ]
