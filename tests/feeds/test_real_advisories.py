"""All of the real advisories, in one database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tidewaiter.feeds.database import Database
from tidewaiter.model.advisory import Advisory, Candidate, Status

MIB = 1 << 20

# The advisories in each archive, as its documentation counts them.
COUNTS = {
    "AlmaLinux.zip": 5680,
    "Alpine-2020-02.zip": 2626,
    "Bitnami.zip": 7444,
    "Debian-DSA-DLA-2023-03.zip": 5856,
    "Debian-tracker-2019-09.zip": 24637,
    "GLAD-ConanCenter.zip": 301,
    "GLAD-Go.zip": 785,
    "GLAD-Maven.zip": 3128,
    "GLAD-NuGet.zip": 791,
    "GLAD-Packagist.zip": 2562,
    "GLAD-PyPI.zip": 2075,
    "GLAD-RubyGems.zip": 754,
    "GLAD-npm.zip": 3185,
    "Go.zip": 4291,
    "Kubernetes-2024-09.zip": 44,
    "OSV-sample.zip": 398,
    "PSF.zip": 132,
    "PyPI.zip": 2661,
    "RedHat-API-2019-09.zip": 1166,
    "Ruby.zip": 147,
    "RubyGems.zip": 1234,
    "Ubuntu-2024-02.zip": 31184,
    "crates.io.zip": 734,
}


@pytest.fixture
def database(real_database: Path) -> Iterator[Database]:
    with Database.open(real_database) as opened:
        yield opened


def advisories_on(database: Database, ecosystem: str, name: str) -> dict[str, tuple[Advisory, Candidate]]:
    """The advisories on a package, by id."""
    candidates = database.candidates([(ecosystem, name)]).get((ecosystem, name), ())
    headers = database.advisories(candidate.number for candidate in candidates)
    return {headers[one.number].id: (headers[one.number], one) for one in candidates}


def test_every_real_advisory_is_read(database: Database) -> None:
    manifest = database.manifest()
    assert {read.name: read.advisories for read in manifest.inputs} == COUNTS
    assert manifest.broken == 0
    without_sample = [read for read in manifest.inputs if read.name != "OSV-sample.zip"]
    assert sum(read.advisories for read in without_sample) == 101_417
    assert sum(read.affected for read in without_sample) == 636_124 - 5  # five rows of Red Hat's name no package
    assert manifest.advisories == sum(COUNTS.values()) - sum(read.superseded for read in manifest.inputs)


def test_the_real_database_is_small(real_database: Path) -> None:
    assert real_database.stat().st_size <= 20 * MIB
    assert [path.name for path in real_database.parent.iterdir()] == [real_database.name]


def test_what_is_no_vulnerability_is_counted_as_such(database: Database) -> None:
    feeds = {feed.name: feed for feed in database.feeds()}
    assert feeds["almalinux"].informational == 978 + 222
    assert feeds["rustsec"].informational == 276
    assert feeds["rustsec"].withdrawn == 9
    assert feeds["go"].withdrawn == 17
    assert feeds["pypa"].withdrawn == 10
    assert {name for name, feed in feeds.items() if feed.informational} == {"almalinux", "alpine", "rustsec"}


def test_every_release_of_the_real_data_can_be_asked_for(database: Database) -> None:
    ecosystems = database.ecosystems()
    assert ecosystems["Ubuntu:18.04:LTS"] == 61170
    assert ecosystems["Debian:8"] + ecosystems["Debian:sid"] > 48_000
    assert ecosystems["Alpine:v3.11"] > 2150
    assert {"AlmaLinux:9", "Red Hat:enterprise_linux:8", "npm", "Go", "Ubuntu:Pro:22.04:LTS"} <= ecosystems.keys()


def test_known_facts_are_found_again(database: Database) -> None:
    shellshock = advisories_on(database, "Debian:7", "bash")["DSA-3032-1"]
    assert "CVE-2014-6271" in shellshock[0].upstream
    assert shellshock[1].affected.ranges[0].events[1].version == "4.2+dfsg-0.1+deb7u1"
    standard_library = advisories_on(database, "Go", "stdlib")
    assert "CVE-2023-24532" in standard_library["GO-2023-1621"][0].aliases
    kernel = advisories_on(database, "Ubuntu:18.04:LTS", "linux")
    assert kernel["UBUNTU-CVE-2022-45886"][1].affected.status is Status.UNKNOWN
    paid = advisories_on(database, "Ubuntu:Pro:18.04:LTS", "linux")
    assert paid["UBUNTU-CVE-2022-45886"][1].affected.status is Status.WONT_FIX


def test_header_and_rows_are_consistent_for_a_large_package(database: Database) -> None:
    rows = database.candidates([("Ubuntu:18.04:LTS", "chromium-browser")])["Ubuntu:18.04:LTS", "chromium-browser"]
    assert len(rows) == 1871
    headers = database.advisories(row.number for row in rows)
    assert {header.feed for header in headers.values()} == {"ubuntu"}
    assert len({header.id for header in headers.values()}) == 1871
