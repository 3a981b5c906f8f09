"""The agent: its HTTP server, its own identity in AWS, and the jobs that it works on."""

import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

import tidewaiter
from tidewaiter.aws.chain import Chain
from tidewaiter.aws.principal import Principal
from tidewaiter.broker import tls
from tidewaiter.broker.agent.desks import Desks
from tidewaiter.broker.agent.entrances import Entrances
from tidewaiter.broker.agent.front import Front
from tidewaiter.broker.agent.reception import Reception, Scans
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.agent.working import working
from tidewaiter.broker.journal import fields, journal
from tidewaiter.broker.messages import AgentInfo
from tidewaiter.broker.secrets import Secrets
from tidewaiter.broker.service import listening
from tidewaiter.broker.signing import Party, Seal
from tidewaiter.inventory.catalog import FINGERPRINT

_LARGEST_BODY = 64 << 10
_log = journal("agent")


class Agent:
    """Answers what can be asked of registries, and looks through their images.

    `chain` gives the agent's own identity, which is AWS' default chain; `told` are the secrets that the journal takes
    out of its lines. Raises UsageError for settings that cannot be.
    """

    def __init__(
        self, settings: AgentSettings, *, chain: Callable[[], Principal] | None = None, told: Secrets | None = None
    ) -> None:
        self.settings = settings
        self._seal = Seal([settings.secret], own=Party.AGENT, other=Party.CLIENT) if settings.secret else None
        self._context = tls.port_context(settings)
        self._trusting = _trusting(settings)
        self._entrances = Entrances(chain or _ambient(settings), told=told)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Answers at the URL that this gives, and works on jobs, until the block ends. Raises UsageError."""
        settings = self.settings
        desks = Desks()
        try:
            async with (
                working(
                    settings.folder,
                    ceilings=settings.ceilings,
                    limits=settings.limits,
                    home=settings.callback,
                    tls=self._trusting,
                    seal=self._seal,
                ) as jobs,
                listening(self.app(jobs, desks), host=settings.host, port=settings.port, tls=self._context) as url,
            ):
                _log.info("the agent listens", extra=fields(url=url))
                yield url
        finally:
            desks.close()

    def app(self, jobs: Scans, desks: Desks) -> web.Application:
        """The application: it answers from these jobs, and asks AWS in these threads."""
        info = AgentInfo(
            version=tidewaiter.__version__,
            fingerprint=FINGERPRINT,
            limits=self.settings.limits,
            operations=self.settings.ceilings.operations,
        )
        front = Front(
            Reception(
                self.settings, info=info, entrances=self._entrances, desks=desks, jobs=jobs, trusting=self._trusting
            ),
            self._seal,
        )
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{target:.*}", front.serve)
        app.on_response_prepare.append(front.prove)
        return app


def _trusting(settings: AgentSettings) -> ssl.SSLContext | None:
    """How the agent asks the client's port: it shows its own certificate there too."""
    if not (settings.authorities or settings.certificate):
        return None
    return tls.client_context(authority=settings.authorities, certificate=settings.certificate, key=settings.key)


def _ambient(settings: AgentSettings) -> Callable[[], Principal]:
    """The identity that boto3 finds, looked for when it is first needed, and then once."""
    lock = threading.Lock()
    found: list[Chain] = []

    def chain() -> Principal:
        with lock:
            if not found:
                found.append(Chain.ambient(profile=settings.profile, sts_regions=settings.sts_regions))
            return found[0]

    return chain
