"""The whole way: `ecr scan --via`, the server, a client with several connections, an agent, and two accounts of AWS."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brokerages import Brokerage
from brokered_accounts import REGION, World, world_of
from clients import SECRET
from command_lines import Ran, alpine_image, debian_image
from fakes.broker_servers import API_KEY
from fakes.holds import HeldBlobs
from tidewaiter.broker.messages import Credentials
from tidewaiter.cli.main import run
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.images import build_image, build_index, build_layer
from tidewaiter.store.store import Store

CURL = debian_image("12", "curl 7.88.1-10+deb12u3")
CLEAN = alpine_image("musl 1.2.4-r1")
"""An image that stands in both accounts."""

WRONG = "a-wrong-external-id"
PLANTED = "a-password-in-the-environment-of-an-image"
IN_A_LAYER = b"what-stands-in-a-layer-of-an-image"


@dataclass
class Platform:
    """Who runs `tidewaiter ecr`, in a folder of his own. He has no credentials of AWS but for direct scans."""

    folder: Path
    database: Path
    capsys: pytest.CaptureFixture[str]

    def command(self, *arguments: str, store: str = "fleet.db") -> list[str]:
        """A scan that remembers what it sees here."""
        options = ["--db", str(self.database), "--store", str(self.folder / store), "--format", "json"]
        return ["ecr", "scan", *options, *arguments]

    def scan(self, *arguments: str, store: str = "fleet.db") -> Ran:
        self.capsys.readouterr()
        code = run(self.command(*arguments, store=store))
        captured = self.capsys.readouterr()
        return Ran(int(code), captured.out, captured.err)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SimulatedAws]:
    """An AWS without accounts, and no credentials or settings of the user's own."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "CR_", "BROKER_", "TIDEWAITER_"))]:
        monkeypatch.delenv(name)
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with SimulatedAws() as aws:
        yield aws


@pytest.fixture
def accounts(aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> World:
    """Two accounts with images that have findings, and the agent's own credentials in the environment."""
    accounts = world_of(aws)
    for name, value in aws.environment(accounts.keys).items():
        monkeypatch.setenv(name, value)
    accounts.web.account.registry(REGION).push("web/shop", "1.0", CURL)
    for owner in (accounts.web, accounts.data):
        owner.account.registry(REGION).push("shared/tool", "2.0", CLEAN)
    accounts.data.account.registry(REGION).push("data/several", "3.0", build_index([CURL, CLEAN]))
    return accounts


@pytest.fixture
def platform(tmp_path: Path, database: Path, capsys: pytest.CaptureFixture[str]) -> Platform:
    return Platform(tmp_path, database, capsys)


@pytest.fixture
def brokerage(accounts: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Brokerage]:
    """Both accounts behind one client and one agent; `stranger` has the role of the one, and not its external ID."""
    web, data = (owner.credentials(REGION) for owner in (accounts.web, accounts.data))
    folder = tmp_path / "brokerage"
    folder.mkdir()
    with Brokerage(folder, {"web": web, "data": data, "stranger": with_external_id(web, WRONG)}) as brokerage:
        for name, value in brokerage.environment.items():
            monkeypatch.setenv(name, value)
        yield brokerage


def with_external_id(credentials: Credentials, external_id: str) -> Credentials:
    extra = msgspec.structs.replace(credentials.extra, external_id=external_id)
    return msgspec.structs.replace(credentials, extra=extra)


def direct(platform: Platform, accounts: World, *, store: str) -> Ran:
    """A scan of the same accounts without anybody between."""
    listed = [
        {"role_arn": each.role, "external_id": each.external_id, "regions": [REGION]}
        for each in (accounts.web, accounts.data)
    ]
    (platform.folder / "accounts.json").write_text(json.dumps(listed))
    return platform.scan("--accounts", str(platform.folder / "accounts.json"), "--workers", "2", store=store)


def told(ran: Ran) -> dict[str, Any]:
    """A report, without what differs from run to run."""
    images = [{**image, "pulled": None} for image in ran.json["images"]]
    return {**{name: value for name, value in ran.json.items() if name != "run"}, "images": images}


def test_two_accounts_behind_one_client_and_one_agent_are_scanned_as_if_directly(
    platform: Platform, brokerage: Brokerage, accounts: World
) -> None:
    ran = platform.scan("--via", "web", "--via", "data")
    calls = list(accounts.cloud.calls)
    again = platform.scan("--via", "web", "--via", "data")
    more = accounts.cloud.calls[len(calls) :]
    same = direct(platform, accounts, store="direct.db")
    assert told(ran) == told(again) == told(same)
    assert (ran.code, ran.err) == (same.code, "")
    assert {image["state"] for image in ran.json["images"]} == {"scanned", "skipped"}
    for owner in (accounts.web, accounts.data):
        session = f"{owner.account.id}:assumed-role/{owner.role.rpartition('/')[2]}/"
        of_ecr = [call for call in calls if call.action.startswith("ecr:") and owner.account.id in call.resource]
        assert of_ecr
        assert all(session in call.principal for call in of_ecr), "as its own role"
    assert (again.json["run"]["layers_read"], again.json["run"]["looked"]) == (0, 0)
    assert {call.action for call in more} <= {"ecr:DescribeRepositories", "ecr:DescribeImages"}, "and nothing is pulled"


def test_a_wrong_external_id_is_told_in_the_right_words_and_the_rest_goes_on(
    platform: Platform, brokerage: Brokerage, accounts: World
) -> None:
    ran = platform.scan("--via", "stranger", "--via", "data")
    assert ran.code == 2
    assert {image["account"] for image in ran.json["images"]} == {accounts.data.account.id}
    (refused,) = (account for account in ran.json["accounts"] if account["gaps"])
    (gap,) = refused["gaps"]
    assert (refused["id"], gap["stage"], gap["why"]) == (accounts.web.account.id, "identity", "denied")
    assert "sts:AssumeRole" in gap["detail"]
    assert accounts.web.role in gap["detail"]
    assert "external ID" in gap["detail"]
    assert WRONG not in ran.out + ran.err


def test_a_platform_that_is_killed_takes_up_what_its_agent_does(
    platform: Platform, brokerage: Brokerage, accounts: World
) -> None:
    blobs = HeldBlobs.of(accounts.cloud)
    hold = blobs.hold(after=1)
    command = [sys.executable, "-c", "from tidewaiter.cli.main import main; main()"]
    killed = subprocess.Popen([*command, *platform.command("--via", "web", "--via", "data")], stderr=subprocess.DEVNULL)
    hold.wait(lambda: killed.poll() is None)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    hold.release()
    ran = platform.scan("--via", "web", "--via", "data")
    assert ran.json["run"]["continued"]
    assert told(ran) == told(direct(platform, accounts, store="direct.db"))


def test_an_agent_and_a_client_that_are_started_anew_lose_nothing(
    platform: Platform, brokerage: Brokerage, accounts: World
) -> None:
    hold = HeldBlobs.of(accounts.cloud).hold(after=1)
    ran: list[Ran] = []
    scan = threading.Thread(target=lambda: ran.append(platform.scan("--via", "web", "--via", "data")))
    scan.start()
    hold.wait(scan.is_alive)
    brokerage.stop(brokerage.client)
    brokerage.stop(brokerage.agent)
    hold.release()
    brokerage.start_agent()
    brokerage.start_client()
    scan.join(60)
    assert told(ran[0]) == told(direct(platform, accounts, store="direct.db"))


def test_no_secret_and_no_content_goes_through_the_tunnel(
    platform: Platform, brokerage: Brokerage, accounts: World
) -> None:
    layer = build_layer({"etc/os-release": b"ID=debian\nVERSION_ID=12\n", "etc/note": IN_A_LAYER})
    history = [{"created_by": f"ARG TOKEN={PLANTED}"}]
    secretive = build_image([layer], config={"config": {"Env": [f"TOKEN={PLANTED}"]}, "history": history})
    accounts.web.account.registry(REGION).push("web/secretive", "1.0", secretive)
    ran = platform.scan("--via", "web", "--via", "stranger")
    assert any(image["repository"] == "web/secretive" and image["state"] == "scanned" for image in ran.json["images"])
    passed, database = brokerage.recorder, (brokerage.folder / "broker.db").read_bytes()
    assert passed.holds(b"web/secretive"), "the recording is of what is said"
    assert passed.connections == 1, "and the client made the only connection"
    secrets = [accounts.web.external_id, WRONG, PLANTED, SECRET, API_KEY, accounts.keys.secret_access_key]
    for secret in [*(each.encode() for each in secrets), IN_A_LAYER, secretive.config, layer.stored]:
        assert not passed.holds(secret)
        assert secret not in database
    with Store.open(str(platform.folder / "fleet.db")) as store:
        kept = repr(store.inventory(secretive.digest))
    assert PLANTED not in kept
    assert "debian" in kept
