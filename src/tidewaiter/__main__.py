"""The process `tidewaiter`, also `python -m tidewaiter`."""

import gc
import sys

# Much is made at start and kept to the end: looking for rubbish among it again and again takes a tenth of the time of
# a small image. Memory is bounded by what is held, not by the collector.
_OBJECTS_BETWEEN_COLLECTIONS = 100_000


def main() -> None:
    """Run the command line of this process, and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from tidewaiter import __version__

        print(f"tidewaiter {__version__}")  # noqa: T201 - the answer, before the command line is even imported
        return
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    from tidewaiter.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
