"""Which headers a hop passes on, and which are its own."""

from collections.abc import Collection, Iterable

from tidewaiter.broker.messages import CALLBACK, CONNECTION, DEADLINE
from tidewaiter.broker.signing import PROOF, SIGNATURE

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

OF_EACH_HOP = frozenset({CALLBACK, CONNECTION, DEADLINE, SIGNATURE, PROOF, "authorization", "cookie", "x-api-key"})
"""What each hop says itself, whatever it was told, and by what it is known to the next one only."""

_WITHOUT_BODY = frozenset({204, 304})

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


def has_no_body(method: str, status: int) -> bool:
    """Whether an answer ends with its head, whatever comes behind: that would be read as the next answer.

    https://www.rfc-editor.org/rfc/rfc9112#section-6.3
    """
    return method == "HEAD" or status in _WITHOUT_BODY
