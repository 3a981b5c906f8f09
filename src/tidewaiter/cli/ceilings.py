"""`--limit NAME=VALUE`: any ceiling of `image/limits.py`, from the command line."""

import re
from collections.abc import Iterable
from dataclasses import fields, replace

from tidewaiter.errors import UsageError
from tidewaiter.image.limits import Limits

_VALUE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?b?)", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def with_limits(settings: Iterable[str]) -> Limits:
    """The default limits with these changed. Raises UsageError for an unknown name or what is no number.

    Values take units: `20GiB` and `20Gi` are powers of 1024, `20GB` and `20G` of 1000.
    """
    limits = Limits()
    types = {field.name: type(getattr(limits, field.name)) for field in fields(limits)}
    for setting in settings:
        name, _, value = setting.partition("=")
        name = name.strip().replace("-", "_")
        if name not in types:
            raise UsageError(f"--limit {setting}: no such limit", advice=f"Known are {', '.join(types)}")
        limits = replace(limits, **{name: types[name](_number(setting, value))})
    return limits


def size_of(text: str) -> float | None:
    """The number that a text with or without a unit means, None where it means none."""
    match = _VALUE.fullmatch(text.strip())
    if not match:
        return None
    unit = match[2].lower()
    base = 1024 if "i" in unit else 1000
    power: int = _POWERS[unit.rstrip("b").rstrip("i")]
    return float(match[1]) * float(base**power)


def _number(setting: str, value: str) -> float:
    number = size_of(value)
    if number is None:
        raise UsageError(f"--limit {setting}: not a number", advice="Write it as 100000 or with a unit, as 20GiB")
    return number
