"""The options that say by way of which broker server, and which of its connections, registries are looked at."""

from collections.abc import Callable
from typing import TypeVar

import click

from tidewaiter.cli.broker_options import AlsoOption
from tidewaiter.cli.options import together

_Function = TypeVar("_Function", bound=Callable[..., object])
_PATIENCE = 600.0


def relay_options(function: _Function) -> _Function:
    """By way of which connections of which server."""
    return together(
        function,
        click.option(
            "--via",
            multiple=True,
            metavar="CONNECTION",
            help="What is behind this connection of a broker server, looked at by its agent; repeatable.",
        ),
        click.option(
            "--broker",
            cls=AlsoOption,
            also="TIDEWAITER_BROKER_URL",
            default="",
            metavar="URL",
            help="The broker server; TIDEWAITER_BROKER_URL in the environment.",
        ),
        click.option(
            "--broker-key",
            cls=AlsoOption,
            also="TIDEWAITER_BROKER_KEY",
            default="",
            metavar="KEY",
            help="An API key of it; better set as TIDEWAITER_BROKER_KEY, where others on the machine do not see it.",
        ),
        click.option(
            "--broker-key-file",
            default="",
            type=click.Path(dir_okay=False),
            metavar="FILE",
            help="A file that holds such a key, in its first line.",
        ),
        click.option(
            "--broker-patience",
            type=click.FloatRange(min=0),
            default=_PATIENCE,
            show_default=f"{_PATIENCE:.0f}",
            metavar="SECONDS",
            help="Wait so long for a connection or an agent that is away.",
        ),
        click.option(
            "--broker-insecure", is_flag=True, help="Ask the server over plain http too, and trust any TLS of it."
        ),
    )
