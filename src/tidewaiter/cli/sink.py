"""Where results go: stdout, or a file that is whole or not there."""

import os
import sys
from pathlib import Path

from tidewaiter.errors import UsageError


def write(text: str, output: str | None) -> None:
    """Write the report `text` to the file `output` (replaced at once, when it is whole) or to stdout.

    What the terminal's encoding cannot say is written as escapes. Raises UsageError where the file cannot be written.
    """
    text = text if text.endswith("\n") else text + "\n"
    if output:
        _replace(Path(output), text.encode("utf-8", "backslashreplace"))
        return
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def _replace(path: Path, content: bytes) -> None:
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)  # a device or a pipe: /dev/stderr, a named pipe
            return
        _replace_file(path, content)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(path)) from error


def _replace_file(path: Path, content: bytes) -> None:
    import tempfile

    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())  # noqa: PTH101 - a name from mkstemp
        os.replace(temporary, path)  # noqa: PTH105 - the same
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
