"""The kinds of registries that are not Amazon's: where each is, and how one logs in to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from tidewaiter.errors import UsageError
from tidewaiter.registry.credentials import Credential
from tidewaiter.registry.reference import hub_name, is_loopback, is_registry, is_repository

_ORIGIN = "the connection"
_VERSIONS = ("v1", "v2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of registry, by the name that settings have for it.

    `base` is where it is when nobody says otherwise, "" where everybody has one of his own; `example` is one. A base
    with a path names a part of the registry: where the path is `mounted`, the registry's API begins below it, else it
    is how the names of repositories begin. `login_as` is the user name under which a token is a password; where that is
    "", a token is shown as it is; where it is None, a user name has to be told. `both`: a token is user name and
    password. `google`: its lists of tags tell all manifests.
    """

    name: str
    title: str
    base: str = ""
    example: str = ""
    mounted: bool = False
    login_as: str | None = ""
    both: bool = False
    google: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """Where a registry is: its name in references, and how the names of the wanted repositories begin ("": all)."""

    registry: str
    namespace: str = ""

    def covers(self, repository: str) -> bool:
        """Whether a repository is in the wanted part."""
        return not self.namespace or f"{repository}/".startswith(f"{self.namespace}/")


_KINDS = (
    Kind(name="docker-hub", title="Docker Hub", base="docker.io", login_as=None),
    Kind(
        name="acr",
        title="Azure Container Registry",
        example="example.azurecr.io",
        login_as="00000000-0000-0000-0000-000000000000",
    ),
    Kind(name="gcr", title="Google Container Registry", base="gcr.io", login_as="oauth2accesstoken", google=True),
    Kind(
        name="google-artifact-cr",
        title="Google Artifact Registry",
        example="europe-docker.pkg.dev/project/repository",
        login_as="oauth2accesstoken",
        google=True,
    ),
    Kind(
        name="artifactory-cr",
        title="Artifactory",
        example="example.jfrog.io/artifactory/api/docker/repository",
        mounted=True,
    ),
    Kind(name="harbor-cr", title="Harbor", example="harbor.example.com"),
    Kind(name="quay-cr", title="Quay", base="quay.io", login_as="$oauthtoken"),
    Kind(name="github-cr", title="GitHub Container Registry", base="ghcr.io", login_as="x-access-token"),
    Kind(name="nexus-cr", title="Nexus", example="nexus.example.com/repository/docker", mounted=True),
    Kind(
        name="digitalocean-cr",
        title="DigitalOcean Container Registry",
        base="registry.digitalocean.com",
        both=True,
    ),
    Kind(name="gitlab-cr", title="GitLab Container Registry", base="registry.gitlab.com", login_as="oauth2"),
)
KINDS: Mapping[str, Kind] = MappingProxyType({each.name: each for each in _KINDS})
"""All kinds, by their names."""


def kind_of(name: str) -> Kind:
    """The kind of this name. Raises UsageError, with all names."""
    if name not in KINDS:
        advice = f"Known are ecr, {', '.join(KINDS)}."
        raise UsageError(f"{name[:100]!r} is no type of registry", advice=advice)
    return KINDS[name]


def base_of(kind: Kind, text: str) -> Base:
    """Where the registry is that a setting names: a host, with a scheme and a path or without. Raises UsageError."""
    given = text.strip() or kind.base
    if not given:
        advice = f"Name its host, as {kind.example}."
        raise UsageError(f"a registry of type {kind.name} has to be told where it is", advice=advice)
    scheme, colons, rest = given.partition("://")
    name, _, path = (rest if colons else given).strip("/").partition("/")
    parts = [part for part in path.split("/") if part]
    while parts and parts[-1] in _VERSIONS:
        parts.pop()
    host, path = hub_name(name.lower()), "/".join(parts)
    if not is_registry(host) or (colons and scheme not in ("http", "https")) or not _is_path(path, kind):
        what = "it is no address of a registry"
        raise UsageError(what, where=_shown(given), advice=f"Name its host, as {kind.base or kind.example}.")
    if scheme == "http" and not is_loopback(host):
        advice = "Let it be asked over https: a login over http can be read by anyone on the way."
        raise UsageError("it is to be asked over http", where=_shown(given), advice=advice)
    return Base(registry=f"{host}/{path}" if path else host) if kind.mounted else Base(registry=host, namespace=path)


def login_of(kind: Kind, *, username: str, password: str, token: str) -> Credential | None:
    """The login that these settings make; None without any. Raises UsageError for what is no login."""
    secret = password or token
    if not secret:
        if username:
            raise UsageError(f"the login of {username!r} has neither a password nor a token")
        return None
    if kind.both and token and not (username and password):
        return Credential(username=token, password=token, origin=_ORIGIN)
    user = username or (kind.login_as if token and not password else None)
    if user is None:
        what = f"a login for {kind.title} needs a user name beside its password or token"
        raise UsageError(what)
    if not user:
        return Credential(registry_token=token, origin=_ORIGIN)
    return Credential(username=user, password=secret, origin=_ORIGIN)


def _is_path(path: str, kind: Kind) -> bool:
    """Whether it can be the beginning of repositories' names, or of an address."""
    return not path or is_repository(path) or (kind.mounted and is_repository(path.lower()))


def _shown(address: str) -> str:
    """An address without a login that may stand in it."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"[:300]
