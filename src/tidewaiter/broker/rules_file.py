"""Rules files of the reference's format, read into `broker/rules.py`'s types.

A rule that means less here than its author thought would let through more than they wanted. So what is not understood
is refused, but for comments: members whose names begin with `//`.
"""

import re
from typing import Final

import msgspec

from tidewaiter.broker.conditions import Condition, Part
from tidewaiter.broker.login import Login, Scheme
from tidewaiter.broker.paths import canonical
from tidewaiter.broker.rules import ANY, WILD, Rule, RuleList, Rules
from tidewaiter.errors import BrokerError, UsageError

_LARGEST: Final = 4 << 20
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", ANY})
_EXPRESSION: Final = re.compile(r"[()\[\]{}?+\\^$|]")
_MAGIC: Final = re.compile(r"[\[\]{}?!\\]|[@+]\(")


class _Valid(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    path: str = ""
    value: str = ""
    regex: str = ""
    query_param: str = ""
    header: str = ""
    values: tuple[str, ...] = ()


class _Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scheme: Scheme
    username: str = ""
    password: str = ""
    token: str = ""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str
    method: str = "GET"
    origin: str = ""
    auth: _Auth | None = None
    valid: tuple[_Valid, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    public: tuple[_Entry, ...]
    private: tuple[_Entry, ...]


def read_rules(path: str) -> Rules:
    """The rules in the file. Raises UsageError that says which rule is wrong, and how."""
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=path) from error
    return parse_rules(data, where=path)


def parse_rules(data: bytes, *, where: str) -> Rules:
    """The rules in the text of a file; `where` is its name in errors."""
    if len(data) > _LARGEST:
        raise UsageError(f"a rules file has at most {_LARGEST >> 20} MiB", where=where)
    try:
        file = msgspec.convert(_without_comments(msgspec.json.decode(data)), _File)
    except (msgspec.MsgspecError, RecursionError) as error:
        advice = 'It has the form {"public": [RULES], "private": [RULES]}'
        raise UsageError(f"is no rules file: {error}", where=where, advice=advice) from error
    public = [_rule(entry, f"{where}: public[{number}]") for number, entry in enumerate(file.public)]
    private = [_private(entry, f"{where}: private[{number}]") for number, entry in enumerate(file.private)]
    return Rules(public=RuleList(public), private=RuleList(private))


def _without_comments(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_comments(member) for name, member in value.items() if not name.startswith("//")}
    if isinstance(value, list):
        return [_without_comments(member) for member in value]
    return value


def _private(entry: _Entry, where: str) -> Rule:
    if not entry.origin:
        raise UsageError("has no `origin`: nobody knows where its requests go", where=where)
    return _rule(entry, where)


def _rule(entry: _Entry, where: str) -> Rule:
    method = entry.method.upper()
    if method not in _METHODS:
        raise UsageError(f"has an unknown method {entry.method!r}", where=where, advice="`any` stands for all of them")
    return Rule(
        method=method,
        path=_path(entry.path, where),
        origin=entry.origin,
        login=_login(entry.auth, where) if entry.auth else None,
        valid=tuple(_condition(valid, f"{where}.valid[{number}]") for number, valid in enumerate(entry.valid)),
    )


def _path(written: str, where: str) -> str:
    """The rule's path, if there is any request that it could fit."""
    path = written if written.startswith("/") else f"/{written}"
    if _EXPRESSION.search(path):
        advice = "It may have `:name` for a segment and `*` for anything"
        raise UsageError(f"has a regular expression in its path {written!r}", where=where, advice=advice)
    try:
        canonical(WILD.sub("x", path))
    except BrokerError as error:
        raise UsageError(f"fits no request with its path {written!r}: {error.what}", where=where) from error
    return path


def _login(auth: _Auth, where: str) -> Login:
    if auth.scheme is not Scheme.BASIC and not auth.token:
        raise UsageError(f"has no `token` for the scheme {auth.scheme}", where=f"{where}.auth")
    if auth.scheme is Scheme.BASIC and not (auth.token or auth.username):
        raise UsageError("has neither a `username` nor a `token`", where=f"{where}.auth")
    return Login(scheme=auth.scheme, username=auth.username, password=auth.password, token=auth.token)


def _condition(valid: _Valid, where: str) -> Condition:
    given = [part for part in (valid.path, valid.query_param, valid.header) if part]
    if len(given) != 1:
        raise UsageError("has to name one of `header`, `queryParam` or `path`", where=where)
    if valid.regex:
        raise UsageError("has a regular expression", where=where, advice="Write a `value`, `*` stands for anything")
    if valid.path:
        return _of_body(valid, where)
    if not valid.values or valid.value:
        raise UsageError("has no `values`", where=where)
    if valid.header:
        return Condition(part=Part.HEADER, name=valid.header.lower(), values=valid.values)
    return _of_query(valid, where)


def _of_body(valid: _Valid, where: str) -> Condition:
    if not valid.value or valid.values:
        raise UsageError("has no `value`", where=where, advice="`*` stands for any")
    return Condition(part=Part.BODY, name=valid.path, values=(valid.value,))


def _of_query(valid: _Valid, where: str) -> Condition:
    if magic := next((value for value in valid.values if _MAGIC.search(value)), ""):
        advice = "It may have `*` for anything but slashes and `**` for anything"
        raise UsageError(f"has an unknown kind of pattern {magic!r}", where=where, advice=advice)
    return Condition(part=Part.QUERY, name=valid.query_param, values=valid.values)
