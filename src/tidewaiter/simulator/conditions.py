"""The conditions of IAM policies: which operators there are, and whether a request's context meets them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from fnmatch import translate
from functools import lru_cache

Context = Mapping[str, Sequence[str]]
"""The values of the condition keys of a request, by the key in lower case (keys know no case)."""

_Test = Callable[[str, str], bool]
_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_IF_EXISTS = "IfExists"
_ANY, _ALL = "ForAnyValue:", "ForAllValues:"


def glob(pattern: str, value: str) -> bool:
    """Whether the value matches a pattern in which `*` is any text and `?` any character."""
    return _compiled(pattern).fullmatch(value) is not None


def filled(text: str, context: Context) -> str:
    """The text with its policy variables (`${aws:PrincipalAccount}`) replaced; an unknown one stays as it is.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    return _VARIABLE.sub(lambda found: next(iter(context.get(found[1].lower(), ())), found[0]), text)


def is_operator(name: str) -> bool:
    """Whether IAM and this simulator know the operator."""
    plain = name.removeprefix(_ANY).removeprefix(_ALL).removesuffix(_IF_EXISTS)
    return plain in _TESTS or plain in _NEGATED or name == "Null"


def holds(operator: str, key: str, wanted: Sequence[str], context: Context) -> bool:
    """Whether one line of a condition is met: any of the wanted values for a key that has one value.

    A missing key fails a positive operator and meets a negated one, or any with `IfExists`.
    """
    values = context.get(key.lower(), ())
    if operator == "Null":
        return (not values) == (wanted[:1] == ["true"])
    every = operator.startswith(_ALL)
    plain = operator.removeprefix(_ANY).removeprefix(_ALL)
    if not values:
        return every or plain.endswith(_IF_EXISTS) or plain in _NEGATED
    plain = plain.removesuffix(_IF_EXISTS)
    test = _TESTS[_NEGATED.get(plain, plain)]
    patterns = [filled(pattern, context) for pattern in wanted]
    matches = [any(test(pattern, value) for pattern in patterns) != (plain in _NEGATED) for value in values]
    return all(matches) if every else any(matches)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern.replace("[", "[[]")))  # a bracket is nothing special to IAM


def _arn_like(pattern: str, value: str) -> bool:
    """Each of an ARN's six parts matches for itself."""
    wanted, given = pattern.split(":", 5), value.split(":", 5)
    return len(wanted) == len(given) and all(map(glob, wanted, given))


def _numeric(compare: Callable[[float, float], bool]) -> _Test:
    return lambda wanted, given: compare(float(given), float(wanted))


def _dated(compare: Callable[[datetime, datetime], bool]) -> _Test:
    return lambda wanted, given: compare(datetime.fromisoformat(given), datetime.fromisoformat(wanted))


_TESTS: Mapping[str, _Test] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": glob,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
    "NumericEquals": _numeric(lambda given, wanted: given == wanted),
    "NumericLessThan": _numeric(lambda given, wanted: given < wanted),
    "NumericLessThanEquals": _numeric(lambda given, wanted: given <= wanted),
    "NumericGreaterThan": _numeric(lambda given, wanted: given > wanted),
    "NumericGreaterThanEquals": _numeric(lambda given, wanted: given >= wanted),
    "DateLessThan": _dated(lambda given, wanted: given < wanted),
    "DateLessThanEquals": _dated(lambda given, wanted: given <= wanted),
    "DateGreaterThan": _dated(lambda given, wanted: given > wanted),
    "DateGreaterThanEquals": _dated(lambda given, wanted: given >= wanted),
}
_NEGATED: Mapping[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
}
