"""Which headers a hop passes on, and which are its own."""

from collections.abc import Collection, Iterable

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""What is about one connection only: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1"""

_OWN = HOP_BY_HOP | {"host", "content-length", "expect", "date", "server"}

Headers = tuple[tuple[str, str], ...]


def forwarded(headers: Iterable[tuple[str, str]], *, without: Collection[str] = ()) -> Headers:
    """The headers that go on to the next hop: with small names, without each hop's own and without these.

    What `Connection` names is of that connection too.
    """
    small = [(name.lower(), value) for name, value in headers]
    named = [token.strip().lower() for name, value in small if name == "connection" for token in value.split(",")]
    if named:
        small = [(name, value) for name, value in small if name not in named]
    return tuple((name, value) for name, value in small if name not in _OWN and name not in without)
