"""What is said of an image that was looked through: all of it, or why not, and nothing that must stay."""

from dataclasses import replace
from typing import Any, cast

import msgspec

from tidewaiter.broker.agent.looking import told
from tidewaiter.broker.messages import Result, ScanRequest
from tidewaiter.fleet.looker import Looked
from tidewaiter.inventory.catalog import FINGERPRINT
from tidewaiter.inventory.encoding import decode_inventory
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest, ImageIdentity, Layer
from tidewaiter.model.package import Inventory, Location, Package

DIGEST = Digest("sha256", "0" * 64)
WANTED = ScanRequest(registry="registry.example", repository="app", digest=DIGEST)
LAYER = Layer(index=0, digest=DIGEST, created_by="RUN TOKEN=planted make")
PACKAGE = Package(purl="pkg:deb/debian/a@1", type="deb", name="a", version="1", locations=(Location(path="x"),))
INVENTORY = Inventory(image=ImageIdentity(reference="app", digest=DIGEST, layers=(LAYER,)), packages=(PACKAGE,))


def read(content: bytes) -> tuple[Result, bytes]:
    head, _, packed = content.partition(b"\n")
    return msgspec.json.decode(head, type=Result), packed


def redact(text: str) -> str:
    return text.replace("planted", "***")


def test_an_inventory_follows_its_line() -> None:
    result, packed = read(
        told("job", WANTED, Looked(inventory=INVENTORY, layers_read=2, bytes_pulled=3), redact=redact)
    )
    assert result == Result("job", DIGEST, size=len(packed), layers_read=2, bytes_pulled=3, fingerprint=FINGERPRINT)
    assert decode_inventory(packed).packages == (PACKAGE,)


def test_no_command_is_in_it_wherever_the_layer_stands() -> None:
    elsewhere = replace(LAYER, index=7)
    located = replace(PACKAGE, locations=(Location(path="x", layer=LAYER), Location(path="y", layer=elsewhere)))
    looked = Looked(inventory=replace(INVENTORY, packages=(located,)))
    inventory = decode_inventory(read(told("job", WANTED, looked, redact=redact))[1])
    layers = [location.layer for package in inventory.packages for location in package.locations]
    assert layers == [replace(LAYER, created_by=""), replace(elsewhere, created_by="")]
    assert inventory.image.layers == (replace(LAYER, created_by=""),)


def test_no_secret_is_in_its_gaps() -> None:
    gap = Gap(stage=Stage.IMAGE, why=Why.LIMIT, subject="x", detail="planted")
    inventory = decode_inventory(
        read(told("job", WANTED, Looked(inventory=replace(INVENTORY, gaps=(gap,))), redact=redact))[1]
    )
    assert inventory.gaps == (replace(gap, detail="***"),)


def test_a_failure_names_what_is_no_text() -> None:
    gap = Gap(stage=Stage.IMAGE, why=Why.MALFORMED, subject="x\udcff", detail="y\udcfe planted")
    result, packed = read(told("job", WANTED, Looked(failure=gap), redact=redact))
    assert result.failure == replace(gap, subject="x\\udcff", detail="y\\udcfe ***")
    assert packed == b""


def test_an_inventory_that_cannot_be_told_is_a_failure() -> None:
    broken = replace(PACKAGE, name=cast("Any", object()))
    result, packed = read(told("job", WANTED, Looked(inventory=replace(INVENTORY, packages=(broken,))), redact=redact))
    assert result.failure is not None
    assert "error of tidewaiter itself" in result.failure.detail
    assert (result.size, packed) == (0, b"")
