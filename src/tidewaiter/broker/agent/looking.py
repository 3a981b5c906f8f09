"""One image at the agent: its manifest, whether it may be looked through, and what came of that."""

from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from tidewaiter.aws.registries import RegistryApi
from tidewaiter.broker.agent.redaction import Redact, redacted
from tidewaiter.broker.messages import Result, ScanRequest
from tidewaiter.errors import LimitError, MalformedError
from tidewaiter.fleet.classify import by_manifest
from tidewaiter.fleet.looker import Looked, Progress, PulledImage
from tidewaiter.fleet.pull import Origin
from tidewaiter.image.limits import Limits
from tidewaiter.image.manifest import read_document
from tidewaiter.inventory.catalog import FINGERPRINT
from tidewaiter.inventory.encoding import encode_inventory
from tidewaiter.model.cloud import Registry, Repository
from tidewaiter.model.gap import Gap, Stage
from tidewaiter.model.image import Manifest
from tidewaiter.model.package import Inventory, Location, Package
from tidewaiter.scan.failures import failure


class Looks(Protocol):
    """Who looks through images; `fleet.looker.Looker` is one."""

    def look(self, image: PulledImage, *, progress: Progress | None = None) -> Future[Looked]:
        """Begin to look through an image; never blocks."""
        ...

    def forget(self, registry: Registry) -> None:
        """End the connections to a registry."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """An image that may be looked through; its layers have `weight` bytes as they are stored."""

    image: PulledImage
    weight: int


def fetched(origin: Origin, api: RegistryApi, wanted: ScanRequest, *, limits: Limits, ceiling: int) -> Fetched | Gap:
    """The image, or why it is not looked through: never an exception. `ceiling` is for its layers as they are stored.

    Whatever is no image is said to be none: without layers that can be read it would seem to be clean.
    """
    repository = Repository(registry=api.registry, name=wanted.repository)
    where = f"{repository}@{wanted.digest}"
    try:
        content, media_type = origin.manifest(wanted.repository, wanted.digest, ceiling=limits.manifest_bytes)
        manifest = _manifest(content, media_type, where)
        outcome = by_manifest(manifest).outcome
        if outcome is not None and outcome.why is not None:
            return Gap(stage=Stage.IMAGE, why=outcome.why, subject=where, detail=outcome.detail)
        weight = _weight(manifest, ceiling, where)
    except Exception as error:  # noqa: BLE001 - the edge of the stages: no image may end the agent
        return failure(error, where)
    image = PulledImage(
        repository=repository, digest=wanted.digest, manifest=content, media_type=media_type, tags=wanted.tags
    )
    return Fetched(image, weight)


def told(job: str, wanted: ScanRequest, looked: Looked, *, redact: Redact) -> bytes:
    """What is delivered: a line of JSON, `broker.messages.Result`, and the encoded inventory where there is one."""
    gap, inventory = looked.failure, b""
    try:
        if looked.inventory is not None:
            inventory = encode_inventory(_clean(looked.inventory, redact))
    except Exception as error:  # noqa: BLE001 - the edge of the stages: no inventory may end the agent
        gap = failure(error, f"{wanted.registry}/{wanted.repository}@{wanted.digest}")
    result = Result(
        job=job,
        digest=wanted.digest,
        failure=None if gap is None else _plain(redacted(gap, redact)),
        size=len(inventory),
        layers_read=looked.layers_read,
        bytes_pulled=looked.bytes_pulled,
        fingerprint=FINGERPRINT,
    )
    return msgspec.json.encode(result) + b"\n" + inventory


def _plain(gap: Gap) -> Gap:
    """The gap as text that JSON can hold: names in images need not be text."""
    subject, detail = (text.encode(errors="backslashreplace").decode() for text in (gap.subject, gap.detail))
    return replace(gap, subject=subject, detail=detail)


def _clean(inventory: Inventory, redact: Redact) -> Inventory:
    """The inventory without the commands that made the layers: arguments of a build are there, which may be secrets."""
    bare = {id(layer): replace(layer, created_by="") for layer in inventory.image.layers}

    def moved(location: Location) -> Location:
        layer = location.layer
        if layer is None:
            return location
        return replace(location, layer=bare.get(id(layer)) or replace(layer, created_by=""))

    def cleaned(package: Package) -> Package:
        return replace(package, locations=tuple([moved(location) for location in package.locations]))

    return replace(
        inventory,
        image=replace(inventory.image, layers=tuple([bare[id(layer)] for layer in inventory.image.layers])),
        packages=tuple([cleaned(package) for package in inventory.packages]),
        gaps=redacted(inventory.gaps, redact),
    )


def _manifest(content: bytes, media_type: str, where: str) -> Manifest:
    """Raises MalformedError and UnsupportedError."""
    manifest = read_document(content, where, media_type)
    if not isinstance(manifest, Manifest):
        raise MalformedError("it is an index, and not an image", where=where)
    return manifest


def _weight(manifest: Manifest, ceiling: int, where: str) -> int:
    """The stored bytes of the layers. Raises LimitError beyond the ceiling."""
    weight = sum(layer.size for layer in {layer.digest: layer for layer in manifest.layers}.values())
    if weight > ceiling:
        advice = "Raise the agent's ceiling for images"
        raise LimitError(
            f"its layers have {weight} bytes, more than {ceiling}", limit="stored", where=where, advice=advice
        )
    return weight
