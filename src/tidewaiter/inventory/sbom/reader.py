"""Which kind of document a file is, and its way to an inventory."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from tidewaiter.errors import LimitError, MalformedError, UnsupportedError, UsageError
from tidewaiter.inventory.sbom.decoding import decoded
from tidewaiter.model.document import INVENTORIES, INVENTORY, REPORT, REPORTS
from tidewaiter.model.package import Inventory

CEILING = 256 << 20
"""The largest document that is read, in bytes."""

_MARKS = b"\xef\xbb\xbf"
_TAG_VALUE = re.compile(rb"^SPDXVersion:", re.MULTILINE)
_OFFERS = "CycloneDX (JSON, XML), SPDX 2 (JSON, tag-value), and tidewaiter's own JSON are read."
_FOREIGN = {
    "artifacts": "syft's own JSON; ask syft for cyclonedx-json",
    "Results": "trivy's own JSON; ask trivy for --format cyclonedx",
    "@context": "SPDX 3, or another JSON-LD document",
}


class _Probe(msgspec.Struct, rename={"bom_format": "bomFormat", "spdx_version": "spdxVersion", "type": "_type"}):
    """What tells the kinds of JSON documents apart."""

    bom_format: str | None = None
    spdx_version: str | None = None
    schema: str | None = None
    type: str | None = None
    predicate: msgspec.Raw = msgspec.Raw()


def read_sbom(content: bytes, name: str, *, ceiling: int = CEILING) -> Inventory:
    """The inventory in a document; `name` is the file's, for messages, and the image's where the document names none.

    What the document lists but nobody could judge is a gap. Raises MalformedError, UnsupportedError, LimitError; and
    UsageError for a document of several images.
    """
    inventories = read_inventories(content, name, ceiling=ceiling)
    if len(inventories) != 1:
        raise UsageError(f"there are {len(inventories)} images in it, and one was expected", where=name)
    return inventories[0]


def read_inventories(content: bytes, name: str, *, ceiling: int = CEILING) -> tuple[Inventory, ...]:
    """The inventories in a document: one, unless tidewaiter wrote it of several images. Raises as `read_sbom`."""
    if len(content) > ceiling:
        raise LimitError(f"{len(content):,} bytes, more than {ceiling:,}", limit="sbom", where=name)
    content = content.removeprefix(_MARKS)
    try:
        return _reader(content, name)(content, name)
    except RecursionError as error:
        raise MalformedError("nested too deeply", where=name) from error


_Reader = Callable[[bytes, str], tuple[Inventory, ...]]


def _reader(content: bytes, name: str) -> _Reader:
    start = content[:4096].lstrip()
    if start.startswith(b"{"):
        return _json
    if start.startswith(b"<"):
        from tidewaiter.inventory.sbom.cyclonedx_xml import read_xml

        return _single(read_xml)
    if _TAG_VALUE.search(content[:4096]):
        from tidewaiter.inventory.sbom.spdx_tags import read_tags

        return _single(read_tags)
    raise UnsupportedError("no SBOM of a known format", where=name, advice=_OFFERS)


def _single(read: Callable[[bytes, str], Inventory]) -> _Reader:
    return lambda content, name: (read(content, name),)


def _json(content: bytes, name: str) -> tuple[Inventory, ...]:
    probe = decoded(content, _Probe, name)
    if probe.type is not None and probe.predicate != msgspec.Raw():
        content = bytes(probe.predicate)  # an in-toto statement: https://github.com/in-toto/attestation
        name = f"{name}: predicate"
        probe = decoded(content, _Probe, name)
    return _json_reader(probe, content, name)(content, name)


def _json_reader(probe: _Probe, content: bytes, name: str) -> _Reader:
    if probe.schema in {INVENTORY, REPORT, INVENTORIES, REPORTS}:
        from tidewaiter.inventory.sbom.native import read_native

        return read_native
    if probe.bom_format == "CycloneDX":
        from tidewaiter.inventory.sbom.cyclonedx import read_cyclonedx

        return _single(read_cyclonedx)
    if probe.spdx_version is not None:
        from tidewaiter.inventory.sbom.spdx import read_spdx

        return _single(read_spdx)
    raise _unknown(content, name)


def _unknown(content: bytes, name: str) -> UnsupportedError:
    keys: dict[str, Any] = decoded(content, dict[str, msgspec.Raw], name)
    schema = f" (schema {bytes(keys['schema']).decode()[:60]})" if "schema" in keys else ""
    kind = next((kind for key, kind in _FOREIGN.items() if key in keys), f"JSON of an unknown kind{schema}")
    return UnsupportedError(f"this is {kind}", where=name, advice=_OFFERS)
