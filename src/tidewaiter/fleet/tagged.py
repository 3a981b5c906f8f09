"""The manifests that the tags of a repository name, by the Docker API, which lists tags only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

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
_BATCH = 64  # tags that are resolved before the first is told
_MOST_FAILURES = 20
"""After so many tags that a registry does not resolve, the others are not tried."""


class Tagged:
    """The manifests that the tags of one repository name, to be iterated once; of Google's registries all that it has.

    One that has many tags comes again when more of them are known, with all that are. `begun` is whether there was
    anything in the list; after its end, `refused` has the tags that name nothing that could be had, with why.
    """

    def __init__(self, client: RegistryClient, repository: Reference, *, google: bool) -> None:
        self.refused: list[tuple[str, TidewaiterError]] = []
        self.begun = False
        self._client = client
        self._repository = repository
        self._google = google
        self._listed: dict[Digest, ImageDetail] = {}
        self._failures: list[TidewaiterError] = []

    def __iter__(self) -> Iterator[ImageDetail]:
        """Raises RegistryError, MalformedError and LimitError where there is no list."""
        tags = self._client.tags(self._repository)
        if self._google:
            known, self._listed = _google(self._client, self._repository)
            self.begun = bool(self._listed)
            yield from list(self._listed.values())
            told = set(chain.from_iterable(detail.tags for detail in self._listed.values()))
            tags = (tag for tag in known if tag not in told)
        noted = self._noting(tags)
        while batch := list(islice(noted, _BATCH)):
            yield from self._resolved(batch)
        if any(isinstance(error, RegistryAbsentError) for _, error in self.refused):
            self.refused = self._lasting()

    def _noting(self, tags: Iterable[str]) -> Iterator[str]:
        for tag in tags:
            self.begun = True
            yield tag

    def _resolved(self, tags: Sequence[str]) -> Iterable[ImageDetail]:
        """What these tags name."""
        named: dict[Digest, ImageDetail] = {}
        for tag, answer in side_by_side(self._resolve, tags, threads=_AT_ONCE).items():
            if isinstance(answer, TidewaiterError):
                self.refused.append((tag, answer))
                continue
            digest, media_type = answer
            detail = self._listed.get(digest, ImageDetail(digest=digest, media_type=media_type))
            tagged = tuple(dict.fromkeys((*detail.tags, tag)))
            named[digest] = self._listed[digest] = replace(detail, tags=tagged)
        return named.values()

    def _resolve(self, tag: str) -> tuple[Digest, str] | TidewaiterError:
        """What a tag names; an error is an answer too."""
        if len(self._failures) >= _MOST_FAILURES:
            return self._failures[0]
        try:
            return self._client.resolve(replace(self._repository, tag=tag), ceiling=LARGEST_MANIFEST)
        except RegistryAbsentError as error:
            return error
        except (RegistryError, MalformedError, LimitError) as error:
            self._failures.append(error)
            return error

    def _lasting(self) -> list[tuple[str, TidewaiterError]]:
        """Those that are refused and still listed: a tag that was deleted meanwhile is no loss."""
        left = set(self._client.tags(self._repository))
        return [each for each in self.refused if not isinstance(each[1], RegistryAbsentError) or each[0] in left]


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
