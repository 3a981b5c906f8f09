"""What a client counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The client's own registry: nothing of the process is told but what is named here."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        name = "tidewaiter_broker_client"
        self.up = Gauge(f"{name}_tunnel_up", "Whether there is a tunnel to the server", registry=registry)
        self.attempts = Counter(f"{name}_connection_attempts", "Tries to connect to the server", registry=registry)
        self.failures = Counter(
            f"{name}_connection_failures", "Tries to connect that failed", ("code",), registry=registry
        )
        self.tunnels = Counter(f"{name}_tunnels", "Tunnels that were opened", registry=registry)
        self.lost = Counter(f"{name}_tunnels_lost", "Tunnels that ended without being let go", registry=registry)
        self.connections = Gauge(
            f"{name}_connections", "Connections by what the server says of their tokens", ("state",), registry=registry
        )
        self.requests = Counter(
            f"{name}_requests", "Requests to the agent by what came of them", ("outcome",), registry=registry
        )
        self.took = Histogram(
            f"{name}_agent_seconds", "Until the head of the agent's answer", buckets=_SECONDS, registry=registry
        )
        self.callbacks = Counter(
            f"{name}_callbacks", "Results of the agent by what came of them", ("outcome",), registry=registry
        )
        self.callback_bytes = Counter(f"{name}_callback_bytes", "Bytes of results that went on", registry=registry)

    def exposed(self) -> bytes:
        """All of them in the exposition format.

        https://prometheus.io/docs/instrumenting/exposition_formats/
        """
        return generate_latest(self._registry)
