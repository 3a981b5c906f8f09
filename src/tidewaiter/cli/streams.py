"""stdout and stderr as they come: also closed, full, or with a reader that went away."""

import os
import sys
from typing import BinaryIO

from tidewaiter.errors import UsageError


def say(message: str) -> None:
    """A message on stderr, in one line after the program's name; nothing where there is no stderr (`2>&-`).

    Names in it may be an image's to choose: what could steer a terminal is shown as an escape.
    """
    from tidewaiter.report.layout import clean

    if sys.stderr is not None:
        sys.stderr.write(f"tidewaiter: {clean(message)}\n")  # at once: other threads may speak too


def columns_of_stderr() -> int:
    """How wide the terminal is that stderr goes to; 0 where it goes elsewhere, and lines may be as long as they are."""
    if sys.stderr is None or not sys.stderr.isatty():
        return 0
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        return 0


def confess(error: Exception) -> None:
    """Tell of an error that is a mistake in the program, with what a report of it needs."""
    import traceback

    say(f"an error of tidewaiter itself, please report it with the lines that follow: {type(error).__name__}: {error}")
    if sys.stderr is not None:
        traceback.print_exception(error)


def put(text: str) -> None:
    """Write the text to stdout. What the terminal's encoding cannot say is written as escapes.

    Raises UsageError where stdout is closed or full, BrokenPipeError where its reader went away.
    """
    if sys.stdout is None:
        raise UsageError("there is no stdout to write to", advice="Name a file with --output.")
    content = text.encode(sys.stdout.encoding or "utf-8", "backslashreplace")
    try:
        sys.stdout.flush()
        _write_all(sys.stdout.buffer, content)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where="stdout") from error


def _write_all(stream: BinaryIO, content: bytes) -> None:
    """All of it: where PYTHONUNBUFFERED is set, what a full disk or a closed pipe did not take is silently dropped."""
    left = memoryview(content)
    while left:
        left = left[stream.write(left) :]
    stream.flush()


def settled() -> bool:
    """Whether all of stdout went out; if not, the rest is dropped, or the interpreter would fail on it at its end."""
    if sys.stdout is None:
        return True
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True
