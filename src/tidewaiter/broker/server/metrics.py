"""What a server counts, in a registry of its own, as Prometheus reads it."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The counts of one server."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        requests = Counter(
            "tidewaiter_broker_requests", "Requests that were relayed, by status.", ["status"], registry=registry
        )
        refusals = Counter(
            "tidewaiter_broker_refusals", "Requests that came to no answer, by reason.", ["code"], registry=registry
        )
        self._requests, self._refusals = requests, refusals
        self.seconds = Histogram(
            "tidewaiter_broker_request_seconds",
            "From a request's head to its answer's end.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.retries = Counter(
            "tidewaiter_broker_retries", "Requests that were sent to another replica.", registry=registry
        )
        self.tunnels = Gauge("tidewaiter_broker_tunnels", "Open tunnels of this server.", registry=registry)
        self.connections = Gauge(
            "tidewaiter_broker_connections", "Connections that this server's tunnels carry.", registry=registry
        )
        self.greetings = Counter(
            "tidewaiter_broker_greetings", "Clients that came, by what came of it.", ["outcome"], registry=registry
        )
        self.results = Counter("tidewaiter_broker_results", "Results that agents delivered.", registry=registry)
        self.result_bytes = Counter(
            "tidewaiter_broker_result_bytes", "Bytes of results that agents delivered.", registry=registry
        )
        self.expired = Counter(
            "tidewaiter_broker_results_expired",
            "Results that nobody fetched in time, or that broke off.",
            registry=registry,
        )
        self.store_up = Gauge(
            "tidewaiter_broker_store_up", "Whether the store answered when it was asked last.", registry=registry
        )

    def answered(self, status: int, seconds: float) -> None:
        """A request was relayed, and so was its answer."""
        self._requests.labels(str(status)).inc()
        self.seconds.observe(seconds)

    def refused(self, code: str) -> None:
        """A request came to no answer of the agent's."""
        self._refusals.labels(code).inc()

    def spelled(self) -> bytes:
        """All counts, in Prometheus' text format."""
        return generate_latest(self._registry)
