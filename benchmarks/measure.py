"""One process, measured whole: wall time, processor time, peak memory."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds of wall and processor time, and the largest resident set in bytes, of a process and its children."""

    wall: float
    cpu: float
    peak: int
    code: int


class FailedRunError(Exception):
    """A measured command ended otherwise than expected: its figures would mean nothing."""


def measure(
    command: Sequence[str],
    *,
    runs: int,
    allowed: frozenset[int] = frozenset({0}),
    environment: dict[str, str] | None = None,
    before: Callable[[], None] = lambda: None,
) -> Cost:
    """The median of `runs` runs of a command (each figure by itself). `before` runs ahead of each, unmeasured.

    Raises FailedRunError for an exit code that is not allowed.
    """
    costs = []
    for _ in range(runs):
        before()
        costs.append(_run(command, environment or {}, allowed))
    return Cost(
        wall=statistics.median(cost.wall for cost in costs),
        cpu=statistics.median(cost.cpu for cost in costs),
        peak=int(statistics.median(cost.peak for cost in costs)),
        code=costs[-1].code,
    )


def _run(command: Sequence[str], environment: dict[str, str], allowed: frozenset[int]) -> Cost:
    errors = Path(os.environ.get("TMPDIR", "/tmp"), f"bench-{os.getpid()}.err")
    with errors.open("w+") as stderr:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = code = os.waitstatus_to_exitcode(status)
        stderr.seek(0)
        said = stderr.read()
    errors.unlink()
    if code not in allowed:
        raise FailedRunError(f"{' '.join(command)} ended with {code}: {said[-2000:]}")
    return Cost(wall=wall, cpu=usage.ru_utime + usage.ru_stime, peak=usage.ru_maxrss * 1024, code=code)
