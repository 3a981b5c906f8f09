"""Package databases that are text: records of lines, parted by blank lines. What dpkg and apk have in common."""

import re
from collections.abc import Iterator

from tidewaiter.model.gap import Gap, Stage, Why

MOST_PACKAGES = 200_000
"""Packages taken from one file: three times what Debian publishes for an architecture."""

MOST_FILES = 1_000_000
"""Names of owned files taken from one file."""

MOST_BYTES = 1 << 20
"""The longest field, and the longest record of which only fields are wanted. Real ones have some hundred kilobytes."""

_MOST_BROKEN = 1_000
_MOST_TOLD = 20
_BLANK = re.compile(rb"\n[ \t\r\n]*(?=\n)")
_PRINTABLE = re.compile(rb"[!-~]+")


class StanzaFile:
    """The records of one file, and what was wrong with them.

    `text` is the file with a newline before and after, so that every line, the first and an unfinished last one too,
    begins and ends with one. Complaints become gaps that name the line; those beyond the first twenty are counted.
    `stopped` tells that a ceiling was reached: what follows is not read.
    """

    def __init__(self, path: str, content: bytes) -> None:
        self.text = b"".join((b"\n", content, b"\n"))
        self._path = path
        self._told: list[tuple[int, str]] = []
        self._broken = 0
        self._limits: list[str] = []
        self.stopped = False

    def spans(self) -> Iterator[tuple[int, int]]:
        """Start and end in `text` of each record. Ends early, as a gap, after a thousand broken records."""
        start = 0
        for blank in _BLANK.finditer(self.text):
            if blank.start() > start:
                yield start, blank.start()
            start = blank.end()
            if self.stopped:
                return
        if start < len(self.text) - 1:
            yield start, len(self.text) - 1

    def complain(self, start: int, what: str) -> None:
        """Notes what is wrong with the record or line that starts at this place of `text`."""
        self._broken += 1
        if self._broken <= _MOST_TOLD:
            self._told.append((self.text.count(b"\n", 0, start + 1), what))
        if self._broken > _MOST_BROKEN:
            self.stop(f"more than {_MOST_BROKEN:,} records are broken")

    def stop(self, why: str) -> None:
        """Ends `spans`: the rest of the file is not looked at, and a gap says so."""
        if not self.stopped:
            self.stopped = True
            self.leave_out(f"{why}: the rest of the file was not read")

    def leave_out(self, what: str) -> None:
        """Notes what a ceiling keeps from being read."""
        self._limits.append(what)

    def gaps(self) -> tuple[Gap, ...]:
        """All complaints, in the order of the file."""
        details = [f"line {line}: {what}" for line, what in self._told]
        if self._broken > _MOST_TOLD:
            details.append(f"{self._broken - _MOST_TOLD:,} more records are broken")
        malformed = [self._gap(Why.MALFORMED, detail) for detail in details]
        return (*malformed, *(self._gap(Why.LIMIT, detail) for detail in self._limits))

    def _gap(self, why: Why, detail: str) -> Gap:
        return Gap(stage=Stage.INVENTORY, why=why, subject=self._path, detail=detail)


def is_word(value: bytes) -> bool:
    """Whether it is one word of printable ASCII, as names and versions are everywhere."""
    return _PRINTABLE.fullmatch(value) is not None


def decode(value: bytes) -> str:
    """The text of a field; what is not UTF-8 (old maintainers' names) is replaced."""
    return value.decode("utf-8", "replace")


def decode_path(value: bytes) -> str:
    """The name of a file; bytes that are not UTF-8 survive as lone surrogates, as they do in the names of layers."""
    return value.decode("utf-8", "surrogateescape")


def below_root(path: str, known: str) -> str | None:
    """The root ("" or that of a chroot) below which `path` is the well-known file `known`; None if it is not."""
    if path == known:
        return ""
    return path[: -len(known) - 1] if path.endswith("/" + known) else None
