"""Which authorization goes with a request: asked for by a challenge, kept while it is good, for its registry only.

https://distribution.github.io/distribution/spec/auth/token/
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from tidewaiter.errors import RegistryDeniedError, RegistryError
from tidewaiter.registry.answers import denied, read_body, refusal
from tidewaiter.registry.credentials import Credential, Keychain
from tidewaiter.registry.protocol import (
    Challenge,
    is_guarded,
    parse_challenges,
    parse_token,
    pull_scope,
    refresh_form,
    token_query,
)
from tidewaiter.registry.transport import Transport, no_answer

_LARGEST_TOKEN = 1 << 20
_FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class _Grant:
    """The authorization for one repository as of now."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    header: str = field(default="", repr=False)
    credential: Credential | None = None


class Authorizer:
    """Answers a registry's challenges with credentials of the keychain.

    Made for many threads: when several are refused at the same time, one asks for a new token. Credentials go to the
    registry that they are for, and to the realm that this registry names; over http only within this machine, or when
    `insecure`.
    """

    def __init__(self, transport: Transport, keychain: Keychain, *, insecure: bool) -> None:
        self._transport = transport
        self._keychain = keychain
        self._insecure = insecure
        self._grants: dict[tuple[str, str], _Grant] = {}
        self._secrets: set[str] = set()

    def header(self, registry: str, repository: str) -> str:
        """The authorization to send, "" as long as none was asked for."""
        return self._grant(registry, repository).header

    def renew(self, registry: str, repository: str, challenges: str, refused: str) -> str:
        """The authorization after the registry refused the one that was sent, with a `WWW-Authenticate` header.

        Raises RegistryDeniedError when there is no other.
        """
        grant = self._grant(registry, repository)
        with grant.lock:
            if grant.header == refused:
                grant.credential = self._keychain.find(registry, repository)
                self._secrets.update(grant.credential.secrets if grant.credential else ())
                grant.header = self._answered(registry, repository, challenges, grant.credential)
                self._secrets.add(grant.header.partition(" ")[2])
            if not grant.header or grant.header == refused:
                raise self.denial("the registry asks to log in", registry, repository)
            return grant.header

    def denial(self, what: str, registry: str, repository: str) -> RegistryDeniedError:
        """The error for a refusal of all that there is."""
        credential = self._grant(registry, repository).credential
        return denied(what, registry, credential, self._keychain.troubles())

    def refusal(self, answer: urllib3.BaseHTTPResponse, what: str, registry: str, repository: str) -> RegistryError:
        """The error for an answer that is not what was asked for, without any secret that was ever used."""
        credential = self._grant(registry, repository).credential
        troubles = self._keychain.troubles()
        return refusal(
            answer, what, registry=registry, credential=credential, troubles=troubles, secrets=tuple(self._secrets)
        )

    def _grant(self, registry: str, repository: str) -> _Grant:
        return self._grants.setdefault((registry, repository), _Grant())

    def _answered(self, registry: str, repository: str, challenges: str, credential: Credential | None) -> str:
        offered = {challenge.scheme: challenge for challenge in reversed(parse_challenges(challenges))}
        if credential and credential.registry_token:
            return f"Bearer {credential.registry_token}"
        if bearer := offered.get("bearer"):
            return f"Bearer {self._token(registry, repository, bearer, credential)}"
        if "basic" in offered:
            return credential.basic if credential and credential.password else ""
        schemes = ", ".join(offered) or "nothing that is understood"
        raise RegistryDeniedError(f"the registry asks for {schemes}; only Bearer and Basic are known", where=registry)

    def _token(self, registry: str, repository: str, challenge: Challenge, credential: Credential | None) -> str:
        realm = self._realm(registry, challenge)
        host = urlsplit(realm).netloc
        method, address, headers, body = _question(realm, challenge, repository, credential)
        answer = self._transport.send(method, address, headers, body)
        if answer.status != HTTPStatus.OK:
            raise self.refusal(answer, f"a token of {host}", registry, repository)
        try:
            content = read_body(answer, _LARGEST_TOKEN, limit="token_bytes", where=host)
        except (HTTPError, OSError) as error:
            raise no_answer(error, host) from error
        return parse_token(content, host)

    def _realm(self, registry: str, challenge: Challenge) -> str:
        """The address that gives tokens. Raises RegistryError for one to which no secret may go."""
        realm = challenge.parameters.get("realm", "")
        if not is_guarded(realm, insecure=self._insecure):
            what = f"it sends to log in at {realm[:200]!r}, which is no https address"
            raise RegistryError(what, where=registry, advice="Use --insecure only on a network that you trust.")
        return realm


def _question(
    realm: str, challenge: Challenge, repository: str, credential: Credential | None
) -> tuple[str, str, Mapping[str, str], str | None]:
    """What to ask of the realm: method, address, headers, body."""
    scope = pull_scope(repository)
    if credential and credential.identity_token:
        form = refresh_form(challenge, scope, credential.identity_token)
        return "POST", realm, {"Content-Type": _FORM}, form
    query = token_query(challenge, scope)
    address = f"{realm}{'&' if '?' in realm else '?'}{query}" if query else realm
    headers = {"Authorization": credential.basic} if credential and credential.password else {}
    return "GET", address, headers, None
