"""Fixtures that all tests share, and the rule that CI skips nothing but what is optional, and that it says so."""

import os
import shutil
import subprocess
from pathlib import Path

import hypothesis
import pytest

from tidewaiter.feeds.database import build
from tidewaiter.simulator.demonstration import write_advisories

# Properties are tried with the same examples on every run, so that a failure tells of the change and of nothing else;
# TIDEWAITER_SEARCH=1 looks for new ones. How long an example takes depends on the machine's other work.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.register_profile("searching", deadline=None)
hypothesis.settings.load_profile("searching" if os.environ.get("TIDEWAITER_SEARCH") else "steady")

_SHARED = Path(os.environ.get("TIDEWAITER_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and advisories beside the checkout."""
    if not (_SHARED / "advisories").is_dir():
        pytest.skip(f"SKIPPED LOUDLY: no real data at {_SHARED}; set TIDEWAITER_SHARED to the folder that holds it")
    return _SHARED


@pytest.fixture(scope="session")
def real_database(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of all real advisories, built once."""
    path = tmp_path_factory.mktemp("real") / "advisories.db"
    build([shared / "advisories" / "osv"], path, warn=_unexpected)
    return path


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small advisory database, of what is in the images of the demonstration."""
    folder = tmp_path_factory.mktemp("database")
    built = folder / "advisories.db"
    build([write_advisories(folder / "advisories")], built, warn=pytest.fail)
    return built


def _unexpected(message: str) -> None:
    pytest.fail(f"a real record was left out: {message}")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key beside it (`key.pem`)."""
    if not shutil.which("openssl"):
        pytest.skip("SKIPPED LOUDLY: openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(folder / "key.pem")]
    names = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", *key, "-days", "2", *names, "-out", str(folder / "certificate.pem")]
    subprocess.run(made, check=True, capture_output=True)
    return folder / "certificate.pem"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With TIDEWAITER_NO_SKIPS set (as CI does), a run that skipped a test has failed.

    What CI cannot install says OPTIONAL in its reason, and is counted apart: somebody else's program, a kernel's leave.
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a process that runs a part of the tests: the first one reports
        return
    skipped = reporter.stats.get("skipped", [])
    optional = [each for each in skipped if "OPTIONAL" in str(each.longrepr)]
    if optional:
        reporter.write_line(f"{len(optional)} optional tests were NOT run; the reasons stand below", yellow=True)
    needed = len(skipped) - len(optional)
    if needed and os.environ.get("TIDEWAITER_NO_SKIPS") and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"TIDEWAITER_NO_SKIPS is set, and {needed} tests were skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
