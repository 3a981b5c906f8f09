"""Labels that people gave to real matches (true, false), beside our judgement: no new false negative.

Those labels count that name a package as an advisory of its release does, with a version that the distribution gave.
"""

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from fakes.advisories import MemoryAdvisories, distro, inventory, package
from published_advisories import published
from tidewaiter.match.distributions import Release, release_of
from tidewaiter.match.findings import judge
from tidewaiter.model.package import Distro, Package

# The release in each labelled image, by the beginning of its digest: read from the versions of its base packages.
IMAGES = {
    "3688aa86": ("rpm", distro("centos", "6.10")),
    "4c564f47": ("rpm", distro("rhel", "8.3")),
    "68fecea0": ("rpm", distro("rhel", "8.5")),
    "af31633b": ("deb", distro("debian", "8")),
    "9cd85ee8": ("deb", distro("debian", "10")),
    "5e96e03a": ("deb", distro("debian", "10")),
    "1a67ab96": ("deb", distro("debian", "10")),
    "6fd5699a": ("deb", distro("debian", "11")),
    "fcfcbb02": ("deb", distro("debian", "11")),
    "267d5a63": ("deb", distro("debian", "11")),
    "69ae7f13": ("deb", distro("debian", "11")),
    "881afbae": ("deb", distro("ubuntu", "14.04")),
    "f8e72da9": ("deb", distro("ubuntu", "20.04")),
    "58637f27": ("apk", distro("alpine", "3.6.5")),
}
ARCHIVES = ("Debian-tracker-2019-09", "Ubuntu-2024-02", "Alpine-2020-02", "RedHat-API-2019-09")
# `-` and what a distribution adds: a revision with a digit in it, and not the `-jenkins-1` of a jar.
PACKAGED = re.compile(r"-[0-9r][0-9A-Za-z.+~_]*$|ubuntu[0-9.]+$")
CVE = re.compile(r"CVE-\d+-\d+")

Labelled = tuple[Package, str, str]


def labels(shared: Path) -> list[Labelled]:
    """Each label: the package, the CVE, and TP or FP."""
    found = []
    with gzip.open(shared / "advisories" / "golden" / "vulnerability-match-labels.jsonl.gz", "rt") as lines:
        for line in lines:
            said = json.loads(line)
            kind, on = IMAGES.get(said["image"].partition("sha256:")[2][:8], ("", Distro(id="")))
            cve = said["cve"] or said["id"] or ""
            named = kind and said["package"] and CVE.fullmatch(cve) and PACKAGED.search(said["version"] or "")
            if named and said["label"] in {"TP", "FP"} and "jenkins" not in said["version"]:
                found.append((package(kind, said["package"], said["version"], on=on), cve, said["label"]))
    return found


@pytest.fixture(scope="module")
def outcomes(shared: Path) -> Counter[tuple[str, str]]:
    """How often each label met each answer: `("TP", "found")`."""
    given = labels(shared)
    cves = {cve for _, cve, _ in given}
    advisories = [*published(shared, *ARCHIVES, only=lambda name: any(cve in cves for cve in CVE.findall(name)))]
    advisories += [each for each in published(shared, "Debian-DSA-DLA-2023-03") if cves & {*each.upstream}]
    database = MemoryAdvisories(*advisories)
    spoken = {(row.ecosystem, row.name, cve) for each in advisories for row in each.affected for cve in each.upstream}
    return Counter(
        (label, outcome(of, cve, database))
        for of, cve, label in given
        if any((ecosystem, of.name, cve) in spoken for ecosystem in judging(of, database))
    )


def judging(of: Package, database: MemoryAdvisories) -> tuple[str, ...]:
    """The ecosystems that judge the package."""
    assert of.distro is not None
    release = release_of(of.distro, database.ecosystems())
    assert isinstance(release, Release)
    return (*release.ecosystems, *release.paid)


def outcome(of: Package, cve: str, database: MemoryAdvisories) -> str:
    judgement = judge(inventory(of), database)
    if any(finding.vulnerability == cve for finding in judgement.findings):
        return "found"
    return "gap" if any(cve in gap.detail for gap in judgement.gaps) else "clean"


def test_no_labelled_vulnerability_reads_as_clean(outcomes: Counter[tuple[str, str]]) -> None:
    assert outcomes["TP", "clean"] == 0


def test_labelled_vulnerabilities_are_found(outcomes: Counter[tuple[str, str]]) -> None:
    assert outcomes["TP", "found"] >= 328
    assert outcomes["TP", "gap"] <= 2


def test_what_is_labelled_a_false_positive_is_not_found(outcomes: Counter[tuple[str, str]]) -> None:
    assert outcomes["FP", "found"] <= 1  # one that Debian itself calls affected
