"""`tidewaiter broker serve`: the broker server."""

from typing import TYPE_CHECKING, Any

import click

from tidewaiter.cli.broker_options import AlsoOption, log_options, size_option
from tidewaiter.cli.broker_store import store_option
from tidewaiter.cli.keys import read_keys
from tidewaiter.cli.options import together
from tidewaiter.errors import UsageError

if TYPE_CHECKING:
    from tidewaiter.broker.server.settings import ServerSettings

_CACHE_KIB = 2048  # results are written and read once: in memory they would only take the room of something else
_EXAMPLES = """Examples:

\b
  TIDEWAITER_BROKER_KEY="$(openssl rand -hex 32)" tidewaiter broker serve
  tidewaiter broker serve --host 0.0.0.0 --https-cert server.pem --api-key-file keys --store postgresql://db/fleet"""


def _listening_options(function: Any) -> Any:
    """Where it listens, and how it proves itself."""
    return together(
        function,
        click.option(
            "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on."
        ),
        click.option(
            "--port",
            type=click.IntRange(0, 65535),
            default=7340,
            show_default=True,
            metavar="PORT",
            help="The port to listen on; 0 takes any.",
        ),
        click.option(
            "--https-cert",
            cls=AlsoOption,
            also="HTTPS_CERT",
            default="",
            metavar="FILE",
            help="The server's certificate, with its chain (PEM): it then speaks TLS.",
        ),
        click.option(
            "--https-key",
            cls=AlsoOption,
            also="HTTPS_KEY",
            default="",
            metavar="FILE",
            help="The key of that certificate, where it is not in the same file.",
        ),
        click.option(
            "--allow-plaintext",
            is_flag=True,
            help="Listen beyond this machine without TLS: something before the server speaks it.",
        ),
        click.option(
            "--advertise",
            default="",
            metavar="URL",
            help="Where other servers on the same store reach this one. Without it they do not.",
        ),
        click.option(
            "--ca-cert",
            cls=AlsoOption,
            also="CA_CERT",
            default="",
            metavar="FILE",
            help="Trust these certificates of the other servers too (PEM).",
        ),
    )


def _key_options(function: Any) -> Any:
    """With what the platform proves itself."""
    return together(
        function,
        click.option(
            "--api-key",
            multiple=True,
            cls=AlsoOption,
            also="TIDEWAITER_BROKER_KEY",
            metavar="KEY",
            help="The platform proves itself with this key; repeatable, to change keys one after the other. Better set "
            "as TIDEWAITER_BROKER_KEY, or in a file.",
        ),
        click.option(
            "--api-key-file",
            default="",
            type=click.Path(dir_okay=False),
            metavar="FILE",
            help="More such keys, one a line.",
        ),
    )


def _keeping_options(function: Any) -> Any:
    """How much of results is kept, for how long."""
    return together(
        function,
        click.option(
            "--keep-days",
            type=click.IntRange(min=1),
            default=7,
            show_default=True,
            metavar="DAYS",
            help="Keep results so long that nobody fetches.",
        ),
        size_option("--quota-bytes", "4GiB", "At most so many bytes of one connection's results wait."),
    )


def serving_options(function: Any) -> Any:
    """All options of a server."""
    return _listening_options(_key_options(store_option(_keeping_options(log_options(function)))))


@click.command("serve", short_help="Run the broker server.", epilog=_EXAMPLES)
@serving_options
def command(**options: Any) -> int:
    """Run the broker server: broker clients connect to it, and the platform asks their agents by it.

    Connections are made with `tidewaiter broker connections create`, on the same store. Several servers may share a
    store in PostgreSQL: each finds the one that holds a client's tunnel.
    """
    return run(options)


def run(options: dict[str, Any]) -> int:
    """Serve until a termination or an interrupt. Raises UsageError for settings that cannot be."""
    try:
        from tidewaiter.broker import service
        from tidewaiter.broker.journal import Form, open_journal
        from tidewaiter.broker.secrets import Secrets
        from tidewaiter.broker.server.server import serve
    except ImportError as error:
        raise UsageError(f"the broker server needs {error.name}", advice="Install tidewaiter[broker].") from error
    from tidewaiter.cli.exit import Exit
    from tidewaiter.fleet.memory import remembering

    settings = _settings(options)
    secrets = Secrets(settings.keys)
    open_journal(form=Form(options["log_format"]), level=options["log_level"], secrets=secrets)
    with remembering(options["store"], cache=_CACHE_KIB) as store:
        service.run(lambda stop: serve(settings, store.exchange, stop))
    return Exit.CLEAN


def _settings(options: dict[str, Any]) -> "ServerSettings":
    from tidewaiter.broker.server.settings import Ceilings, ServerSettings

    _check_listening(options)
    return ServerSettings(
        keys=(*options["api_key"], *(read_keys(options["api_key_file"]) if options["api_key_file"] else ())),
        host=options["host"],
        port=options["port"],
        advertise=_checked_url(options["advertise"]),
        certificate=options["https_cert"],
        key=options["https_key"],
        authorities=options["ca_cert"],
        ceilings=Ceilings(quota=options["quota_bytes"], kept=options["keep_days"] * 86400.0),
    )


def _check_listening(options: dict[str, Any]) -> None:
    """Raises UsageError where tokens and keys could be read on their way."""
    from tidewaiter.broker.tls import is_loopback

    if is_loopback(options["host"]) or options["https_cert"] or options["allow_plaintext"]:
        return
    what = f"to listen on {options['host']} without TLS would show tokens and API keys to whoever is on the way"
    advice = "Give --https-cert, or say --allow-plaintext where something before the server speaks TLS."
    raise UsageError(what, advice=advice)


def _checked_url(url: str) -> str:
    """The address as it is kept: without a slash at its end. Raises UsageError."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query):
        raise UsageError(f"--advertise {url!r} is no address of a server", advice="Write it as https://HOST:PORT.")
    return url.rstrip("/")
