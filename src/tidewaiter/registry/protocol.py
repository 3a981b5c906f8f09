"""The OCI distribution protocol without sending: addresses, challenges, tokens, ranges, errors.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from tidewaiter.errors import MalformedError
from tidewaiter.model.image import Digest, Reference
from tidewaiter.registry.reference import is_loopback

ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1, */*;q=0.1"
)
CATALOG_PATH = "/v2/_catalog"
"""Where the list of a registry's repositories starts."""

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SCHEME = re.compile(rf"({_WORD})(?=[ ,]|$)")
_PARAMETER = re.compile(rf'({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)")
_RANGE = re.compile(r"bytes=([0-9]{1,19})-")
_LINK = re.compile(r'<([^>]*)>[^,]*;[ \t]*rel="?next"?')
_LONGEST_MESSAGE = 200
_MOST_ERRORS = 3
_SECONDS = 10  # digits of a Retry-After that is a number


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry asks for: a scheme in lower case, and its parameters."""

    scheme: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ContentRange:
    """Which bytes an answer holds: `first` to `last`, of `total` (None: not said)."""

    first: int
    last: int
    total: int | None


class _TokenAnswer(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None


class _Error(msgspec.Struct):
    code: str | None = None
    message: str | None = None


class _Errors(msgspec.Struct):
    errors: list[_Error] | None = None


class _Tags(msgspec.Struct):
    tags: list[Annotated[str, msgspec.Meta(max_length=128)]] | None = None


class _Catalog(msgspec.Struct):
    repositories: list[Annotated[str, msgspec.Meta(max_length=1024)]] | None = None


def manifest_path(reference: Reference) -> str:
    """Where the manifest is that the reference's digest, else its tag, names."""
    return f"/v2/{reference.repository}/manifests/{reference.digest or quote(reference.tag)}"


def blob_path(repository: str, digest: Digest) -> str:
    """Where a blob is."""
    return f"/v2/{repository}/blobs/{digest}"


def tags_path(repository: str) -> str:
    """Where the list of a repository's tags starts."""
    return f"/v2/{repository}/tags/list"


def pull_scope(repository: str) -> str:
    """What a token must allow; "" for what is of no repository, as the catalogue: a registry says itself what that is.

    https://distribution.github.io/distribution/spec/auth/scope/
    """
    return f"repository:{repository}:pull" if repository else ""


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """The challenges of a `WWW-Authenticate` header, in its order; what is not understood ends the list.

    https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1
    """
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    while (at := _past_separators(header, at)) < len(header):
        if found and (match := _PARAMETER.match(header, at)):
            name, quoted, bare = match.groups()
            found[-1][1].setdefault(name.lower(), bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        elif match := _SCHEME.match(header, at):
            found.append((match[1].lower(), {}))
        else:
            break
        at = match.end()
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


def token_query(challenge: Challenge, scope: str) -> str:
    """What is asked of the realm. The registry's own scope counts, ours where it names none.

    https://distribution.github.io/distribution/spec/auth/token/
    """
    wanted = {"service": challenge.parameters.get("service", ""), "scope": challenge.parameters.get("scope") or scope}
    return urlencode({key: value for key, value in wanted.items() if value})


def refresh_form(challenge: Challenge, scope: str, identity_token: str) -> str:
    """The form that trades an identity token for a bearer token.

    https://distribution.github.io/distribution/spec/auth/oauth/
    """
    return urlencode(
        {
            "grant_type": "refresh_token",
            "service": challenge.parameters.get("service", ""),
            "client_id": "tidewaiter",
            "scope": challenge.parameters.get("scope") or scope,
            "refresh_token": identity_token,
        }
    )


def parse_token(content: bytes, where: str) -> str:
    """The bearer token in a realm's answer. Raises MalformedError, which does not show the answer."""
    try:
        answer = msgspec.json.decode(content, type=_TokenAnswer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MalformedError("its answer is no token", where=where) from None
    value = answer.token or answer.access_token or ""
    if not value or not value.isprintable() or not value.isascii():
        raise MalformedError("its answer holds no token", where=where)
    return value


def parse_errors(content: bytes) -> str:
    """What an error's body says, as `CODE: message; …`, short and printable; "" if it says nothing.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
    """
    try:
        errors = msgspec.json.decode(content, type=_Errors).errors or []
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    said = (": ".join(part for part in (error.code, error.message) if part) for error in errors[:_MOST_ERRORS])
    text = "; ".join(part for part in said if part)
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_LONGEST_MESSAGE]


def parse_tags(content: bytes, where: str) -> tuple[str, ...]:
    """The tags of one page of a list. Raises MalformedError."""
    try:
        return tuple(msgspec.json.decode(content, type=_Tags).tags or ())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"its list of tags is broken: {error}", where=where) from None


def parse_catalog(content: bytes, where: str) -> tuple[str, ...]:
    """The repositories of one page of a registry's catalogue. Raises MalformedError.

    https://distribution.github.io/distribution/spec/api/#listing-repositories
    """
    try:
        return tuple(msgspec.json.decode(content, type=_Catalog).repositories or ())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"its list of repositories is broken: {error}", where=where) from None


def parse_digest(header: str) -> Digest | None:
    """The digest that a `Docker-Content-Digest` header names; None where it names none."""
    try:
        return Digest.parse(header.strip())
    except ValueError:
        return None


def next_page(link: str, address: str) -> str:
    """The address of the page after `address` that a `Link` header names; "" for the last one.

    Raises MalformedError for one that leads nowhere.
    https://www.rfc-editor.org/rfc/rfc8288
    """
    match = _LINK.search(link)
    return next_query(match[1], address) if match else ""


def next_query(following: str, address: str) -> str:
    """The address with the query of `following`, which names the next page.

    Its path may be as a server behind a proxy sees it, and nothing may lead to another host: only the query counts.
    Raises MalformedError for one that leads back to the same page.
    """
    path, _, here = address.partition("?")
    query = following.partition("#")[0].partition("?")[2]
    if not query or query == here:
        raise MalformedError("its list names a next page that leads nowhere", where=urlsplit(address).netloc)
    return f"{path}?{query}"


def content_range(header: str) -> ContentRange | None:
    """Which bytes an answer holds; None if it does not say.

    https://www.rfc-editor.org/rfc/rfc9110#field.content-range
    """
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        return None
    first, last, total = match.groups()
    return ContentRange(int(first), int(last), None if total == "*" else int(total))


def range_start(header: str) -> int:
    """The byte from which on a `Range` header wants all there is; 0 for any other header, which may be passed over.

    https://www.rfc-editor.org/rfc/rfc9110#field.range
    """
    match = _RANGE.fullmatch(header.strip())
    return int(match[1]) if match else 0


def retry_after(header: str, now: datetime) -> float | None:
    """How many seconds to wait, from a number or a date; None if the header says nothing.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    text = header.strip()
    if text.isdecimal() and len(text) <= _SECONDS:
        return float(text)
    try:
        date = datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
    return max(0.0, (date - now).total_seconds())


def resolve(location: str, address: str) -> str:
    """The address that a redirect from `address` leads to. Raises MalformedError for what is no http address."""
    try:
        target = urljoin(address, location)
        scheme, host, _ = _origin(target)
    except ValueError:
        scheme = host = ""
    if scheme not in ("http", "https") or not host:
        raise MalformedError("it redirects to what is no address", where=urlsplit(address).netloc)
    return target


def is_guarded(address: str, *, insecure: bool) -> bool:
    """Whether a secret may go there: over https, within this machine, or, when `insecure`, over http."""
    try:
        scheme, host, _ = _origin(address)
    except ValueError:
        return False
    if not host or "@" in urlsplit(address).netloc:
        return False
    return scheme == "https" or (scheme == "http" and (insecure or is_loopback(urlsplit(address).netloc)))


def same_origin(one: str, other: str) -> bool:
    """Whether both addresses lead to one host, port and scheme: credentials for one may go to the other."""
    return _origin(one) == _origin(other)


def _origin(address: str) -> tuple[str, str, int]:
    parts = urlsplit(address)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def _past_separators(header: str, at: int) -> int:
    while at < len(header) and header[at] in ", \t":
        at += 1
    return at
