"""`--output-dir`: a report on each image of a fleet, in files whose names no registry can make harmful."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from tidewaiter.cli.sink import write
from tidewaiter.errors import UsageError
from tidewaiter.model.cloud import Registry
from tidewaiter.model.image import Digest
from tidewaiter.model.report import Report
from tidewaiter.report.catalog import render_reports

_LONGEST = 200  # bytes of a name: file systems take 255
_ENDS = {"table": "txt", "cyclonedx": "cdx.json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReports:
    """A folder for reports: `<host>/<repository>/<algorithm>-<hex>.json`, as the image is called in its registry."""

    folder: str
    format: str

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> "ImageReports | None":
        """The folder, made if it has to be; None if none is asked for. Raises UsageError."""
        folder = options["output_dir"]
        if not folder:
            return None
        _make(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UsageError("cannot be written: Permission denied", where=folder)
        return cls(folder=folder, format=options["report_format"])

    def write(self, registry: Registry, repository: str, digest: Digest, report: Report) -> None:
        """Write the report on an image of a repository. Raises UsageError."""
        path = self.path(registry, repository, digest)
        _make(os.path.dirname(path))
        write(render_reports([report], self.format, to_file=True), path)

    def path(self, registry: Registry, repository: str, digest: Digest) -> str:
        """Where the report on an image is written: below the folder, whatever the names are."""
        end = _ENDS.get(self.format, self.format)
        name = f"{digest.algorithm}-{digest.hex}.{end}"
        return os.path.join(self.folder, *_parts(registry.host), *_parts(repository), name)


def _parts(name: str) -> Iterator[str]:
    """The parts of a name between slashes, each a name that any file system takes."""
    for part in name.split("/"):
        safe = quote(part, safe="", errors="backslashreplace")
        safe = "%2E" + safe[1:] if safe.startswith(".") else safe or "%"
        yield safe if len(safe) <= _LONGEST else f"{safe[:_LONGEST]}~{sha256(safe.encode()).hexdigest()[:16]}"


def _make(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder cannot be made: {error.strerror}", where=folder) from error
