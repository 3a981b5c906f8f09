"""Module streams: within one release of an rpm distribution, `nodejs:10` and `nodejs:14` are different packages.

A fix in one stream says nothing of another, nor of a package outside modules, and the other way round.
https://docs.fedoraproject.org/en-US/modularity/
"""

import re

from tidewaiter.model.advisory import Advisory, Affected
from tidewaiter.model.package import Package

# A package of a module whose stream is not recorded (an SBOM without module labels, an advisory that does not say).
UNKNOWN = "?"

# Builds of modules carry it in their release: 10.24.0-1.module_el8.3.0+2047+b07ac28e
_MARK = ".module"
_NAMED = re.compile(r"\b([A-Za-z][\w.+-]*:[\w.+-]+)")


def stream_of(package: Package) -> str:
    """The `name:stream` that a package belongs to, UNKNOWN, or "" if it stands outside modules."""
    if package.module:
        return _name_and_stream(package.module)
    return UNKNOWN if package.type == "rpm" and _MARK in package.version else ""


def stream_meant(affected: Affected, advisory: Advisory) -> str:
    """The `name:stream` that a row of an advisory speaks of, UNKNOWN, or "" for packages outside modules.

    Alma and Rocky give the stream only in the summary: "Important: nodejs:14 security update".
    """
    if affected.module:
        return _name_and_stream(affected.module)
    if not any(_MARK in event.version for each in affected.ranges for event in each.events):
        return ""
    named = _NAMED.search(advisory.summary)
    return named[1] if named else UNKNOWN


def _name_and_stream(label: str) -> str:
    return ":".join(label.split(":")[:2])
