"""What the programs of the brokered integration say while they run: lines of text or JSON, without secrets."""

import logging
import sys
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


def journal(part: str) -> logging.Logger:
    """The logger of a part: `journal("server").info("connected", extra=fields(connection=name))`."""
    return logging.getLogger(f"{ROOT}.{part}")


def fields(**values: str | float | None) -> dict[str, dict[str, str | float]]:
    """The values of a line beside its message, as `extra` of a logging call."""
    return {"fields": {name: value for name, value in values.items() if value is not None}}


def open_journal(*, form: Form, level: str, secrets: Secrets, stream: IO[str] | None = None) -> logging.Handler:
    """From now on what the program says goes to the stream (stderr), with the values of the secrets taken out.

    Warnings of libraries come too. Raises UsageError for an unknown level.
    """
    if level.lower() not in LEVELS:
        raise UsageError(f"unknown log level {level!r}", advice=f"Known are {', '.join(LEVELS)}")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Formatter(form, secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(ROOT).setLevel(LEVELS[level.lower()])
    return handler


class _Formatter(logging.Formatter):
    """One line a record; what would break a line or move a terminal's cursor is written as an escape."""

    def __init__(self, form: Form, secrets: Secrets) -> None:
        super().__init__()
        self._form = form
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        line = self._as_json(record) if self._form is Form.JSON else self._as_text(record)
        return self._secrets.redacted(line)

    def _as_text(self, record: logging.LogRecord) -> str:
        values = " ".join(f"{name}={_visible(str(value))}" for name, value in _fields(record).items())
        line = f"{self._moment(record)} {record.levelname:<7} {_part(record)}: {_visible(record.getMessage())}"
        trace = self._trace(record)
        return line + (f" {values}" if values else "") + (f" error={_visible(trace)}" if trace else "")

    def _as_json(self, record: logging.LogRecord) -> str:
        line: dict[str, str | float] = {
            "time": self._moment(record),
            "level": record.levelname.lower(),
            "part": _part(record),
            "message": record.getMessage(),
            **_fields(record),
        }
        if trace := self._trace(record):
            line["error"] = trace
        return msgspec.json.encode(line).decode()

    def _moment(self, record: logging.LogRecord) -> str:
        return f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03}Z"

    def _trace(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


def _fields(record: logging.LogRecord) -> dict[str, str | float]:
    values = getattr(record, "fields", {})
    return values if isinstance(values, dict) else {}


def _part(record: logging.LogRecord) -> str:
    return record.name.removeprefix(f"{ROOT}.")


def _visible(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
