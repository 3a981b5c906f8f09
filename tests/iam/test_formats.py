"""The one list of formats: each is a module that renders, and each module that renders is in the list."""

from pathlib import Path

import click
import pytest

import tidewaiter.iam
from tidewaiter.cli.iam import render_command
from tidewaiter.errors import UsageError
from tidewaiter.iam.formats import FORMATS, render
from tidewaiter.iam.reference import REFERENCES
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Runs, Topology
from topology_samples import wished


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_renders_every_part(name: str) -> None:
    found = blueprint(wished(Topology.ORGANIZATION))
    files = render(found, name)
    assert {part.name for part in found.parts} <= {file.part for file in files}
    assert all(file.text.endswith("\n") for file in files)


def test_every_module_that_renders_a_blueprint_is_a_format() -> None:
    folder = Path(str(tidewaiter.iam.__file__)).parent
    signature = "\ndef render(blueprint: Blueprint) -> tuple[Rendered, ...]:"
    rendering = [path.stem for path in folder.glob("*.py") if signature in path.read_text(encoding="utf-8")]
    assert len(rendering) == len(FORMATS), rendering


def test_the_command_line_offers_what_there_is() -> None:
    parameters = render_command.params
    choices = {each.name: each.type.choices for each in parameters if isinstance(each.type, click.Choice)}
    assert choices == {
        "topology": tuple(map(str, Topology)),
        "runs": tuple(map(str, Runs)),
        "as_": FORMATS,
        "reference": REFERENCES,
    }


def test_a_format_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="There are policy, cloudformation, terraform, aws-cli"):
        render(blueprint(wished(Topology.SINGLE)), "pulumi")
