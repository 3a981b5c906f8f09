"""Module streams: within one release of an rpm distribution, `nodejs:10` and `nodejs:14` are different packages.

A fix in one stream says nothing of another, nor of a package outside modules, and the other way round.
https://docs.fedoraproject.org/en-US/modularity/
"""

import re

from tidewaiter.match.affected import Answer, Doubt, Verdict
from tidewaiter.match.keys import name_and_stream
from tidewaiter.model.advisory import Advisory, Affected
from tidewaiter.model.package import Package

# A package of a module whose stream is not recorded (an SBOM without module labels, an advisory that does not say).
UNKNOWN = "?"

# Builds of modules carry it in their release: 10.24.0-1.module_el8.3.0+2047+b07ac28e
_MARK = ".module"
_NAMED = re.compile(r"(?<![\w./+-])([A-Za-z0-9][\w.+-]*:[A-Za-z0-9][\w.+-]*)(?=[ /]|$)")


def stream_of(package: Package) -> str:
    """The `name:stream` that a package belongs to, UNKNOWN, or "" if it stands outside modules."""
    if package.module:
        return name_and_stream(package.module)
    return UNKNOWN if package.type == "rpm" and _MARK in package.version else ""


def streams_meant(affected: Affected, advisory: Advisory) -> tuple[str, ...]:
    """Each `name:stream` that a row of an advisory speaks of, UNKNOWN alone, or none for packages outside modules.

    Alma and Rocky give the streams only in the summary, and not which package is of which: "Important: nodejs:14
    security update", "Low: virt:rhel and virt-devel:rhel security update".
    """
    if affected.module:
        return (name_and_stream(affected.module),)
    if not any(_MARK in event.version for each in affected.ranges for event in each.events):
        return ()
    return tuple(_NAMED.findall(advisory.summary)) or (UNKNOWN,)


def heard(answer: Answer, stream: str, meant: tuple[str, ...]) -> Answer | None:
    """What the row's answer tells of a package of this stream; None if the row speaks of other packages."""
    if not meant:
        return _of_any_stream(answer) if stream else answer
    if not stream:
        return None
    if UNKNOWN in {stream, *meant}:
        return _doubtful(answer)
    return answer if stream in meant else None


def _of_any_stream(answer: Answer) -> Answer | None:
    """Red Hat names a component without a module also where it is built in modules only: `php` of release 8.

    A fix has a version, and that tells where it was built; what is open has none, and may mean any stream.
    """
    is_open = answer.verdict in {Verdict.YES, Verdict.CANNOT_TELL} and not answer.decided
    return _doubtful(answer) if is_open else None


def _doubtful(answer: Answer) -> Answer:
    if answer.verdict is Verdict.YES:
        return Answer(verdict=Verdict.CANNOT_TELL, doubt=Doubt.STREAM)
    return answer
