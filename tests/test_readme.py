"""What the documents say is true: commands, options, examples, tables, links."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import click
import pytest

from documents import (
    DOCUMENTS,
    ROOT,
    all_commands,
    anchors,
    blocks,
    code_spans,
    command_lines,
    links,
    options,
    read,
    resolved,
    tables,
)
from tidewaiter.cli.ceilings import with_limits
from tidewaiter.cli.exit import Exit
from tidewaiter.cli.main import run
from tidewaiter.feeds.publishers.catalog import PUBLISHERS
from tidewaiter.image.limits import Limits
from tidewaiter.match.distributions import FAMILIES
from tidewaiter.report.catalog import FORMATS

NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


# Commands


@pytest.mark.parametrize("name", NAMES)
def test_every_command_and_option_in_the_documents_exists(name: str) -> None:
    for arguments in command_lines(read(name)):
        called, left = resolved(arguments)
        known = options(called)
        for word in left:
            if re.fullmatch(r"-[a-z]|--[a-z].*", word):
                assert word.partition("=")[0] in known, f"{' '.join(arguments)}: {word}"


@pytest.mark.parametrize(
    "name", ["README.md", *(name for name in NAMES if name.startswith("docs/") and "adr" not in name)]
)
def test_every_option_that_is_named_alone_exists_somewhere(name: str) -> None:
    known = set().union(*(options(called) for _, called in all_commands()))
    named = [span.partition(" ")[0] for span in code_spans(read(name)) if re.match(r"--?[a-z]", span)]
    assert [option for option in named if option not in known] == []


def test_the_user_guide_names_every_command_and_every_option() -> None:
    guide = "".join(read(f"docs/{name}.md") for name in ("usage", "fleet", "iam", "broker", "agent"))
    for name, called in all_commands():
        if not isinstance(called, click.Group):
            assert name in read("docs/usage.md")
        for option in options(called) - {"-h", "--help", "--version"}:
            assert f"`{option}" in guide or f" {option} " in guide, f"{name} {option}"


def test_the_readme_names_every_command_but_says_the_rest_elsewhere() -> None:
    readme = read("README.md")
    named = {called.name for arguments in command_lines(readme) for called, _ in [resolved(arguments)]}
    assert {"scan", "sbom", "match", "build", "status"} <= named
    assert "docs/usage.md" in links(readme)


def test_the_readme_opens_with_the_two_commands() -> None:
    first = blocks(read("README.md"))[0]
    assert [line.partition("#")[0].strip() for line in first.text.splitlines()] == ["make demo", "make test"]
    assert read("README.md").startswith("# tidewaiter\n\n```sh\n")
    makefile = read("Makefile")
    for target in ("demo", "test"):
        assert f"\n{target}: setup\n" in makefile


# Examples


def _steps(text: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of console blocks, each with the lines that it is said to print."""
    for block in blocks(text, "console"):
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            line, *printed = part.splitlines()
            yield line, printed


def _comparable(text: str) -> list[str]:
    """Without digests and sizes of packed bytes, which differ with the library that packs them."""
    return re.sub(r"\b[0-9a-f]{12,64}\b", "HEX", re.sub(r"\([0-9.,]+ k?B\)", "(SIZE)", text)).splitlines()


@dataclass(frozen=True)
class Demonstrated:
    """What `tidewaiter demo --keep demo` printed and said, and the folder that it was called in."""

    folder: Path
    printed: str
    said: str


@pytest.fixture(scope="module")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> Demonstrated:
    folder = tmp_path_factory.mktemp("demonstrated")
    program = [sys.executable, "-m", "tidewaiter", "demo", "--keep", "demo"]
    environment = os.environ | {"COLUMNS": "120"}
    done = subprocess.run(program, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return Demonstrated(folder, done.stdout, done.stderr)


def test_the_examples_of_the_user_guide_print_what_is_written(
    demonstrated: Demonstrated, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(demonstrated.folder)
    monkeypatch.setenv("COLUMNS", "100")
    code, seen = 0, 0
    for line, printed in _steps(read("docs/usage.md")):
        if line == "echo $?":
            assert printed == [str(int(code))], line
            continue
        capsys.readouterr()
        program, *arguments = shlex.split(line)
        assert program == "tidewaiter"
        code = run(arguments)
        out, said = _comparable(capsys.readouterr().out), _comparable("\n".join(printed))
        if "…" in said:
            cut = said.index("…")
            assert out[:cut] == said[:cut]
            assert out[cut - len(said) + 1 :] == said[cut + 1 :]
        else:
            assert out == said, line
        seen += 1
    assert seen >= 6


def test_the_readme_shows_parts_of_what_the_demonstration_prints(demonstrated: Demonstrated) -> None:
    printed = "\n".join(_comparable(_timeless(demonstrated.printed)))
    shown = "…\n".join(block.text for block in blocks(read("README.md"), "text"))
    assert len(shown.splitlines()) > 50
    for part in "\n".join(_comparable(_timeless(shown))).split("\n…\n"):
        _, found, printed = printed.partition(part.strip("\n"))
        assert found, part


def test_the_guide_to_brokers_shows_what_the_demonstration_says_of_its_checks(demonstrated: Demonstrated) -> None:
    shown = blocks(read("docs/broker.md"), "text")[1].text
    said = [line for line in demonstrated.said.splitlines() if line.startswith("acquired-shop  ")]
    assert _without_ports(shown) == _without_ports("\n".join(said))


def _without_ports(text: str) -> list[str]:
    return re.sub(r"127\.0\.0\.1:\d+", "HERE", text).splitlines()


def _timeless(text: str) -> str:
    """Without when a run was and how long it took, and what was pulled in bytes, which differ with the compression."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC, [0-9.]+ m?s|[0-9.]+ kB", "WHEN", text)


# Tables


@pytest.mark.parametrize("name", ["README.md", "docs/usage.md"])
def test_the_exit_codes_are_those_of_the_program(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row for section in tables(read(name)).values() for row in section if row[0].isdigit()]
    assert [int(row[0]) for row in rows] == [code.value for code in Exit]
    words = {
        Exit.CLEAN: "found nothing",
        Exit.FINDINGS: "found something",
        Exit.INCOMPLETE: "incomplete",
        Exit.USAGE: "usage",
    }
    assert all(words[Exit(int(row[0]))] in row[1] for row in rows)
    run(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert all(re.search(rf"\b{code.value} \w", shown) for code in Exit)


def test_the_formats_are_those_of_the_program() -> None:
    rows = {row[0].strip("`"): row[2:] for row in tables(read("docs/usage.md"))["Formats"]}
    offered = {
        each.name: [_yes(kind) for kind in (each.reports, each.inventories, each.fleet, each.diagnosis)]
        for each in FORMATS
    }
    assert rows == offered


def _yes(offered: object) -> str:
    return "yes" if offered else ""


def test_the_ceilings_are_those_of_the_program() -> None:
    rows = tables(read("docs/limits.md"))["Ceilings"]
    documented = {row[0].strip("`"): row[1] for row in rows}
    assert list(documented) == [field.name for field in fields(Limits)]
    assert with_limits(f"{name}={value}" for name, value in documented.items()) == Limits()


def test_every_feed_is_named_with_its_ids() -> None:
    text = read("docs/advisories.md")
    for publisher in PUBLISHERS:
        assert f"`{publisher.name}`" in text
        for prefix in publisher.prefixes:
            assert f"`{prefix}`" in text


def test_every_distribution_that_is_judged_is_named() -> None:
    section = "\n".join(" ".join(row) for row in tables(read("docs/advisories.md"))["Which release judges an image"])
    spoken = {
        "rhel": "Red Hat", "ol": "Oracle", "amzn": "Amazon", "azurelinux": "Azure Linux", "mariner": "Mariner",
        "sles": "SUSE", "sles_sap": "SUSE", "sled": "SUSE", "sle-micro": "SLE Micro", "sl-micro": "SLE Micro",
        "opensuse-leap": "Leap", "opensuse-tumbleweed": "Tumbleweed",
    }  # fmt: skip
    assert [name for name in FAMILIES if spoken.get(name, name).lower() not in section.lower()] == []


# Links


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    for link in links(read(name)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


def test_every_document_is_linked_from_the_readme_or_from_one_that_is() -> None:
    reached, waiting = set(), ["README.md"]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        for link in links(read(name)):
            target = ((ROOT / name).parent / link.partition("#")[0]).resolve()
            found = (
                sorted(target.glob("*.md"))
                if target.is_dir()
                else [target] * (target.suffix == ".md" and target.exists())
            )
            waiting += [str(each.relative_to(ROOT)) for each in found if str(each.relative_to(ROOT)) not in reached]
    assert [name for name in NAMES if name.startswith("docs/") and name not in reached] == []
