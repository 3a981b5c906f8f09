"""`container-manifest-2`: what distroless images of Azure Linux and CBL-Mariner hold in place of an rpm database.

A line a package, of ten fields with tabs between them: name, version-release, install time, build time, vendor, epoch,
size, architecture, epoch as a number, source rpm. `(none)` stands for what a package lacks.
https://github.com/microsoft/azurelinux/blob/3.0/toolkit/docs/how_it_works/5_misc.md
"""

from collections.abc import Iterator

from tidewaiter.errors import MalformedError
from tidewaiter.inventory.rpm.entry import entry
from tidewaiter.inventory.rpm.record import Damage
from tidewaiter.model.package import Package

_FIELDS = 10


def packages(content: bytes, path: str) -> Iterator[Package | Damage]:
    """The packages of a manifest, in its order, without the keys that it lists among them."""
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), 1):
        if not line.strip():
            continue
        try:
            package = _package(line.rstrip("\r").split("\t"), path)
        except MalformedError as error:
            yield Damage(f"line {number}", error.what)
        else:
            if package is not None:
                yield package


def _package(fields: list[str], path: str) -> Package | None:
    if len(fields) < _FIELDS:
        raise MalformedError(f"{len(fields)} fields in place of {_FIELDS}")
    name, version, _, _, vendor, _, _, architecture, epoch, source, *_ = fields
    if not epoch.isascii() or not epoch.isdigit():
        raise MalformedError("the epoch is not a number")
    return entry(
        path=path, name=name, epoch=int(epoch), version=version, architecture=architecture, vendor=vendor, source=source
    )
