"""What registries list: repositories, tags, manifests, and what manifests are."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import cast

import msgspec
from aiohttp import web

from tidewaiter.aws.registries import RegistryApi
from tidewaiter.broker.agent.answers import document, many
from tidewaiter.broker.agent.reception import Asked, Reception
from tidewaiter.broker.messages import (
    DIGESTS_MOST,
    DocumentLine,
    ImageLine,
    Line,
    RepositoryLine,
    StateIdentifier,
    TagLine,
)
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError, CloudError
from tidewaiter.fleet.documents import Document, documents
from tidewaiter.image.limits import Limits
from tidewaiter.model.cloud import Repository
from tidewaiter.model.image import Descriptor, Digest

_MOST_IN_PAGE = 1000
_KEPT_ANNOTATIONS = "vnd.docker.reference."


class Page(msgspec.Struct, frozen=True):
    """Some names in order; `next` is what to ask for the following page with, "" at the end."""

    names: tuple[str, ...]
    next: str


async def repositories(reception: Reception, asked: Asked) -> web.StreamResponse:
    """The names of all repositories."""
    lines = _from_registry(reception, asked, _names)
    return await many(reception, asked, lines, name="repositories", item=lambda line: cast("RepositoryLine", line).name)


async def tags(reception: Reception, asked: Asked) -> web.StreamResponse:
    """The tags of a repository, with what they name."""
    lines = _from_registry(reception, asked, partial(_tags, asked.rest))
    return await many(reception, asked, lines, name="tags", item=lambda line: line)


async def images(reception: Reception, asked: Asked) -> web.StreamResponse:
    """All manifests of a repository, as the registry lists them."""
    lines = _from_registry(reception, asked, partial(_images, asked.rest))
    return await many(reception, asked, lines, name="images", item=lambda line: cast("ImageLine", line).detail)


async def metadata(reception: Reception, asked: Asked) -> web.StreamResponse:
    """What manifests of a repository are."""
    digests = tuple(dict.fromkeys(map(digest_of, asked.target.values("digest"))))
    if not 0 < len(digests) <= DIGESTS_MOST:
        raise BrokerError(f"between 1 and {DIGESTS_MOST} digests can be asked for, by digest=…", code=Code.MALFORMED)
    limits = reception.settings.limits
    lines = _from_registry(reception, asked, partial(_documents, asked.rest, digests, limits))
    return await many(reception, asked, lines, name="documents", item=lambda line: line)


async def page(reception: Reception, asked: Asked) -> web.StreamResponse:
    """Some names of repositories, or of tags of one, in order: the `size` first that come after `after`."""
    size = _size(asked)
    after = asked.value("after")
    listed = _from_registry(reception, asked, partial(_tags, asked.rest) if asked.rest else _names)

    def names() -> list[str]:
        found = {cast("RepositoryLine | TagLine", line).name for line in listed()}
        return sorted(name for name in found if name > after)

    found = await reception.ask(asked, names)
    kept = found[:size]
    return document(Page(names=tuple(kept), next=kept[-1] if len(found) > size else ""))


async def state(reception: Reception, asked: Asked) -> web.StreamResponse:
    """What identifies an image now: the digest of its manifest. It has changed where that is another one."""
    repository, tag, digest = asked.value("repository"), asked.value("tag"), asked.value("digest")
    if not repository or bool(tag) == bool(digest):
        raise BrokerError("it takes repository=… and either tag=… or digest=…", code=Code.MALFORMED)
    entrance = reception.enter(asked)
    wanted = digest_of(digest) if digest else None

    def identify() -> Digest:
        api = entrance.registry(asked.value("registry"))
        return api.resolve(repository, tag) if wanted is None else _listed(api, repository, wanted)

    found = await reception.ask(asked, identify)
    return document(StateIdentifier(identifier=str(found)))


def digest_of(text: str) -> Digest:
    """The digest that a request names. Raises BrokerError."""
    try:
        return Digest.parse(text)
    except ValueError as error:
        raise BrokerError(str(error), code=Code.MALFORMED) from None


def _from_registry(
    reception: Reception, asked: Asked, listing: Callable[[RegistryApi], Iterator[Line]]
) -> Callable[[], Iterator[Line]]:
    """What a listing makes of the registry that is meant. It is entered where the listing is made."""
    entrance = reception.enter(asked)
    host = asked.value("registry")
    return lambda: listing(entrance.registry(host))


def _names(api: RegistryApi) -> Iterator[Line]:
    return map(RepositoryLine, api.repositories())


def _tags(repository: str, api: RegistryApi) -> Iterator[Line]:
    return (TagLine(tag, detail.digest) for detail in api.images(repository) for tag in detail.tags)


def _images(repository: str, api: RegistryApi) -> Iterator[Line]:
    return map(ImageLine, api.images(repository))


def _documents(repository: str, digests: tuple[Digest, ...], limits: Limits, api: RegistryApi) -> Iterator[Line]:
    place = Repository(registry=api.registry, name=repository)
    return map(_line, documents(api, place, digests, limits))


def _line(read: Document) -> DocumentLine:
    """A manifest without anything that an image's author wrote freely."""
    return DocumentLine(
        digest=read.digest,
        kind=read.verdict.kind,
        outcome=read.verdict.outcome,
        children=tuple(map(_bare, read.children)),
        media_type=read.media_type,
        absent=read.absent,
    )


def _bare(descriptor: Descriptor) -> Descriptor:
    kept = tuple(each for each in descriptor.annotations if each[0].startswith(_KEPT_ANNOTATIONS))
    return replace(descriptor, annotations=kept, urls=())


def _listed(api: RegistryApi, repository: str, digest: Digest) -> Digest:
    """The digest, if the registry lists it: asking for the manifest itself would count as a pull of the image."""
    if any(detail.digest == digest for detail in api.images(repository)):
        return digest
    where = f"{api.registry.host}/{repository}@{digest}"
    raise CloudError("the registry has no such image", where=where, code="ImageNotFoundException")


def _size(asked: Asked) -> int:
    text = asked.value("size", default="100")
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= _MOST_IN_PAGE:
        raise BrokerError(f"size is a number from 1 to {_MOST_IN_PAGE}", code=Code.MALFORMED)
    return int(text)
