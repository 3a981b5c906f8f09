"""What a server counts."""

from prometheus_client import Counter, Gauge, Histogram

from tidewaiter.broker.exposition import SECONDS, Exposition


class Metrics(Exposition):
    """The counts of one server."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
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
            buckets=SECONDS,
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
