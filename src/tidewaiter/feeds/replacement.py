"""A file written beside another and put into its place at once: readers see the old one or the new one, whole."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """A new empty file in the folder of `path`, which takes its place when the block ends well, and else is removed.

    The content is on the disk before the name is. Raises OSError.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:  # from before the file is there: an interrupt may come at the very moment that it is made
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield beside
        _flush(beside)
        beside.replace(path)
        _flush(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
