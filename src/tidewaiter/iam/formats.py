"""The one list of what a blueprint can be rendered as.

A format is a module with `render`; it is loaded when it is asked for.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Final, Protocol, cast

from tidewaiter.errors import UsageError
from tidewaiter.iam.blueprint import Blueprint
from tidewaiter.iam.rendered import Rendered


class Render(Protocol):
    """What each format's module has."""

    def __call__(self, blueprint: Blueprint) -> tuple[Rendered, ...]:
        """The files of all parts, in the order in which they are put up."""
        ...


_MODULES: Final[Mapping[str, str]] = {
    "policy": "policies",
    "cloudformation": "cloudformation",
    "terraform": "terraform",
    "aws-cli": "aws_cli",
}

FORMATS: Final = tuple(_MODULES)
"""Their names, as `iam render --as` takes them."""


def render(blueprint: Blueprint, name: str) -> tuple[Rendered, ...]:
    """The blueprint in the format of this name. Raises UsageError for one that there is not."""
    if name not in _MODULES:
        raise UsageError(f"there is no format {name!r}", where="--as", advice=f"There are {', '.join(FORMATS)}.")
    found = import_module(f"tidewaiter.iam.{_MODULES[name]}")
    return cast("Render", found.render)(blueprint)
