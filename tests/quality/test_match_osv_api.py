"""What api.osv.dev answered for real packages, beside what we find in those of its advisories that we have."""

import gzip
import json
from pathlib import Path

import pytest

from fakes.advisories import MemoryAdvisories, distro, inventory, package
from published_advisories import published
from tidewaiter.match.findings import judge
from tidewaiter.model.package import Package

TYPES = {
    "PyPI": "pypi",
    "npm": "npm",
    "Maven": "maven",
    "Go": "golang",
    "crates.io": "cargo",
    "RubyGems": "gem",
    "NuGet": "nuget",
    "Packagist": "composer",
}
SYSTEMS = {"Debian": "deb", "Ubuntu": "deb", "Alpine": "apk"}

Asked = tuple[str, Package, frozenset[str]]
Answers = list[tuple[str, str, frozenset[str], frozenset[str]]]


def questions(shared: Path) -> list[Asked]:
    """Each question that our packages can spell: the ecosystem, the package, the ids that were answered."""
    found = []
    with gzip.open(shared / "advisories" / "meta" / "osv-api-expected.jsonl.gz", "rt") as lines:
        for line in lines:
            said = json.loads(line)
            base, _, release = said["ecosystem"].partition(":")
            if base in TYPES:
                of = package(TYPES[base], said["name"], said["version"])
            elif base in SYSTEMS:
                on = distro(base.lower(), release.removeprefix("v"))
                of = package(SYSTEMS[base], said["name"], said["version"], on=on)
            else:
                continue
            found.append((base, of, frozenset(said["ids"])))
    return found


@pytest.fixture(scope="module")
def answers(shared: Path) -> Answers:
    """For each question: ecosystem, package, the ids expected of those that we have, the advisories found."""
    asked = questions(shared)
    expected = {each for _, _, ids in asked for each in ids}
    advisories = [*published(shared, "OSV-sample", "PyPI")]
    advisories += published(shared, "Go", "Ubuntu-2024-02", "Debian-DSA-DLA-2023-03", only=expected.__contains__)
    database = MemoryAdvisories(*advisories)
    have = {each.id for each in advisories}
    return [(ecosystem, of.purl, ids & have, frozenset(_found(of, database))) for ecosystem, of, ids in asked]


def _found(of: Package, database: MemoryAdvisories) -> set[str]:
    return {match.advisory for finding in judge(inventory(of), database).findings for match in finding.matches}


def test_every_advisory_that_osv_answered_and_we_have_is_found(answers: Answers) -> None:
    missed = {(of, identifier) for _, of, expected, found in answers for identifier in expected - found}
    assert missed == set()
    assert sum(len(expected) for _, _, expected, _ in answers) >= 107


def test_application_packages_have_no_finding_that_osv_did_not_answer(answers: Answers) -> None:
    extra = {
        (of, identifier)
        for ecosystem, of, expected, found in answers
        if ecosystem in TYPES
        for identifier in found - expected
    }
    assert extra == set()
