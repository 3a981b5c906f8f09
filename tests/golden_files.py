"""Golden files: outputs that were looked at once, and must stay as they are until somebody looks again."""

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "golden"
UPDATE = "TIDEWAITER_UPDATE_GOLDEN"


def assert_golden(name: str, text: str) -> None:
    """The text is that of the golden file. With TIDEWAITER_UPDATE_GOLDEN set, the file is written instead.

    A caller spells the name as a literal: `test_golden.py` looks for files that nobody asserts.
    """
    path = FOLDER / name
    if os.environ.get(UPDATE):
        path.write_text(text, encoding="utf-8")
        return
    if not path.exists():
        pytest.fail(f"no golden file {name}: set {UPDATE}=1, run again, and look at what was written")
    assert text == path.read_text(encoding="utf-8"), (
        f"{name} differs; to accept it, set {UPDATE}=1 and look at the diff"
    )
