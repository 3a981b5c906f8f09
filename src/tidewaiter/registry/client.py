"""A client of OCI registries, for pulling: manifests, blobs, tags.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import hashlib
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from tidewaiter.errors import LimitError, MalformedError, RegistryError
from tidewaiter.model.image import Digest, Reference
from tidewaiter.registry.answers import read_whole
from tidewaiter.registry.authorization import Authorizer
from tidewaiter.registry.credentials import ConfiguredKeychain, Keychain
from tidewaiter.registry.protocol import (
    ACCEPT,
    CATALOG_PATH,
    blob_path,
    is_guarded,
    manifest_path,
    next_page,
    parse_catalog,
    parse_challenges,
    parse_digest,
    parse_tags,
    resolve,
    same_origin,
    tags_path,
)
from tidewaiter.registry.reference import api_host, is_loopback, parse_reference
from tidewaiter.registry.stream import open_stream
from tidewaiter.registry.transport import Transport, Waiting, let_go

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_MOST_REFUSALS = 3
_LARGEST_PAGE = 4 << 20
_MOST_PAGES = 10_000


class RegistryClient:
    """Pulls from registries: anonymous, Basic or Bearer, as each asks for.

    https everywhere; http only to this machine itself, or, when `insecure` (which also takes certificates that nobody
    vouches for), to a host that does not speak https. `keychain` is the user's own where none is given. Methods may be
    called from many threads, and raise RegistryError. Close it after use.
    """

    def __init__(
        self, *, keychain: Keychain | None = None, insecure: bool = False, waiting: Waiting | None = None
    ) -> None:
        self._insecure = insecure
        self._waiting = waiting or Waiting()
        self._transport = Transport(self._waiting, insecure=insecure)
        keychain = keychain or ConfiguredKeychain.of_user()
        self._authorizer = Authorizer(self._transport, keychain, insecure=insecure)
        self._bases: dict[str, str] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends all connections."""
        self._transport.close()

    def reference(self, text: str) -> Reference:
        """The reference that `text` spells, with all defaults filled in. Raises UsageError."""
        return parse_reference(text)

    def manifest(self, reference: Reference, *, ceiling: int) -> tuple[bytes, str]:
        """The manifest or index that the reference's digest, else its tag, names: its bytes and its media type.

        Where a digest was asked for, the bytes have it, whatever the registry says of them; else MalformedError.
        Raises LimitError beyond `ceiling` bytes.
        """
        content, media_type = self.given(reference, ceiling=ceiling)
        wanted = reference.digest
        if wanted and hashlib.new(wanted.algorithm, content).hexdigest() != wanted.hex:
            what = "wrong digest: the registry gave other bytes than it was asked for"
            raise MalformedError(what, where=str(reference))
        return content, media_type

    def given(self, reference: Reference, *, ceiling: int) -> tuple[bytes, str]:
        """The same as the registry gives it: not verified."""
        what = f"image {reference.digest or reference.tag} in {reference.repository}"
        content, answered = self._whole(reference, manifest_path(reference), {"Accept": ACCEPT}, what, ceiling)
        return content, _media_type(answered)

    def resolve(self, reference: Reference, *, ceiling: int) -> tuple[Digest, str]:
        """The digest that the reference names now, and the manifest's media type ("" where the registry tells none).

        The registry is asked without the manifest, which some count as a pull; it is got where that says too little.
        """
        headers = {"Accept": ACCEPT}
        answer = self._send(reference, manifest_path(reference), headers, method="HEAD")
        let_go(answer)
        digest = parse_digest(answer.headers.get("Docker-Content-Digest", ""))
        if answer.status == HTTPStatus.OK and digest is not None:
            return digest, _media_type(answer.headers)
        content, media_type = self.manifest(reference, ceiling=ceiling)
        return Digest("sha256", hashlib.sha256(content).hexdigest()), media_type

    def blob(self, reference: Reference, digest: Digest, size: int) -> BinaryIO:
        """The blob's bytes as a stream that goes on after a lost connection; nothing is sent before the first read.

        Not verified. Reading raises MalformedError for more than `size` bytes.
        """
        where = f"{reference.registry}: {_blob(reference, digest)}"
        return open_stream(lambda start: self.part(reference, digest, start), size, self._waiting, where)

    def part(self, reference: Reference, digest: Digest, start: int) -> urllib3.BaseHTTPResponse:
        """The answer that holds the blob from a byte on, with its body still to be read: 206, or 200 with all of it."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        answer = self._send(reference, blob_path(reference.repository, digest), headers)
        if answer.status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            raise self._refusal(answer, _blob(reference, digest), reference)
        return answer

    def address(self, reference: Reference, digest: Digest) -> tuple[str, Mapping[str, str]]:
        """Where the blob's bytes can be had now, and the headers to ask with.

        That is where the registry redirects to, to be asked without an authorization; or the registry's own address,
        with the authorization that it wants.
        """
        answer, address, headers = self._answered(reference, blob_path(reference.repository, digest), {})
        location = answer.headers.get("Location", "") if answer.status in _REDIRECTS else ""
        if answer.status != HTTPStatus.OK and not location:
            raise self._refusal(answer, _blob(reference, digest), reference)
        let_go(answer)
        return self._redirected(location, address, headers) if location else (address, headers)

    def tags(self, reference: Reference) -> Iterator[str]:
        """The repository's tags, page by page."""
        for content in self.tag_pages(reference):
            yield from parse_tags(content, f"{reference.registry}/{reference.repository}")

    def tag_pages(self, reference: Reference) -> Iterator[bytes]:
        """The pages of the list of tags: some registries tell more in them."""
        return self._pages(reference, tags_path(reference.repository), f"repository {reference.repository}")

    def catalog(self, registry: str) -> Iterator[str]:
        """The names of a registry's repositories, page by page; not every registry tells them, nor to everybody."""
        for content in self._pages(Reference(registry=registry, repository=""), CATALOG_PATH, "list of repositories"):
            yield from parse_catalog(content, registry)

    def origin(self, registry: str) -> str:
        """The scheme and host of a registry: where its other interfaces are."""
        parts = urlsplit(self._base(registry))
        return f"{parts.scheme}://{parts.netloc}"

    def login_origin(self, registry: str) -> str:
        """The scheme and host that the registry sends to for tokens, its own where it does not.

        Raises RegistryError for one to which no secret may go.
        """
        answer = self._transport.send("GET", f"{self._base(registry)}/v2/", {})
        let_go(answer)
        challenges = parse_challenges(answer.headers.get("WWW-Authenticate", ""))
        realm = next((each.parameters.get("realm", "") for each in challenges if each.scheme == "bearer"), "")
        if not realm:
            return self.origin(registry)
        self._allow(realm, urlsplit(self._base(registry)).netloc)
        parts = urlsplit(realm)
        return f"{parts.scheme}://{parts.netloc}"

    def _pages(self, reference: Reference, path: str, what: str) -> Iterator[bytes]:
        base, following = self._base(reference.registry), f"{path}?n=1000"
        for _ in range(_MOST_PAGES):
            content, headers = self._whole(reference, following, {}, what, _LARGEST_PAGE)
            yield content
            following = next_page(headers.get("Link", ""), base + following).removeprefix(base)
            if not following:
                return
        raise LimitError(f"its {what} has more than {_MOST_PAGES} pages", limit="tag_pages", where=reference.registry)

    def _whole(
        self, reference: Reference, path: str, headers: Mapping[str, str], what: str, ceiling: int
    ) -> tuple[bytes, Mapping[str, str]]:
        def ask() -> urllib3.BaseHTTPResponse:
            answer = self._send(reference, path, headers)
            if answer.status != HTTPStatus.OK:
                raise self._refusal(answer, what, reference)
            return answer

        return read_whole(ask, ceiling, limit="manifest_bytes", where=str(reference), waiting=self._waiting)

    def _send(
        self, reference: Reference, path: str, headers: Mapping[str, str], *, method: str = "GET"
    ) -> urllib3.BaseHTTPResponse:
        """The answer of the registry, or of where it redirects to, after what it asked for was shown."""
        return self._followed(*self._answered(reference, path, headers, method=method), method=method)

    def _refusal(self, answer: urllib3.BaseHTTPResponse, what: str, reference: Reference) -> RegistryError:
        return self._authorizer.refusal(answer, what, reference.registry, reference.repository)

    def _answered(
        self, reference: Reference, path: str, headers: Mapping[str, str], *, method: str = "GET"
    ) -> tuple[urllib3.BaseHTTPResponse, str, Mapping[str, str]]:
        """The registry's own answer, with the address and the headers that it was asked with in the end."""
        registry, repository = reference.registry, reference.repository
        address = self._base(registry) + path
        authorization = self._authorizer.header(registry, repository)
        for _ in range(_MOST_REFUSALS):
            sent = {**headers, "Authorization": authorization} if authorization else dict(headers)
            answer = self._transport.send(method, address, sent)
            if answer.status != HTTPStatus.UNAUTHORIZED:
                return answer, address, sent
            challenges = answer.headers.get("WWW-Authenticate", "")
            let_go(answer)
            authorization = self._authorizer.renew(registry, repository, challenges, authorization)
        raise self._authorizer.denial(f"the registry refuses {repository or 'its catalogue'}", registry, repository)

    def _followed(
        self, answer: urllib3.BaseHTTPResponse, address: str, headers: Mapping[str, str], *, method: str
    ) -> urllib3.BaseHTTPResponse:
        """The answer at the end of redirects."""
        host = urlsplit(address).netloc
        for _ in range(_MOST_REDIRECTS):
            location = answer.headers.get("Location", "")
            if answer.status not in _REDIRECTS or not location:
                return answer
            let_go(answer)
            address, headers = self._redirected(location, address, headers)
            answer = self._transport.send(method, address, headers)
        let_go(answer)
        raise RegistryError("its redirects do not end", where=host)

    def _redirected(self, location: str, address: str, headers: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        """Where a redirect leads, and what is sent there: the authorization goes no further than its own host."""
        target = resolve(location, address)
        if not same_origin(target, address):
            headers = {name: value for name, value in headers.items() if name != "Authorization"}
        self._allow(target, urlsplit(address).netloc)
        return target, headers

    def _allow(self, target: str, host: str) -> None:
        if not is_guarded(target, insecure=self._insecure):
            what = f"it redirects to {urlsplit(target).hostname} over http, where anyone may listen"
            raise RegistryError(what, where=host, advice="Use --insecure only on a network that you trust.")

    def _base(self, registry: str) -> str:
        """Where a registry's API begins; where http is allowed, it is asked once what it speaks.

        A registry's name may have a path, as where one host is many registries.
        """
        host = api_host(registry)
        if not (self._insecure or is_loopback(host.partition("/")[0])):
            return f"https://{host}"
        with self._lock:
            if registry not in self._bases:
                self._bases[registry] = f"{self._scheme(host)}://{host}"
            return self._bases[registry]

    def _scheme(self, host: str) -> str:
        """What a host speaks: within this machine http is tried first, elsewhere https. Nothing secret is sent."""
        preferred, other = ("http", "https") if is_loopback(host.partition("/")[0]) else ("https", "http")
        try:
            answer = self._transport.send_once("GET", f"{preferred}://{host}/v2/", {})
        except (HTTPError, OSError):
            return other
        let_go(answer)
        # What speaks TLS gives a plain request this status, if it answers at all.
        return "https" if answer.status == HTTPStatus.BAD_REQUEST else preferred


def _blob(reference: Reference, digest: Digest) -> str:
    return f"blob {digest} in {reference.repository}"


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip()
