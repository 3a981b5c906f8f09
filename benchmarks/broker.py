"""`python -m benchmarks.broker`: what a relayed request costs, beside the reference's broker in the same run.

Both relay to the same small server, under the same load. Prints the table, and with `--write` replaces
`benchmarks/BROKER.md`.
"""

import argparse
import datetime as dt
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import relay_reference
from benchmarks.brokered import KEY, NAME, programs
from benchmarks.processes import answering, ended, resident
from benchmarks.relay_load import LARGE, SMALL, NotAnsweredError, load, stream

_HERE = Path(__file__).parent
_REQUESTS = 8000
_SETTLE = 3.0
Relay = Callable[[Path, str], AbstractContextManager[tuple[str, Mapping[str, int]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one relay does. Latencies in milliseconds, `streamed` in MB/s, memory in bytes by program, when idle."""

    name: str
    alone: float
    median: float
    tail: float
    rate: float
    streamed: float
    memory: Mapping[str, int]


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.broker", description=__doc__)
    parser.add_argument("--reference", type=Path, metavar="FOLDER", help="where npm installed snyk-broker and node")
    parser.add_argument("--requests", type=int, default=_REQUESTS)
    parser.add_argument("--rounds", type=int, default=3, help="each figure is the median of so many rounds")
    parser.add_argument("--write", action="store_true", help="replace benchmarks/BROKER.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidewaiter-relay-") as scratch, _upstream() as agent:
        rows = list(_rows(options, Path(scratch), agent))
    text = "\n".join(_told(rows, options))
    print(text)
    if options.write:
        (_HERE / "BROKER.md").write_text(text + "\n")


def _rows(options: argparse.Namespace, scratch: Path, agent: str) -> Iterator[Row]:
    bearer = [f"Authorization: Bearer {KEY}"]
    yield _measured("tidewaiter", _ours, scratch, agent, bearer, options)
    if options.reference is None:
        print("the reference is not measured: --reference FOLDER", file=sys.stderr)
        return
    name = f"snyk-broker {relay_reference.version(options.reference)}"

    def reference(folder: Path, url: str) -> AbstractContextManager[tuple[str, Mapping[str, int]]]:
        return relay_reference.reference(options.reference, folder, url)

    yield _measured(name, reference, scratch, agent, [], options)
    yield _measured(f"{name}, over its socket", reference, scratch, agent, ["x-broker-ws-response: 1"], options)


def _measured(
    name: str, relay: Relay, scratch: Path, agent: str, headers: Sequence[str], options: argparse.Namespace
) -> Row:
    folder = Path(tempfile.mkdtemp(dir=scratch))
    with relay(folder, agent) as (url, programs):
        time.sleep(_SETTLE)
        memory = {program: resident(process) for program, process in programs.items()}
        load(f"{url}/healthcheck", headers, requests=options.requests // 4)
        alone, together, streamed = [], [], []
        for _ in range(options.rounds):
            alone.append(load(f"{url}/healthcheck", headers, requests=options.requests // 8, connections=1))
            together.append(load(f"{url}/healthcheck", headers, requests=options.requests))
            streamed.append(_streamed(url, headers))
    return Row(
        name=name,
        alone=statistics.median(each.median for each in alone),
        median=statistics.median(each.median for each in together),
        tail=statistics.median(each.tail for each in together),
        rate=statistics.median(each.rate for each in together),
        streamed=statistics.median(streamed),
        memory=memory,
    )


def _streamed(url: str, headers: Sequence[str]) -> float:
    """MB a second; 0 where the relay does not pass on so much."""
    try:
        return LARGE / stream(f"{url}/list", headers) / 1e6
    except NotAnsweredError:
        return 0.0


@contextmanager
def _upstream() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.relay_load"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        ended(process)
        process.stdout.close()


@contextmanager
def _ours(folder: Path, agent: str) -> Iterator[tuple[str, Mapping[str, int]]]:
    with programs(folder) as program:
        server, serving, token = program.server()
        settings = {"BROKER_TOKEN": token, "CR_ROLE_ARN": "arn:aws:iam::111122223333:role/reader"}
        ways = ("--server-url", server, "--agent-url", agent, "--port", "0")
        connecting = program.start(settings, "broker", *ways)
        url = f"{server}/broker/{NAME}"
        answering(f"{url}/healthcheck", {"Authorization": f"Bearer {KEY}"})
        yield url, {"server": serving, "client": connecting}


def _told(rows: Sequence[Row], options: argparse.Namespace) -> Iterator[str]:
    yield "# A relayed request"
    yield ""
    yield (
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}. Programs, "
        f"load and the server that answers share the machine. GETs of {len(SMALL)} bytes: one at a time, then "
        f"{options.requests} by 16 at a time; then {LARGE >> 20} MiB. Medians of {options.rounds} rounds."
    )
    yield ""
    yield "| relay | alone p50 ms | 16 at a time p50 ms | p99 ms | requests/s | streamed MB/s | idle memory MiB |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        memory = ", ".join(f"{program} {size >> 20}" for program, size in row.memory.items())
        yield (
            f"| {row.name} | {row.alone:.2f} | {row.median:.2f} | {row.tail:.1f} | {row.rate:,.0f} "
            f"| {f'{row.streamed:.0f}' if row.streamed else 'refused'} | {memory} |"
        )


if __name__ == "__main__":
    main()
