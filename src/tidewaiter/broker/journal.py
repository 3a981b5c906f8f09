"""What the programs of the brokered integration say while they run: lines of text or JSON, without secrets."""

import contextlib
import json
import logging
import sys
import time
from enum import StrEnum
from typing import IO, Final

import msgspec

from tidewaiter.broker.secrets import Secrets
from tidewaiter.errors import UsageError


class Form(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


LEVELS: Final = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "critical": logging.CRITICAL,
}
"""The levels by the names that LOG_LEVEL may have."""

ROOT: Final = "tidewaiter.broker"

_BARE: Final = frozenset(' ="')
"""What a value of a line of text has only in quotes."""

Value = str | float | bool
Fields = dict[str, Value]


def journal(part: str) -> logging.Logger:
    """The logger of a part: `journal("server").info("connected", extra=fields(connection=name))`."""
    return logging.getLogger(f"{ROOT}.{part}")


def fields(**values: Value | None) -> dict[str, Fields]:
    """The values of a line beside its message, as `extra` of a logging call. None stands for no value."""
    return {"fields": {name: value for name, value in values.items() if value is not None}}


def open_journal(*, form: Form, level: str, secrets: Secrets, stream: IO[str] | None = None) -> logging.Handler:
    """From now on what the program says goes to the stream (stderr), with the values of the secrets taken out.

    Warnings of libraries come too. Opened again, it takes the place of the one before. Raises UsageError for an
    unknown level.
    """
    if level.lower() not in LEVELS:
        raise UsageError(f"unknown log level {level!r}", advice=f"Known are {', '.join(LEVELS)}")
    close_journal()
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(_Formatter(form, secrets))
    logging.getLogger().addHandler(handler)
    logging.getLogger(ROOT).setLevel(LEVELS[level.lower()])
    return handler


def close_journal() -> None:
    """What is said from now on is not written."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler.formatter, _Formatter):
            root.removeHandler(handler)


class _Handler(logging.StreamHandler[IO[str]]):
    """Writes to a stream. A record that cannot be written is not shown in another way, in which secrets would stand."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name that logging calls
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(f"a line of {_part(record)} could not be written\n")


class _Formatter(logging.Formatter):
    """One line a record; what would break a line or move a terminal's cursor is written as an escape."""

    converter = staticmethod(time.gmtime)

    def __init__(self, form: Form, secrets: Secrets) -> None:
        super().__init__()
        self._form = form
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        line = self._as_json(record) if self._form is Form.JSON else self._as_text(record)
        return self._secrets.redacted(line)

    def _as_text(self, record: logging.LogRecord) -> str:
        line = f"{self._moment(record)} {record.levelname:<7} {_part(record)}: {self._visible(record.getMessage())}"
        values = _fields(record)
        if trace := self._trace(record):
            values = {**values, "error": trace}
        return " ".join([line, *[f"{name}={self._value(value)}" for name, value in values.items()]])

    def _as_json(self, record: logging.LogRecord) -> str:
        line: Fields = {
            "time": self._moment(record),
            "level": record.levelname.lower(),
            "part": _part(record),
            "message": record.getMessage(),
        }
        if trace := self._trace(record):
            line["error"] = trace
        encoded = msgspec.json.encode({name: _sound(value) for name, value in {**_fields(record), **line}.items()})
        return _with_escapes(encoded.decode())

    def _value(self, value: Value) -> str:
        """The value, in quotes where it would look like more than one."""
        text = self._visible(str(value))
        return text if _BARE.isdisjoint(text) else msgspec.json.encode(text).decode()

    def _visible(self, text: str) -> str:
        if text.isprintable():
            return text
        return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in self._secrets.redacted(text))

    def _moment(self, record: logging.LogRecord) -> str:
        return f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03}Z"

    def _trace(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


def _sound(value: Value) -> Value:
    """The value without lone surrogates, which no encoding has."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _with_escapes(line: str) -> str:
    """JSON whose texts have escapes for all that is not printable, not only where JSON demands them."""
    return line if line.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def _fields(record: logging.LogRecord) -> Fields:
    values = getattr(record, "fields", {})
    return values if isinstance(values, dict) else {}


def _part(record: logging.LogRecord) -> str:
    return record.name.removeprefix(f"{ROOT}.")
