"""The worker processes of a process, and images that keep them busy as long as one likes."""

import time
from collections.abc import Callable
from pathlib import Path

from fakes.blob_registry import BlobRegistry
from tidewaiter.fleet.looker import PulledImage
from tidewaiter.simulator.images import build_image, build_layer

PATIENCE = 30  # seconds


def workers_of(parent: int) -> set[int]:
    """The worker processes that a process has started and that still run."""
    return {pid for pid in map(_number, Path("/proc").iterdir()) if pid and _is_worker(pid, parent)}


def is_there(pid: int) -> bool:
    """Whether a process runs (one that has ended and was not waited for does not)."""
    return _state(pid) not in ("", "Z")


def until(condition: Callable[[], bool]) -> None:
    """Wait for what will happen soon."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def slow_image(api: BlobRegistry, name: str) -> PulledImage:
    """An image of one layer; while `api.storage.faults.pause` is set, reading it does not end."""
    layer = build_layer({"data": name.encode() * 200_000}, compression="")
    image = build_image([layer])
    return PulledImage(
        repository=api.push(name, "1", image), digest=image.digest, manifest=image.document, media_type=image.media_type
    )


def _number(folder: Path) -> int:
    return int(folder.name) if folder.name.isdecimal() else 0


def _is_worker(pid: int, parent: int) -> bool:
    try:
        ours = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] == str(parent)
        return ours and b"tidewaiter.fleet.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
