"""The broker client: one tunnel to the server, one local port for the agent, and what goes between them."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack

from tidewaiter.broker.client.callbacks import Callbacks
from tidewaiter.broker.client.dialing import Dialer, base_url
from tidewaiter.broker.client.health import Checkup, Health
from tidewaiter.broker.client.link import Link
from tidewaiter.broker.client.local import LocalPort
from tidewaiter.broker.client.metrics import Metrics
from tidewaiter.broker.client.origin import Origins
from tidewaiter.broker.client.relay import Relay
from tidewaiter.broker.client.settings import VARIABLES, ClientSettings
from tidewaiter.broker.journal import fields, journal
from tidewaiter.broker.rules import AGENT_URL, DEFAULT_RULES
from tidewaiter.broker.rules_file import read_rules
from tidewaiter.broker.secrets import Secrets
from tidewaiter.broker.service import listening
from tidewaiter.broker.sessions import new_session
from tidewaiter.broker.signing import Party, Seal
from tidewaiter.broker.tls import client_context, port_context
from tidewaiter.errors import UsageError

_log = journal("client")
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - told apart, not listened on


class Client:
    """Holds the credentials of connections, and carries requests to the agent and results to the server.

    All settings are checked here: it raises UsageError. `secrets` learns what may not be told; `show` is given what
    works and what does not, once after the start.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        secrets: Secrets | None = None,
        show: Callable[[Checkup], None] = lambda _: None,
    ) -> None:
        self.secrets = secrets or Secrets()
        self.ready = asyncio.Event()
        """Set when the local port listens; `url` says where."""
        self.url = ""
        self._settings = settings
        self._show = show
        self._server_url = base_url(settings.server_url, of="the broker server", plaintext=settings.plaintext)
        self._agent_url = base_url(settings.agent_url, of="the agent", plaintext=settings.plaintext)
        self._rules = read_rules(settings.rules) if settings.rules else DEFAULT_RULES
        self._rules.private.check((*VARIABLES, AGENT_URL))
        self._seal = Seal([settings.secret], own=Party.CLIENT, other=Party.AGENT) if settings.secret else None
        self._outwards = client_context(authority=settings.authorities)
        self._inwards = self._outwards
        if settings.certificate:
            own = {"certificate": settings.certificate, "key": settings.key}
            self._inwards = client_context(authority=settings.authorities, **own)
        self._listening = self._protection()
        self._link: Link | None = None
        self._learn_secrets()

    @property
    def settings(self) -> ClientSettings:
        """What it was told."""
        return self._settings

    @property
    def names(self) -> frozenset[str]:
        """The connections that the server knows this client to hold, now."""
        held = self._link.held if self._link else None
        return frozenset(held.connections if held else ())

    async def run(self) -> None:
        """Serves until cancelled; then what is under way has some seconds to end."""
        metrics = Metrics()
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(new_session(self._inwards))
            dialer = Dialer(self._server_url, self._outwards)
            stack.push_async_callback(dialer.close)
            origins = Origins(session, self._agent_url, seal=self._seal, plaintext=self._settings.plaintext)
            relay = Relay(self._rules.private, origins, metrics)
            link = self._link = self._new_link(dialer, relay, metrics)
            health = Health(link, origins.agent, server_url=self._server_url)
            callbacks = Callbacks(link, self._rules.public, self._seal, metrics)
            port = LocalPort(callbacks, health, metrics, self.secrets)
            await self._listen(stack, port)
            relay.callback = health.callback = self._callback_url()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(link.run())
                tasks.create_task(self._show_once(link, health))

    def reread(self) -> None:
        """Reads the file of connections anew. What is wrong in it is logged and changes nothing."""
        if self._settings.reread is None or self._link is None:
            _log.info("There is no file of connections to read anew")
            return
        try:
            connections = self._settings.reread()
        except UsageError as error:
            _log.error("The connections are as they were: the file cannot be used", extra=fields(error=str(error)))
            return
        self.secrets.add(*(secret for each in connections for secret in each.secrets))
        self._link.renew(connections)
        _log.info("The connections were read anew", extra=fields(connections=len(connections)))

    def _new_link(self, dialer: Dialer, relay: Relay, metrics: Metrics) -> Link:
        return Link(
            self._settings.connections,
            dialer,
            relay.serving,
            replica=self._settings.replica or f"{socket.gethostname()}-{os.urandom(3).hex()}",
            metrics=metrics,
            waiting=self._settings.waiting,
        )

    async def _listen(self, stack: AsyncExitStack, port: LocalPort) -> None:
        settings = self._settings
        serving = listening(port.application(), host=settings.host, port=settings.port, tls=self._listening)
        self.url = await stack.enter_async_context(serving)
        self.ready.set()
        _log.info("The client listens for its agent", extra=fields(url=self.url, callback=self._callback_url()))

    async def _show_once(self, link: Link, health: Health) -> None:
        await link.tried.wait()
        self._show(await health.thorough())

    # Settings

    def _protection(self) -> ssl.SSLContext | None:
        """How the local port speaks TLS, if it does. Raises UsageError where anybody could send results."""
        settings, context = self._settings, port_context(self._settings)
        if settings.host in _EVERYWHERE and not settings.client_url:
            advice = "Name it: --client-url, or BROKER_CLIENT_URL."
            raise UsageError(f"{settings.host} is no address that the agent could send results to", advice=advice)
        return context

    def _callback_url(self) -> str:
        return self._settings.client_url.rstrip("/") or self.url

    def _learn_secrets(self) -> None:
        self.secrets.add(self._settings.secret)
        self.secrets.add(*(secret for each in self._settings.connections for secret in each.secrets))
