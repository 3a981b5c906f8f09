"""Terraform's modules: read, and worked out with their defaults, without Terraform and its provider.

It reads as much of the language as tidewaiter writes, and nothing else.
https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]

_SPACE = re.compile(r"(?:\s|#[^\n]*)*")
_NAME = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+")
_LITERAL = re.compile(r'(?:[^"\\$%]|[$%](?![$%]*\{))+')
_ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n", "\\r": "\r", "\\t": "\t"}
_ESCAPE = re.compile(r"\\U([0-9a-f]{8})|\\.")
_DOUBLED = re.compile(r"([$%])\1\{")

_CONSTANTS = {"true": True, "false": False, "string": "string", "bool": "bool"}
_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "jsonencode": json.dumps,
    "toset": lambda items: sorted(set(items)),
    "list": lambda kind: f"list({kind})",
}
_FOR = re.compile(
    r"for (?P<key>\w+), (?P<each>\w+) in (?P<kind>\w+)\.(?P<label>\w+) : (?P=key) => (?P=each)\.(?P<what>\w+) "
)

_ARNS = {
    "aws_iam_role": ("iam", False, "role/"),
    "aws_iam_user": ("iam", False, "user/"),
    "aws_sqs_queue": ("sqs", True, ""),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What expressions can name."""

    module: "Module"
    region: str = ""


Worked = Callable[[Scope], Any]
"""An expression: what it comes to."""


@dataclass(slots=True)
class Block:
    """A block as it is written."""

    kind: str
    labels: list[str]
    attributes: dict[str, Worked] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Made:
    """A resource with what it is given, worked out; `region` is "" for what is not made in each of several."""

    kind: str
    label: str
    region: str
    given: Json


@dataclass(frozen=True, slots=True)
class Module:
    """A module with the values of its variables: its defaults, unless given. `account` is the one it is applied in."""

    blocks: Sequence[Block]
    values: Mapping[str, Any]
    account: str

    @classmethod
    def of(cls, text: str, *, account: str, **given: Any) -> "Module":
        blocks = _Reader(text).blocks()
        nothing = Scope(cls((), {}, account))
        declared = {
            block.labels[0]: block.attributes["default"](nothing) for block in blocks if block.kind == "variable"
        }
        assert not set(given) - set(declared)
        return cls(blocks, {**declared, **given}, account)

    def declared(self, kind: str) -> Iterator[Block]:
        """The blocks of a kind: `variable`, `output`, `provider`."""
        return (block for block in self.blocks if block.kind == kind)

    def resources(self, *kinds: str) -> Iterator[Made]:
        """The resources of these kinds, once for each region that they are made in; of all if none is given."""
        for block in self.declared("resource"):
            if not kinds or block.labels[0] in kinds:
                yield from self._made(block)

    def worked_out(self, block: Block, region: str = "") -> Json:
        """What stands in a block."""
        scope = Scope(self, region)
        return {name: value(scope) for name, value in block.attributes.items()}

    def reference(self, path: Sequence[str], region: str) -> Any:
        """What a path of names stands for: `var.x`, `each.value`, something of a resource of the module."""
        match path:
            case ["var", name]:
                return self.values[name]
            case ["each", "value"]:
                return region
            case ["data", "aws_caller_identity", "current", "account_id"]:
                assert any(block.labels == ["aws_caller_identity", "current"] for block in self.declared("data"))
                return self.account
            case [kind, label, attribute]:
                block = next(each for each in self.declared("resource") if each.labels == [kind, label])
                return self._attribute(block, attribute, region)
        raise AssertionError(path)

    def every(self, kind: str, label: str, attribute: str) -> Json:
        """An attribute of a resource in each of its regions."""
        regions = [made.region for made in self.resources(kind) if made.label == label]
        return {region: self.reference((kind, label, attribute), region) for region in regions}

    def _made(self, block: Block) -> Iterator[Made]:
        kind, label = block.labels
        regions = block.attributes["for_each"](Scope(self)) if "for_each" in block.attributes else [""]
        count = block.attributes["count"](Scope(self)) if "count" in block.attributes else 1
        plain = replace(block, attributes={n: v for n, v in block.attributes.items() if n not in ("for_each", "count")})
        for region in regions * count:
            given = self.worked_out(plain, region)
            assert given.pop("region", "") == region
            yield Made(kind, label, region, given)

    def _attribute(self, block: Block, attribute: str, region: str) -> Any:
        if attribute in block.attributes:
            return block.attributes[attribute](Scope(self, region))
        name = block.attributes["name"](Scope(self, region))
        if attribute == "url":
            return f"https://sqs.{region}.amazonaws.com/{self.account}/{name}"
        assert attribute == "arn"
        service, regional, start = _ARNS[block.labels[0]]
        partition = self.values.get("partition", "aws")
        return f"arn:{partition}:{service}:{region if regional else ''}:{self.account}:{start}{name}"


class _Reader:
    """Reads a module from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def blocks(self) -> list[Block]:
        body = Block("", [])
        self._body(body)
        assert self._at == len(self._text), self._text[self._at :]
        assert not body.attributes
        return body.blocks

    def _body(self, block: Block) -> None:
        while self._next() not in ("", "}"):
            name = self._take(_NAME)
            if self._skip("="):
                assert name not in block.attributes, f"{name} is given twice"
                block.attributes[name] = self._expression()
            else:
                block.blocks.append(self._block(name))

    def _block(self, kind: str) -> Block:
        block = Block(kind, [])
        nothing = Scope(Module((), {}, ""))
        while self._next() == '"':
            block.labels.append(self._string()(nothing))
        self._want("{")
        self._body(block)
        self._want("}")
        return block

    def _expression(self) -> Worked:
        value = self._term()
        if not self._skip("?"):
            return value
        yes = self._expression()
        self._want(":")
        no = self._expression()
        return lambda scope: yes(scope) if value(scope) else no(scope)

    def _term(self) -> Worked:
        match self._next():
            case '"':
                return self._string()
            case "[":
                return self._list()
            case "{":
                return self._object()
            case digit if digit.isdigit():
                number = int(self._take(_NUMBER))
                return lambda _: number
            case _:
                return self._named()

    def _named(self) -> Worked:
        name = self._take(_NAME)
        if self._skip("("):
            argument = self._expression()
            self._want(")")
            return lambda scope: _FUNCTIONS[name](argument(scope))
        if name in _CONSTANTS:
            return lambda _: _CONSTANTS[name]
        path = [name]
        while self._text[self._at] in ".[":
            if self._skip("."):
                path.append(self._take(_NAME))
            else:
                self._want("[")
                index = self._expression()
                self._want("]")
                assert index(Scope(Module((), {}, ""), "here")) == "here", "only each.value is an index"
        return lambda scope: scope.module.reference(path, scope.region)

    def _list(self) -> Worked:
        self._want("[")
        items: list[Worked] = []
        while not self._skip("]"):
            items.append(self._expression())
            self._skip(",")
        return lambda scope: [item(scope) for item in items]

    def _object(self) -> Worked:
        self._want("{")
        if self._next() == "f" and (every := _FOR.match(self._text, self._at)):
            self._at = every.end()
            self._want("}")
            return lambda scope: scope.module.every(every["kind"], every["label"], every["what"])
        pairs: list[tuple[Worked, Worked]] = []
        while not self._skip("}"):
            key = self._string() if self._next() == '"' else self._word()
            self._want("=")
            pairs.append((key, self._expression()))
        return lambda scope: {key(scope): value(scope) for key, value in pairs}

    def _word(self) -> Worked:
        name = self._take(_NAME)
        return lambda _: name

    def _string(self) -> Worked:
        self._want('"')
        pieces: list[Worked] = []
        while self._text[self._at] != '"':
            pieces.append(self._piece())
        self._at += 1
        return lambda scope: "".join(str(piece(scope)) for piece in pieces)

    def _piece(self) -> Worked:
        """A stretch of plain text, an escape, or a template."""
        if doubled := _DOUBLED.match(self._text, self._at):
            self._at = doubled.end()
            return lambda _: f"{doubled[1]}{{"
        if escape := _ESCAPE.match(self._text, self._at):
            self._at = escape.end()
            plain = _ESCAPES.get(escape[0]) or chr(int(escape[1], 16))
            return lambda _: plain
        if self._text.startswith("${", self._at):
            self._at += 2
            value = self._expression()
            self._want("}")
            return value
        literal = _LITERAL.match(self._text, self._at)
        assert literal, self._text[self._at : self._at + 20]
        self._at = literal.end()
        return lambda _: literal[0]

    def _next(self) -> str:
        """The first character of what comes next."""
        space = _SPACE.match(self._text, self._at)
        assert space
        self._at = space.end()
        return self._text[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str:
        self._next()
        found = pattern.match(self._text, self._at)
        assert found, f"unexpected: {self._text[self._at : self._at + 40]!r}"
        self._at = found.end()
        return found[0]

    def _skip(self, sign: str) -> bool:
        found = self._next() == sign
        self._at += found
        return found

    def _want(self, sign: str) -> None:
        assert self._skip(sign), f"{sign} is wanted: {self._text[self._at : self._at + 40]!r}"
