"""What a registry's refusals mean, said so that a user knows what to do, and without any secret."""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus

import urllib3
from urllib3.exceptions import HTTPError

from tidewaiter.errors import LimitError, RegistryAbsentError, RegistryDeniedError, RegistryError
from tidewaiter.registry.credentials import Credential
from tidewaiter.registry.protocol import parse_errors
from tidewaiter.registry.reference import DOCKER_HUB
from tidewaiter.registry.transport import Waiting, can_pass, let_go, no_answer

_LARGEST_ERROR = 1 << 16
_CHUNK = 1 << 16


def read_body(answer: urllib3.BaseHTTPResponse, ceiling: int, *, limit: str, where: str) -> bytes:
    """The whole body. Raises LimitError beyond `ceiling` bytes, and what urllib3 raises for a lost connection."""
    parts = []
    left = ceiling + 1
    try:
        while left and (chunk := answer.read(min(_CHUNK, left), decode_content=False)):
            parts.append(chunk)
            left -= len(chunk)
    finally:
        let_go(answer)
    if not left:
        raise LimitError(f"it has more than {ceiling} bytes", limit=limit, where=where)
    return b"".join(parts)


def read_whole(
    ask: Callable[[], urllib3.BaseHTTPResponse], ceiling: int, *, limit: str, where: str, waiting: Waiting
) -> tuple[bytes, Mapping[str, str]]:
    """A small body and its headers, asked for again when the connection is lost in its middle.

    `ask` gives an answer that is good, or raises. Raises RegistryError, and LimitError beyond `ceiling` bytes.
    """
    attempt = 0
    while True:
        answer = ask()
        try:
            return read_body(answer, ceiling, limit=limit, where=where), answer.headers
        except (HTTPError, OSError) as error:
            attempt += 1
            if attempt >= waiting.patience.tries or not can_pass(error):
                raise no_answer(error, where) from error
            waiting.pause(attempt - 1, where)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text without any of the secrets, wherever they stand in it."""
    for secret in secrets:
        text = text.replace(secret, "(secret)")
    return text


def refusal(
    answer: urllib3.BaseHTTPResponse,
    what: str,
    *,
    registry: str,
    credential: Credential | None,
    troubles: tuple[str, ...] = (),
    secrets: Iterable[str] = (),
) -> RegistryError:
    """The error for an answer that is not what was asked for; `what` names that. Ends the answer."""
    said = redacted(_said(answer), secrets)
    said = f" ({said})" if said else ""
    match answer.status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return denied(f"the registry refuses {what}{said}", registry, credential, troubles)
        case HTTPStatus.NOT_FOUND:
            advice = "Check the name; a registry may also hide what you may not see." if credential is None else ""
            return RegistryAbsentError(f"the registry has no {what}{said}", where=registry, advice=advice)
        case HTTPStatus.TOO_MANY_REQUESTS:
            advice = "Try again later, or log in for a higher rate."
            what = f"the registry gets too many requests{said}"
            return RegistryError(what, where=registry, advice=advice, retry=True)
        case status:
            passing = status >= HTTPStatus.INTERNAL_SERVER_ERROR
            return RegistryError(f"the registry answers {status} for {what}{said}", where=registry, retry=passing)


def denied(
    what: str, registry: str, credential: Credential | None, troubles: tuple[str, ...] = ()
) -> RegistryDeniedError:
    """The error for a refusal, with what to do about it: who logged in how, or that nobody did."""
    login = "docker login" if registry == DOCKER_HUB else f"docker login {registry}"
    if credential is None:
        advice = f"No credentials for it were found: run `{login}`, if you have an account there."
    else:
        user = f"of {credential.username!r} " if credential.username else ""
        advice = (
            f"The credentials {user}from {credential.origin} do not suffice: run `{login}` anew, or ask for access."
        )
    return RegistryDeniedError(what, where=registry, advice=" ".join((*troubles, advice)))


def _said(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        return parse_errors(read_body(answer, _LARGEST_ERROR, limit="error_bytes", where=""))
    except (HTTPError, OSError, LimitError):
        return ""
