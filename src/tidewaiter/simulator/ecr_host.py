"""The servers of the simulated registries' Docker API: who asks, whether they may, and what answers them.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from tidewaiter.simulator.content import Upload
from tidewaiter.simulator.ecr_calls import Call, foreign
from tidewaiter.simulator.ecr_docker import ROUTES, Exchange, Reply, Route
from tidewaiter.simulator.ecr_registry import SimulatedEcr, Surroundings
from tidewaiter.simulator.listener import Conversation, Listener
from tidewaiter.simulator.service import Caller, ServiceError

Find = Callable[[str], tuple[SimulatedEcr, str] | None]
"""The registry and repository that a name in a path means; None where there is no such registry."""

ANYBODY: Final = Caller(account="", arn="anonymous", principal="", user_id="")
_READS = frozenset({"GET", "HEAD"})
_DENIED = "DENIED"
_ERRORS: Final[Mapping[str, tuple[HTTPStatus, str]]] = {
    "AccessDeniedException": (HTTPStatus.FORBIDDEN, _DENIED),
    "ImageNotFoundException": (HTTPStatus.NOT_FOUND, "MANIFEST_UNKNOWN"),
    "ImageTagAlreadyExistsException": (HTTPStatus.BAD_REQUEST, "TAG_INVALID"),
    "InvalidLayerException": (HTTPStatus.BAD_REQUEST, "DIGEST_INVALID"),
    "InvalidLayerPartException": (HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID"),
    "InvalidParameterException": (HTTPStatus.BAD_REQUEST, "MANIFEST_INVALID"),
    "LayerInaccessibleException": (HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN"),
    "LayersNotFoundException": (HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN"),
    "ReferencedImagesNotFoundException": (HTTPStatus.NOT_FOUND, "MANIFEST_BLOB_UNKNOWN"),
    "RepositoryNotFoundException": (HTTPStatus.NOT_FOUND, "NAME_UNKNOWN"),
    "UploadNotFoundException": (HTTPStatus.NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
}


class _RefusedError(Exception):
    """A request without a login that is good."""

    def __init__(self, status: HTTPStatus, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class DockerHost:
    """Listens for registries from the start to `close`: for one private registry, or for all public ones.

    A private one takes `Basic` logins. The public one takes `Bearer` tokens, which its `/token/` gives to anybody, and
    which ECR Public's GetAuthorizationToken gives, too: with those of `/token/` for strangers one can only pull.
    """

    def __init__(self, cloud: Surroundings, find: Find, *, public: bool) -> None:
        self.cloud = cloud
        self.find = find
        self.public = public
        self.uploads: dict[str, Upload] = {}
        self.strangers: set[str] = set()
        self._server = _Server(_Handler)
        self._server.docker = self
        self._server.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

    def close(self) -> None:
        """Ends."""
        self._server.close()

    def caller(self, authorization: str) -> Caller:
        """Who asks. Raises _RefusedError where that is not known."""
        scheme, _, given = authorization.partition(" ")
        if self.public and given in self.strangers:
            return ANYBODY
        login = self.cloud.tokens.find(given) if scheme == self._scheme else None
        if login is None:
            raise _RefusedError(HTTPStatus.UNAUTHORIZED, "no basic auth credentials", self._challenge)
        if self.cloud.tokens.is_expired(login):
            message = "Your authorization token has expired. Reauthenticate and try again."
            raise _RefusedError(HTTPStatus.FORBIDDEN, message, {})
        return login.caller

    def token(self, authorization: str) -> str:
        """A bearer token: that of a login, else one for strangers. Raises _RefusedError for a bad login."""
        if authorization:
            given = authorization.removeprefix("Basic ")
            self.caller(f"Bearer {given}")
            return given
        token = secrets.token_urlsafe(32)
        self.strangers.add(token)
        return token

    def admit(self, call: Call, route: Route, method: str, repository: str) -> None:
        """Raises ServiceError where the caller may not do it. Public images may be pulled by anybody."""
        place = call.registry.place
        if place.public and method in _READS:
            return
        if call.caller.account != place.account:
            raise foreign(call, place.account)
        service = "ecr-public" if place.public else "ecr"
        self.cloud.gate.admit(call.caller, place.region, f"{service}:{route.action}", call.registry.arn(repository))

    @property
    def _scheme(self) -> str:
        return "Bearer" if self.public else "Basic"

    @property
    def _challenge(self) -> Mapping[str, str]:
        if self.public:
            asked = f'Bearer realm="{self.url}/token/",service="public.ecr.aws",scope="aws"'
        else:
            asked = f'Basic realm="{self.url}/",service="ecr.amazonaws.com"'
        return {"WWW-Authenticate": asked}


class _Server(Listener):
    docker: DockerHost


class _Handler(Conversation):
    server: _Server

    def _serve(self) -> None:
        incoming = self.body()
        try:
            reply = self._reply(incoming)
        except _RefusedError as error:
            reply = _error(error.status, "UNAUTHORIZED" if error.headers else _DENIED, str(error), error.headers)
        except ServiceError as error:
            reply = _error(*_ERRORS.get(error.code, (HTTPStatus(error.status), "UNSUPPORTED")), error.message)
        for _ in incoming:
            """What nobody wanted is read, so that the next request is found behind it."""
        self.send(reply.status, reply.body, reply.headers)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815  http.server's names

    def _reply(self, incoming: Iterator[bytes]) -> Reply:
        docker, parts = self.server.docker, urlsplit(self.path)
        path, authorization = unquote(parts.path), self.headers.get("Authorization", "")
        if docker.public and path in ("/token", "/token/"):
            return _document(HTTPStatus.OK, {"token": docker.token(authorization)})
        caller = docker.caller(authorization)
        if path in ("/v2", "/v2/"):
            return _document(HTTPStatus.OK, {})
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        return self._answer(caller, path, query, incoming)

    def _answer(self, caller: Caller, path: str, query: Mapping[str, str], incoming: Iterator[bytes]) -> Reply:
        for route in ROUTES:
            match = route.pattern.fullmatch(path)
            if match and self.command in route.methods:
                break
        else:
            return _error(HTTPStatus.METHOD_NOT_ALLOWED, "UNSUPPORTED", "The operation is unsupported")
        found = self.server.docker.find(match["repository"])
        if found is None:
            return _error(HTTPStatus.NOT_FOUND, "NAME_UNKNOWN", "The registry does not exist")
        registry, repository = found
        call = Call(caller=caller, registry=registry)
        if replaced := registry.replaced_answer():
            return Reply(status=HTTPStatus(replaced[0]), headers=replaced[1])
        self.server.docker.admit(call, route, self.command, repository)
        exchange = Exchange(
            call=call,
            method=self.command,
            repository=repository,
            path=match["path"],
            name=match["name"],
            query=query,
            headers={name.title(): ", ".join(self.headers.get_all(name, [])) for name in self.headers},
            incoming=incoming,
            uploads=self.server.docker.uploads,
        )
        return route.answer(exchange)


def _document(status: HTTPStatus, document: object) -> Reply:
    headers = {"Docker-Distribution-Api-Version": "registry/2.0"}
    return Reply(status=status, body=msgspec.json.encode(document), headers=headers)


def _error(status: HTTPStatus, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    body = msgspec.json.encode({"errors": [{"code": code, "message": message}]})
    return Reply(status=status, body=body, headers=headers or {})
