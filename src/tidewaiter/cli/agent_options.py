"""The options of an agent, each with its variable and the one that the reference calls it by."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tidewaiter.cli.broker_options import AlsoOption, size_option
from tidewaiter.cli.ceilings import with_limits
from tidewaiter.cli.options import together

if TYPE_CHECKING:
    from tidewaiter.broker.agent.settings import AgentSettings

_Function = TypeVar("_Function", bound=Callable[..., object])


def connect_option(function: _Function) -> _Function:
    """Agent and client in one."""
    return click.option(
        "--connect",
        default="",
        metavar="URL",
        help="Be the broker client too, and connect to this broker server.",
    )(function)


def agent_options(function: _Function) -> _Function:
    """Where the agent listens, and who may ask it."""
    return together(
        function,
        click.option(
            "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on."
        ),
        _port("--port", "SNYK_PORT", 17500, "The port to listen on; 0 takes any."),
        _port("--client-port", "PORT", 7341, "With --connect: the client's port, for its health and metrics."),
        click.option(
            "--secret",
            default="",
            metavar="SECRET",
            help="What client and agent share. Better set as TIDEWAITER_AGENT_SECRET.",
        ),
        click.option("--https-cert", default="", metavar="FILE", help="The agent's certificate: it then speaks TLS."),
        click.option("--https-key", default="", metavar="FILE", help="The key of that certificate."),
        click.option(
            "--client-ca",
            default="",
            metavar="FILE",
            help="Let only clients with a certificate of these authorities ask (PEM).",
        ),
        click.option(
            "--callback",
            cls=AlsoOption,
            also="BROKER_CLIENT_URL",
            default="",
            metavar="URL",
            help="The broker client's port, where it does not say so itself.",
        ),
        click.option(
            "--allow-unauthenticated",
            is_flag=True,
            help="Listen beyond this machine without a secret: anybody there may then ask.",
        ),
    )


def ceiling_options(function: _Function) -> _Function:
    """How much it does, and where it keeps what it found."""
    return together(
        function,
        click.option(
            "--operations",
            cls=AlsoOption,
            also="MAX_ACTIVE_OPERATIONS",
            type=click.IntRange(min=1),
            show_default="the processors",
            metavar="N",
            help="So many images at a time.",
        ),
        size_option("--image-bytes", "2GiB", "Look at no image with more bytes in its layers, as stored."),
        size_option("--under-way-bytes", "4GiB", "So many bytes of images at a time."),
        click.option(
            "--folder",
            type=click.Path(file_okay=False),
            show_default="agent in the user's data folder",
            metavar="FOLDER",
            help="Where results are kept until they are delivered, and what was read of layers.",
        ),
        size_option("--spool-bytes", "10GiB", "Take no image while so many bytes of results wait."),
        size_option("--shelf-bytes", "5GiB", "Keep so many bytes of what was read of layers."),
    )


def agent_settings(options: dict[str, Any], **instead: Any) -> "AgentSettings":
    """The agent's settings; `instead` goes before the options. Raises UsageError."""
    from tidewaiter.broker.agent.ceilings import Ceilings
    from tidewaiter.broker.agent.settings import AgentSettings

    sizes = {name: options[name] for name in ("image_bytes", "under_way_bytes", "spool_bytes", "shelf_bytes")}
    operations = {"operations": options["operations"]} if options["operations"] else {}
    settings: dict[str, Any] = {
        **{name: options[name] for name in ("host", "port", "secret", "callback", "profile")},
        "unprotected": options["allow_unauthenticated"],
        "certificate": options["https_cert"],
        "key": options["https_key"],
        "clients": options["client_ca"],
        "authorities": options["ca_cert"],
        "ceilings": Ceilings(**sizes, **operations),
        "limits": with_limits(options["limit"]),
        "sts_regions": options["sts_region"],
        **({"folder": options["folder"]} if options["folder"] else {}),
    }
    return AgentSettings(**{**settings, **instead})


def _port(name: str, also: str, default: int, says: str) -> Callable[[_Function], _Function]:
    kind = click.IntRange(0, 65535)
    return click.option(
        name, cls=AlsoOption, also=also, type=kind, default=default, show_default=True, metavar="PORT", help=says
    )
