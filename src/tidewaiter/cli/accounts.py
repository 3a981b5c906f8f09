"""The accounts file: which roles to take, with which external IDs, and which regions to look through.

    accounts:
      - role_arn: arn:aws:iam::111122223333:role/tidewaiter
        external_id: …
        regions: [eu-west-1, us-east-1]

YAML, JSON or TOML (`[[accounts]]`), by the end of its name; in YAML and JSON the list may stand alone. Nothing of its
content is told in an error: an external ID is a secret.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from tidewaiter.errors import UsageError

if TYPE_CHECKING:  # what asks AWS is imported only where it is asked
    from tidewaiter.aws.targets import AccountRequest

_LARGEST = 16 << 20  # bytes: far more than any organization needs
_PLACE = re.compile(r"(?P<what>.*?) - at `\$(?P<where>.*)`", re.DOTALL)
_KNOWN = "Known are role_arn, external_id, regions, session_name and duration."


class _Entry(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An account; without `role_arn` that of the identity itself, without `regions` all that it has enabled."""

    role_arn: str = ""
    external_id: str = ""
    regions: tuple[str, ...] = ()
    session_name: str = "tidewaiter"
    duration: int = 3600


def read_accounts(path: str) -> "tuple[AccountRequest, ...]":
    """The accounts that the file lists, each once. Raises UsageError, which says where and what is wrong."""
    from tidewaiter.aws.targets import AccountRequest

    ends = [end for end in _PARSERS if path.lower().endswith(end)]
    if not ends:
        raise UsageError("its name does not say what it is", where=path, advice=f"End it in {', '.join(_PARSERS)}.")
    entries = _entries(_PARSERS[ends[0]](_content(path), path), path)
    if not entries:
        raise UsageError("it lists no accounts", where=path)
    return tuple(AccountRequest(**msgspec.structs.asdict(entry)) for entry in dict.fromkeys(entries))


def _content(path: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=path) from error
    if len(content) > _LARGEST:
        raise UsageError(f"larger than {_LARGEST >> 20} MiB", where=path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UsageError("not UTF-8", where=f"{path}:{line}") from None


def _entries(document: object, path: str) -> tuple[_Entry, ...]:
    """The document's entries. The list stands alone, or as the only key `accounts`."""
    listed = document
    if isinstance(document, dict):
        listed = document["accounts"] if document.keys() == {"accounts"} else None
    if listed is None:
        raise UsageError("expected a list of accounts, alone or under the one key `accounts`", where=path)
    try:
        return msgspec.convert(listed, tuple[_Entry, ...])
    except msgspec.ValidationError as error:
        raise _misfit(str(error), path) from None


def _misfit(said: str, path: str) -> UsageError:
    """The library's words, which hold names of keys and types but no values, and the place in the file."""
    found = _PLACE.fullmatch(said)
    what, where = (found["what"], found["where"]) if found else (said, "")
    advice = _KNOWN if "unknown field" in what else "Write numbers in quotes." if "got `int`" in what else ""
    what = what.replace("`", "").replace("Object contains", "there is an")
    return UsageError(what[:1].lower() + what[1:], where=f"{path}: accounts{where}", advice=advice)


def _json(text: str, path: str) -> object:
    try:
        document: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"not JSON: {error.msg}", where=f"{path}:{error.lineno}") from None
    except RecursionError:
        raise UsageError("nested too deeply", where=path) from None
    return document


def _toml(text: str, path: str) -> object:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"not TOML: {error}", where=path) from None
    except RecursionError:
        raise UsageError("nested too deeply", where=path) from None


def _yaml(text: str, path: str) -> object:
    import yaml

    try:
        document: object = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:  # its own text quotes the line, which may hold an external ID
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UsageError(f"not YAML: {error.problem or error.context}", where=f"{path}{line}") from None
    except yaml.YAMLError:
        raise UsageError("not YAML: it holds characters that YAML does not allow", where=path) from None
    except RecursionError:
        raise UsageError("nested too deeply", where=path) from None
    return document


_PARSERS: Mapping[str, Callable[[str, str], object]] = {
    ".yaml": _yaml,
    ".yml": _yaml,
    ".json": _json,
    ".toml": _toml,
}
