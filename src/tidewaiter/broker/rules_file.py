"""Rules files of the reference's format, read into `broker/rules.py`'s types."""

from typing import Final

import msgspec

from tidewaiter.broker.conditions import Condition, Part
from tidewaiter.broker.login import Login, Scheme
from tidewaiter.broker.rules import ANY, Rule, RuleList, Rules
from tidewaiter.errors import UsageError


class _Valid(msgspec.Struct, frozen=True, rename="camel"):
    path: str = ""
    value: str | None = None
    regex: str | None = None
    query_param: str = ""
    header: str = ""
    values: tuple[str, ...] = ()


class _Auth(msgspec.Struct, frozen=True):
    scheme: Scheme
    username: str = ""
    password: str = ""
    token: str = ""


class _Entry(msgspec.Struct, frozen=True):
    path: str = ""
    method: str = "GET"
    origin: str = ""
    auth: _Auth | None = None
    valid: tuple[_Valid, ...] = ()


class _File(msgspec.Struct, frozen=True):
    public: tuple[_Entry, ...] = ()
    private: tuple[_Entry, ...] = ()


def read_rules(path: str) -> Rules:
    """The rules in the file. Raises UsageError that says which rule is wrong, and how."""
    try:
        with open(path, "rb") as file:
            return parse_rules(file.read(_LARGEST + 1), where=path)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=path) from error


def parse_rules(data: bytes, *, where: str) -> Rules:
    """The rules in the text of a file; `where` is its name in errors."""
    try:
        file = msgspec.json.decode(data, type=_File)
    except msgspec.MsgspecError as error:
        raise UsageError(f"is no rules file: {error}", where=where) from error
    return Rules(
        public=RuleList(_rule(entry, f"{where}: public[{number}]") for number, entry in enumerate(file.public)),
        private=RuleList(_rule(entry, f"{where}: private[{number}]") for number, entry in enumerate(file.private)),
    )


_LARGEST: Final = 4 << 20


def _rule(entry: _Entry, where: str) -> Rule:
    method = entry.method.upper()
    path = entry.path if entry.path.startswith("/") else f"/{entry.path}"
    login = msgspec.convert(entry.auth, Login, from_attributes=True) if entry.auth else None
    return Rule(
        method=ANY if method == "ANY" else method,
        path=path,
        origin=entry.origin,
        login=login,
        valid=tuple(_condition(valid, where) for valid in entry.valid),
    )


def _condition(valid: _Valid, where: str) -> Condition:
    if valid.regex is not None:
        raise UsageError("has a regular expression, which rules here do not have", where=where)
    if valid.header:
        return Condition(part=Part.HEADER, name=valid.header.lower(), values=valid.values)
    if valid.query_param:
        return Condition(part=Part.QUERY, name=valid.query_param, values=valid.values)
    return Condition(part=Part.BODY, name=valid.path, values=(valid.value or "*",))
