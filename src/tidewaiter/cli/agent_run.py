"""Runs an agent, by itself or with a broker client, until it is told to stop."""

import asyncio
import secrets as random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tidewaiter.cli.agent_options import agent_settings
from tidewaiter.cli.broker_options import settings_of
from tidewaiter.errors import UsageError

if TYPE_CHECKING:
    from tidewaiter.broker.agent.app import Agent
    from tidewaiter.broker.client.settings import ClientSettings
    from tidewaiter.broker.secrets import Secrets

_Main = Callable[[asyncio.Event], Awaitable[None]]
_REACHED_FROM_HERE = ("127.0.0.1", "localhost", "0.0.0.0")  # noqa: S104 - what may be said, not what is done
_OF_THE_CLIENT = (
    *("token", "connections", "type", "role_arn", "external_id", "region", "base", "username", "password"),
    *("registry_token", "repository", "credentials", "accept", "ca_cert", "replica", "allow_plaintext"),
)


def run(options: dict[str, Any]) -> int:
    """Serve until a termination or an interrupt. Raises UsageError for settings that cannot be."""
    try:
        from tidewaiter.broker import service
        from tidewaiter.broker.agent.app import Agent
        from tidewaiter.broker.journal import Form, open_journal
        from tidewaiter.broker.secrets import Secrets
    except ImportError as error:
        raise UsageError(f"the agent needs {error.name}", advice="Install tidewaiter[broker].") from error
    told = Secrets()
    main = _together(options, told) if options["connect"] else _alone(Agent(agent_settings(options), told=told))
    open_journal(form=Form(options["log_format"]), level=options["log_level"], secrets=told)
    service.run(main)
    return 0


def _client_settings(options: dict[str, Any]) -> "ClientSettings":
    """The settings of the client that is in the same process; a secret that nobody else knows keeps others out."""
    if options["secret"] or options["https_cert"] or options["client_ca"]:
        raise UsageError(
            "with --connect, nobody but the client in it asks the agent: there is no secret or certificate to set",
            advice="Leave them out, or run `tidewaiter broker` as the client.",
        )
    if options["host"] not in _REACHED_FROM_HERE:
        advice = f"Give one of {', '.join(_REACHED_FROM_HERE)}, or run `tidewaiter broker` as the client."
        raise UsageError(f"with --connect, an agent on {options['host']} would not be found", advice=advice)
    own = {name: options[name] for name in _OF_THE_CLIENT} | {"server_url": options["connect"]}
    return settings_of(own, host="127.0.0.1", port=options["client_port"], secret=random.token_hex(32))


def _alone(agent: "Agent") -> _Main:
    from tidewaiter.broker.journal import journal

    async def main(stop: asyncio.Event) -> None:
        async with agent.serving():
            await stop.wait()
            journal("agent").info("the agent is about to stop")

    return main


def _together(options: dict[str, Any], told: "Secrets") -> _Main:
    """Agent and client in one: the client ends first, so that what is under way finds the agent still there."""
    from tidewaiter.broker.agent.app import Agent
    from tidewaiter.broker.client.client import Client
    from tidewaiter.cli.broker_client import serve, shower

    settings = _client_settings(options)
    agent = Agent(agent_settings(options, secret=settings.secret, callback=""), told=told)
    Client(settings, secrets=told)  # settings that cannot be are told before anything listens

    async def main(stop: asyncio.Event) -> None:
        async with agent.serving() as url:
            here = f"http://127.0.0.1:{urlsplit(url).port}"
            show = shower(options["log_format"], told)
            await serve(Client(replace(settings, agent_url=here), secrets=told, show=show), stop)

    return main
