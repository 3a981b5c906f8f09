"""`container-manifest-2`: what distroless images of Azure Linux and CBL-Mariner hold in place of an rpm database.

A line a package, of ten fields with tabs between them: name, version-release, install time, build time, vendor, epoch,
size, architecture, epoch as a number, source rpm. `(none)` stands for what a package lacks.
https://github.com/microsoft/azurelinux/blob/3.0/toolkit/docs/how_it_works/5_misc.md
"""

import re
from collections.abc import Iterator

from tidewaiter.errors import MalformedError
from tidewaiter.inventory.rpm.entry import entry
from tidewaiter.inventory.rpm.record import Damage
from tidewaiter.model.package import Package

_FIELDS = 10
_EPOCH = re.compile("[0-9]{1,10}")
_LINE = re.compile(rb"[^\r\n]+")


def packages(content: bytes, path: str) -> Iterator[Package | Damage | None]:
    """The packages of a manifest, in its order; None for a key, which rpm keeps among them."""
    number, counted = 1, 0
    for line in _LINE.finditer(content):
        number, counted = number + content.count(b"\n", counted, line.start()), line.start()
        try:
            package = _package(line[0].decode("utf-8", "replace").split("\t", _FIELDS), path)
        except MalformedError as error:
            yield Damage(f"line {number}", error.what)
        else:
            yield package


def _package(fields: list[str], path: str) -> Package | None:
    if len(fields) < _FIELDS:
        raise MalformedError(f"{len(fields)} fields in place of {_FIELDS}")
    name, version, _, _, vendor, _, _, architecture, epoch, source, *_ = fields
    if not _EPOCH.fullmatch(epoch):
        raise MalformedError(f"the epoch {epoch[:100]!r} is not a number")
    return entry(
        path=path, name=name, epoch=int(epoch), version=version, architecture=architecture, vendor=vendor, source=source
    )
