"""Templates as text: YAML in the order and the manner in which people write it, with comments.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from tidewaiter.iam.comments import comment


@dataclass(frozen=True, slots=True)
class Intrinsic:
    """A function of CloudFormation in its short form: `!Ref RoleName`."""

    function: str
    argument: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A value with a comment above it, for people."""

    comment: str
    value: "Value"


Value = str | int | bool | Intrinsic | Noted | Sequence["Value"] | Mapping[str, "Value"]
"""What a template consists of. Lists and mappings have something in them."""


def text_of(value: Mapping[str, Value]) -> str:
    """The mapping as YAML, with an empty line before each of its sections and between the entries of these."""
    lines: list[str] = []
    for key, section in value.items():
        if isinstance(section, Mapping):
            lines += ["", f"{_scalar(key)}:", *_section(section)]
        else:
            lines += _entry(key, section)
    return "".join(f"{line}\n" for line in lines)


def _section(section: Mapping[str, Value]) -> Iterator[str]:
    """The entries of a section; those that are many lines each stand apart."""
    for place, (key, value) in enumerate(section.items()):
        if place:
            yield ""
        yield from _indented(_entry(key, value))


def _entry(key: str, value: Value) -> Iterator[str]:
    """A key with its value."""
    match value:
        case Noted():
            yield from comment(value.comment)
            yield from _entry(key, value.value)
        case str() | int() | Intrinsic():
            yield f"{_scalar(key)}: {_scalar(value)}"
        case _:
            yield f"{_scalar(key)}:"
            yield from _indented(_block(value))


def _block(value: Mapping[str, Value] | Sequence[Value]) -> Iterator[str]:
    """What has lines of its own."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _entry(key, each)
    else:
        for item in value:
            yield from _item(item)


def _item(item: Value) -> Iterator[str]:
    """An item of a list: what it consists of stands beside its dash."""
    match item:
        case Noted():
            yield from comment(item.comment)
            yield from _item(item.value)
        case str() | int() | Intrinsic():
            yield f"- {_scalar(item)}"
        case _:
            for place, line in enumerate(_block(item)):
                yield f"{'  ' if place else '- '}{line}"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" if line else "" for line in lines)


def _scalar(value: str | int | Intrinsic) -> str:
    """One value on one line, in quotes only where YAML would read it as something else."""
    if isinstance(value, Intrinsic):
        return f"!{value.function} {_scalar(value.argument)}"
    style = '"' if isinstance(value, str) and not value.isprintable() else None
    written = yaml.safe_dump(value, width=float("inf"), allow_unicode=True, default_style=style)
    return str(written).removesuffix("\n").removesuffix("\n...")
