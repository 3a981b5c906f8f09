"""An OCI registry on this machine, for tests, the demo and benchmarks: with logins and faults to switch on.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import base64
import hmac
import json
import re
import secrets
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, quote, urlsplit

from tidewaiter.model.image import Digest
from tidewaiter.simulator.bodies import BlobConversation, BodyFaults
from tidewaiter.simulator.images import Built, sha256
from tidewaiter.simulator.listener import Listener, Serving

_PATH = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs|tags)/(?P<name>[^/]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who may pull. `scheme` is basic or bearer; without a username the token is for anybody who asks.

    `uses` is how many requests a token is good for. `identity_token` is one that can be traded for tokens. `realm` is
    the address that is named for tokens, the registry's own where it is "".
    """

    scheme: str = "bearer"
    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    uses: int = 1_000_000
    realm: str = ""


@dataclass(slots=True, kw_only=True)
class Faults(BodyFaults):
    """What goes wrong, besides what can with bodies.

    `redirect`: the address of another registry that holds the blobs. `redirect_to`: any address.
    `refuse_authorization`: a request with one is refused, as by a storage with signed addresses. `lying_digest`: the
    header names another digest.
    """

    redirect: str = ""
    redirect_to: str = ""
    refuse_authorization: bool = False
    lying_digest: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came in."""

    method: str
    path: str
    headers: Mapping[str, str]


class SimulatedRegistry(Serving):
    """Serves built images at `host` (127.0.0.1 and a free port) for the time of a `with` block, over http or `tls`.

    `faults` and `login` may be changed at any time; `asked` holds all requests so far.
    """

    def __init__(self, login: Login | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.login = login
        self.faults = Faults()
        self.asked: list[Asked] = []
        self.lock = threading.Lock()
        self.tokens: dict[str, int] = {}
        self._manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self._blobs: dict[tuple[str, str], bytes] = {}
        self._tags: dict[str, list[str]] = {}
        self._server = server = _Server(_Handler, tls=tls)
        server.registry = self

    def push(self, repository: str, tag: str, image: Built) -> str:
        """Holds the image from now on. Returns its reference, by tag, or by digest where the tag is ""."""
        for digest, manifest in image.manifests.items():
            self._manifests[repository, str(digest)] = manifest
        for digest, blob in image.blobs.items():
            self._blobs[repository, str(digest)] = blob
        if not tag:
            return f"{self.host}/{repository}@{image.digest}"
        self._manifests[repository, tag] = (image.media_type, image.document)
        self._tags.setdefault(repository, []).append(tag)
        return f"{self.host}/{repository}:{tag}"

    def manifest(self, repository: str, name: str) -> tuple[str, bytes] | None:
        """A manifest's media type and bytes."""
        return self._manifests.get((repository, name))

    def blob(self, repository: str, digest: str) -> bytes | None:
        """A blob's bytes."""
        return self._blobs.get((repository, digest))

    def delete(self, repository: str, name: str) -> None:
        """Holds no manifest of this tag or digest any more; a tag is listed all the same."""
        del self._manifests[repository, name]

    def untag(self, repository: str, tag: str) -> None:
        """Does not list the tag any more."""
        self._tags[repository].remove(tag)

    def repositories(self) -> list[str]:
        """The names of all repositories, sorted."""
        return sorted({repository for repository, _ in self._manifests})

    def tags(self, repository: str) -> list[str] | None:
        """A repository's tags, sorted."""
        found = self._tags.get(repository)
        return None if found is None else sorted(found)

    def asked_for(self, part: str) -> list[Asked]:
        """The requests whose paths contain `part`."""
        return [asked for asked in self.asked if part in asked.path]


class _Server(Listener):
    registry: SimulatedRegistry


class _Handler(BlobConversation):
    server: _Server

    def do_GET(self) -> None:  # noqa: N802  http.server calls it by the method
        self._serve()

    def do_HEAD(self) -> None:  # noqa: N802  http.server calls it by the method
        self._serve()

    def do_POST(self) -> None:  # noqa: N802  http.server calls it by the method
        body = b"".join(self.body())
        self._note()
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        login = self._registry.login
        good = login is not None and hmac.compare_digest(form.get("refresh_token", ""), login.identity_token)
        self._give_token(allowed=good and form.get("grant_type") == "refresh_token")

    @property
    def _registry(self) -> SimulatedRegistry:
        return self.server.registry

    @property
    def _faults(self) -> Faults:
        return self._registry.faults

    def _note(self) -> None:
        with self._registry.lock:
            self._registry.asked.append(Asked(self.command, self.path, dict(self.headers.items())))

    def _serve(self) -> None:
        self._note()
        path = urlsplit(self.path).path
        if path == "/token":
            self._give_token(allowed=self._has_password())
        elif path == "/v2/" and not self._registry.login:
            self.send(HTTPStatus.OK, b"{}")
        elif fault := self._next_answer():
            self.send(*fault)
        elif self._faults.refuse_authorization and "Authorization" in self.headers:
            self.send(HTTPStatus.BAD_REQUEST, b"only one auth mechanism allowed")
        elif self._is_refused():
            self._challenge()
        elif path == "/v2/_catalog":
            self._give_list("repositories", self._registry.repositories(), {})
        elif match := _PATH.fullmatch(path):
            self._answer(match["repository"], match["kind"], match["name"])
        else:
            self._error(HTTPStatus.OK if path == "/v2/" else HTTPStatus.NOT_FOUND, "NAME_UNKNOWN")

    def _next_answer(self) -> tuple[int, bytes, Mapping[str, str]] | None:
        answer = None if urlsplit(self.path).path == "/v2/" else self._faults.next_answer()
        return (answer[0], b"", answer[1]) if answer else None

    def _is_refused(self) -> bool:
        given = self.headers.get("Authorization", "")
        login = self._registry.login
        if login is None:
            return False
        if login.scheme == "basic":
            return not self._has_password()
        with self._registry.lock:
            left = self._registry.tokens.get(given.removeprefix("Bearer "), 0)
            self._registry.tokens[given.removeprefix("Bearer ")] = left - 1
        return left <= 0

    def _has_password(self) -> bool:
        login = self._registry.login
        if login is None or not login.username:
            return True
        wanted = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
        return hmac.compare_digest(self.headers.get("Authorization", ""), f"Basic {wanted}")

    def _challenge(self) -> None:
        login = self._registry.login
        assert login is not None
        realm = login.realm or f"{self._registry.url}/token"
        asked = f'Bearer realm="{realm}",service="simulated",scope="repository:a,b:pull"'
        header = 'Basic realm="simulated, with a comma"' if login.scheme == "basic" else asked
        self._error(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", {"WWW-Authenticate": header})

    def _give_token(self, *, allowed: bool) -> None:
        if not allowed:
            self._error(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED")
            return
        token = secrets.token_urlsafe(16)
        with self._registry.lock:
            login = self._registry.login
            self._registry.tokens[token] = login.uses if login else 0
        self.send(HTTPStatus.OK, json.dumps({"token": token, "expires_in": 60}).encode())

    def _answer(self, repository: str, kind: str, name: str) -> None:
        match kind:
            case "manifests":
                self._give_manifest(repository, name)
            case "blobs":
                self._give_blob(repository, name)
            case _:
                self._give_tags(repository)

    def _give_manifest(self, repository: str, name: str) -> None:
        found = self._registry.manifest(repository, name)
        if found is None:
            self._error(HTTPStatus.NOT_FOUND, "MANIFEST_UNKNOWN")
            return
        media_type, document = found
        digest = sha256(document)
        named = sha256(b"lie") if self._faults.lying_digest else digest
        if digest in self._faults.corrupt:
            document = document[:-1] + b" "
        self.send(HTTPStatus.OK, document, {"Content-Type": media_type, "Docker-Content-Digest": str(named)})

    def _give_tags(self, repository: str) -> None:
        tags = self._registry.tags(repository)
        if tags is None:
            self._error(HTTPStatus.NOT_FOUND, "NAME_UNKNOWN")
            return
        self._give_list("tags", tags, {"name": repository})

    def _give_list(self, title: str, lines: Sequence[str], more: Mapping[str, str]) -> None:
        """A page of a sorted list, a small one, so that there are several."""
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        most = min(int(query.get("n", ["100"])[0]), 2)
        rest = [line for line in lines if line > query.get("last", [""])[0]]
        following = f'<{address.path}?n={most}&last={quote(rest[most - 1])}>; rel="next"' if rest[most:] else ""
        headers = {"Link": following} if following else {}
        self.send(HTTPStatus.OK, json.dumps({**more, title: rest[:most]}).encode(), headers)

    def _give_blob(self, repository: str, name: str) -> None:
        if self._faults.redirect or self._faults.redirect_to:
            location = self._faults.redirect_to or f"{self._faults.redirect}{self.path}?signature=of-the-storage"
            self.send(HTTPStatus.TEMPORARY_REDIRECT, b"", {"Location": location})
            return
        blob = self._registry.blob(repository, name)
        if blob is None:
            self._error(HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN")
        else:
            self.send_blob(blob, Digest.parse(name), self._faults)

    def _error(self, status: int, code: str, headers: Mapping[str, str] | None = None) -> None:
        body = {"errors": [{"code": code, "message": f"simulated: {code.lower().replace('_', ' ')}"}]}
        self.send(status, json.dumps(body).encode(), headers)
