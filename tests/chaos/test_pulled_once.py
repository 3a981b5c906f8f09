"""Each layer is pulled once, ever: whatever images, accounts, regions and runs it is needed in."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet_commands import Ended, Fleet
from tidewaiter.aws.permissions import session_policy
from tidewaiter.model.image import Digest, Platform
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.demonstration import alpine_base, alpine_curl, debian_base, debian_curl
from tidewaiter.simulator.images import Built, build_image, build_index, build_layer, sha256
from tidewaiter.simulator.policies import Document, allowing, trusting

REGIONS = ("us-east-1", "eu-central-1")
ACCOUNTS = ("200000000001", "200000000002")


def application(name: str, *, on: str = "debian") -> Built:
    below = [debian_base(), debian_curl()] if on == "debian" else [alpine_base(), alpine_curl()]
    return build_image([*below, build_layer({f"srv/{name}": name.encode() * 1000})])


FIRST = {name: application(name) for name in ("web", "shop", "ledger")} | {"job": application("job", on="alpine")}
PARTS = (application("both"), build_image([alpine_base()], platform=Platform("linux", "arm64")))
SCANNED = (*FIRST.values(), *PARTS)
READER: Document = json.loads(session_policy("aws"))
MOVED = application("web of today")


def blobs_of(*images: Built) -> dict[Digest, int]:
    """The sizes of the layers and configurations of images."""
    found: dict[Digest, int] = {}
    for image in images:
        found |= {layer.digest: len(layer.stored) for layer in image.layers}
        found |= {sha256(image.config): len(image.config)} if image.config else {}
    return found


@dataclass(frozen=True, slots=True)
class Voyages:
    """Three runs: the first one, another on the same images, and one after a tag has moved. `pulled` by each."""

    runs: tuple[Ended, ...]
    pulled: tuple[list[Digest], ...]
    bytes_pulled: tuple[int, ...]


@pytest.fixture(scope="module")
def voyages(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Voyages]:
    with SimulatedAws() as cloud:
        fleet = fleet_of(cloud, database, tmp_path_factory.mktemp("voyages"))
        runs, pulled, sizes = [], [], []
        for _ in range(3):
            blobs = cloud.registries.blobs
            before, size = len(blobs.fetches), blobs.bytes_served
            runs.append(fleet.scanned())
            pulled.append([fetch.digest for fetch in blobs.fetches[before:]])
            sizes.append(blobs.bytes_served - size)
            if len(runs) == 2:
                cloud.registries.registry(ACCOUNTS[1], REGIONS[1]).push("team/web", "latest", MOVED)
        yield Voyages(tuple(runs), tuple(pulled), tuple(sizes))


def fleet_of(cloud: SimulatedAws, database: Path, folder: Path) -> Fleet:
    """The same images in several repositories of two accounts and two regions."""
    tools = cloud.account("tools", id="200000000000")
    arguments = ["ecr", "scan", "--region", ",".join(REGIONS)]
    for number in ACCOUNTS:
        account = cloud.account(f"team {number}", id=number)
        role = account.role("reader", trust=trusting(tools.id), policy=READER)
        arguments += ["--role-arn", role]
        for region in REGIONS:
            for name, image in FIRST.items():
                account.registry(region).push(f"team/{name}", "latest", image)
            account.registry(region).push("team/both", "1.0", build_index(PARTS))
    keys = tools.user("tidewaiter", policy=allowing("sts:AssumeRole"))
    return Fleet(cloud, folder, database, cloud.environment(keys), tuple(arguments))


def test_the_first_run_pulls_each_layer_and_configuration_once(voyages: Voyages) -> None:
    wanted = blobs_of(*SCANNED)
    assert sorted(map(str, voyages.pulled[0])) == sorted(map(str, wanted))
    assert voyages.bytes_pulled[0] == sum(wanted.values())
    run = voyages.runs[0].report["run"]
    layers = {layer.digest: len(layer.stored) for image in SCANNED for layer in image.layers}
    assert (run["layers_read"], run["bytes_pulled"]) == (len(layers), sum(layers.values()))
    assert (run["looked"], run["known"]) == (len(SCANNED), 0)


def test_every_place_has_its_own_row_in_the_report(voyages: Voyages) -> None:
    report = voyages.runs[0].report
    places = {(image["account"], image["region"], image["repository"]) for image in report["images"]}
    assert places == {
        (account, region, f"team/{name}") for account in ACCOUNTS for region in REGIONS for name in (*FIRST, "both")
    }
    assert {image["state"] for image in report["images"]} == {"scanned"}
    assert all(image["packages"] for image in report["images"] if image["kind"] == "image")


def test_a_second_run_pulls_nothing_and_says_the_same(voyages: Voyages) -> None:
    assert voyages.pulled[1] == []
    run = voyages.runs[1].report["run"]
    assert (run["layers_read"], run["bytes_pulled"], run["looked"], run["moved"]) == (0, 0, 0, [])
    assert run["known"] == len(SCANNED)
    assert voyages.runs[1].lasting == voyages.runs[0].lasting


def test_a_tag_that_moved_is_told_and_of_its_new_image_only_the_new_layer_is_pulled(voyages: Voyages) -> None:
    new = {MOVED.layers[-1].digest, sha256(MOVED.config)}
    assert set(voyages.pulled[2]) == new
    assert len(voyages.pulled[2]) == len(new)
    run = voyages.runs[2].report["run"]
    assert run["moved"] == [
        {
            "repository": f"{ACCOUNTS[1]}.dkr.ecr.{REGIONS[1]}.amazonaws.com/team/web",
            "tag": "latest",
            "old": str(FIRST["web"].digest),
            "new": str(MOVED.digest),
        }
    ]
    assert (run["layers_read"], run["looked"]) == (1, 1)
    assert run["bytes_pulled"] == len(MOVED.layers[-1].stored)
    old = next(image for image in voyages.runs[2].report["images"] if image["digest"] == str(FIRST["web"].digest))
    assert old["state"] == "scanned", "it is in the other registries still"
