"""The os-release file: shell-like assignments.

https://www.freedesktop.org/software/systemd/man/latest/os-release.html
"""

import re

from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.package import Distro

_ASSIGNMENT = re.compile(
    r"""(?P<name>[A-Za-z_][A-Za-z0-9_]*)=
        (?: "(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>[^']*)' | (?P<plain>(?:[^\s"'\\]|\\.)*) )
        [ \t]*(?:[ \t]\#.*)?""",
    re.VERBOSE,
)
_ESCAPED_IN_QUOTES = re.compile(r'\\([\\"$`])')
_ESCAPED = re.compile(r"\\(.)")
_TELLING = ("ID", "ID_LIKE", "NAME", "PRETTY_NAME", "VERSION_ID", "VERSION_CODENAME", "VARIANT_ID", "CPE_NAME")

# Alpine's edge calls itself by the release that it will become: 3.21_alpha20240923.
_EDGE = re.compile(r"_(?:alpha|git)")


def read(text: str, path: str) -> tuple[Distro | None, tuple[Gap, ...]]:
    """The release that the text names, without `root` and `path`; None where it assigns nothing.

    A broken line of a field that is used is a gap, and the field stays empty. ID is `linux` where it is missing,
    as the specification says.
    """
    fields, broken = assignments(text)
    gaps = tuple(_gap(path, line, said) for line, said in broken if said.partition("=")[0].strip() in _TELLING)
    if fields:
        return _distro(fields), gaps
    if broken and not gaps:
        gaps = (_gap(path, *broken[0]),)
    return None, gaps


def assignments(text: str) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """The variables that the text assigns, the last of each; and number and text of each line that is none."""
    fields: dict[str, str] = {}
    broken = []
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        match = _ASSIGNMENT.fullmatch(stripped)
        if match:
            fields[match["name"]] = printable(_value(match))
        elif stripped and not stripped.startswith("#"):
            broken.append((number, stripped))
    return fields, broken


def alpine_version(version: str) -> str:
    """The VERSION_ID of Alpine; `edge` for the rolling branch."""
    return "edge" if _EDGE.search(version) else version


def printable(text: str) -> str:
    """The text without control characters: names of releases are shown on terminals."""
    return "".join(character for character in text if character.isprintable())


def _value(match: re.Match[str]) -> str:
    if match["double"] is not None:
        return _ESCAPED_IN_QUOTES.sub(r"\1", match["double"])
    if match["single"] is not None:
        return match["single"]
    return _ESCAPED.sub(r"\1", match["plain"])


def _distro(fields: dict[str, str]) -> Distro:
    """The distribution, its ID and release in lower case; CentOS Stream, whose ID is `centos`, has variant `stream`."""
    id_ = fields.get("ID", "").lower() or "linux"
    version = fields.get("VERSION_ID", "").lower()
    stream = id_ == "centos" and "stream" in fields.get("NAME", "").lower()
    return Distro(
        id=id_,
        version_id=alpine_version(version) if id_ == "alpine" else version,
        pretty_name=fields.get("PRETTY_NAME", ""),
        version_codename=fields.get("VERSION_CODENAME", "").lower(),
        id_like=tuple(fields.get("ID_LIKE", "").lower().split()),
        cpe_name=fields.get("CPE_NAME", ""),
        variant_id="stream" if stream else fields.get("VARIANT_ID", "").lower(),
    )


def _gap(path: str, line: int, said: str) -> Gap:
    detail = f"line {line}: not a shell-like assignment: {said[:100]!r}"
    return Gap(stage=Stage.INVENTORY, why=Why.MALFORMED, subject=path, detail=detail)
