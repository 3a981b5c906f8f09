"""Terraform's language as text, as `terraform fmt` writes it: any string is kept from being read as a template.

https://developer.hashicorp.com/terraform/language/syntax/configuration
https://developer.hashicorp.com/terraform/language/style
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidewaiter.iam.comments import comment

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_OPENING: Final = re.compile(r"([$%]+)\{")
_INDENT: Final = "  "


@dataclass(frozen=True, slots=True)
class Expression:
    """Something that stands as it is: `var.role_name`, or a string with templates in it."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function's call with one argument."""

    function: str
    argument: "Value"


@dataclass(frozen=True, slots=True)
class Noted:
    """An item of a list with a comment above it."""

    comment: str
    value: "Value"


Value = str | bool | int | Expression | Call | Noted | Sequence["Value"] | Mapping[str | Expression, "Value"]


@dataclass(frozen=True, slots=True)
class Block:
    """A block with its labels: `resource "aws_iam_role" "reader" { … }`. None in the body is an empty line."""

    kind: str
    labels: tuple[str, ...]
    body: "Body"


Body = Sequence[tuple[str, Value] | Block | None]
"""What stands in a block: attributes, blocks, empty lines."""


def quoted(text: str) -> str:
    """The text as a string of the language, whatever is in it."""
    return f'"{_escaped(text)}"'


def joined(*pieces: str | Expression) -> str | Expression:
    """The pieces as one string, with the values of the expressions in it."""
    kept = [piece for piece in pieces if piece != ""]
    if all(isinstance(piece, str) for piece in kept):
        return "".join(map(str, kept))
    if len(kept) == 1:
        return kept[0]
    return Expression(f'"{"".join(map(_in_template, kept))}"')


def text_of(blocks: Iterable[Block]) -> str:
    """The blocks, an empty line before each but the first."""
    return "\n".join("".join(f"{line}\n" for line in _block(block)) for block in blocks)


def _block(block: Block) -> Iterator[str]:
    head = " ".join([block.kind, *map(quoted, block.labels)])
    if not block.body:
        yield f"{head} {{}}"
        return
    yield f"{head} {{"
    yield from _indented(_body(block.body))
    yield "}"


def _body(body: Body) -> Iterator[str]:
    attributes: list[tuple[str, Value]] = []
    for each in body:
        if isinstance(each, tuple):
            attributes.append(each)
            continue
        yield from _attributes(attributes)
        attributes.clear()
        yield from _block(each) if each else [""]
    yield from _attributes(attributes)


def _attributes(attributes: Sequence[tuple[str, Value]]) -> Iterator[str]:
    """The attributes; the `=` of neighbours stand below each other, as far as each of them is one line."""
    written = [(key, list(_lines(value))) for key, value in attributes]
    for place, (key, lines) in enumerate(written):
        width = len(key) if len(lines) > 1 else _width(written, place)
        yield f"{key.ljust(width)} = {lines[0]}"
        yield from lines[1:]


def _width(written: Sequence[tuple[str, Sequence[str]]], place: int) -> int:
    """The length of the longest key in the run of one-line attributes about a place."""
    start = end = place
    while start and len(written[start - 1][1]) == 1:
        start -= 1
    while end < len(written) and len(written[end][1]) == 1:
        end += 1
    return max(len(key) for key, _ in written[start:end])


def _lines(value: Value) -> Iterator[str]:
    match value:
        case bool():
            yield str(value).lower()
        case int():
            yield str(value)
        case str():
            yield quoted(value)
        case Expression():
            yield value.text
        case Call():
            yield from _within(f"{value.function}(", list(_lines(value.argument)), ")")
        case Noted():
            yield from comment(value.comment)
            yield from _lines(value.value)
        case Mapping():
            yield from _braced(value)
        case _:
            yield from _list(value)


def _braced(value: Mapping[str | Expression, Value]) -> Iterator[str]:
    if not value:
        yield "{}"
        return
    yield "{"
    yield from _indented(_attributes([(_key(key), each) for key, each in value.items()]))
    yield "}"


def _key(key: str | Expression) -> str:
    if isinstance(key, Expression):
        return key.text
    return key if key.isidentifier() and key.isascii() else quoted(key)


def _list(items: Sequence[Value]) -> Iterator[str]:
    written = [list(_lines(item)) for item in items]
    if len(written) <= 1 and all(len(lines) == 1 for lines in written):
        yield f"[{''.join(line for lines in written for line in lines)}]"
        return
    yield "["
    for lines in written:
        yield from _indented([*lines[:-1], f"{lines[-1]},"])
    yield "]"


def _within(start: str, lines: Sequence[str], end: str) -> Iterator[str]:
    """The lines with something before the first and something after the last."""
    joined = [*lines[:-1], lines[-1] + end]
    yield start + joined[0]
    yield from joined[1:]


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"{_INDENT}{line}" if line else "" for line in lines)


def _escaped(text: str) -> str:
    """The text as it stands between the quotes of a string."""
    shown = _OPENING.sub(_kept_literal, text.translate(_ESCAPES))
    return "".join(letter if letter.isprintable() else _numbered(letter) for letter in shown)


def _kept_literal(opening: re.Match[str]) -> str:
    """What would begin a template, so that it does not: doubled; by its number, where more of them stand before."""
    signs = opening[1]
    return f"{signs}{signs}{{" if len(signs) == 1 else "".join(map(_numbered, signs)) + "{"


def _in_template(piece: str | Expression) -> str:
    if isinstance(piece, Expression):
        return f"${{{piece.text}}}"
    plain = piece.rstrip("$%")
    return _escaped(plain) + "".join(map(_numbered, piece[len(plain) :]))


def _numbered(letter: str) -> str:
    """A character by its number."""
    return f"\\U{ord(letter):08x}"
