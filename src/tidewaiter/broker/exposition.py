"""What a program counts, as Prometheus reads it.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The steps in which durations are counted."""


class Exposition:
    """Counts in a registry of their own: nothing of the process is told but what is named."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

    def text(self) -> bytes:
        """All counts."""
        return generate_latest(self.registry)

    def response(self) -> web.Response:
        """All counts, for who asks over HTTP."""
        return web.Response(body=self.text(), headers={"content-type": CONTENT_TYPE_LATEST})
