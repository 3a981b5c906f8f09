"""`tidewaiter sbom`, from the command line to the exit code."""

from collections.abc import Callable
from pathlib import Path

import pytest

from command_lines import Ran, World, alpine_image
from tidewaiter.simulator.archives import write_docker_archive
from tidewaiter.simulator.registry import SimulatedRegistry

Run = Callable[..., Ran]
PURLS = {
    "cyclonedx": lambda document: [each["purl"] for each in document["components"] if "purl" in each],
    "spdx": lambda document: [
        reference["referenceLocator"]
        for package in document["packages"]
        for reference in package.get("externalRefs", [])
        if reference["referenceType"] == "purl" and not reference["referenceLocator"].startswith("pkg:oci")
    ],
    "json": lambda document: [each["purl"] for each in document["packages"]],
}


@pytest.mark.parametrize("format_", ["cyclonedx", "spdx", "json"])
def test_each_format_lists_the_packages_on_stdout_and_nothing_else(tidewaiter: Run, world: World, format_: str) -> None:
    done = tidewaiter("sbom", "--format", format_, world.alpine)
    assert (done.code, done.err) == (0, "")
    names = [purl.partition("@")[0].rpartition("/")[2] for purl in PURLS[format_](done.json)]
    assert sorted(names) == ["alpine-baselayout", "busybox", "curl", "libcrypto3", "libcurl", "libssl3", "musl"]


def test_cyclonedx_is_the_default_and_needs_no_database(tidewaiter: Run, world: World) -> None:
    assert tidewaiter("sbom", world.debian).json["bomFormat"] == "CycloneDX"


def test_output_is_what_stdout_would_have_been(
    tidewaiter: Run, world: World, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    shown = tidewaiter("sbom", world.alpine)
    written = tidewaiter("sbom", "--output", "sbom.json", "--quiet", world.alpine)
    assert (written.code, written.out, written.err) == (0, "", "")
    assert (alone / "sbom.json").read_text() == shown.out


def test_findings_do_not_matter_and_gaps_do(tidewaiter: Run, world: World, alone: Path) -> None:
    assert tidewaiter("sbom", world.debian).code == 0
    done = tidewaiter("sbom", "--format", "json", "none.tar")
    assert done.code == 2
    assert [gap["why"] for gap in done.json["gaps"]] == ["not-an-image"]
    assert done.err.startswith("tidewaiter: none.tar: there is no such file or folder")


def test_platforms_are_chosen(tidewaiter: Run, platforms: str) -> None:
    assert len(tidewaiter("sbom", "--format", "json", platforms).json["packages"]) == 1
    arm = tidewaiter("sbom", "--format", "json", "--platform", "linux/arm64", platforms)
    assert len(arm.json["packages"]) == 2
    every = tidewaiter("sbom", "--format", "json", "--all-platforms", platforms)
    assert every.json["schema"] == "tidewaiter/inventories/1"
    assert [each["image"]["platform"] for each in every.json["inventories"]] == ["linux/amd64", "linux/arm64"]


def test_a_document_for_one_image_says_how_to_get_several(tidewaiter: Run, alone: Path) -> None:
    images = {"a:1": alpine_image("musl 1.2.4-r1"), "a:2": alpine_image("musl 1.2.4-r2")}
    write_docker_archive(alone / "both.tar", images)
    done = tidewaiter("sbom", "both.tar")
    assert (done.code, done.out) == (3, "")
    assert "--format json" in done.err
    assert tidewaiter("sbom", "docker-archive:both.tar:a:2").code == 0


def test_an_image_in_a_registry_is_listed(tidewaiter: Run) -> None:
    with SimulatedRegistry() as registry:
        done = tidewaiter("sbom", "--format", "json", registry.push("a/b", "1", alpine_image("musl 1.2.4-r1")))
    assert (done.code, len(done.json["packages"])) == (0, 1)


def test_several_targets_are_refused(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("sbom", world.alpine, world.debian)
    assert (done.code, done.out) == (3, "")
