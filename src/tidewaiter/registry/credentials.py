"""Credentials for registries, from the files and helpers that `docker login` and `podman login` keep.

https://docs.docker.com/reference/cli/docker/login/#credential-stores and
https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
"""

import base64
import binascii
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from tidewaiter.errors import UsageError
from tidewaiter.registry.reference import DOCKER_HUB

_HUB_KEY = "https://index.docker.io/v1/"
_HUB_KEYS = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HELPER = re.compile(r"[A-Za-z0-9_.-]+")
_HELPER_SECONDS = 60
_LARGEST_FILE = 4 << 20
_TOKEN_USER = "<token>"  # noqa: S105  the name that helpers give for an identity token, no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A user name and password; or an identity token, traded for short-lived ones; or a token that is used as it is.

    `origin` says where it was found, for messages. Secrets are not in the repr.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)
    origin: str = ""

    @property
    def basic(self) -> str:
        """The value of a Basic authorization."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that must never be shown."""
        encoded = (self.basic.partition(" ")[2],) if self.password else ()
        return tuple(filter(None, (self.password, self.identity_token, self.registry_token, *encoded)))


class Keychain(Protocol):
    """Who knows credentials."""

    def find(self, registry: str, repository: str) -> Credential | None:
        """The credential for a repository of a registry; None to go without."""
        ...

    def troubles(self) -> tuple[str, ...]:
        """Sentences on what could not be asked so far, to be told when a registry refuses."""
        ...


@dataclass(frozen=True, slots=True)
class OneLogin:
    """The keychain of who has one credential for whatever is asked, or none."""

    credential: Credential | None

    def find(self, registry: str, repository: str) -> Credential | None:  # noqa: ARG002 - it is the one for all
        """That credential."""
        return self.credential

    def troubles(self) -> tuple[str, ...]:
        """None: nothing has to be read."""
        return ()


class _Auth(msgspec.Struct):
    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identity_token: str | None = msgspec.field(name="identitytoken", default=None)
    registry_token: str | None = msgspec.field(name="registrytoken", default=None)


class _File(msgspec.Struct):
    auths: dict[str, _Auth] | None = None
    helpers: dict[str, str] | None = msgspec.field(name="credHelpers", default=None)
    store: str | None = msgspec.field(name="credsStore", default=None)


class _HelperAnswer(msgspec.Struct):
    username: str = msgspec.field(name="Username", default="")
    secret: str = msgspec.field(name="Secret", default="")


class ConfiguredKeychain:
    """Reads Docker's and Podman's files. A credential helper goes before the store, that before what the file holds.

    `files` are the files in the order of their precedence; those that are not there are passed over. A file is read,
    and a helper started, only when a credential is looked for. Raises UsageError for a file that is broken.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._paths = tuple(files)
        self._files: tuple[tuple[Path, _File], ...] | None = None
        self._troubles: dict[str, None] = {}

    @classmethod
    def of_user(cls, environment: Mapping[str, str] = os.environ) -> "ConfiguredKeychain":
        """That of the user who runs the program."""
        return cls(tuple(_usual_files(environment)))

    def find(self, registry: str, repository: str) -> Credential | None:
        """The credential for a repository of a registry, the most specific entry of the first file that has one."""
        if self._files is None:
            self._files = tuple((path, _read(path)) for path in self._paths if path.is_file())
        for path, file in self._files:
            found = self._from_helpers(path, file, registry) or _from_auths(path, file, registry, repository)
            if found:
                return found
        return None

    def troubles(self) -> tuple[str, ...]:
        """What went wrong with helpers so far."""
        return tuple(self._troubles)

    def _from_helpers(self, path: Path, file: _File, registry: str) -> Credential | None:
        helpers = {_host(key): name for key, name in (file.helpers or {}).items()}
        for name in (helpers.get(registry), file.store):
            found = self._ask(name, registry, path) if name else None
            if found:
                return found
        return None

    def _ask(self, name: str, registry: str, path: Path) -> Credential | None:
        """What a helper knows.

        https://github.com/docker/docker-credential-helpers#development
        """
        import subprocess

        program = f"docker-credential-{name}"
        if not _HELPER.fullmatch(name):
            raise UsageError(f"{name[:100]!r} is no name of a credential helper", where=str(path))
        server = _HUB_KEY if registry == DOCKER_HUB else registry
        try:
            done = subprocess.run(
                [program, "get"], input=server.encode(), capture_output=True, timeout=_HELPER_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = "does not answer" if isinstance(error, subprocess.TimeoutExpired) else "cannot be started"
            self._troubles[f"The credential helper {program}, which {path} names, {reason}."] = None
            return None
        if done.returncode:
            if b"credentials not found" not in done.stdout + done.stderr:
                trouble = f"The credential helper {program} failed with status {done.returncode} for {server}."
                self._troubles[trouble] = None
            return None
        return self._answer(done.stdout, program)

    def _answer(self, output: bytes, program: str) -> Credential | None:
        try:
            answer = msgspec.json.decode(output, type=_HelperAnswer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._troubles[f"The credential helper {program} gave an answer that cannot be read."] = None
            return None
        if not answer.secret:
            return None
        if answer.username == _TOKEN_USER:
            return Credential(identity_token=answer.secret, origin=program)
        return Credential(username=answer.username, password=answer.secret, origin=program)


def _usual_files(environment: Mapping[str, str]) -> Iterator[Path]:
    """Where credentials lie: the file that REGISTRY_AUTH_FILE names, Docker's, Podman's."""
    home = Path(environment.get("HOME") or Path.home())
    if named := environment.get("REGISTRY_AUTH_FILE"):
        yield Path(named)
    yield Path(environment.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        yield Path(runtime, "containers", "auth.json")
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "containers" / "auth.json"


def _read(path: Path) -> _File:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise UsageError("it is too large for a file of credentials", where=str(path))
        return msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise UsageError(f"credentials cannot be read: {error.strerror}", where=str(path)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"credentials cannot be read: {error}", where=str(path)) from None


def _from_auths(path: Path, file: _File, registry: str, repository: str) -> Credential | None:
    known = {_host(key): auth for key, auth in (file.auths or {}).items()}
    for key in _keys(registry, repository):
        if key in known and (found := _credential(known[key], f"{path}")):
            return found
    return None


def _keys(registry: str, repository: str) -> Iterator[str]:
    """The entries that may hold the credential, the most specific first (Podman has them for parts of a registry)."""
    name = f"{registry}/{repository}"
    while name:
        yield name
        name = name.rpartition("/")[0]


def _host(key: str) -> str:
    """The registry (and part of it) that an entry is for: older entries are addresses with a version."""
    name = key.partition("://")[2] if "://" in key else key
    name = name.rstrip("/").removesuffix("/v1").removesuffix("/v2").lower()
    return DOCKER_HUB if name in _HUB_KEYS else name


def _credential(auth: _Auth, origin: str) -> Credential | None:
    username, password = auth.username or "", auth.password or ""
    if auth.auth:
        username, password = _decoded(auth.auth, origin)
    found = Credential(
        username=username,
        password=password,
        identity_token=auth.identity_token or "",
        registry_token=auth.registry_token or "",
        origin=origin,
    )
    return found if found.secrets else None


def _decoded(auth: str, origin: str) -> tuple[str, str]:
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise UsageError("an entry's auth is not the base64 of a user name and a password", where=origin)
    return username, password.rstrip("\0")
