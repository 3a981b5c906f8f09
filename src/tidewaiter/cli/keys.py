"""Files of API keys: one a line, what begins with `#` is a comment."""

from tidewaiter.errors import UsageError


def read_keys(path: str) -> tuple[str, ...]:
    """The keys in the file. Raises UsageError, which holds none of them."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {getattr(error, 'strerror', 'not UTF-8')}", where=path) from None
    return tuple(line for line in lines if line and not line.startswith("#"))
