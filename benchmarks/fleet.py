"""`python -m benchmarks.fleet`: many images on few bases, looked through in one run, and by the peers one by one.

Prints the table, and with `--write` replaces `benchmarks/FLEET.md`.
"""

import argparse
import base64
import contextlib
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.brokered import KEY, behind_a_broker
from benchmarks.measure import Cost, measure
from tidewaiter.feeds.database import build
from tidewaiter.simulator.demonstration import write_advisories

_HERE = Path(__file__).parent
_FOUND = frozenset({0, 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one tool took for all images: whole processes, one after the other. `sent` are bytes of blobs."""

    name: str
    images: int
    wall: float
    cpu: float
    peak: int
    sent: int

    @property
    def rate(self) -> float:
        """Images a minute."""
        return self.images / self.wall * 60


class Cloud:
    """The simulated AWS in its own process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert process.stdout is not None
        self.told: dict[str, Any] = json.loads(process.stdout.readline())

    def sent(self) -> int:
        """How many bytes of blobs it has sent so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def main() -> None:
    """Measure, and write the table."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as work, _cloud(options.bases, options.each) as cloud:
        database = _database(Path(work))
        rows = [_ours(cloud, database, Path(work), name) for name in ("first run", "again")]
        rows += _brokered(cloud, database, Path(work))
        if not options.alone:
            rows += [_theirs(cloud, tool, options.peer_images) for tool in peers.install(options.corpus)]
    text = _document(rows, cloud.told["distinct_bytes"], options)
    print(text)
    if options.write:
        (_HERE / "FLEET.md").write_text(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--corpus", type=Path, default=_HERE / ".corpus", help="where the peers lie or are installed")
    parser.add_argument("--bases", type=int, default=10)
    parser.add_argument("--each", type=int, default=20, help="images on each base")
    parser.add_argument("--peer-images", type=int, default=0, help="let the peers do only so many; 0: all")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--write", action="store_true", help="write benchmarks/FLEET.md")
    return parser.parse_args()


@contextlib.contextmanager
def _cloud(bases: int, each: int) -> Iterator[Cloud]:
    command = (sys.executable, "-m", "benchmarks.cloud", str(bases), str(each))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Cloud(process)
        assert process.stdin is not None
        process.stdin.close()


def _database(work: Path) -> Path:
    build([write_advisories(work / "advisories")], work / "advisories.db", warn=print)
    return work / "advisories.db"


def _ours(cloud: Cloud, database: Path, work: Path, name: str) -> Row:
    """One run over the whole registry; the second one finds all known."""
    return _scanned(cloud, database, work / "fleet", name, ("--region", cloud.told["region"]))


def _brokered(cloud: Cloud, database: Path, work: Path) -> Iterator[Row]:
    """The same behind a broker: what the agent and the server take is not in the processor's seconds."""
    folder = work / "brokered"
    folder.mkdir()
    with behind_a_broker(folder, cloud.told["environment"], cloud.told["region"]) as ways:
        for name in ("by an agent, first run", "by an agent, again"):
            yield _scanned(cloud, database, folder / "fleet", name, ways)


def _scanned(cloud: Cloud, database: Path, place: Path, name: str, ways: Sequence[str]) -> Row:
    program = str(Path(sys.executable).with_name("tidewaiter"))
    report = place.with_suffix(".json")
    command = (
        *(program, "ecr", "scan", *ways, "--db", str(database), "--quiet"),
        *("--store", str(place.with_suffix(".db")), "--format", "json", "--output", str(report)),
    )
    identity = {"TIDEWAITER_BROKER_KEY": KEY} if "--via" in ways else cloud.told["environment"]
    before = cloud.sent()
    cost = measure(command, runs=1, allowed=_FOUND, environment=identity)
    images = json.loads(report.read_bytes())["images"]
    scanned = sum(image["state"] == "scanned" for image in images)
    assert scanned == len(cloud.told["references"]), f"{scanned} images were scanned"
    return _row(f"tidewaiter, {name}", scanned, [cost], cloud.sent() - before)


def _theirs(cloud: Cloud, tool: peers.Tool, most: int) -> Row:
    """One process an image, with the tool's cache kept between them."""
    references = cloud.told["references"][: most or None]
    tool.before()
    before = cloud.sent()
    login = _login(references[0].partition("/")[0], cloud.told)
    costs = [
        measure(tool.command("registry", reference), runs=1, environment={**tool.environment, **login})
        for reference in references
    ]
    return _row(f"{tool.name} {tool.version}", len(references), costs, cloud.sent() - before)


def _login(host: str, told: dict[str, Any]) -> dict[str, str]:
    """What the peers are told of the registry's password."""
    import boto3

    keys = told["environment"]
    client = boto3.client(
        "ecr",
        region_name=told["region"],
        endpoint_url=keys["AWS_ENDPOINT_URL"],
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )
    (data,) = client.get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    names = {"TRIVY_USERNAME": user, "TRIVY_PASSWORD": password, "SYFT_REGISTRY_AUTH_AUTHORITY": host}
    return {**names, "SYFT_REGISTRY_AUTH_USERNAME": user, "SYFT_REGISTRY_AUTH_PASSWORD": password}


def _row(name: str, images: int, costs: Sequence[Cost], sent: int) -> Row:
    wall, cpu = sum(cost.wall for cost in costs), sum(cost.cpu for cost in costs)
    return Row(name=name, images=images, wall=wall, cpu=cpu, peak=max(cost.peak for cost in costs), sent=sent)


def _document(rows: Sequence[Row], distinct: int, options: argparse.Namespace) -> str:
    today = dt.datetime.now(dt.UTC)
    lines = [
        "# A fleet, measured",
        "",
        f"{options.bases * options.each} images on {options.bases} shared bases in one simulated registry on loopback;",
        f"{distinct / 1e6:.1f} MB of distinct blobs. {os.cpu_count()} cores, which the simulated AWS shares,",
        f"Python {platform.python_version()}, {today:%Y-%m-%d}. tidewaiter in one run of `ecr scan`, listing, pulling,",
        "looking and judging; the same by `--via` through a broker server and an agent, whose processor seconds are",
        "not counted; the peers called once an image with their caches kept, for an SBOM.",
        "",
        "| | images | wall s | images a minute | processor s | peak MB of one process | MB of blobs pulled |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {row.name} | {row.images} | {row.wall:.1f} | {row.rate:.0f} | {row.cpu:.1f} | {row.peak / 1e6:.0f} | "
            f"{row.sent / 1e6:.1f} |"
            for row in rows
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
