"""A simulated registry of ECR: what it holds is arranged here.

`ecr_service.py` and `ecr_public.py` answer its API, `ecr_host.py` its Docker API.
https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
"""

import bisect
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tidewaiter.model.cloud import ImageStatus, Registry
from tidewaiter.model.image import Digest
from tidewaiter.simulator.blob_host import BlobHost
from tidewaiter.simulator.content import Content
from tidewaiter.simulator.ecr_manifest import Contents, read_contents
from tidewaiter.simulator.ecr_repository import SimulatedRepository, StoredImage
from tidewaiter.simulator.ecr_tokens import Tokens
from tidewaiter.simulator.images import Built
from tidewaiter.simulator.service import Clock, Gate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surroundings:
    """What all registries of a simulated cloud share.

    `gate` decides who may do what at the Docker API, where no front asks it. `listen` starts a registry's Docker API,
    if it does not listen yet, and gives its address.
    """

    clock: Clock
    gate: Gate
    content: Content
    blobs: BlobHost
    tokens: Tokens
    listen: "Callable[[SimulatedEcr], str]"


@dataclass(slots=True, kw_only=True)
class EcrFaults:
    """What goes wrong in one registry, besides what can at the front and with the blobs' storage.

    `failing`: the failure codes of BatchGetImage for these manifests (`ImageInaccessible`, `KmsError` …). `corrupt`:
    manifests whose bytes are given with one of them changed. `missing`: blobs that GetDownloadUrlForLayer does not
    find. `unknown_configs`: it finds no configurations. `docker_answers`: statuses with headers for the next requests
    to the Docker API, instead of what they ask for.
    """

    failing: dict[Digest, str] = field(default_factory=dict)
    corrupt: set[Digest] = field(default_factory=set)
    missing: set[Digest] = field(default_factory=set)
    unknown_configs: bool = False
    docker_answers: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)


class SimulatedEcr:
    """The registry of one account in one region, or an account's public one. Thread-safe: `lock` guards all of it.

    `restoring` is how long an archived image takes to come back. `exclusions` are the principals whose pulls leave no
    time, and when they were registered.
    """

    def __init__(self, place: Registry, cloud: Surroundings) -> None:
        self.place = place
        self.cloud = cloud
        self.faults = EcrFaults()
        self.restoring = timedelta()
        self.exclusions: dict[str, datetime] = {}
        self.lock = threading.RLock()
        self._repositories: dict[str, SimulatedRepository] = {}
        self._names: list[str] = []

    def now(self) -> datetime:
        """The time in the simulated cloud."""
        return self.cloud.clock.now()

    @property
    def docker_url(self) -> str:
        """Where the registry's Docker API listens, `http://127.0.0.1:<port>`; it starts when it is first asked for."""
        return self.cloud.listen(self)

    def repository(self, name: str) -> SimulatedRepository | None:
        """The repository of this name."""
        return self._repositories.get(name)

    def create(self, name: str, *, immutable: bool = False, created: datetime | None = None) -> SimulatedRepository:
        """The repository of this name, made where it is not there yet."""
        with self.lock:
            found = self._repositories.get(name)
            if found is None:
                found = SimulatedRepository(name, created or self.now(), immutable=immutable)
                self._repositories[name] = found
                bisect.insort(self._names, name)
            return found

    def delete(self, name: str) -> None:
        """Takes the repository away, with all that is in it."""
        with self.lock:
            del self._repositories[name]
            del self._names[bisect.bisect_left(self._names, name)]

    def page(self, after: str, most: int) -> tuple[Sequence[SimulatedRepository], str | None]:
        """At most so many repositories with names above `after`, and the last one's name where more follow."""
        start = bisect.bisect_right(self._names, after)
        names = self._names[start : start + most]
        more = start + most < len(self._names)
        return [self._repositories[name] for name in names], names[-1] if more else None

    def push(
        self,
        repository: str,
        tag: str,
        image: Built,
        *,
        pushed: datetime | None = None,
        pulled: datetime | None = None,
        status: ImageStatus = ImageStatus.ACTIVE,
    ) -> Digest:
        """Holds the image and all below it from now on, without any check; the tag "" is for none. Returns its digest.

        Times and status are those of all manifests that are new with it.
        """
        with self.lock:
            target = self.create(repository)
            for digest, blob in image.blobs.items():
                self.cloud.content.hold(digest, blob)
            for digest, (media_type, document) in sorted(
                image.manifests.items(), key=lambda one: one[0] == image.digest
            ):
                if digest not in target.images:
                    stored = target.put(digest, document, _contents(document, media_type), pushed or self.now())
                    stored.pulled = pulled
                    self.set_status(stored, status)
            if tag:
                target.tag(tag, target.images[image.digest])
            return image.digest

    def set_status(self, image: StoredImage, status: ImageStatus) -> None:
        """Makes it this from now on; ACTIVATING lasts until it is set to another."""
        now = self.now()
        match status:
            case ImageStatus.ARCHIVED:
                image.archive(now)
            case ImageStatus.ACTIVATING:
                image.restore(now, timedelta(days=365))
            case ImageStatus.ACTIVE:
                image.archived, image.active_from = False, None

    def find(self, repository: str, name: str) -> StoredImage | None:
        """The manifest that a tag or digest names."""
        with self.lock:
            found = self._repositories.get(repository)
            if found is None:
                return None
            return found.images.get(Digest.parse(name)) if ":" in name else found.tags.get(name)

    def replaced_answer(self) -> tuple[int, Mapping[str, str]] | None:
        """The answer of the Docker API to give instead of the right one, if there is one."""
        with self.lock:
            return self.faults.docker_answers.pop(0) if self.faults.docker_answers else None

    def note_pull(self, image: StoredImage, principal: str) -> None:
        """Sets the time of the last pull, but for principals that are excluded."""
        if principal not in self.exclusions:
            image.pulled = self.now()

    @property
    def alias(self) -> str:
        """The name of a public registry within its host, "" for a private one."""
        return self.place.host.partition("/")[2]

    def arn(self, repository: str) -> str:
        """The ARN of a repository, or with `*` of any."""
        place = self.place
        service, region = ("ecr-public", "") if place.public else ("ecr", place.region)
        return f"arn:{place.partition}:{service}:{region}:{place.account}:repository/{repository}"


def _contents(document: bytes, media_type: str) -> Contents:
    """What the manifest names; nothing, where it is broken."""
    try:
        return read_contents(document, media_type)
    except ValueError:
        return Contents(media_type=media_type)
