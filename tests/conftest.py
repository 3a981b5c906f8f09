"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest

_SHARED = Path(os.environ.get("TIDEWAITER_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and advisories beside the checkout."""
    if not (_SHARED / "advisories").is_dir():
        pytest.skip(f"SKIPPED LOUDLY: no real data at {_SHARED}; set TIDEWAITER_SHARED to the folder that holds it")
    return _SHARED
