"""The project's documents, taken apart: code blocks, tables, links and command lines."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from tidewaiter.cli.main import command

ROOT = Path(__file__).parent.parent
DOCUMENTS = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))

_FENCED = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_PROGRAM = re.compile(r"(?:^|[\s|(])(?:\.venv/bin/)?tidewaiter (?P<rest>[^|)\n]+)")


@dataclass(frozen=True)
class Block:
    kind: str
    text: str


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, *kinds: str) -> list[Block]:
    """The fenced blocks of these kinds, or of all."""
    found = [Block(match["kind"], match["text"]) for match in _FENCED.finditer(text)]
    return [block for block in found if not kinds or block.kind in kinds]


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return _FENCED.sub("", text)


def code_spans(text: str) -> list[str]:
    return _INLINE.findall(prose(text))


def links(text: str) -> list[str]:
    return [match["target"] for match in _LINK.finditer(prose(text))]


def anchors(text: str) -> set[str]:
    """What headings are called in addresses."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def tables(text: str) -> dict[str, list[list[str]]]:
    """The rows of the tables below each heading, without the tables' own headings."""
    found: dict[str, list[list[str]]] = {}
    heading, before = "", ""
    for line in prose(text).splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").strip()
        if line.startswith("|") and before.startswith("|") and not line.startswith("|---"):
            found.setdefault(heading, []).append([cell.strip() for cell in line.strip("|").split("|")])
        before = line
    return found


def command_lines(text: str) -> Iterator[list[str]]:
    """The arguments of every `tidewaiter …` in blocks for the shell and in code spans."""
    shell = "\n".join(block.text for block in blocks(text, "sh", "console")).replace("\\\n", " ")
    spans = [span for span in code_spans(text) if span.startswith("tidewaiter ")]
    for line in [*shell.splitlines(), *spans]:
        for match in _PROGRAM.finditer(line):
            yield shlex.split(match["rest"], comments=True)


def resolved(arguments: list[str]) -> tuple[click.Command, list[str]]:
    """The command that is called, and what is left of its arguments."""
    current: click.Command = command
    left = list(arguments)
    while isinstance(current, click.Group) and left and not left[0].startswith("-"):
        context = click.Context(current)
        following = current.get_command(context, left[0])
        assert following is not None, f"there is no command {left[0]!r}"
        current = following
        left = left[1:]
    return current, left


def options(called: click.Command) -> set[str]:
    """The names of a command's options, with that of its help."""
    given = [parameter for parameter in called.params if isinstance(parameter, click.Option)]
    return {name for option in given for name in (*option.opts, *option.secondary_opts)} | {"--help"}


def all_commands(current: click.Command = command, name: str = "tidewaiter") -> Iterator[tuple[str, click.Command]]:
    yield name, current
    if isinstance(current, click.Group):
        context = click.Context(current)
        for each in current.list_commands(context):
            below = current.get_command(context, each)
            assert below is not None
            yield from all_commands(below, f"{name} {each}")
