"""What the guide to accounts and organizations says is true: options, permissions, the accounts file, ways to end."""

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from documents import all_commands, blocks, options, read, tables
from tidewaiter.aws.permissions import PERMISSIONS
from tidewaiter.aws.targets import DEFAULT_MEMBER_ROLE, AccountRequest
from tidewaiter.cli.accounts import read_accounts
from tidewaiter.model.gap import Why
from tidewaiter.report.catalog import FLEET_FORMATS, REPORT_FORMATS, SURVEY_FORMATS
from tidewaiter.report.fleet_gaps import LEFT_OUT

GUIDE = "docs/fleet.md"


def test_every_option_of_these_commands_is_named() -> None:
    guide = read(GUIDE)
    for name, called in all_commands():
        if re.match(r"tidewaiter (ecr|org) ", name):
            missing = [option for option in options(called) - {"-h", "--help"} if f"`{option}" not in guide]
            assert missing == [], name


def test_the_permissions_are_those_of_the_table_in_the_program() -> None:
    rows = [(row[0].strip("`"), row[1], row[2]) for row in tables(read(GUIDE))["What must be allowed"]]
    assert rows == [(each.action, str(each.held_by), each.why) for each in PERMISSIONS]


def test_the_keys_of_the_accounts_file_are_those_that_are_read(tmp_path: Path) -> None:
    named = [row[0].strip("`") for row in tables(read(GUIDE))["Other accounts"] if not row[0].startswith("`-")]
    assert named == [field.name for field in fields(AccountRequest)]
    (example,) = blocks(read(GUIDE), "yaml")
    path = tmp_path / "accounts.yaml"
    path.write_text(example.text)
    assert [request.regions for request in read_accounts(str(path))] == [("eu-west-1", "us-east-1"), ()]


def test_the_variables_are_those_of_the_options() -> None:
    rows = [row for row in tables(read(GUIDE))["Other accounts"] if row[0].startswith("`-")]
    (scan,) = [called for name, called in all_commands() if name == "tidewaiter ecr scan"]
    by_option = {parameter.opts[0]: parameter for parameter in scan.params if isinstance(parameter, click.Option)}
    for option, own, borrowed in ([cell.strip("`") for cell in row] for row in rows):
        assert own == f"TIDEWAITER_ECR_SCAN_{option.strip('-').replace('-', '_').upper()}"
        assert getattr(by_option[option], "borrowed", "") == borrowed


def test_the_ways_to_be_skipped_are_those_of_manifests() -> None:
    rows = [row[0] for row in tables(read(GUIDE))["Which images"]]
    skipped = {row.partition("`")[2].strip("`") for row in rows if row.startswith("skipped")}
    assert skipped == {str(why) for why in LEFT_OUT - {Why.INACTIVE}}


def test_the_formats_and_the_role_are_those_of_the_program() -> None:
    rows = {row[0]: row[1] for row in tables(read(GUIDE))["The report"]}
    assert set(re.findall(r"`(\w+)`", rows["`--format`, `-f`"])) == set(FLEET_FORMATS) == set(SURVEY_FORMATS)
    assert set(re.findall(r"`(\w+)`", rows["`--report-format`"])) == set(REPORT_FORMATS)
    assert f"`{DEFAULT_MEMBER_ROLE}`" in read(GUIDE)


@pytest.mark.parametrize("words", ["ecr scan", "ecr list", "org scan", "org list"])
def test_every_command_stands_in_the_first_example(words: str) -> None:
    assert f"tidewaiter {words}" in blocks(read(GUIDE), "sh")[0].text


def test_the_lines_of_jq_ask_for_keys_that_there_are() -> None:
    from tidewaiter.model import fleet_document

    known = {
        name
        for kind in vars(fleet_document).values()
        if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__")
        for name in (field.name for field in fields(kind))
    }
    lines = [line for block in blocks(read(GUIDE), "sh") for line in block.text.splitlines() if line.startswith("jq")]
    asked = {name for line in lines for name in re.findall(r"\.([a-z_]+)", line.rpartition(" ")[0])}
    assert lines
    assert asked <= known
