"""dpkg's databases, by Debian Policy chapter 5 and dpkg(1)."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.inventory import stanzas
from tidewaiter.inventory.dpkg import Dpkg
from tidewaiter.model.gap import Stage, Why
from tidewaiter.model.package import Extraction, Location, Package, SourcePackage

ImageFiles = Callable[[str], Iterator[tuple[str, bytes | None]]]

STATUS = "var/lib/dpkg/status"

FIXTURE = """\
Package: libssl3
Status: install ok installed
Priority: optional
Section: libs
Installed-Size: 6021
Maintainer: Debian OpenSSL Team <pkg-openssl-devel@alioth-lists.debian.net>
Architecture: amd64
Multi-Arch: same
Source: openssl
Version: 3.0.11-1~deb12u2
Depends: libc6 (>= 2.34)
Description: Secure Sockets Layer toolkit - shared libraries
 This package is part of the OpenSSL project's implementation.
 .
 Package: nothing
 Version: 0

Package: libssl3
Status: install ok installed
Architecture: i386
Multi-Arch: same
Source: openssl
Version: 3.0.11-1~deb12u1
Maintainer: Debian OpenSSL Team <pkg-openssl-devel@alioth-lists.debian.net>
Description: the foreign architecture, one update behind

Package: bash
Essential: yes
Status: install ok installed
Architecture: amd64
Source: bash (5.2.15-2)
Version: 5.2.15-2+b2
Maintainer: Matthias Klose <doko@debian.org>
Description: GNU Bourne Again SHell

Package: login
Status: install ok installed
Architecture: amd64
Source: shadow (1:4.13+dfsg1-1)
Version: 1:4.13+dfsg1-1+b1
Maintainer: Shadow package maintainers <pkg-shadow-devel@alioth-lists.debian.net>
Description: system login tools

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0-1
Config-Version: 1.0-1
Maintainer: Nobody <nobody@example.org>
Description: removed, not purged

Package: broken-off
Status: install reinstreq half-installed
Architecture: all
Version: 2.0-1
Maintainer: Nobody <nobody@example.org>
Description: an installation that broke off
"""


def extract(text: str | bytes, path: str = STATUS) -> Extraction:
    return Dpkg().extract(path, text.encode() if isinstance(text, str) else text)


def stanza(state: str = "", **fields: str) -> str:
    given_fields = {"Package": "foo", "Version": "1.0-1", "Architecture": "amd64"} | fields
    if state:
        given_fields["Status"] = state
    return "".join(f"{key}: {value}\n" for key, value in given_fields.items() if value) + "\n"


def named(extraction: Extraction) -> list[tuple[str, str]]:
    return [(package.name, package.version) for package in extraction.packages]


def only(extraction: Extraction) -> Package:
    assert not extraction.gaps
    assert len(extraction.packages) == 1
    return extraction.packages[0]


def details(extraction: Extraction) -> list[str]:
    assert {gap.subject for gap in extraction.gaps} <= {STATUS}
    return [gap.detail for gap in extraction.gaps]


# What is read of a stanza.


def test_a_stanza_gives_the_whole_package() -> None:
    assert extract(FIXTURE).packages[0] == Package(
        purl="",
        type="deb",
        name="libssl3",
        version="3.0.11-1~deb12u2",
        source=SourcePackage(name="openssl", version="3.0.11-1~deb12u2"),
        architecture="amd64",
        vendor="Debian OpenSSL Team <pkg-openssl-devel@alioth-lists.debian.net>",
        locations=(Location(path=STATUS),),
        extractor="dpkg",
    )


def test_the_origin_field_is_kept() -> None:
    assert only(extract(stanza(Origin="Ubuntu"))).origin == "Ubuntu"


def test_text_in_a_description_is_no_package() -> None:
    assert ("nothing", "0") not in named(extract(FIXTURE))


@pytest.mark.parametrize(
    ("field", "name", "version"),
    [
        ("", "foo", "1:1.0-1+b2"),
        ("foo-src", "foo-src", "1:1.0-1+b2"),
        ("foo (1:1.0-1)", "foo", "1:1.0-1"),
        ("foo-src (2.0~rc1-1)", "foo-src", "2.0~rc1-1"),
        ("foo-src  ( 2.0-1 ) ", "foo-src", "2.0-1"),
        ("foo-src(2.0-1)", "foo-src", "2.0-1"),
    ],
)
def test_each_missing_part_of_the_source_is_the_binary_packages_own(field: str, name: str, version: str) -> None:
    package = only(extract(stanza(Version="1:1.0-1+b2", Source=field)))
    assert package.source == SourcePackage(name=name, version=version)


# Which packages are there.


@pytest.mark.parametrize(
    "state",
    [
        "install ok installed",
        "hold ok installed",
        "deinstall ok installed",
        "install reinstreq half-installed",
        "install ok unpacked",
        "install ok half-configured",
        "install ok triggers-awaited",
        "install ok triggers-pending",
        "INSTALL OK INSTALLED",
    ],
)
def test_a_package_with_files_on_disk_is_there(state: str) -> None:
    assert only(extract(stanza(state))).name == "foo"


@pytest.mark.parametrize("state", ["deinstall ok config-files", "purge ok not-installed", "unknown ok not-installed"])
def test_a_package_without_files_is_not_there(state: str) -> None:
    extraction = extract(stanza(state) + "Package: never-installed\nStatus: unknown ok not-installed\n")
    assert extraction == Extraction()


def test_an_entry_without_status_is_installed() -> None:
    assert only(extract(stanza(), "var/lib/dpkg/status.d/foo")).locations == (
        Location(path="var/lib/dpkg/status.d/foo"),
    )


def test_a_package_in_an_unknown_state_is_counted_and_told() -> None:
    extraction = extract(stanza("install ok levitating"))
    assert named(extraction) == [("foo", "1.0-1")]
    assert details(extraction) == ["line 1: unknown Status 'install ok levitating', the package is taken as installed"]


def test_architectures_and_versions_of_one_name_stay_apart() -> None:
    extraction = extract(
        stanza() + stanza(Architecture="i386") + stanza(Version="2.0-1") + stanza(Architecture="i386", Version="0.9")
    )
    assert [(package.version, package.architecture) for package in extraction.packages] == [
        ("1.0-1", "amd64"),
        ("1.0-1", "i386"),
        ("2.0-1", "amd64"),
        ("0.9", "i386"),
    ]


def test_a_stanza_that_stands_twice_is_one_package() -> None:
    assert only(extract(stanza(Origin="old") + stanza(Origin="new"))).origin == "new"


# How it may be written.


@pytest.mark.parametrize(
    "text",
    [
        FIXTURE.rstrip("\n"),
        FIXTURE.replace("\n", "\r\n"),
        FIXTURE.replace("\n\n", "\n \t \n"),
        "\n\n\n" + FIXTURE.replace("\n\n", "\n\n\n\n\n") + "\n\n",
        FIXTURE.replace("Package:", "PACKAGE:").replace("Version:", "version :").replace("Source:", "sOURCE:"),
        FIXTURE.replace("\n", "  \n").replace("  \n  \n", "\n\n"),
    ],
    ids=["no final newline", "CRLF", "blanks on the blank lines", "many blank lines", "any case", "trailing blanks"],
)
def test_line_ends_blank_lines_and_case_do_not_matter(text: str) -> None:
    assert extract(text) == extract(FIXTURE)


def test_an_old_maintainers_name_in_latin_1_does_not_cost_the_package() -> None:
    content = stanza(Maintainer="J?rg <j@example.org>").encode().replace(b"?", b"\xf6")
    assert only(extract(content)).vendor == "J\N{REPLACEMENT CHARACTER}rg <j@example.org>"


def test_an_empty_database_has_no_packages_and_no_gap() -> None:
    assert extract("") == extract("\n") == Extraction()


# What is broken is told, and costs nothing but itself.


@pytest.mark.parametrize(
    "broken",
    [
        "Version: 1.0\nArchitecture: amd64\n",
        "Package: half\nArchitecture: amd64\n",
        "Package: half\nVersion:\n 1.0\n",
        "Package: two words\nVersion: 1.0\n",
        "Package: half\nVersion: 1.0 beta\n",
        "Package: \x1b[2Jhalf\nVersion: 1.0\n",
        "no field at all\n",
        "\0\0\0\0\n",
    ],
)
def test_a_broken_stanza_is_a_gap_with_its_line_and_the_rest_goes_on(broken: str) -> None:
    extraction = extract(stanza(Package="before") + broken + "\n" + stanza(Package="after"))
    assert [package.name for package in extraction.packages] == ["before", "after"]
    (gap,) = extraction.gaps
    assert (gap.stage, gap.why, gap.subject) == (Stage.INVENTORY, Why.MALFORMED, STATUS)
    assert gap.detail.startswith("line 5: a stanza was left out")


def test_a_removed_package_needs_no_version() -> None:
    assert extract("Package: foo\nStatus: purge ok not-installed\n") == Extraction()


def test_stanzas_that_run_into_each_other_are_both_read() -> None:
    extraction = extract(stanza(Package="one").strip() + "\n" + stanza(Package="two", Version="2.0"))
    assert named(extraction) == [("one", "1.0-1"), ("two", "2.0")]
    assert details(extraction) == ["line 1: two packages in one stanza, taken apart at the second Package field"]


def test_of_a_field_that_stands_twice_the_first_counts() -> None:
    extraction = extract("Package: foo\nVersion: 1.0\nVersion: 2.0\n")
    assert named(extraction) == [("foo", "1.0")]
    assert details(extraction) == ["line 1: Version stands twice in a stanza, the first was taken"]


def test_many_broken_stanzas_give_a_bounded_list_of_gaps() -> None:
    extraction = extract("broken\n\n" * 500 + stanza())
    assert named(extraction) == [("foo", "1.0-1")]
    assert len(extraction.gaps) == 21
    assert extraction.gaps[-1].detail == "480 more records are broken"


def test_garbage_is_not_read_to_its_end() -> None:
    extraction = extract("broken\n\n" * 5_000 + stanza())
    assert extraction.packages == ()
    assert extraction.gaps[-1].why is Why.LIMIT
    assert extraction.gaps[-1].detail == "more than 1,000 records are broken: the rest of the file was not read"


def test_more_packages_than_any_system_has_are_a_gap() -> None:
    extraction = extract("".join(f"Package: p{n}\nVersion: 1\n\n" for n in range(stanzas.MOST_PACKAGES + 10)))
    assert len(extraction.packages) == stanzas.MOST_PACKAGES
    assert [gap.why for gap in extraction.gaps] == [Why.LIMIT]


def test_a_stanza_of_more_than_a_megabyte_is_left_out_and_told() -> None:
    extraction = extract("Package: " + "x" * stanzas.MOST_BYTES + "\nVersion: 1\n\n" + stanza())
    assert named(extraction) == [("foo", "1.0-1")]
    assert details(extraction) == ["line 1: a stanza was left out, it is longer than 1,048,576 bytes"]


def test_a_long_stanza_without_a_blank_line_is_not_taken_apart_for_ever() -> None:
    extraction = extract(stanza().strip().replace("foo", "p{0}") + "\n" + "Package: foo\nVersion: 1\n" * 5_000)
    assert len(extraction.gaps) == 22
    assert extraction.gaps[-1].why is Why.LIMIT


# Which files are wanted.


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("var/lib/dpkg/status", True),
        ("srv/jail/var/lib/dpkg/status", True),
        ("var/lib/dpkg/status.d/libc6", True),
        ("var/lib/dpkg/status.d/libstdc++6", True),
        ("srv/jail/var/lib/dpkg/status.d/libc6", True),
        ("var/lib/dpkg/status.d/libc6.md5sums", False),
        ("var/lib/dpkg/status.d/more/libc6", False),
        ("var/lib/dpkg/status-old", False),
        ("var/lib/dpkg/available", False),
        ("usr/lib/opkg/status", False),
        ("notvar/lib/dpkg/status", False),
        ("status", False),
    ],
)
def test_status_and_the_entries_of_status_d_are_wanted(path: str, wanted: bool) -> None:
    dpkg = Dpkg()
    assert dpkg.wants(path) is wanted
    *_, folder, name = ["", *path.split("/")]
    assert not wanted or name in dpkg.basenames or folder in dpkg.parents


# Against the real thing.


@pytest.fixture
def dpkg_query() -> str:
    found = shutil.which("dpkg-query")
    if found is None:
        pytest.skip("SKIPPED LOUDLY: no dpkg-query here to compare with")
    return found


def ask_dpkg(program: str, folder: Path, text: str) -> list[tuple[str, ...]]:
    (folder / "info").mkdir()
    (folder / "updates").mkdir()
    (folder / "status").write_text(text, encoding="utf-8")
    format_ = (
        "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}"
        "\t${Maintainer}\n"
    )
    answer = subprocess.run(
        [program, f"--admindir={folder}", "-W", "-f", format_], check=True, capture_output=True, text=True
    )
    rows = [tuple(line.split("\t")) for line in answer.stdout.splitlines()]
    return sorted(row[1:] for row in rows if row[0] not in ("config-files", "not-installed"))


def as_dpkg_says(extraction: Extraction) -> list[tuple[str, ...]]:
    return sorted(
        (p.name, p.version, p.architecture, p.source.name, p.source.version, p.vendor)
        for p in extraction.packages
        if p.source is not None
    )


def test_dpkg_itself_reads_the_same_packages(dpkg_query: str, tmp_path: Path) -> None:
    answer = ask_dpkg(dpkg_query, tmp_path, FIXTURE)
    assert len(answer) == 5
    assert as_dpkg_says(extract(FIXTURE)) == answer


def test_dpkg_itself_reads_the_same_database_of_this_host(dpkg_query: str, tmp_path: Path) -> None:
    database = Path("/") / STATUS
    if not database.is_file():
        pytest.skip("SKIPPED LOUDLY: this host has no dpkg database to compare with")
    text = database.read_text(encoding="utf-8")
    answer = ask_dpkg(dpkg_query, tmp_path, text)
    extraction = extract(text)
    assert not extraction.gaps
    assert as_dpkg_says(extraction) == answer


def test_a_real_distroless_image_has_its_nine_packages(image_files: ImageFiles) -> None:
    files = image_files("small-distroless.oci")
    found = [extract(content, path) for path, content in files if content is not None and Dpkg().wants(path)]
    assert [extraction.gaps for extraction in found] == [()] * 9
    packages = {package.name: package for extraction in found for package in extraction.packages}
    assert sorted(packages) == [
        "base-files",
        "ca-certificates",
        "libc6",
        "libgcc-s1",
        "libssl3",
        "libstdc++6",
        "netbase",
        "tzdata",
        "zlib1g",
    ]
    assert packages["libssl3"].source == SourcePackage(name="openssl", version=packages["libssl3"].version)
    assert packages["zlib1g"].source is not None
    assert packages["zlib1g"].source.name == "zlib"


# Properties.

NAMES = st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,20}", fullmatch=True)
VERSIONS = st.from_regex(r"([0-9]:)?[0-9][A-Za-z0-9.+~]{0,12}(-[A-Za-z0-9.+~]{1,8})?", fullmatch=True)
TEXT = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30)
WRITTEN = st.lists(
    st.tuples(NAMES, VERSIONS, st.sampled_from(["amd64", "all", "i386"]), TEXT),
    max_size=8,
    unique_by=lambda row: row[:3],
)


@given(WRITTEN)
def test_every_package_that_was_written_is_read_back(rows: list[tuple[str, str, str, str]]) -> None:
    text = "\n".join(
        f"Package: {name}\nStatus: install ok installed\nMaintainer: {text}\nArchitecture: {architecture}\n"
        f"Version: {version}\nDescription: {text}\n {text}\n .\n {text}\n"
        for name, version, architecture, text in rows
    )
    extraction = extract(text)
    assert not extraction.gaps
    assert [(p.name, p.version, p.architecture, p.vendor) for p in extraction.packages] == rows


@given(st.lists(st.sampled_from([b"Package: a", b"Version: 1", b"Status: x", b" c", b"\n", b"\n\n", b"\r", b"\0"])))
def test_any_bytes_end_in_packages_and_gaps(parts: list[bytes]) -> None:
    for package in extract(b"".join(parts)).packages:
        assert package.name
        assert package.version
