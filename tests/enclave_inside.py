"""What runs inside an enclave (`enclaves.py`): the simulated AWS, a registry, the agent and the broker client.

It is started as a program, `python enclave_inside.py FOLDER`, asked by lines of JSON on stdin, and answers on stdout.
The only thing here that knows a way out is the passage, which leads to the socket FOLDER/way-out.
"""

import base64
import errno
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import namespaces

Json = dict[str, Any]

REGION = "eu-west-1"
HARBOR = ("robot$reader", "a-password-of-harbor")
COMMAND = Path(sys.executable).with_name("tidewaiter")
_PATIENCE = 60.0  # seconds
_URL = re.compile(r'"url":"(http://127\.0\.0\.1:\d+)"')


@dataclass
class Inside:
    """The network, the accounts in it, and the programs that were started there."""

    folder: Path
    stack: ExitStack
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def build(self) -> None:
        """Fills two accounts of AWS and a Harbor."""
        from brokered_accounts import world_of
        from passages import Passage
        from planted_images import Planter
        from tidewaiter.simulator.aws import SimulatedAws
        from tidewaiter.simulator.policies import allowing, trusting
        from tidewaiter.simulator.registry import Login, SimulatedRegistry

        self.cloud = self.stack.enter_context(SimulatedAws())
        self.world = world_of(self.cloud)
        runner = self.world.agent.role("agent", trust=trusting("ec2.amazonaws.com"), policy=allowing("sts:AssumeRole"))
        keys = self.cloud.service_session(runner, "ec2.amazonaws.com")
        assert keys
        self.keys = keys
        login = Login(scheme="basic", username=HARBOR[0], password=HARBOR[1])
        self.harbor = self.stack.enter_context(SimulatedRegistry(login))
        self.planters = {name: Planter(name) for name in ("web", "data", "harbor")}
        self.crossing = Planter("control")
        self._push()
        listening = socket.create_server(("127.0.0.1", 0))
        self.stack.enter_context(Passage(listening, self._way_out))
        self.exit = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def _push(self) -> None:
        from planted_images import alpine, chart, debian, schema_1, secretive, several, unreadable

        web, data, harbor = self.planters.values()
        shop = secretive(web, debian(web, "curl 7.88.1-10+deb12u3", "bash 5.2.15-2+b2"))
        tool = secretive(web, alpine(web, "musl 1.2.4-r1", "libssl3 3.1.3-r0"))
        first = self.world.web.account.registry(REGION)
        first.push("web/shop", "1.0", shop)
        first.push("web/shop", "several", several(web, shop, tool))
        first.push("web/old", "1", schema_1(web))
        first.push("web/chart", "1", chart(web))
        second = self.world.data.account.registry(REGION)
        second.push("data/app", "2.0", secretive(data, debian(data, "curl 7.88.1-10+deb12u3", "zlib1g 1:1.2.13")))
        second.push("data/tool", "2.0", secretive(data, alpine(data, "curl 8.3.0-r0")))
        second.push("data/tool", "both", tool)
        for name, image in unreadable(data):
            second.push("data/broken", name, image)
        corrupt = secretive(data, debian(data, "libssl3 3.0.11-1~deb12u1"))
        second.push("data/corrupt", "1", corrupt)
        self.cloud.registries.blobs.faults.corrupt.add(corrupt.layers[1].digest)
        third = secretive(harbor, debian(harbor, "libcurl4 7.88.1-10+deb12u3"))
        self.harbor.push("team/app", "1", third)
        self.harbor.push(
            "team/several", "1", several(harbor, third, secretive(harbor, alpine(harbor, "musl 1.2.4-r1")))
        )

        self._push_control()

    def _push_control(self) -> None:
        """An image that has words where they do leave: they have to be found."""
        from planted_images import debian, secretive

        names, plant = self.crossing, self.planters["web"]
        image = secretive(plant, debian(plant, f"lib{names('name of a package')} 1.0"))
        registry = self.world.web.account.registry(REGION)
        repository = f"web/{names('name of a repository')}"
        registry.push(repository, names("name of a tag"), image)
        registry.push(repository, base64.b64encode(names("tag in base64").encode()).decode(), image)

    def _way_out(self) -> socket.socket:
        onwards = socket.socket(socket.AF_UNIX)
        onwards.connect(str(self.folder / "way-out"))
        return onwards

    def start(self, tokens: Mapping[str, str]) -> Json:
        """Starts agent and client, with a token for each connection. Their processes' numbers."""
        agent = self._started(
            "agent", "agent", "--port", "0", "--folder", str(self.folder / "agent"), "--operations", "2"
        )
        places = ("--server-url", self.exit, "--agent-url", agent, "--connections", self._written(tokens))
        self._started("client", "broker", "--port", "0", *places)
        return {name: process.pid for name, process in self.processes.items()} | {"aws": os.getpid()}

    def _written(self, tokens: Mapping[str, str]) -> str:
        """The file of the client's connections."""
        web, data = self.world.web, self.world.data
        harbor = {"type": "harbor-cr", "base": self.harbor.url, "username": HARBOR[0], "password": HARBOR[1]}
        entries = {
            "web": {"role_arn": web.role, "external_id": web.external_id, "region": REGION},
            "data": {"role_arn": data.role, "external_id": data.external_id, "region": REGION},
            "stranger": {"role_arn": data.role, "external_id": web.external_id, "region": REGION},
            "harbor": harbor,
        }
        listed = [{"name": name, "token": tokens[name], **entry} for name, entry in entries.items()]
        path = self.folder / "connections.json"
        path.write_text(json.dumps({"connections": listed}))
        return str(path)

    def _started(self, name: str, *arguments: str) -> str:
        """Starts a program. Where it says that it listens."""
        log = self.folder / f"{name}.log"
        secret = {f"TIDEWAITER_{part}_SECRET": self.secret for part in ("AGENT", "BROKER")}
        with log.open("wb") as said:
            process = subprocess.Popen(
                [COMMAND, *arguments, "--log-format", "json", "--log-level", "debug"],
                env={**self._environment(), **secret},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        self.processes[name] = process
        self.stack.callback(_end, process)
        return self._listening(process, log)

    def _listening(self, process: "subprocess.Popen[bytes]", log: Path) -> str:
        for _ in range(int(_PATIENCE / 0.01)):
            if found := _URL.search(log.read_text()):
                return found[1]
            assert process.poll() is None, log.read_text()
            time.sleep(0.01)
        raise AssertionError(log.read_text())

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.cloud.environment(self.keys)}

    def direct(self, database: str) -> Json:
        """A scan of both accounts, and one of the Harbor, with nobody between."""
        owners = (self.world.web, self.world.data)
        accounts = self.folder / "accounts.json"
        accounts.write_text(
            json.dumps([{"role_arn": one.role, "external_id": one.external_id, "regions": [REGION]} for one in owners])
        )
        places = ("--accounts", str(accounts), "--db", database, "--store", str(self.folder / "direct.db"))
        done = subprocess.run(
            [COMMAND, "ecr", "scan", *places, "--format", "json", "--workers", "2"],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        self._scan_harbor()
        return {"code": done.returncode, "out": done.stdout, "err": done.stderr}

    def _scan_harbor(self) -> None:
        from tidewaiter.fleet.docker_registry import docker_registry
        from tidewaiter.fleet.filters import Wishes
        from tidewaiter.fleet.run import run
        from tidewaiter.store.store import Store

        api = docker_registry("harbor-cr", base=self.harbor.url, username=HARBOR[0], password=HARBOR[1])
        with Store.open(str(self.folder / "direct-harbor.db")) as store:
            run([api.place], store=store, wishes=Wishes(), command="a test", scope="harbor")
        api.close()

    def tell(self) -> Json:
        """What must not have left, and who asked for what."""
        planters = self.planters.values()
        return {
            "planted": {place: word for planter in planters for place, word in planter.words.items()},
            "crossing": self.crossing.words,
            "secrets": self._secrets(),
            "contents": [base64.b64encode(each).decode() for planter in planters for each in planter.contents],
            "calls": [[call.principal, call.action, call.resource] for call in self.cloud.calls],
            "elsewhere": _reached("192.0.2.1"),
        }

    def _secrets(self) -> dict[str, str]:
        found = {
            "external ID of web": self.world.web.external_id,
            "external ID of data": self.world.data.external_id,
            "secret of client and agent": self.secret,
            "password of the Harbor": HARBOR[1],
            "login of the Harbor": base64.b64encode(":".join(HARBOR).encode()).decode(),
            "storage": self.cloud.registries.blobs.url,
            "the Harbor's own URL": self.harbor.url,
        }
        for number, session in enumerate(self.cloud.ring._sessions.values()):
            keys = session.keys
            found |= {f"key {number}": keys.access_key_id, f"secret key {number}": keys.secret_access_key}
            found |= {f"session token {number}": keys.session_token} if keys.session_token else {}
        for kind, given in (("login", self.cloud.registries.tokens._given), ("token", self.harbor.tokens)):
            found |= {f"{kind} {number}": word for number, word in enumerate(given) if word}
        return found


def _reached(host: str) -> str:
    """What comes of connecting to an address elsewhere: the name of the error."""
    with socket.socket() as trying:
        trying.settimeout(1)
        return errno.errorcode.get(trying.connect_ex((host, 80)), "")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _say(answer: Json) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    why_not = namespaces.why_not(network=True)
    if not why_not:
        namespaces.enter(network=True)
    with ExitStack() as stack:
        inside = Inside(Path(sys.argv[1]), stack)
        inside.build()
        _say({"why_not": why_not})
        doing: dict[str, Callable[..., Json]] = {"start": inside.start, "direct": inside.direct, "tell": inside.tell}
        for line in sys.stdin:
            asked = json.loads(line)
            _say(doing[asked["do"]](*asked["with"]))


if __name__ == "__main__":
    main()
