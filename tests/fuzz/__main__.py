"""`python -m tests.fuzz --seconds N [TARGET…]`: each target gets its share of the time; the first fault ends it."""

import argparse
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the tests' own modules are, as pytest's pythonpath has it

from .targets import TARGETS, Target

_ROUND = 500


def main() -> None:
    """Fuzz, and say what was done."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    chosen = arguments.parse_args()
    unknown = set(chosen.targets) - TARGETS.keys()
    if unknown:
        arguments.error(f"unknown target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    names = chosen.targets or list(TARGETS)
    for name in names:
        count = fuzz(TARGETS[name], chosen.seconds / len(names))
        print(f"{name}: {count:,} inputs, no fault", flush=True)  # noqa: T201 - a command


def fuzz(target: Target, seconds: float) -> int:
    """Run a target for so long; how many inputs it got. Raises what the target raises, with the smallest such input."""
    end = time.monotonic() + seconds
    count = 0

    def one(data: bytes) -> None:
        nonlocal count
        count += 1
        target.run(data)

    while time.monotonic() < end:
        quiet = settings(
            max_examples=_ROUND,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )
        seed(time.time_ns())(quiet(given(target.inputs())(one)))()
    return count


if __name__ == "__main__":
    main()
