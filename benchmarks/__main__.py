"""`python -m benchmarks`: makes the corpus, measures, and writes the table `benchmarks/RESULTS.md`."""

import argparse
import datetime as dt
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import corpus, peers, registry
from benchmarks.measure import Cost, FailedRunError, measure

_HERE = Path(__file__).parent
_IMAGES = ("small-distroless", "alpine-node", "rpm-centos7-many", "medium-python", "large-mixed")
_SOURCES = ("oci", "archive", "registry")
_INCOMPLETE = frozenset({0, 2})  # tidewaiter's exit code 2: read, with gaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What each tool took for one image from one source; None where a tool failed."""

    image: str
    megabytes: float
    source: str
    costs: dict[str, Cost | None]


def main() -> None:
    """Measure, and write the table."""
    options = _options()
    folder: Path = options.corpus
    folder.mkdir(parents=True, exist_ok=True)
    _build(folder, options.images)
    tools = (peers.tidewaiter(), *peers.install(folder))
    rows = list(_rows(folder, options.images, tools, options.runs))
    text = _document(rows, tools, _start(tools[0], options.runs), _judging(folder, options), options.runs)
    print(text)
    if options.write:
        (_HERE / "RESULTS.md").write_text(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--corpus", type=Path, default=_HERE / ".corpus", help="where images and peers lie or are made")
    parser.add_argument("--images", nargs="+", default=_IMAGES, choices=_IMAGES)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--db", type=Path, help="an advisory database: measures judging too")
    parser.add_argument("--write", action="store_true", help="write benchmarks/RESULTS.md")
    return parser.parse_args()


def _build(folder: Path, images: tuple[str, ...]) -> None:
    groups = {"small-distroless": "small", "alpine-node": "small", "rpm-centos7-many": "rpm"}
    groups |= {"medium-python": "medium", "large-mixed": "large"}
    missing = dict.fromkeys(groups[name] for name in images if not (folder / f"{name}.tar").exists())
    builder = corpus.Builder(out=folder, work=folder / ".work")
    for group in missing:
        builder.work.mkdir(parents=True, exist_ok=True)
        corpus.GROUPS[group](builder)


def _rows(folder: Path, images: tuple[str, ...], tools: tuple[peers.Tool, ...], runs: int) -> Iterator[Row]:
    with registry.served(folder, images) as host:
        for image in images:
            for source in _SOURCES:
                ending = {"oci": ".oci", "archive": ".tar"}
                where = f"{host}/{image}:latest" if source == "registry" else str(folder / f"{image}{ending[source]}")
                costs = {tool.name: _cost(tool, source, where, runs) for tool in tools}
                row = Row(image=image, megabytes=_megabytes(folder, image), source=source, costs=costs)
                print(_line(row, tools), file=sys.stderr, flush=True)
                yield row


def _cost(tool: peers.Tool, source: str, where: str, runs: int) -> Cost | None:
    allowed = _INCOMPLETE if tool.name == "tidewaiter" else frozenset({0})
    command = tool.command(source, where)
    try:
        return measure(command, runs=runs, allowed=allowed, environment=tool.environment, before=tool.before)
    except FailedRunError as error:
        print(f"{tool.name}: {error}", file=sys.stderr)
        return None


def _megabytes(folder: Path, image: str) -> float:
    """The compressed size of an image's layers, in millions of bytes."""
    blobs = (folder / f"{image}.oci" / "blobs" / "sha256").iterdir()
    return sum(blob.stat().st_size for blob in blobs) / 1e6


def _start(tool: peers.Tool, runs: int) -> Cost:
    return measure((tool.command("oci", "")[0], "--version"), runs=max(runs, 9))


def _judging(folder: Path, options: argparse.Namespace) -> tuple[Cost, Cost] | None:
    """`sbom` and `scan` of the image with 396 packages, both as JSON."""
    if options.db is None:
        return None
    program = peers.tidewaiter().command("oci", "")[0]
    target = f"oci:{folder / 'rpm-centos7-many.oci'}"
    sbom = (program, "sbom", "--format", "json", "--quiet", target)
    scan = (program, "scan", "--format", "json", "--quiet", "--db", str(options.db), target)
    allowed = frozenset({0, 1, 2})
    return tuple(measure(command, runs=max(options.runs, 9), allowed=allowed) for command in (sbom, scan))  # type: ignore[return-value] # two of them


def _line(row: Row, tools: tuple[peers.Tool, ...]) -> str:
    cells = [_cell(row.costs[tool.name]) for tool in tools]
    return f"| {row.image} ({row.megabytes:.0f} MB) | {row.source} | {' | '.join(cells)} |"


def _cell(cost: Cost | None) -> str:
    return "failed" if cost is None else f"{cost.wall:.2f} / {cost.cpu:.2f} / {cost.peak / 1e6:.0f}"


def _document(
    rows: list[Row], tools: tuple[peers.Tool, ...], start: Cost, judging: tuple[Cost, Cost] | None, runs: int
) -> str:
    today = dt.datetime.now(dt.UTC)
    lines = [
        "# Measured",
        "",
        f"SBOM of one image as CycloneDX, whole process, median of {runs} runs with a warm page cache: wall seconds /",
        f"processor seconds / peak memory in MB. {os.cpu_count()} cores, Python {platform.python_version()},",
        f"{today:%Y-%m-%d}. The sizes are those of the compressed layers. In the archive the layers are",
        "plain, as `docker save` writes them; the registry is Debian's docker-registry on loopback.",
        "",
        f"| image | source | {' | '.join(f'{tool.name} {tool.version}' for tool in tools)} |",
        f"|---|---|{'---|' * len(tools)}",
        *(_line(row, tools) for row in rows),
        "",
        f"`tidewaiter --version`: {start.wall * 1000:.0f} ms.",
    ]
    if judging is not None:
        sbom, scan = judging
        lines += [
            f"rpm-centos7-many (396 packages) as JSON: `sbom` {sbom.wall * 1000:.0f} ms,",
            f"`scan` {scan.wall * 1000:.0f} ms; judging adds {(scan.wall - sbom.wall) * 1000:.0f} ms.",
        ]
    lines += ["", "Caveats:", "", *(f"- {tool.name}: {tool.caveat}." for tool in tools), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
