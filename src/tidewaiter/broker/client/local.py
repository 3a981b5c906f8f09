"""The client's local port: results of the agent go out here, and whoever looks after the client asks how it is."""

import msgspec
from aiohttp import web

from tidewaiter.broker.client.callbacks import Callbacks
from tidewaiter.broker.client.health import Health
from tidewaiter.broker.client.metrics import Metrics
from tidewaiter.broker.paths import canonical
from tidewaiter.broker.refusals import response_of
from tidewaiter.broker.secrets import Secrets
from tidewaiter.errors import BrokerError

_BROKEN = 503


class LocalPort:
    """Answers on the local port."""

    def __init__(self, callbacks: Callbacks, health: Health, metrics: Metrics, secrets: Secrets) -> None:
        self._callbacks = callbacks
        self._health = health
        self._metrics = metrics
        self._secrets = secrets
        self._own = {
            "/healthcheck": self._healthcheck,
            "/systemcheck": self._systemcheck,
            "/metrics": self._exposition,
        }

    def application(self) -> web.Application:
        """What answers all of its requests: their paths are read in one way, ours."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            target = canonical(request.raw_path)
            own = self._own.get(target.path) if request.method in ("GET", "HEAD") else None
            return await (own() if own else self._callbacks.take(request, target))
        except BrokerError as error:
            return response_of(error)

    async def _healthcheck(self) -> web.Response:
        found = await self._health.quick()
        return self._told(found, ok=found.ok)

    async def _systemcheck(self) -> web.Response:
        found = await self._health.thorough()
        return self._told(found, ok=found.ok)

    async def _exposition(self) -> web.Response:
        return self._metrics.response()

    def _told(self, found: msgspec.Struct, *, ok: bool) -> web.Response:
        text = self._secrets.redacted(msgspec.json.encode(found).decode())
        return web.Response(text=text, content_type="application/json", status=200 if ok else _BROKEN)
