"""The names of a registry's repositories, from wherever its kind tells them.

The catalogue of the Docker API is often for administrators only, or not there at all; many kinds of registries have an
interface of their own beside it, which lists what a login may read.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote, urlencode

import msgspec

from tidewaiter.errors import LimitError, RegistryAbsentError, RegistryError
from tidewaiter.model.image import Reference
from tidewaiter.registry.client import RegistryClient
from tidewaiter.registry.credentials import Credential
from tidewaiter.registry.google_tags import parse_google_tags
from tidewaiter.registry.kinds import Base, Kind
from tidewaiter.registry.paged import Paged, after
from tidewaiter.registry.reference import DOCKER_HUB, is_repository
from tidewaiter.registry.transport import Transport

_MOST_FOLDERS = 100_000
_PAGE = 100
_GITHUB, _GITLAB, _DIGITALOCEAN = "ghcr.io", "registry.gitlab.com", "registry.digitalocean.com"


class _Named(msgspec.Struct, frozen=True):
    name: str
    namespace: str = ""


class _HubPage(msgspec.Struct, frozen=True):
    results: tuple[_Named, ...]
    next: str | None = None


class _QuayPage(msgspec.Struct, frozen=True):
    repositories: tuple[_Named, ...]
    next_page: str | None = None


class _Owner(msgspec.Struct, frozen=True):
    login: str


class _Package(msgspec.Struct, frozen=True):
    name: str
    owner: _Owner


class _Path(msgspec.Struct, frozen=True):
    path: str


class _OceanRepository(msgspec.Struct, frozen=True):
    name: str
    registry_name: str


class _OceanPages(msgspec.Struct, frozen=True):
    next: str | None = None


class _OceanLinks(msgspec.Struct, frozen=True):
    pages: _OceanPages = _OceanPages()


class _OceanPage(msgspec.Struct, frozen=True):
    repositories: tuple[_OceanRepository, ...] | None
    links: _OceanLinks = _OceanLinks()


class _OceanRegistries(msgspec.Struct, frozen=True):
    registries: tuple[_Named, ...]


class _HubToken(msgspec.Struct, frozen=True):
    access_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The list of one registry, asked with one login.

    `client` asks the registry itself, `transport` the interface that its kind has beside it.
    """

    kind: Kind
    base: Base
    credential: Credential | None
    client: RegistryClient
    transport: Transport

    def names(self) -> Iterator[str]:
        """The names of all repositories that the login may read, and perhaps of more than are below the base.

        Raises RegistryError, MalformedError and LimitError.
        """
        return _LISTS.get(self.kind.name, _catalog)(self)

    @property
    def host(self) -> str:
        """The registry's name."""
        return self.base.registry

    @property
    def origin(self) -> str:
        """The scheme and host of the registry."""
        return self.client.origin(self.host)

    @property
    def owner(self) -> str:
        """The first part of what all wanted repositories' names begin with, as a part of an address."""
        return quote(self.base.namespace.partition("/")[0], safe="")

    @property
    def token(self) -> str:
        """What is shown to an interface that wants a token: of a user name and a password it is the password."""
        return "" if self.credential is None else self.credential.registry_token or self.credential.password

    def paged(self, headers: Mapping[str, str] | None = None) -> Paged:
        """The other interface, asked with the token, or with these headers."""
        bearer = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        shown = bearer if headers is None else headers
        return Paged(transport=self.transport, credential=self.credential, headers=shown)


def _catalog(asked: Catalogue) -> Iterator[str]:
    return asked.client.catalog(asked.host)


def _docker_hub(asked: Catalogue) -> Iterator[str]:
    """The repositories of an organization or a user.

    https://docs.docker.com/reference/api/hub/latest/#tag/repositories
    """
    origin = "https://hub.docker.com" if asked.host == DOCKER_HUB else asked.origin
    namespace = asked.base.namespace or (asked.credential.username if asked.credential else "")
    if not namespace:
        advice = "Log in, name an organization after the host, as docker.io/example, or name the repositories."
        raise RegistryError("it lists the repositories of somebody only", where=asked.host, advice=advice)
    paged = asked.paged(_hub_authorization(asked, origin))
    address = f"{origin}/v2/namespaces/{quote(namespace, safe='')}/repositories?page_size={_PAGE}"
    for page in paged.pages(address, _HubPage, lambda page, _, here: after(page.next, here)):
        yield from (f"{namespace}/{each.name}" for each in page.results)


def _hub_authorization(asked: Catalogue, origin: str) -> Mapping[str, str]:
    """What shows the login to Docker Hub's own interface, which takes no password but a token for it.

    https://docs.docker.com/reference/api/hub/latest/#tag/authentication-api
    """
    if asked.credential is None:
        return {}
    login = {"identifier": asked.credential.username, "secret": asked.credential.password}
    token = asked.paged({}).page(f"{origin}/v2/auth/token", _HubToken, sent=login)
    return {"Authorization": f"Bearer {token.access_token}"}


def _quay(asked: Catalogue) -> Iterator[str]:
    """The repositories of an organization, for an OAuth token; robot accounts have the catalogue only.

    https://docs.redhat.com/en/documentation/red_hat_quay/3/html/red_hat_quay_api_reference/listrepos
    """
    if not asked.owner or asked.credential is None or asked.credential.username != asked.kind.login_as:
        yield from _catalog(asked)
        return
    address = f"{asked.origin}/api/v1/repository?{urlencode({'namespace': asked.owner, 'public': 'true'})}"

    def following(page: _QuayPage, _headers: Mapping[str, str], _here: str) -> str:
        return f"{address}&{urlencode({'next_page': page.next_page})}" if page.next_page else ""

    for page in asked.paged().pages(address, _QuayPage, following):
        yield from (f"{each.namespace}/{each.name}" for each in page.repositories)


def _harbor(asked: Catalogue) -> Iterator[str]:
    """The repositories of a project, or all that the login may read.

    https://goharbor.io/docs/main/build-customize-contribute/configure-swagger/
    """
    basic = {"Authorization": asked.credential.basic} if asked.credential and asked.credential.password else None
    paged = asked.paged(basic)
    part = f"projects/{asked.owner}/repositories" if asked.owner else "repositories"
    address = f"{asked.origin}/api/v2.0/{part}?page=1&page_size={_PAGE}"
    try:
        for page in paged.pages(address, tuple[_Named, ...]):
            yield from (each.name for each in page)
    except RegistryAbsentError:
        if asked.owner:
            raise
        yield from _catalog(asked)


def _github(asked: Catalogue) -> Iterator[str]:
    """The packages of an organization or a user, or of who logged in.

    https://docs.github.com/en/rest/packages/packages
    """
    origin = "https://api.github.com"
    if asked.host != _GITHUB:
        origin = f"{asked.origin.replace('//containers.', '//')}/api/v3"
    query = f"packages?package_type=container&per_page={_PAGE}"
    ways = [f"orgs/{asked.owner}", f"users/{asked.owner}"] if asked.owner else ["user"]
    for page in asked.paged().first_pages([f"{origin}/{way}/{query}" for way in ways], tuple[_Package, ...]):
        yield from (f"{each.owner.login}/{each.name}".lower() for each in page)


def _gitlab(asked: Catalogue) -> Iterator[str]:
    """The repositories of a group with all below it, or of a project; administrators have the catalogue too.

    https://docs.gitlab.com/api/container_registry/
    """
    if not asked.base.namespace:
        yield from _catalog(asked)
        return
    origin = "https://gitlab.com" if asked.host == _GITLAB else asked.client.login_origin(asked.host)
    name, query = quote(asked.base.namespace, safe=""), f"registry/repositories?per_page={_PAGE}"
    addresses = [f"{origin}/api/v4/{kind}/{name}/{query}" for kind in ("groups", "projects")]
    for page in asked.paged().first_pages(addresses, tuple[_Path, ...]):
        yield from (each.path for each in page)


def _digitalocean(asked: Catalogue) -> Iterator[str]:
    """The repositories of a registry, or of all registries of a team.

    https://docs.digitalocean.com/reference/api/reference/container-registries/
    """
    origin = "https://api.digitalocean.com" if asked.host == _DIGITALOCEAN else asked.origin
    paged = asked.paged()
    registries = [asked.owner] if asked.owner else _ocean_registries(paged, origin)
    for name in registries:
        address = f"{origin}/v2/registries/{name}/repositoriesV2?per_page={_PAGE}"
        for page in paged.pages(address, _OceanPage, lambda page, _, here: after(page.links.pages.next, here)):
            yield from (f"{each.registry_name}/{each.name}" for each in page.repositories or ())


def _ocean_registries(paged: Paged, origin: str) -> list[str]:
    page = paged.page(f"{origin}/v2/registries", _OceanRegistries)
    return [quote(each.name, safe="") for each in page.registries]


def _google(asked: Catalogue) -> Iterator[str]:
    """What is below the base, folder by folder: the list of tags of one names those in it."""
    if not asked.base.namespace:
        yield from _catalog(asked)
        return
    left = [asked.base.namespace]
    seen = set(left)
    while left:
        name = left.pop()
        images, folders = _google_folder(asked, name)
        if images:
            yield name
        new = sorted({f"{name}/{each}" for each in folders} - seen)
        yield from (each for each in new if not is_repository(each))  # to be told: they cannot be asked for
        left += [each for each in new if is_repository(each)]
        seen.update(new)
        if len(seen) > _MOST_FOLDERS:
            what = f"it has more than {_MOST_FOLDERS} repositories below {asked.base.namespace}"
            raise LimitError(what, limit="repositories", where=asked.host)


def _google_folder(asked: Catalogue, name: str) -> tuple[bool, set[str]]:
    """Whether there are images of this name, and what else is below it."""
    images, folders = False, set[str]()
    for content in asked.client.tag_pages(Reference(registry=asked.host, repository=name)):
        page = parse_google_tags(content, f"{asked.host}/{name}")
        images = images or bool(page.tags or page.manifest)
        folders.update(page.child)
    return images, folders


_LISTS: Mapping[str, Callable[[Catalogue], Iterator[str]]] = MappingProxyType(
    {
        "docker-hub": _docker_hub,
        "quay-cr": _quay,
        "harbor-cr": _harbor,
        "github-cr": _github,
        "gitlab-cr": _gitlab,
        "digitalocean-cr": _digitalocean,
        "gcr": _google,
        "google-artifact-cr": _google,
    }
)
"""How the kinds are listed that have more than the catalogue of the Docker API."""
