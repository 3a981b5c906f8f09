"""The JSON documents keep their keys, hold everything, and are read back with nothing lost."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden_files import assert_golden
from report_samples import CLEAN, EMPTY, INVENTORY, LODASH, SMALL
from tidewaiter.inventory.sbom import read_inventories, read_sbom
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest, ImageIdentity, Layer, Platform
from tidewaiter.model.package import Distro, Inventory, Location, Package, SourcePackage
from tidewaiter.model.report import Report
from tidewaiter.report.json import render, render_inventories


def test_the_small_report_stays_as_it_is() -> None:
    assert_golden("report.json", render([SMALL]))


def test_the_small_inventory_stays_as_it_is() -> None:
    assert_golden("inventory.json", render_inventories([INVENTORY]))


def test_a_report_has_the_keys_that_others_rely_on() -> None:
    report = json.loads(render([SMALL]))
    assert report["schema"] == "tidewaiter/report/1"
    assert {"schema", "image", "distro", "packages", "findings", "gaps", "feeds"} <= report.keys()
    assert {"reference", "digest", "platform"} <= report["image"].keys()
    assert {"id", "version_id", "pretty_name"} <= report["distro"].keys()
    assert {"purl", "type", "name", "version", "source", "locations"} <= report["packages"][0].keys()
    assert {"path", "layer"} <= report["packages"][0]["locations"][0].keys()
    wanted = {"vulnerability", "aliases", "purl", "severity", "severity_source", "fix", "threat", "advisories"}
    assert wanted <= report["findings"][0].keys()
    assert report["findings"][0]["fix"] == {"state": "fixed", "versions": ["3.0.13-1~deb12u1"]}
    assert report["findings"][0]["advisories"] == [{"feed": "debian", "id": "DEBIAN-CVE-2024-0727"}]
    assert {"stage", "why", "subject", "detail"} == report["gaps"][0].keys()
    assert {"name", "fetched", "advisories", "newest", "fingerprint"} <= report["feeds"][0].keys()


def test_what_is_not_known_is_null() -> None:
    report = json.loads(render([SMALL]))
    assert report["findings"][0]["threat"] == {"kev": None, "epss": None}
    assert report["findings"][4]["threat"] == {"kev": True, "epss": 0.41}
    assert (report["feeds"][1]["newest"], report["feeds"][1]["fetched"]) == (None, None)
    folder = json.loads(render([EMPTY]))
    assert (folder["image"]["digest"], folder["image"]["platform"], folder["distro"]) == (None, None, None)


def test_an_advisory_that_matches_twice_is_named_once() -> None:
    twice = replace(SMALL.findings[0], matches=SMALL.findings[0].matches * 2)
    finding = json.loads(render([replace(SMALL, findings=(twice,))]))["findings"][0]
    assert len(finding["matches"]) == 2
    assert len(finding["advisories"]) == 1


def test_hidden_findings_are_counted() -> None:
    assert json.loads(render([replace(SMALL, hidden=12)]))["hidden"] == 12


@pytest.mark.parametrize("reports", [[], [SMALL, EMPTY]])
def test_other_than_one_report_stand_in_an_envelope(reports: list[Report]) -> None:
    envelope = json.loads(render(reports))
    assert envelope["schema"] == "tidewaiter/reports/1"
    assert envelope["reports"] == [json.loads(render([report])) for report in reports]


def test_several_inventories_stand_in_an_envelope_and_are_read_back() -> None:
    text = render_inventories([INVENTORY, EMPTY.inventory])
    assert json.loads(text)["schema"] == "tidewaiter/inventories/1"
    assert read_inventories(text.encode(), "two.json") == (INVENTORY, EMPTY.inventory)


def test_several_reports_are_read_back() -> None:
    read = read_inventories(render([CLEAN, EMPTY]).encode(), "two.json")
    assert read == (CLEAN.inventory, EMPTY.inventory)


def test_undecodable_file_names_are_written_as_escapes() -> None:
    odd = replace(LODASH, locations=(Location(path="srv/\udcff/\x1b[2J/package.json"),))
    text = render_inventories([replace(INVENTORY, packages=(odd,))])
    assert json.loads(text)["packages"][0]["locations"][0]["path"] == "srv/\\udcff/\x1b[2J/package.json"
    assert "\x1b" not in text


def test_the_gaps_of_judging_are_judged_anew() -> None:
    read = read_sbom(render([SMALL]).encode(), "report.json")
    assert read.gaps == tuple(gap for gap in SMALL.gaps if gap.stage is not Stage.MATCH)
    assert replace(read, gaps=()) == replace(INVENTORY, gaps=())


_words = st.text(max_size=12)
_names = st.text(min_size=1, max_size=12)
_digests = st.builds(Digest, st.just("sha256"), st.text("0123456789abcdef", min_size=64, max_size=64))
_platforms = st.builds(
    Platform, st.sampled_from(["linux", "windows"]), st.sampled_from(["amd64", "arm"]), st.sampled_from(["", "v7"])
)
_moments = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the bounds of hypothesis bear no zone
_distros = st.builds(
    Distro,
    id=_names,
    version_id=_words,
    pretty_name=_words,
    version_codename=_words,
    id_like=st.lists(_words, max_size=2).map(tuple),
    cpe_name=_words,
    variant_id=_words,
    root=_words,
    path=_words,
)


@st.composite
def _layers(draw: st.DrawFn) -> tuple[Layer, ...]:
    return tuple(
        Layer(
            index=index,
            digest=draw(_digests),
            diff_id=draw(st.none() | _digests),
            media_type=draw(_words),
            size=draw(st.integers(0, 1 << 40)),
            created_by=draw(_words),
        )
        for index in range(draw(st.integers(0, 3)))
    )


@st.composite
def _inventories(draw: st.DrawFn) -> Inventory:
    layers = draw(_layers())
    distros = tuple(
        draw(st.lists(_distros, max_size=3, unique_by=lambda distro: (distro.id, distro.version_id, distro.root)))
    )
    layer = st.sampled_from([None, *layers])
    packages = st.builds(
        Package,
        purl=_words,
        type=st.sampled_from(["deb", "apk", "rpm", "npm"]),
        name=_words,
        version=_words,
        source=st.none() | st.builds(SourcePackage, name=_words, version=_words),
        architecture=_words,
        distro=st.sampled_from([None, *distros]),
        module=_words,
        vendor=_words,
        origin=_words,
        licenses=st.lists(_words, max_size=2).map(tuple),
        provides=st.lists(_words, max_size=2).map(tuple),
        locations=st.lists(st.builds(Location, path=_words, layer=layer, within=_words), max_size=2).map(tuple),
        extractor=_words,
    )
    gaps = st.builds(
        Gap,
        stage=st.sampled_from([stage for stage in Stage if stage is not Stage.MATCH]),
        why=st.sampled_from(list(Why)),
        subject=_words,
        detail=_words,
    )
    return Inventory(
        image=ImageIdentity(
            reference=draw(_words),
            digest=draw(st.none() | _digests),
            platform=draw(st.none() | _platforms),
            tags=tuple(draw(st.lists(_words, max_size=2))),
            created=draw(st.none() | _moments),
            layers=layers,
        ),
        distro=draw(st.sampled_from([None, *distros])),
        distros=distros,
        packages=tuple(draw(st.lists(packages, max_size=3))),
        gaps=tuple(draw(st.lists(gaps, max_size=2))),
        extractors=tuple(draw(st.lists(_words, max_size=2))),
    )


@settings(max_examples=60, deadline=None)
@given(_inventories())
def test_an_inventory_is_read_back_with_nothing_lost(inventory: Inventory) -> None:
    assert read_sbom(render_inventories([inventory]).encode(), "inventory.json") == inventory


@settings(max_examples=30, deadline=None)
@given(_inventories())
def test_the_inventory_of_a_report_is_read_back_with_nothing_lost(inventory: Inventory) -> None:
    report = Report(inventory=inventory, gaps=inventory.gaps)
    assert read_sbom(render([report]).encode(), "report.json") == inventory
