"""The report for people, at every width, whatever an image puts into its names."""

import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from golden_files import assert_golden
from report_samples import BASH, CLEAN, EMPTY, FINDINGS, GAPS, LAYERS, LIBSSL, OPENSSL, SMALL, deb, finding, fixed
from tidewaiter.model.finding import Fix, FixState, Severity
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.report import Report
from tidewaiter.report.layout import columns_of
from tidewaiter.report.table import render

_SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize(
    ("width", "name"),
    [(60, "table-60.txt"), (80, "table-80.txt"), (120, "table-120.txt"), (200, "table-200.txt")],
)
def test_the_small_report_is_drawn_as_before(width: int, name: str) -> None:
    assert_golden(name, render([SMALL], width=width, colour=False))


def test_several_reports_are_drawn_one_under_the_other() -> None:
    assert_golden("table-several.txt", render([SMALL, CLEAN, EMPTY], width=100, colour=False))


@pytest.mark.parametrize("width", [0, 40, 60, 79, 80, 81, 100, 120, 200])
@pytest.mark.parametrize("report", [SMALL, CLEAN, EMPTY], ids=["small", "clean", "empty"])
def test_no_line_is_wider_than_asked(width: int, report: Report) -> None:
    lines = render([report], width=width, colour=False).splitlines()
    assert max(map(columns_of, lines)) <= max(width, 40)
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("width", [60, 120])
def test_colours_change_nothing_but_colours(width: int) -> None:
    coloured = render([SMALL], width=width, colour=True)
    assert _SGR.search(coloured)
    assert _SGR.sub("", coloured) == render([SMALL], width=width, colour=False)


def test_nothing_of_an_image_steers_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\r\n[bold red]clean[/]\u202e\u200b\x9b31m\udcff"
    package = replace(deb(evil, evil), locations=())
    inventory = replace(
        SMALL.inventory, image=replace(SMALL.inventory.image, reference=evil, tags=(evil,)), packages=(package,)
    )
    bad = finding(package, evil, Severity.HIGH, fixed(evil), summary=evil)
    gap = Gap(stage=Stage.IMAGE, why=Why.LIMIT, subject=evil, detail=evil)
    for width in (60, 200):
        drawn = render([Report(inventory=inventory, findings=(bad,), gaps=(gap,))], width=width, colour=False)
        assert [char for char in drawn if not char.isprintable() and char != "\n"] == []
        assert r"\x1b]0;owned\x07" in drawn
        assert "red]clean[/]" in drawn, "markup is text"


def test_a_history_line_cannot_steer_the_terminal_either() -> None:
    layer = replace(LAYERS[0], created_by="RUN \x1b[31m evil\n\tlines")
    found = finding(deb("bash", "5", layer=layer), "CVE-1", Severity.LOW, fixed("6"))
    drawn = render([replace(CLEAN, findings=(found,))], width=120, colour=False)
    assert r"RUN \x1b[31m evil lines" in drawn


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=30), st.integers(40, 160))
@example("0\xa1\U00018cd6", "000\x1f\x1f\x1f\U0001fbcb", 49)
def test_any_text_keeps_the_width_and_stays_printable(name: str, version: str, width: int) -> None:
    package = deb(name, version)
    found = finding(package, "CVE-2024-1", Severity.LOW, fixed(version), summary=name)
    gap = Gap(stage=Stage.IMAGE, why=Why.LIMIT, subject=name, detail=version)
    drawn = render([replace(SMALL, findings=(found,), gaps=(gap,))], width=width, colour=False)
    lines = drawn.split("\n")
    assert all(line.isprintable() for line in lines)
    assert max(map(columns_of, lines)) <= width


def test_the_worst_stands_first_and_equal_packages_of_one_source_share_a_block() -> None:
    drawn = render([SMALL], width=120, colour=False)
    order = ["zlib1g", "@shop/lodash", "nginx", "libssl3, openssl", "bash"]
    body = drawn[drawn.index("Package ") :]
    places = [body.index(name) for name in order]
    assert places == sorted(places)
    assert body.count("CVE-2024-0727") == 1


def test_packages_of_one_source_with_different_findings_do_not_share_a_block() -> None:
    one = finding(OPENSSL, "CVE-1", Severity.LOW, fixed("2"))
    other = finding(LIBSSL, "CVE-2", Severity.LOW, fixed("2"))
    drawn = render([replace(SMALL, findings=(one, other))], width=120, colour=False)
    assert "libssl3, openssl" not in drawn


def test_severities_are_counted_worst_first_with_how_many_can_be_fixed() -> None:
    drawn = render([SMALL], width=120, colour=False)
    assert "1 critical · 2 high · 2 medium · 2 low · 1 negligible · 1 unknown · 9 in all, 3 with a fix" in drawn


def test_every_state_of_a_fix_is_said() -> None:
    fixes = {
        FixState.FIXED: "3.0.13-1~deb12u1",
        FixState.NOT_FIXED: "no fix yet",
        FixState.WONT_FIX: "won't be fixed",
        FixState.DEFERRED: "fix deferred",
        FixState.PRO_ONLY: "3.0.13-1~deb12u1 (Pro only)",
        FixState.UNKNOWN: "unknown",
    }
    for state, said in fixes.items():
        versions = ("3.0.13-1~deb12u1",) if state in {FixState.FIXED, FixState.PRO_ONLY} else ()
        found = finding(OPENSSL, "CVE-1", Severity.LOW, Fix(state=state, versions=versions))
        row = next(
            line
            for line in render([replace(SMALL, findings=(found,))], width=120, colour=False).splitlines()
            if "CVE-1" in line
        )
        assert row.endswith(said), state


def test_gaps_are_always_printed_and_alike_ones_together() -> None:
    many = tuple(replace(GAPS[0], subject=f"opt/{number}.json") for number in range(40))
    drawn = render([replace(CLEAN, gaps=many)], width=80, colour=False)
    assert all(f"opt/{number}.json" in drawn for number in range(40))
    assert drawn.count("is no JSON at byte 12") == 1


def test_a_summary_does_not_repeat_the_name_before_it() -> None:
    found = finding(OPENSSL, "CVE-2024-1", Severity.LOW, fixed("2"), summary="CVE-2024-1: openssl: reads too far")
    drawn = render([replace(SMALL, findings=(found,))], width=200, colour=False)
    assert drawn.count("CVE-2024-1") == 1
    assert "openssl: reads too far" in drawn


def test_many_findings_of_a_severity_stand_before_few() -> None:
    one = finding(BASH, "CVE-1", Severity.HIGH, fixed("2"))
    two = [finding(OPENSSL, name, Severity.HIGH, fixed("2")) for name in ("CVE-2", "CVE-3")]
    drawn = render([replace(SMALL, findings=(one, *two))], width=120, colour=False)
    assert drawn.index("\n  openssl ") < drawn.index("\n  bash ")


def test_hidden_findings_are_said() -> None:
    drawn = render([replace(SMALL, hidden=12)], width=120, colour=False)
    assert "12 more hidden by the filters" in drawn
    none_left = render([replace(SMALL, findings=(), gaps=(), hidden=1)], width=120, colour=False)
    assert none_left.rstrip().endswith("1 finding hidden by the filters.")
    assert "No known vulnerabilities" not in none_left


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (CLEAN, "No known vulnerabilities in what was looked at."),
        (replace(CLEAN, gaps=GAPS[:1]), "Incomplete: 1 gap: not a clean bill."),
        (replace(CLEAN, gaps=(replace(GAPS[0], why=Why.FILTERED),)), "No known vulnerabilities in what was looked at."),
        (EMPTY, "Nothing was judged: no packages were found."),
        (SMALL, "9 findings in 6 packages, 3 with a fix. Incomplete: 2 gaps: there may be more."),
        (replace(SMALL, gaps=(), findings=FINDINGS[:1]), "1 finding in 1 package, 1 with a fix."),
    ],
    ids=["clean", "incomplete", "left out by choice", "nothing", "both", "findings"],
)
def test_the_last_line_is_an_honest_verdict(report: Report, verdict: str) -> None:
    assert render([report], width=120, colour=False).rstrip().splitlines()[-1] == verdict


def test_without_feeds_it_says_that_nothing_was_judged() -> None:
    assert "none: nothing was judged" in render([replace(CLEAN, feeds=())], width=120, colour=False)


def test_the_layers_that_brought_findings_are_listed_with_their_history() -> None:
    drawn = render([SMALL], width=120, colour=False)
    assert re.search(
        r"^ +1  b1b1b1b1b1b1  5 findings +RUN /bin/sh -c apt-get update && apt-get install", drawn, re.MULTILINE
    )


def test_hundreds_of_findings_take_a_line_each_and_a_block_a_package() -> None:
    packages = [deb(f"package{number}", "1.0-1") for number in range(60)]
    many = tuple(
        finding(package, f"CVE-2024-{number}{cve}", Severity.HIGH, fixed("1.0-2"))
        for number, package in enumerate(packages)
        for cve in range(5)
    )
    for width, most in ((120, 300), (80, 360)):
        drawn = render([replace(SMALL, findings=many)], width=width, colour=False)
        section = drawn[drawn.index("Findings") : drawn.index("Layers that brought")]
        assert len(section.splitlines()) <= most + 6
    assert BASH.name not in section
