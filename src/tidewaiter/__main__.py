"""The process `tidewaiter`, also `python -m tidewaiter`."""

import gc
import os
import sys

# Much is made at start and kept to the end: looking for rubbish among it again and again takes a tenth of the time of
# a small image. Memory is bounded by what is held, not by the collector.
_OBJECTS_BETWEEN_COLLECTIONS = 100_000


def main() -> None:
    """Run the command line of this process, and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        _tell_version()
        return
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    from tidewaiter.cli.main import main as run

    run()


def _tell_version() -> None:
    """The answer before the command line is even imported; where it cannot be written, that is exit code 3."""
    from tidewaiter import __version__

    try:
        os.write(1, f"tidewaiter {__version__}\n".encode())
    except OSError as error:
        os.write(2, f"tidewaiter: stdout: cannot be written: {error.strerror}\n".encode())
        sys.exit(3)


if __name__ == "__main__":
    main()
