"""What a client counts."""

from prometheus_client import Counter, Gauge, Histogram

from tidewaiter.broker.exposition import SECONDS, Exposition


class Metrics(Exposition):
    """The counts of one client."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
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
            f"{name}_agent_seconds", "Until the head of the agent's answer", buckets=SECONDS, registry=registry
        )
        self.callbacks = Counter(
            f"{name}_callbacks", "Results of the agent by what came of them", ("outcome",), registry=registry
        )
        self.callback_bytes = Counter(f"{name}_callback_bytes", "Bytes of results that went on", registry=registry)
