"""Fixtures that all tests share, and the rule that CI skips nothing."""

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


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With TIDEWAITER_NO_SKIPS set (as CI does), a run that skipped a test has failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    skipped = reporter.stats.get("skipped", [])
    if skipped and os.environ.get("TIDEWAITER_NO_SKIPS") and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"TIDEWAITER_NO_SKIPS is set, and {len(skipped)} tests were skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
