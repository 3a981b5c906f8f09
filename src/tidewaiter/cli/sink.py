"""Where results go: stdout, or a file that is whole or not there."""

import os

from tidewaiter.cli.streams import put
from tidewaiter.errors import UsageError


def check(output: str | None) -> None:
    """Raises UsageError for a file that cannot be written, as far as that shows before the work is done."""
    if not output:
        return
    folder = os.path.dirname(output) or "."
    if not os.path.isdir(folder):
        raise UsageError("cannot be written: there is no such folder", where=output)
    regular = not os.path.exists(output) or os.path.isfile(output)
    if not os.access(folder if regular else output, os.W_OK):
        raise UsageError("cannot be written: Permission denied", where=output)


def write(text: str, output: str | None) -> None:
    """Write the report `text` to the file `output` (replaced at once, when it is whole) or to stdout.

    What the terminal's encoding cannot say is written as escapes. Raises UsageError where it cannot be written.
    """
    text = text if text.endswith("\n") else text + "\n"
    if output:
        _replace(output, text.encode("utf-8", "backslashreplace"))
    else:
        put(text)


def _replace(output: str, content: bytes) -> None:
    from pathlib import Path

    from tidewaiter.feeds.replacement import replacement

    path = Path(output)
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)  # a device or a pipe: /dev/stderr, a named pipe
            return
        with replacement(path.resolve()) as beside:
            beside.write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=output) from error
