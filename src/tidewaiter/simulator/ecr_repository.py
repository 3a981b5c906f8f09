"""A simulated repository: its manifests, tags and blobs, found and paged without going through them all."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tidewaiter.model.cloud import ImageStatus
from tidewaiter.model.image import Digest
from tidewaiter.simulator.ecr_manifest import BlobEntry, Contents


@dataclass(slots=True, kw_only=True, eq=False)
class StoredImage:
    """A manifest in a repository. `number` orders those of a repository by their first push.

    `active_from` is when a restored one can be pulled again.
    """

    number: int
    digest: Digest
    document: bytes
    contents: Contents
    size: int
    pushed: datetime
    pulled: datetime | None = None
    tags: dict[str, None] = field(default_factory=dict)
    archived: bool = False
    archived_at: datetime | None = None
    active_from: datetime | None = None

    def status(self, now: datetime) -> ImageStatus:
        """Whether it can be pulled at that time."""
        if self.archived:
            return ImageStatus.ARCHIVED
        waits = self.active_from is not None and now < self.active_from
        return ImageStatus.ACTIVATING if waits else ImageStatus.ACTIVE

    def archive(self, now: datetime) -> None:
        """Moves it to the archive."""
        self.archived, self.archived_at, self.active_from = True, now, None

    def restore(self, now: datetime, duration: timedelta) -> None:
        """Has it back after that time."""
        self.archived, self.active_from = False, now + duration


@dataclass(slots=True, kw_only=True, eq=False)
class StoredBlob:
    """A blob in a repository, and the manifests that name it: none for one that was uploaded only."""

    digest: Digest
    size: int
    media_type: str = ""
    is_config: bool = False
    holders: dict[Digest, StoredImage] = field(default_factory=dict)

    def status(self, now: datetime) -> ImageStatus | None:
        """ACTIVE where any image of it is; None where it belongs to no image."""
        if not self.holders:
            return None
        active = any(image.status(now) is ImageStatus.ACTIVE for image in self.holders.values())
        return ImageStatus.ACTIVE if active else ImageStatus.ARCHIVED


class SimulatedRepository:
    """One repository. Not thread-safe: its registry's lock guards it."""

    def __init__(self, name: str, created: datetime, *, immutable: bool = False) -> None:
        self.name = name
        self.created = created
        self.immutable = immutable
        self.images: dict[Digest, StoredImage] = {}
        self.tags: dict[str, StoredImage] = {}
        self.blobs: dict[Digest, StoredBlob] = {}
        self.referrers: dict[Digest, dict[Digest, StoredImage]] = {}
        self.parents: dict[Digest, dict[Digest, StoredImage]] = {}
        self._last = 0
        self._numbers: list[int] = []
        self._by_number: dict[int, StoredImage] = {}

    def upload(self, digest: Digest, size: int) -> None:
        """Holds a blob that no manifest names yet."""
        self.blobs.setdefault(digest, StoredBlob(digest=digest, size=size))

    def put(self, digest: Digest, document: bytes, contents: Contents, now: datetime) -> StoredImage:
        """Holds a manifest from now on; one that is here already is pushed again, and so restored."""
        image = self.images.get(digest)
        if image is None:
            image = self._add(digest, document, contents, now)
        elif image.status(now) is not ImageStatus.ACTIVE:
            image.restore(now, timedelta())
            image.pushed = now
        return image

    def tag(self, name: str, image: StoredImage) -> None:
        """Makes the tag name this manifest, and no other."""
        self.untag(name)
        self.tags[name] = image
        image.tags[name] = None

    def untag(self, name: str) -> StoredImage | None:
        """Takes the tag away. Returns the manifest that it named."""
        image = self.tags.pop(name, None)
        if image is not None:
            del image.tags[name]
        return image

    def delete(self, image: StoredImage) -> None:
        """Takes a manifest away, with its tags; its blobs stay while others hold them."""
        for name in list(image.tags):
            self.untag(name)
        for entry in image.contents.blobs:
            self._let_go(entry, image)
        for digest in image.contents.children:
            _discard(self.parents, digest, image)
        if image.contents.subject:
            _discard(self.referrers, image.contents.subject, image)
        del self.images[image.digest], self._by_number[image.number]
        del self._numbers[bisect.bisect_left(self._numbers, image.number)]

    def page(self, after: int, most: int) -> tuple[Sequence[StoredImage], int | None]:
        """At most so many manifests with numbers above `after`, and the last one's number where more follow."""
        start = bisect.bisect_right(self._numbers, after)
        numbers = self._numbers[start : start + most]
        more = start + most < len(self._numbers)
        return [self._by_number[number] for number in numbers], numbers[-1] if more else None

    def _add(self, digest: Digest, document: bytes, contents: Contents, now: datetime) -> StoredImage:
        self._last = number = self._last + 1
        image = StoredImage(
            number=number, digest=digest, document=document, contents=contents, size=self._size(contents), pushed=now
        )
        self.images[digest] = self._by_number[number] = image
        self._numbers.append(number)
        for entry in contents.blobs:
            self._hold(entry, image)
        for child in contents.children:
            self.parents.setdefault(child, {})[digest] = image
        if contents.subject:
            self.referrers.setdefault(contents.subject, {})[digest] = image
        return image

    def _hold(self, entry: BlobEntry, image: StoredImage) -> None:
        blob = self.blobs.setdefault(entry.digest, StoredBlob(digest=entry.digest, size=entry.size))
        blob.media_type = entry.media_type
        blob.is_config = entry is image.contents.config
        blob.holders[image.digest] = image

    def _let_go(self, entry: BlobEntry, image: StoredImage) -> None:
        blob = self.blobs.get(entry.digest)
        if blob is None:
            return
        blob.holders.pop(image.digest, None)
        if not blob.holders:
            del self.blobs[entry.digest]

    def _size(self, contents: Contents) -> int:
        """That of the compressed layers, of an index that of its largest child."""
        children = [self.images[child].size for child in contents.children if child in self.images]
        return max(children, default=0) if contents.children else sum(layer.size for layer in contents.layers)


def _discard(images: dict[Digest, dict[Digest, StoredImage]], digest: Digest, image: StoredImage) -> None:
    rest = images.get(digest, {})
    rest.pop(image.digest, None)
    if not rest:
        images.pop(digest, None)
