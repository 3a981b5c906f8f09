"""Whose word on the severity counts."""

import subprocess
import sys

import pytest

from tidewaiter.match.severity import Choice, Opinion, choose, of_score, read, score_of
from tidewaiter.model.advisory import Rating
from tidewaiter.model.finding import Severity

V3_CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"  # 9.8
V3_MEDIUM = "CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:N/A:N"  # 4.7
V2_HIGH = "AV:N/AC:L/Au:N/C:C/I:C/A:C"  # 10.0
V4_MEDIUM = "CVSS:4.0/AV:N/AC:L/AT:N/PR:H/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N"  # 5.1


def rating(source: str, label: str = "", vector: str = "", system: str = "label", score: float | None = None) -> Rating:
    return Rating(source=source, system=system, label=label, vector=vector, score=score)


@pytest.mark.parametrize(
    ("publisher", "label", "severity"),
    [
        ("redhat", "Low", Severity.LOW),
        ("redhat", "Moderate", Severity.MEDIUM),
        ("almalinux", "Important", Severity.HIGH),
        ("suse", "critical", Severity.CRITICAL),
        ("amazon", "medium", Severity.MEDIUM),
        ("amazon", "important", Severity.HIGH),
        ("ubuntu", "negligible", Severity.NEGLIGIBLE),
        ("ubuntu", "high", Severity.HIGH),
        ("debian", "unimportant", Severity.NEGLIGIBLE),
        ("debian", "low", Severity.LOW),
        ("debian", "medium**", Severity.MEDIUM),
        ("debian", "not yet assigned", Severity.UNKNOWN),
        ("debian", "end-of-life", Severity.UNKNOWN),
        ("ghsa", "MODERATE", Severity.MEDIUM),
        ("bitnami", "Critical", Severity.CRITICAL),
    ],
)
def test_each_publishers_labels_are_understood(publisher: str, label: str, severity: Severity) -> None:
    assert read(rating(publisher, label)).severity is severity


@pytest.mark.parametrize(
    ("score", "version_2", "severity"),
    [
        (10.0, True, Severity.HIGH),
        (7.0, True, Severity.HIGH),
        (6.9, True, Severity.MEDIUM),
        (3.9, True, Severity.LOW),
        (0.0, True, Severity.LOW),
        (10.0, False, Severity.CRITICAL),
        (9.0, False, Severity.CRITICAL),
        (8.9, False, Severity.HIGH),
        (4.0, False, Severity.MEDIUM),
        (0.1, False, Severity.LOW),
        (0.0, False, Severity.NEGLIGIBLE),
    ],
)
def test_cvss_scores_have_the_steps_of_their_version(score: float, version_2: bool, severity: Severity) -> None:
    assert of_score(score, version_2=version_2) is severity


@pytest.mark.parametrize(
    ("system", "vector", "severity", "score"),
    [
        ("CVSS_V3", V3_CRITICAL, Severity.CRITICAL, 9.8),
        ("CVSS_V3", V3_MEDIUM, Severity.MEDIUM, 4.7),
        ("CVSS_V2", V2_HIGH, Severity.HIGH, 10.0),
        ("CVSS_V2", f"({V2_HIGH})", Severity.HIGH, 10.0),
        ("CVSS_V4", V4_MEDIUM, Severity.MEDIUM, 5.1),
    ],
)
def test_vectors_of_all_versions_are_scored(system: str, vector: str, severity: Severity, score: float) -> None:
    assert read(rating("nvd", vector=vector, system=system)) == Choice(severity=severity, source="nvd", score=score)


@pytest.mark.parametrize("vector", ["", "nonsense", "CVSS:3.1/AV:Q", "CVSS:4.0/", "CVSS:9.9/AV:N", "()", "AV:N"])
def test_a_vector_that_can_not_be_read_decides_nothing(vector: str) -> None:
    assert score_of(vector) is None
    assert choose([Opinion(rating=rating("nvd", vector=vector, system="CVSS_V3"))]) == Choice()


def test_of_one_publisher_the_newest_version_of_cvss_counts_even_if_it_is_milder() -> None:
    old, new, newest = (
        Opinion(rating=rating("gitlab", vector=vector, system=system))
        for system, vector in (("CVSS_V2", V2_HIGH), ("CVSS_V3", V3_MEDIUM), ("CVSS_V4", V4_MEDIUM))
    )
    assert choose([old, new]).score == 4.7
    assert choose([newest, old, new]).score == 5.1
    unreadable = Opinion(rating=rating("gitlab", vector="CVSS:4.0/", system="CVSS_V4"))
    assert choose([old, new, unreadable]).score == 4.7
    other = Opinion(rating=rating("pypa", vector=V3_CRITICAL, system="CVSS_V3"))
    assert choose([old, newest, other]).source == "pypa"


def test_the_distributions_own_word_comes_first_even_if_it_is_milder() -> None:
    opinions = [
        Opinion(rating=rating("nvd", vector=V3_CRITICAL, system="CVSS_V3")),
        Opinion(rating=rating("debian", "low"), own=True),
        Opinion(rating=rating("ghsa", "CRITICAL")),
    ]
    assert choose(opinions) == Choice(severity=Severity.LOW, source="debian")


def test_of_the_distributions_words_that_on_the_very_package_counts_most() -> None:
    opinions = [
        Opinion(rating=rating("ubuntu", "high"), own=True, specific=1),
        Opinion(rating=rating("ubuntu", "low"), own=True, specific=2),
        Opinion(rating=rating("ubuntu", "critical"), own=True, specific=0),
    ]
    assert choose(opinions).severity is Severity.LOW


def test_a_label_is_the_distributions_word_before_a_vector_it_repeats() -> None:
    opinions = [
        Opinion(rating=rating("ubuntu", vector=V3_CRITICAL, system="CVSS_V3"), own=True, specific=1),
        Opinion(rating=rating("ubuntu", "medium"), own=True, specific=1),
    ]
    assert choose(opinions).severity is Severity.MEDIUM


def test_without_it_github_then_nvd_then_the_highest() -> None:
    github, nvd = rating("ghsa", "MODERATE"), rating("nvd", vector=V3_CRITICAL, system="CVSS_V3")
    mild, grave = rating("gitlab", vector=V3_MEDIUM, system="CVSS_V3"), rating("rustsec", "high")
    everyone = [Opinion(rating=each) for each in (grave, mild, nvd, github)]
    assert choose(everyone).source == "ghsa"
    assert choose(everyone[:3]).source == "nvd"
    assert choose(everyone[:2]).source == "rustsec"
    assert choose([]) == Choice()


def test_a_word_that_says_nothing_passes_to_the_next() -> None:
    unsaid = Opinion(rating=rating("debian", "not yet assigned"), own=True)
    assert choose([unsaid, Opinion(rating=rating("nvd", score=7.5))]) == Choice(
        severity=Severity.HIGH, source="nvd", score=7.5
    )


def test_the_cvss_library_is_not_loaded_where_labels_decide() -> None:
    program = f"""
import sys
from tidewaiter.match.severity import Opinion, choose
from tidewaiter.model.advisory import Rating

choose(
    [
        Opinion(rating=Rating(source="debian", system="label", label="low"), own=True),
        Opinion(rating=Rating(source="nvd", system="CVSS_V3", vector="{V3_CRITICAL}")),
    ]
)
sys.exit("cvss" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
