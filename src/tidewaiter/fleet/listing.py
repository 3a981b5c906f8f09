"""What registries list, made sound: each manifest once, each tag once, and what refuses as a gap."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from tidewaiter.aws.gaps import gap_of
from tidewaiter.aws.registries import RegistryApi
from tidewaiter.errors import CloudError
from tidewaiter.fleet.filters import Filters
from tidewaiter.model.cloud import ImageDetail, Repository
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest

REGISTRIES_AT_ONCE = 16
"""Registries that are listed at the same time."""

REPOSITORIES_AT_ONCE = 4
"""Repositories of one registry that are listed at the same time."""

_GONE = "RepositoryNotFoundException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The manifests of a repository as they were listed; with a `gap`, those that came before it broke off."""

    details: tuple[ImageDetail, ...] = ()
    gap: Gap | None = None
    gone: bool = False
    """The repository was deleted since the registry listed it."""


def names(api: RegistryApi, refused: Callable[[CloudError], None]) -> Iterator[str]:
    """The repositories of a registry, each once; where the list is refused or breaks off, `refused` is told."""
    seen: set[str] = set()
    try:
        for name in api.repositories():
            if name not in seen:
                seen.add(name)
                yield name
    except CloudError as error:
        refused(error)


def repository_left_out(repository: Repository, filters: Filters) -> Gap | None:
    """The gap of a repository that the user left out; its images are not even listed."""
    outcome = filters.of_repository(repository.name)
    if outcome is None:
        return None
    detail = f"{outcome.detail} Its images were not listed."
    return Gap(stage=Stage.DISCOVERY, why=Why.FILTERED, subject=str(repository), detail=detail)


def listing(api: RegistryApi, repository: Repository) -> Listing:
    """All manifests of a repository."""
    details: list[ImageDetail] = []
    try:
        details.extend(api.images(repository.name))
    except CloudError as error:
        if error.code == _GONE:
            return Listing(gone=True)
        return Listing(details=tuple(_once(details)), gap=gap_of(error, str(repository)))
    return Listing(details=tuple(_once(details)))


def _once(details: Iterable[ImageDetail]) -> Iterable[ImageDetail]:
    """Each digest once and each tag once, as they were listed last.

    Pages come one after the other, and what is pushed in between may stand on two of them, or its tags may.
    """
    latest: dict[Digest, ImageDetail] = {}
    tagged: dict[str, Digest] = {}
    for detail in details:
        latest[detail.digest] = detail
        tagged.update(dict.fromkeys(detail.tags, detail.digest))
    for digest, detail in latest.items():
        tags = tuple(tag for tag in dict.fromkeys(detail.tags) if tagged[tag] == digest)
        yield detail if tags == detail.tags else replace(detail, tags=tags)
