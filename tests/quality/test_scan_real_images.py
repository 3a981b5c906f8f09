"""Real images and real advisories, from the command line to the exit code."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.cli.main import run

Json = dict[str, Any]
Scan = Callable[[str], tuple[int, Json]]


@pytest.fixture
def scan(shared: Path, real_database: Path, capsys: pytest.CaptureFixture[str]) -> Scan:
    def scanned(image: str) -> tuple[int, Json]:
        target = str(shared / "corpus" / "images" / f"{image}.oci")
        code = run(["scan", "--db", str(real_database), "--format", "json", target])
        captured = capsys.readouterr()
        assert captured.err == ""
        report: Json = json.loads(captured.out)
        return code, report

    return scanned


def fixes(report: Json, package: str, vulnerability: str) -> list[tuple[str, str, list[str]]]:
    return [
        (finding["installed"], finding["fix"]["state"], finding["fix"]["versions"])
        for finding in report["findings"]
        if (finding["package"], finding["vulnerability"]) == (package, vulnerability)
    ]


def why(report: Json) -> Counter[str]:
    return Counter(gap["why"] for gap in report["gaps"])


def test_centos_7_is_judged_by_red_hat_with_the_fix_and_the_state_of_what_has_none(scan: Scan) -> None:
    code, report = scan("rpm-centos7-plain")
    assert code == 1
    assert len(report["packages"]) == 144
    vim = ("2:7.4.160-4.el7", "fixed", ["2:7.4.160-6.el7_6"])
    assert fixes(report, "vim-minimal", "CVE-2019-12735") == [vim]
    bind = ("32:9.9.4-61.el7_5.1", "fixed", ["32:9.9.4-74.el7_6.1"])
    assert fixes(report, "bind-license", "CVE-2018-5743") == [bind]
    assert fixes(report, "bash", "CVE-2012-6711") == [("4.2.46-30.el7", "not-fixed", [])]
    assert {finding["severity_source"] for finding in report["findings"]} == {"redhat"}
    assert why(report) == {"end-of-life": 1}


def test_centos_8_keeps_module_streams_apart(scan: Scan) -> None:
    code, report = scan("rpm-centos8-modularitylabel")
    assert code == 1
    assert len(report["packages"]) == 517
    modular = {package["name"]: package["module"] for package in report["packages"] if package["module"]}
    assert modular["nodejs"].startswith("nodejs:10:")
    assert {"end-of-life", "unsupported"} <= set(why(report))
    assert "no-feed" not in why(report)
    others = [
        fix for finding in report["findings"] if finding["package"] == "nodejs" for fix in finding["fix"]["versions"]
    ]
    assert [fix for fix in others if not fix.startswith("1:10.")] == []


@pytest.mark.parametrize(
    ("image", "packages", "subject", "ecosystem"),
    [
        ("small-distroless", 9, "Debian GNU/Linux 12 (bookworm)", "Debian:12"),
        ("alpine-node", 59, "Alpine Linux v3.23", "Alpine:v3.23"),
        ("rpm-mariner2", 129, "mariner 2.0", "Azure Linux:2"),
        ("rpm-sle15-bci", 35, "sles 15.4", "SUSE:Linux Enterprise Server 15 SP4"),
    ],
)
def test_a_release_without_advisories_is_a_gap_and_not_clean(
    scan: Scan, image: str, packages: int, subject: str, ecosystem: str
) -> None:
    code, report = scan(image)
    assert (code, report["findings"]) == (2, [])
    assert len(report["packages"]) == packages
    (gap,) = report["gaps"]
    assert (gap["stage"], gap["why"], gap["subject"]) == ("match", "no-feed", subject)
    assert f"the database holds no advisories for {ecosystem}; packages not judged: {packages}." in gap["detail"]
