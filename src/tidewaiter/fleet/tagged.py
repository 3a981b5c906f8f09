"""The manifests that the tags of a repository name, by the Docker API, which lists tags only."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain

from tidewaiter.errors import LimitError, MalformedError, RegistryAbsentError, RegistryError, TidewaiterError
from tidewaiter.fleet.lanes import side_by_side
from tidewaiter.model.cloud import ImageDetail
from tidewaiter.model.image import Digest, Reference
from tidewaiter.registry.client import RegistryClient
from tidewaiter.registry.google_tags import GoogleManifest, parse_google_tags
from tidewaiter.registry.protocol import parse_digest

LARGEST_MANIFEST = 16 << 20
"""Bytes: more than any registry takes."""

_AT_ONCE = 8
_MOST_REFUSALS = 20
"""After so many tags that a registry does not resolve, the others are not tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """The manifests, each once with all its tags, and the tags that name nothing that could be had, with why."""

    details: tuple[ImageDetail, ...]
    refused: tuple[tuple[str, TidewaiterError], ...] = ()


def tagged(client: RegistryClient, repository: Reference, *, google: bool) -> Tagged:
    """The manifests that the repository's tags name; of Google's registries all manifests, which they list.

    Raises RegistryError, MalformedError and LimitError where there is no list.
    """
    listed: dict[Digest, ImageDetail] = {}
    if google:
        tags, listed = _google(client, repository)
    else:
        tags = dict.fromkeys(client.tags(repository))
    told = set(chain.from_iterable(detail.tags for detail in listed.values()))
    resolving = _Resolving(client, repository)
    answers = side_by_side(resolving.ask, (tag for tag in tags if tag not in told), threads=_AT_ONCE)
    refused = [(tag, answer) for tag, answer in answers.items() if isinstance(answer, TidewaiterError)]
    for tag, answer in answers.items():
        if not isinstance(answer, TidewaiterError):
            digest, media_type = answer
            known = listed.get(digest, ImageDetail(digest=digest, media_type=media_type))
            listed[digest] = replace(known, tags=(*known.tags, tag))
    return Tagged(details=tuple(listed.values()), refused=tuple(_lasting(client, repository, refused)))


@dataclass(slots=True)
class _Resolving:
    """Asks what tags name; an error is an answer too."""

    client: RegistryClient
    repository: Reference
    refusals: list[TidewaiterError] = field(default_factory=list)

    def ask(self, tag: str) -> tuple[Digest, str] | TidewaiterError:
        if len(self.refusals) >= _MOST_REFUSALS:
            return self.refusals[0]
        try:
            return self.client.resolve(replace(self.repository, tag=tag), ceiling=LARGEST_MANIFEST)
        except RegistryAbsentError as error:
            return error
        except (RegistryError, MalformedError, LimitError) as error:
            self.refusals.append(error)
            return error


def _lasting(
    client: RegistryClient, repository: Reference, refused: Iterable[tuple[str, TidewaiterError]]
) -> Iterable[tuple[str, TidewaiterError]]:
    """Those that are refused and still listed: a tag that was deleted meanwhile is no loss."""
    refused = list(refused)
    if not any(isinstance(error, RegistryAbsentError) for _, error in refused):
        return refused
    listed = set(client.tags(repository))
    return [(tag, error) for tag, error in refused if not isinstance(error, RegistryAbsentError) or tag in listed]


def _google(client: RegistryClient, repository: Reference) -> tuple[dict[str, None], dict[Digest, ImageDetail]]:
    """What Google's registries list: all tags, and all manifests, tagged or not."""
    where = f"{repository.registry}/{repository.repository}"
    tags: dict[str, None] = {}
    details: dict[Digest, ImageDetail] = {}
    for content in client.tag_pages(repository):
        page = parse_google_tags(content, where)
        tags |= dict.fromkeys(page.tags or ())
        details |= {each.digest: each for each in map(_detail, (page.manifest or {}).items())}
    return tags, details


def _detail(line: tuple[str, GoogleManifest]) -> ImageDetail:
    text, manifest = line
    digest = parse_digest(text)
    if digest is None:
        raise MalformedError(f"its list of manifests names {text[:100]!r}, which is no digest")
    return ImageDetail(
        digest=digest,
        tags=tuple(dict.fromkeys(manifest.tag or ())),
        size=manifest.image_size,
        pushed=manifest.pushed,
        media_type=manifest.media_type,
    )
