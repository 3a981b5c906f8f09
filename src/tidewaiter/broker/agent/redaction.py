"""Secrets of a connection, taken by value out of the sentences that an answer says: AWS quotes what it was sent."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

import msgspec

from tidewaiter.broker.messages import ImageLine, Probe, RepositoryLine, TagLine, Trouble
from tidewaiter.broker.secrets import Secrets
from tidewaiter.model.diagnosis import Remedy
from tidewaiter.model.fleet import Outcome
from tidewaiter.model.gap import Gap

_T = TypeVar("_T")
_SENTENCES = (Gap, Outcome, Probe, Remedy, Trouble)
"""What says something in words. Names of repositories, tags and hosts are the registry's own, and stay as they are."""
_SILENT = (RepositoryLine, TagLine, ImageLine)
"""What says nothing, and comes by the hundred thousand."""

Redact = Callable[[str], str]
"""Takes secrets out of a text."""


def redaction(values: Iterable[str]) -> Redact:
    """What takes these out, in every form; short ones, which are everywhere, only where they are whole words."""
    values = tuple(filter(None, values))
    secrets = Secrets(values)
    words = "|".join(map(re.escape, sorted(values, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])")

    def redact(text: str) -> str:
        return pattern.sub("***", secrets.redacted(text))

    return redact if values else str


def redacted(message: _T, redact: Redact) -> _T:
    """The message, without secrets in what it says."""
    if isinstance(message, _SILENT):
        return message
    return cast("_T", _redacted(message, redact, said=False))


def _redacted(value: object, redact: Redact, *, said: bool) -> object:
    if isinstance(value, str):
        return redact(value) if said and type(value) is str else value
    if isinstance(value, tuple):
        return tuple(_redacted(each, redact, said=said) for each in value)
    if isinstance(value, msgspec.Struct):
        changed = _changed(value, value.__struct_fields__, redact)
        return msgspec.structs.replace(value, **changed) if changed else value
    if is_dataclass(value) and not isinstance(value, type):
        changed = _changed(value, tuple(field.name for field in fields(value)), redact)
        return replace(value, **changed) if changed else value
    return value


def _changed(value: object, names: Sequence[str], redact: Redact) -> dict[str, object]:
    said = isinstance(value, _SENTENCES)
    old = {name: getattr(value, name) for name in names}
    new = {name: _redacted(each, redact, said=said) for name, each in old.items()}
    return {name: each for name, each in new.items() if each != old[name]}
