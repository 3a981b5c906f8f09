"""The second half of `tidewaiter demo`: the account that lets nobody in, scanned by way of an agent in it.

Broker server, broker client and agent are programs of their own, as they are in earnest. Only the agent knows where
the simulated AWS is, and only the client holds the account's role and its external ID.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tidewaiter.cli.demo_stage import Programs, printed, spelled, tell

if TYPE_CHECKING:
    from tidewaiter.simulator.demonstration_organization import Brokered

_NEEDED = ("aiohttp", "prometheus_client", "uvloop")


def is_possible() -> bool:
    """Whether what the brokered integration needs is installed."""
    return all(find_spec(name) for name in _NEEDED)


@dataclass(frozen=True, slots=True)
class _Files:
    """What lies in the folder of the brokered integration, none of it to be read by others."""

    folder: Path

    @property
    def api_key(self) -> Path:
        return self.folder / "api-key"

    @property
    def token(self) -> Path:
        return self.folder / "token"

    @property
    def connections(self) -> Path:
        return self.folder / "connections.yaml"

    def write(self, brokered: "Brokered") -> None:
        """Writes an API key, and the client's file: the role, and where its token and external ID stand."""
        external_id = self.folder / "external-id"
        for path, text in ((self.api_key, secrets.token_hex(32)), (external_id, brokered.external_id)):
            _write(path, text)
        entry = {
            "name": brokered.account,
            "token_file": str(self.token),
            "role_arn": brokered.role_arn,
            "external_id_file": str(external_id),
            "regions": [brokered.region],
        }
        _write(self.connections, json.dumps({"connections": [entry]}, indent=2))


@contextmanager
def brokerage(folder: Path, brokered: "Brokered", environment: Mapping[str, str]) -> Iterator[list[str]]:
    """Server, client and agent at work; gives the options by which `ecr scan` reaches the account.

    `environment` is the agent's: its own keys, and the way to the simulated AWS.
    """
    files, store = _Files(folder / "broker"), str(folder / "fleet.db")
    files.folder.mkdir(mode=0o700)
    files.write(brokered)
    name = brokered.account
    with Programs(files.folder) as programs:
        serve = ("broker", "serve", "--port", "0", "--store", store, "--api-key-file", str(files.api_key))
        server = programs.start("server", *serve, environment={})
        agent = programs.start(
            "agent", "agent", "--port", "0", "--folder", str(files.folder / "agent"), environment=environment
        )
        url = server.url()
        create = ("broker", "connections", "create", name, "--store", store)
        tell(spelled(*create, then=f" > {files.token}"))
        _write(files.token, printed(*create))
        held = ("--agent-url", agent.url(), "--port", "0", "--connections", str(files.connections))
        client = programs.start("client", "broker", "--server-url", url, *held, environment={"NO_PROXY": "127.0.0.1"})
        client.until(" registry ")
        tell("", *(line for line in client.lines() if line.startswith(f"{name}  ")), "")
        yield ["--via", name, "--broker", url, "--broker-key-file", str(files.api_key)]


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
