"""Registries that are not Amazon's: one a connection, entered with a login."""

from collections.abc import Iterator

from tidewaiter.aws.registries import Found, RegistryApi
from tidewaiter.broker.agent.probes import list_first, probe_listing
from tidewaiter.broker.agent.redaction import redaction
from tidewaiter.broker.messages import Credentials, Probe
from tidewaiter.errors import UsageError
from tidewaiter.fleet.docker_registry import docker_registry
from tidewaiter.model.cloud import Identity


class DockerEntrance:
    """One registry that is not Amazon's, by a login."""

    def __init__(self, credentials: Credentials, via: str) -> None:
        self._username = credentials.username
        self._api = docker_registry(
            credentials.type,
            base=credentials.registry_base,
            username=credentials.username,
            password=credentials.password,
            token=credentials.token,
            repositories=credentials.repositories,
            via=via,
        )
        self.redact = redaction((credentials.password, credentials.token))

    def identity(self) -> Identity:
        """The name that the registry knows; nothing is asked."""
        registry = self._api.registry
        return Identity(arn=self._username or "a login without a name", account=registry.account, partition="")

    def prove(self) -> None:
        """List the first repository, and its images."""
        list_first(self._api)

    def found(self) -> Iterator[Found]:
        """The registry itself."""
        yield self._api.place

    def registry(self, host: str) -> RegistryApi:
        """The registry, by its own name or without one."""
        if host not in ("", self._api.registry.host):
            raise UsageError("is not the registry of this connection", where=host[:300])
        return self._api

    def probes(self) -> Iterator[Probe]:
        """Whether the registry lists its repositories, and the images of the first."""
        yield probe_listing(self._api)
