"""What is read from a package database is what rpm itself reads from it."""

import fnmatch
import shutil
import stat
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

from tidewaiter.inventory.rpm import Rpm, ndb
from tidewaiter.inventory.rpm.record import Record
from tidewaiter.model.package import Package
from tidewaiter.simulator.rpmdb import InstalledFile, InstalledRpm, berkeley_file, header, sqlite_file

ImageFiles = Callable[[str], Iterator[tuple[str, bytes | None]]]
Backend = Literal["bdb_ro", "sqlite"]

REAL_DATABASES = Path("/usr/share/gocode/src/github.com/knqyf263/go-rpmdb/pkg/testdata")
REAL_NAMES = (
    *("centos5-plain", "centos6-devtools", "centos6-many", "centos6-plain", "centos7-devtools", "centos7-httpd24"),
    *("centos7-many", "centos7-plain", "centos7-python35", "centos8-modularitylabel"),
)
FILE_NAMES: dict[Backend, str] = {"bdb_ro": "Packages", "sqlite": "rpmdb.sqlite"}
TAGS = ("NAME", "EPOCH", "VERSION", "RELEASE", "ARCH", "SOURCERPM", "VENDOR", "LICENSE", "MODULARITYLABEL")

INSTALLED = (
    InstalledRpm(
        name="bash",
        version="5.1.8",
        release="6.el9",
        epoch=0,
        source_rpm="bash-5.1.8-6.el9.src.rpm",
        vendor="Café Linux",
        licence="GPLv3+",
        summary="a text as long as a page " * 200,
        files=(InstalledFile("/usr/bin/bash", 0o100755), InstalledFile("/etc/skel/.bashrc", 0o100644)),
    ),
    InstalledRpm(name="bind-libs", version="9.16", release="1.el8", epoch=32, source_rpm="bind-9.16-1.el8.src.rpm"),
    InstalledRpm(name="glibc", version="2.34", release="1.el9", architecture="x86_64"),
    InstalledRpm(name="glibc", version="2.34", release="1.el9", architecture="i686"),
    InstalledRpm(name="kernel-core", version="5.14.0", release="70.el9"),
    InstalledRpm(name="kernel-core", version="5.14.0", release="162.el9"),
    InstalledRpm(
        name="nodejs", version="14.1", release="1.el8", epoch=1, module="nodejs:14:8030020201124152102:229f0a1c"
    ),
    InstalledRpm(name="gpg-pubkey", version="8483c65d", release="5ccc5b19", architecture=""),
)


class Fields(NamedTuple):
    """A package as both sides tell it. rpm's `(none)` is "", and so is an epoch of 0."""

    name: str
    version: str
    architecture: str
    source: str
    vendor: str
    licence: str
    module: str


@pytest.fixture
def rpm_says(tmp_path: Path) -> Callable[[bytes, Backend, str], list[str]]:
    """The lines that rpm prints for a database file, by a query format."""
    if shutil.which("rpm") is None:
        pytest.skip("SKIPPED LOUDLY: no rpm to compare with; install Debian's package rpm")

    def query(content: bytes, backend: Backend, query_format: str) -> list[str]:
        (tmp_path / FILE_NAMES[backend]).write_bytes(content)
        options = ["--define", f"_db_backend {backend}", "--dbpath", str(tmp_path), "-qa", "--qf", query_format]
        done = subprocess.run(["rpm", *options], capture_output=True, check=True)
        return done.stdout.decode("utf-8", "replace").splitlines()

    return query


def listed_by_rpm(lines: list[str]) -> Counter[Fields]:
    fields = (["" if field == "(none)" else field for field in line.split("\t")] for line in lines)
    return Counter(
        Fields(name, f"{epoch}:{version}-{release}" if epoch not in ("", "0") else f"{version}-{release}", *rest)
        for name, epoch, version, release, *rest in fields
        if name != "gpg-pubkey"
    )


def listed_by_us(packages: tuple[Package, ...]) -> Counter[Fields]:
    return Counter(
        Fields(
            package.name,
            package.version,
            package.architecture,
            f"{package.source.name}-{package.source.version}.src.rpm" if package.source else "",
            package.vendor,
            "".join(package.licenses),
            package.module,
        )
        for package in packages
    )


def assert_same(content: bytes, backend: Backend, rpm_says: Callable[[bytes, Backend, str], list[str]]) -> None:
    extraction = Rpm().extract(f"var/lib/rpm/{FILE_NAMES[backend]}", content)
    query_format = "\\t".join(f"%{{{tag}}}" for tag in TAGS) + "\\n"
    assert extraction.gaps == ()
    assert listed_by_us(extraction.packages) == listed_by_rpm(rpm_says(content, backend, query_format))
    assert extraction.packages


@pytest.fixture
def real_database() -> Callable[[str], bytes]:
    if not REAL_DATABASES.is_dir():
        pytest.skip("SKIPPED LOUDLY: no real databases; install Debian's package golang-github-knqyf263-go-rpmdb-dev")
    return lambda name: (REAL_DATABASES / name / "Packages").read_bytes()


@pytest.mark.parametrize("name", REAL_NAMES)
def test_a_real_berkeley_database_is_read_as_rpm_reads_it(
    name: str,
    real_database: Callable[[str], bytes],
    rpm_says: Callable[[bytes, Backend, str], list[str]],
) -> None:
    assert_same(real_database(name), "bdb_ro", rpm_says)


def test_a_real_sqlite_database_is_read_as_rpm_reads_it(
    image_files: ImageFiles, rpm_says: Callable[[bytes, Backend, str], list[str]]
) -> None:
    content = dict(image_files("rpm-mariner2.oci"))["var/lib/rpm/rpmdb.sqlite"]
    assert content
    assert_same(content, "sqlite", rpm_says)


def test_the_headers_of_a_real_ndb_database_are_those_that_rpm_reads_from_sqlite(
    image_files: ImageFiles, rpm_says: Callable[[bytes, Backend, str], list[str]]
) -> None:
    """Debian's rpm reads no NDB file: it gets the same headers in a SQLite file."""
    path = "usr/lib/sysimage/rpm/Packages.db"
    content = dict(image_files("rpm-sle15-bci.oci"))[path]
    assert content
    headers = [record.blob for record in ndb.records(content) if isinstance(record, Record)]
    query_format = "\\t".join(f"%{{{tag}}}" for tag in TAGS) + "\\n"
    extraction = Rpm().extract(path, content)
    assert extraction.gaps == ()
    expected = listed_by_rpm(rpm_says(sqlite_file(headers), "sqlite", query_format))
    assert listed_by_us(extraction.packages) == expected
    assert expected.total() >= 30


def test_a_sqlite_database_that_we_wrote_is_read_alike(rpm_says: Callable[[bytes, Backend, str], list[str]]) -> None:
    assert_same(sqlite_file([header(package) for package in INSTALLED]), "sqlite", rpm_says)


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("page_size", [1 << power for power in range(9, 17)])
def test_a_berkeley_database_of_any_page_size_and_byte_order_is_read_alike(
    page_size: int, byte_order: Literal["<", ">"], rpm_says: Callable[[bytes, Backend, str], list[str]]
) -> None:
    headers = [header(package) for package in INSTALLED]
    assert_same(berkeley_file(headers, page_size=page_size, byte_order=byte_order), "bdb_ro", rpm_says)


@pytest.mark.parametrize("name", ["centos5-plain", "centos7-python35"])
def test_the_files_kept_of_a_real_database_are_the_executables_and_manifests_that_rpm_lists(
    name: str,
    real_database: Callable[[str], bytes],
    rpm_says: Callable[[bytes, Backend, str], list[str]],
) -> None:
    content = real_database(name)
    rows = [line.split("\t") for line in rpm_says(content, "bdb_ro", "[%{FILENAMES}\\t%{FILEMODES}\\n]")]
    expected = {path[1:] for path, mode in rows if is_kept(path, int(mode))}
    assert set(Rpm().extract("var/lib/rpm/Packages", content).owned) == expected
    assert len(expected) > 1000


def is_kept(path: str, mode: int) -> bool:
    patterns = (
        *("METADATA", "PKG-INFO", "*.egg-info", "*.egg", "*.whl", "requirements.txt", "*.jar", "*.gem", "*.gemspec"),
        *("package.json", "package-lock.json", "yarn.lock", "DESCRIPTION", "*.spdx"),
    )
    name = path.rpartition("/")[2]
    telling = any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    return telling or (stat.S_ISREG(mode) and bool(mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)))
