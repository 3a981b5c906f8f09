"""The options of a broker client, each with its variable and the one that the reference calls it by."""

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tidewaiter.cli.ceilings import size_of
from tidewaiter.cli.options import together
from tidewaiter.errors import UsageError

if TYPE_CHECKING:
    from tidewaiter.broker.client.settings import ClientSettings, Connection

_Function = TypeVar("_Function", bound=Callable[..., object])
_LEVELS = ("trace", "debug", "info", "warn", "warning", "error", "fatal", "critical")


class AlsoOption(click.Option):
    """An option that also heeds another variable, `also`, where its own is not set."""

    def __init__(self, *names: Any, also: str, **more: Any) -> None:
        super().__init__(*names, **more)
        self.also = also

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """The value of the option's own variable, else of the other one."""
        return super().resolve_envvar_value(ctx) or os.environ.get(self.also) or None


def _split(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    names = (name.strip() for value in values for name in value.split(","))
    return tuple(dict.fromkeys(filter(None, names)))


def _also(name: str, variable: str, **more: Any) -> Callable[[_Function], _Function]:
    default = {} if "default" in more or more.get("multiple") else {"default": ""}
    return click.option(name, cls=AlsoOption, also=variable, **default, **more)


def connection_options(function: _Function) -> _Function:
    """One connection by options, or many by a file."""
    return together(
        function,
        _also("--token", "BROKER_TOKEN", metavar="TOKEN", help="The connection's token. Better set as BROKER_TOKEN."),
        click.option(
            "--connections",
            type=click.Path(dir_okay=False),
            metavar="FILE",
            help="Many connections, each with its token and credentials, from a YAML, TOML or JSON file.",
        ),
        _also("--type", "CR_TYPE", metavar="TYPE", default="ecr", show_default=True, help="The kind of registry."),
        _also("--role-arn", "CR_ROLE_ARN", metavar="ARN", help="For ECR: the role that the agent takes."),
        _also(
            "--external-id",
            "CR_EXTERNAL_ID",
            metavar="ID",
            help="The external ID for that role. Better set as CR_EXTERNAL_ID.",
        ),
        _also(
            "--region",
            "CR_REGION",
            multiple=True,
            callback=_split,
            metavar="REGION[,REGION…]",
            help="For ECR: only these regions; repeatable. Without one: all that the account has enabled.",
        ),
        _also("--base", "CR_BASE", metavar="HOST", help="For other registries: where it is."),
        _also("--username", "CR_USERNAME", metavar="NAME", help="For other registries: who enters it."),
        _also("--password", "CR_PASSWORD", metavar="WORD", help="The password. Better set as CR_PASSWORD."),
        _also(
            "--registry-token",
            "CR_TOKEN",
            metavar="TOKEN",
            help="A token instead of a password. Better set as CR_TOKEN.",
        ),
        click.option(
            "--repository",
            multiple=True,
            callback=_split,
            metavar="NAME[,NAME…]",
            help="For other registries: its repositories, where it cannot list them; repeatable.",
        ),
        _also(
            "--credentials",
            "CR_CREDENTIALS",
            metavar="BASE64",
            help="All of the credentials as they are sent to the agent, instead of the options above. Better set as "
            "CR_CREDENTIALS.",
        ),
    )


def local_options(function: _Function) -> _Function:
    """Where the agent reaches the client, and how both know each other."""
    return together(
        function,
        click.option(
            "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The local port's address."
        ),
        _also(
            "--port",
            "PORT",
            type=click.IntRange(0, 65535),
            default=7341,
            show_default=True,
            metavar="PORT",
            help="The local port, for the agent's results and for health; 0 takes any.",
        ),
        _also(
            "--client-url",
            "BROKER_CLIENT_URL",
            metavar="URL",
            help="How the agent reaches that port, where it is not on this machine.",
        ),
        _also(
            "--agent-url",
            "CR_AGENT_URL",
            default="http://127.0.0.1:17500",
            show_default=True,
            metavar="URL",
            help="The agent.",
        ),
        _also(
            "--secret",
            "TIDEWAITER_AGENT_SECRET",
            metavar="SECRET",
            help="What client and agent share. Better set as TIDEWAITER_AGENT_SECRET, on both sides.",
        ),
        _also("--https-cert", "HTTPS_CERT", metavar="FILE", help="The local port's certificate: it then speaks TLS."),
        _also("--https-key", "HTTPS_KEY", metavar="FILE", help="The key of that certificate."),
        click.option(
            "--agent-ca",
            default="",
            metavar="FILE",
            help="Let only agents with a certificate of these authorities reach the local port (PEM).",
        ),
        click.option(
            "--allow-unauthenticated",
            is_flag=True,
            help="Listen beyond this machine without a secret: anybody there may then send results.",
        ),
    )


def size_option(name: str, default: str, says: str) -> Callable[[_Function], _Function]:
    """A number of bytes, written with its unit."""
    return click.option(name, default=default, callback=_bytes, show_default=True, metavar="SIZE", help=says)


def _bytes(_context: click.Context, _parameter: click.Parameter, value: object) -> int:
    size = size_of(str(value)) or 0
    if size < 1:
        raise click.BadParameter(f"{value!r} is no size. Write it as 2GiB.")
    return int(size)


def server_option(function: _Function) -> _Function:
    """Which server."""
    return _also("--server-url", "BROKER_SERVER_URL", metavar="URL", help="The broker server.")(function)


def relaying_options(function: _Function) -> _Function:
    """What the server may ask for, and whom to trust."""
    return together(
        function,
        _also(
            "--accept", "ACCEPT", metavar="FILE", help="Rules: what may be asked of the agent. Default: its own paths."
        ),
        _also("--ca-cert", "CA_CERT", metavar="FILE", help="Trust these certificates too (PEM)."),
        click.option(
            "--allow-plaintext",
            is_flag=True,
            help="Reach server and agent over plain http on other machines too: others on the way read secrets, and "
            "can change answers.",
        ),
        click.option("--replica", default="", metavar="NAME", help="What this client is called among its like."),
    )


def settings_of(options: dict[str, Any], **instead: Any) -> "ClientSettings":
    """The client's settings; `instead` goes before the options. Raises UsageError."""
    from tidewaiter.broker.client.settings import ClientSettings

    if not options["server_url"]:
        raise UsageError("no server to connect to", advice="Name it: --server-url, or BROKER_SERVER_URL.")
    reading = partial(connections_of, options)
    settings: dict[str, Any] = {
        "server_url": options["server_url"],
        "connections": reading(),
        "rules": options["accept"],
        "authorities": options["ca_cert"],
        "replica": options["replica"],
        "plaintext": options["allow_plaintext"],
        "reread": reading if options["connections"] else None,
    }
    return ClientSettings(**{**settings, **_local(options), **instead})


def _local(options: dict[str, Any]) -> dict[str, Any]:
    """The settings of the local port, where the command has its options."""
    names = {"host", "port", "client_url", "agent_url", "secret"} & options.keys()
    settings = {name: options[name] for name in names}
    if "https_cert" in options:
        settings |= {"certificate": options["https_cert"], "key": options["https_key"]}
        settings |= {"clients": options["agent_ca"], "unprotected": options["allow_unauthenticated"]}
    return settings


_ONE = ("token", "role_arn", "external_id", "region", "base", "username", "password", "registry_token", "credentials")


def connections_of(options: dict[str, Any]) -> "tuple[Connection, ...]":
    """The connections of the file, or the one of the options. Raises UsageError."""
    from tidewaiter.cli.connections import Entry, connection_of, read_connections

    if options["connections"]:
        if options["token"]:
            raise UsageError("--connections and --token do not go together", advice="Put the token into the file.")
        return read_connections(options["connections"])
    if not options["token"]:
        made = "Set BROKER_TOKEN to what `tidewaiter broker connections create NAME` shows on the platform"
        raise UsageError("there is no token", advice=f"{made}, or name a file of connections: --connections.")
    named = {name: options[name] for name in _ONE if name != "region"}
    entry = Entry(type=options["type"], regions=options["region"], repositories=options["repository"], **named)
    return (connection_of(entry, "the connection's options"),)


def log_options(function: _Function) -> _Function:
    """What is logged, on stderr."""
    return together(
        function,
        _also(
            "--log-level",
            "LOG_LEVEL",
            type=click.Choice(_LEVELS, case_sensitive=False),
            default="info",
            show_default=True,
            metavar="LEVEL",
            help="Log this and what is worse: debug, info, warning, error.",
        ),
        click.option(
            "--log-format",
            type=click.Choice(("text", "json")),
            default="text",
            show_default=True,
            help="How it is logged.",
        ),
    )
