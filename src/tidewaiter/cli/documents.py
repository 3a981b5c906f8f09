"""Files of settings in which secrets may stand: YAML, JSON or TOML, by the end of the name.

Nothing of their content is told in an error.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping

from tidewaiter.errors import UsageError

_LARGEST = 16 << 20  # bytes: far more than any organization needs
_PLACE = re.compile(r"(?P<what>.*?) - at `\$(?P<where>.*)`", re.DOTALL)


def read_document(path: str) -> object:
    """What the file holds. Raises UsageError, which says where and what is wrong."""
    ends = [end for end in _PARSERS if path.lower().endswith(end)]
    if not ends:
        raise UsageError("its name does not say what it is", where=path, advice=f"End it in {', '.join(_PARSERS)}.")
    return _PARSERS[ends[0]](_content(path), path)


def read_list(path: str, key: str) -> object:
    """The file's list, which stands alone or under the one key `key`."""
    document = read_document(path)
    if isinstance(document, dict):
        document = document[key] if document.keys() == {key} else None
    if document is None:
        raise UsageError(f"expected a list of {key}, alone or under the one key `{key}`", where=path)
    return document


def misfit(said: str, where: str, *, known: str) -> UsageError:
    """An error of msgspec's: its words, which hold names of keys and types but no values, and the place in the file."""
    found = _PLACE.fullmatch(said)
    what, place = (found["what"], found["where"]) if found else (said, "")
    advice = known if "unknown field" in what else "Write numbers in quotes." if "got `int`" in what else ""
    what = what.replace("`", "").replace("Object contains", "there is an")
    return UsageError(what[:1].lower() + what[1:], where=f"{where}{place}", advice=advice)


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
