"""Where broker servers keep what they share, as their commands are told it."""

from collections.abc import Callable
from typing import TypeVar

import click

from tidewaiter.cli.broker_options import AlsoOption
from tidewaiter.cli.database_path import default_store

_Function = TypeVar("_Function", bound=Callable[..., object])


def store_option(function: _Function) -> _Function:
    """The store that broker servers, and the commands about their connections, share."""
    return click.option(
        "--store",
        cls=AlsoOption,
        also="TIDEWAITER_BROKER_STORE",
        default=default_store,
        show_default="fleet.db in the user's data folder",
        metavar="PATH|URL",
        help="Where connections and results are kept: a file, or postgresql://USER@HOST/DATABASE.",
    )(function)
