"""The page on the agent names every option and every path, with the ceilings that it has."""

import re

from documents import code_spans, read, tables
from tidewaiter.broker.agent.ceilings import Ceilings
from tidewaiter.broker.agent.routes import ROUTES
from tidewaiter.broker.agent.settings import DEFAULT_PORT
from tidewaiter.cli.agent import command

TABLES = tables(read("docs/agent.md"))
SETTINGS = {row[0]: row[1:] for row in TABLES["Settings"]}


def test_every_option_is_on_the_page_with_the_variables_that_it_heeds() -> None:
    named = {span.partition(" ")[0]: row[1] for cell, row in SETTINGS.items() for span in code_spans(cell)}
    options = {option.opts[0]: option for option in command.params}
    assert set(named) == set(options)
    heeded = {name: getattr(option, "also", "") for name, option in options.items()}
    assert [name for name, also in heeded.items() if also and f"`{also}`" not in named[name]] == []


def test_every_path_is_on_the_page_and_nothing_else() -> None:
    assert {row[0].strip("`") for row in TABLES["What it answers"]} == {f"{each.method} {each.path}" for each in ROUTES}


def test_the_page_has_the_ceilings_and_the_port_as_they_are() -> None:
    told = {span.partition(" ")[0]: row[0] for cell, row in SETTINGS.items() for span in code_spans(cell)}
    ceilings = Ceilings()
    for option, size in (("--image-bytes", ceilings.image_bytes), ("--under-way-bytes", ceilings.under_way_bytes)):
        assert told[option].endswith(f"{size >> 30} GiB")
    kept = re.findall(r"(\d+) GiB", told["--spool-bytes"])
    assert [int(each) for each in kept] == [ceilings.spool_bytes >> 30, ceilings.shelf_bytes >> 30]
    assert str(DEFAULT_PORT) in told["--port"]
