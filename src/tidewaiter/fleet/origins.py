"""The registries of a fleet, for whoever needs blobs of them: each is entered once."""

import threading
from collections.abc import Callable
from functools import partial

from tidewaiter.aws.registries import RegistryApi
from tidewaiter.errors import CloudDeniedError, CloudError, TidewaiterError
from tidewaiter.fleet.desk import Desk
from tidewaiter.fleet.messages import Address
from tidewaiter.fleet.pool import Asked, Reply
from tidewaiter.fleet.pull import Origin
from tidewaiter.model.cloud import Download, Registry, Repository
from tidewaiter.model.image import Digest

_ADVICE = "Scan this image by itself, with `tidewaiter scan`: that logs in."


class Origins:
    """Gives addresses of blobs. Thread-safe; close it after use."""

    def __init__(self, apis: Callable[[Registry], RegistryApi], desk: Desk) -> None:
        self._apis = apis
        self._desk = desk
        self._lock = threading.Lock()
        self._origins: dict[Registry, Origin] = {}

    def close(self) -> None:
        """Ends all connections."""
        with self._lock:
            for origin in self._origins.values():
                origin.close()

    def forget(self, registry: Registry) -> None:
        """End the connections to a registry; it is entered anew when it is next needed."""
        with self._lock:
            origin = self._origins.pop(registry, None)
        if origin is not None:
            origin.close()

    def download(self, repository: Repository, digest: Digest) -> Download:
        """Where the bytes of a blob can be had now, without a login. Raises CloudError, also where only a login helps.

        A login would open more than this blob, and for longer: workers read what strangers wrote, and get none.
        """
        download = self._origin(repository.registry).download(repository.name, digest)
        if any(name.lower() == "authorization" for name, _ in download.headers):
            what = "the registry gives this blob to who logs in, and no signed address of it"
            raise CloudError(what, where=f"{repository}@{digest}", advice=_ADVICE)
        return download

    def asked(self, repository: Repository) -> Asked:
        """Answers a worker that needs addresses of blobs of this repository."""

        def ask(digest: Digest, reply: Reply) -> None:
            self._desk.do(partial(self._answer, repository, digest, reply))

        return ask

    def _answer(self, repository: Repository, digest: Digest, reply: Reply) -> None:
        try:
            reply(Address(download=self.download(repository, digest)))
        except TidewaiterError as error:
            denied = isinstance(error, CloudDeniedError)
            reply(Address(denied=denied, what=error.what, where=error.where, advice=error.advice))
        except Exception as error:  # noqa: BLE001 - the worker waits for an answer, whatever went wrong
            reply(Address(what=f"an error of tidewaiter itself: {type(error).__name__}", advice="Please report it."))

    def _origin(self, registry: Registry) -> Origin:
        with self._lock:
            if registry not in self._origins:
                self._origins[registry] = Origin(self._apis(registry))
            return self._origins[registry]
