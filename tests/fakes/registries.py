"""Registries in memory, with faults to switch on, and somebody who looks through their images on the spot."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tidewaiter.aws.registries import Place, RegistryApi
from tidewaiter.errors import CloudDeniedError, CloudError
from tidewaiter.fleet.looker import Looked, PulledImage
from tidewaiter.fleet.watcher import Thing, Watcher
from tidewaiter.image.limits import Limits
from tidewaiter.image.manifest import read_config, read_document
from tidewaiter.model.cloud import Account, Authorization, Download, ImageDetail, ImageStatus, ManifestAnswer, Registry
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest, ImageIdentity, Layer, Manifest, Platform
from tidewaiter.model.package import Inventory, Location, Package
from tidewaiter.scan.shelf import LayerShelf
from tidewaiter.simulator.images import LINUX, Built, build_image, build_layer

ACCOUNT = Account(id="111111111111", name="shop")
PUSHED = datetime(2026, 1, 1, tzinfo=UTC)
BASE = build_layer({"etc/os-release": b"ID=debian\n"})


def built(name: str, platform: Platform = LINUX) -> Built:
    """An image that nothing else shares but its base."""
    return build_image([BASE, build_layer({f"app/{name}": b""})], platform=platform)


def registry(account: str = ACCOUNT.id, region: str = "eu-west-1") -> Registry:
    """A private registry."""
    host = f"{account}.dkr.ecr.{region}.amazonaws.com"
    return Registry(partition="aws", account=account, region=region, host=host)


@dataclass(slots=True)
class MemoryRegistry:
    """What one registry holds, and how it answers.

    `refuses` are (what, name) that are denied: what is `repositories`, `images` or `manifests`, and "*" is any name.
    `before` is called with (what, name) at every question, so that a test can change the registry in between. `asked`
    counts questions, `given` the manifests that were pulled.
    """

    registry: Registry = field(default_factory=registry)
    account: Account = ACCOUNT
    listed: dict[str, dict[Digest, ImageDetail]] = field(default_factory=dict)
    content: dict[tuple[str, Digest], ManifestAnswer] = field(default_factory=dict)
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    refuses: set[tuple[str, str]] = field(default_factory=set)
    before: Callable[[str, str], None] = lambda _what, _name: None
    asked: Counter[str] = field(default_factory=Counter)
    given: Counter[Digest] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def place(self) -> Place:
        return Place(account=self.account, api=self)

    def push(
        self,
        repository: str,
        built: Built,
        *tags: str,
        pushed: datetime = PUSHED,
        pulled: datetime | None = None,
        status: ImageStatus = ImageStatus.ACTIVE,
        **detail: str,
    ) -> Digest:
        """Push an image, or an index with all that it lists; the tags are taken from whatever had them."""
        self.blobs.update(built.blobs)
        for digest, (media_type, document) in built.manifests.items():
            if digest != built.digest and digest in self.listed.get(repository, {}):
                continue
            line = ImageDetail(digest=digest, media_type=media_type, size=len(document), pushed=pushed)
            self.list(repository, replace(line, artifact_type=_artifact_type(document)))
            self.content[repository, digest] = ManifestAnswer(content=document, media_type=media_type)
        root = self.listed[repository][built.digest]
        for other in self.listed[repository].values():
            kept = tuple(tag for tag in other.tags if tag not in tags)
            self.list(repository, replace(other, tags=kept))
        kept = self.listed[repository][built.digest].tags
        root = replace(root, tags=(*kept, *tags), pulled=pulled, status=status, **detail)  # type: ignore[arg-type]  # the text fields of ImageDetail
        self.list(repository, root)
        return built.digest

    def list(self, repository: str, detail: ImageDetail) -> None:
        """Let this line stand in the listing."""
        self.listed.setdefault(repository, {})[detail.digest] = detail

    def delete(self, repository: str, digest: Digest) -> None:
        self.listed[repository].pop(digest, None)
        self.content.pop((repository, digest), None)

    def repositories(self) -> Iterator[str]:
        self._ask("repositories", "")
        yield from list(self.listed)

    def images(self, repository: str) -> Iterator[ImageDetail]:
        self._ask("images", repository)
        if repository not in self.listed:
            raise CloudError("there is no such repository", where=repository, code="RepositoryNotFoundException")
        yield from list(self.listed[repository].values())

    def resolve(self, repository: str, tag: str) -> Digest:
        return next(each.digest for each in self.listed[repository].values() if tag in each.tags)

    def manifests(self, repository: str, digests: Sequence[Digest]) -> Mapping[Digest, ManifestAnswer]:
        self._ask("manifests", repository)
        answers = {each: self.content.get((repository, each), _ABSENT) for each in digests}
        with self.lock:
            self.given.update(digest for digest, answer in answers.items() if answer.content)
        return answers

    def download(self, repository: str, digest: Digest) -> Download:  # noqa: ARG002 - the seam's
        raise AssertionError("nobody pulls blobs here")

    def authorization(self) -> Authorization:
        raise AssertionError("nobody logs in here")

    def _ask(self, what: str, name: str) -> None:
        self.before(what, name)
        with self.lock:
            self.asked[what] += 1
        if {(what, name), (what, "*")} & self.refuses:
            raise CloudDeniedError(f"may not list {what}", where=name or self.registry.host, code="AccessDenied")


_ABSENT = ManifestAnswer(failure="ImageNotFound", reason="Requested image not found")


def _artifact_type(document: bytes) -> str:
    read = read_document(document, "pushed") if b'"fsLayers"' not in document else None
    return (read.artifact_type or read.config.media_type) if isinstance(read, Manifest) else ""


@dataclass(slots=True)
class MemoryLooks:
    """Looks through images at once, or when it may: each layer is a package."""

    world: "MemoryLookers"
    apis: Callable[[Registry], RegistryApi]

    def look(self, image: PulledImage) -> Future[Looked]:
        future: Future[Looked] = Future()
        self.world.begin(image)
        if self.world.hold is None:
            future.set_result(self._look(image))
        else:
            threading.Thread(target=self._later, args=(image, future, self.world.hold), daemon=True).start()
        return future

    def _later(self, image: PulledImage, future: Future[Looked], hold: threading.Event) -> None:
        hold.wait()
        future.set_result(self._look(image))

    def _look(self, image: PulledImage) -> Looked:
        if failure := self.world.fails.get((str(image.repository), image.digest)):
            return Looked(failure=failure)
        api = self.apis(image.repository.registry)
        assert isinstance(api, MemoryRegistry)
        document = read_document(image.manifest, "pulled")
        assert isinstance(document, Manifest)
        layers = tuple(
            Layer(index=index, digest=each.digest, size=each.size) for index, each in enumerate(document.layers)
        )
        identity = ImageIdentity(
            reference=f"{image.repository}@{image.digest}",
            digest=image.digest,
            platform=read_config(api.blobs[document.config.digest], "config").platform,
            tags=image.tags,
            layers=layers,
        )
        gaps = (self.world.gaps[image.digest],) if image.digest in self.world.gaps else ()
        inventory = Inventory(image=identity, packages=tuple(map(_package, layers)), gaps=gaps)
        return Looked(inventory=inventory, layers_read=len(layers), bytes_pulled=sum(each.size for each in layers))


def _package(layer: Layer) -> Package:
    name = layer.digest.hex[:8]
    where = Location(path="var/lib/dpkg/status", layer=layer)
    return Package(purl=f"pkg:deb/debian/{name}@1", type="deb", name=name, version="1", locations=(where,))


@dataclass(slots=True)
class MemoryLookers:
    """Makes `MemoryLooks`, and remembers what they did: `looked` counts looks at an image in a repository.

    `fails` gives the failure of an image in a repository, `gaps` one of its inventory. With `hold`, images are under
    way until it is set. `on_look` is called as a look begins, with the number of looks so far.
    """

    fails: dict[tuple[str, Digest], Gap] = field(default_factory=dict)
    gaps: dict[Digest, Gap] = field(default_factory=dict)
    looked: Counter[tuple[str, Digest]] = field(default_factory=Counter)
    hold: threading.Event | None = None
    on_look: Callable[[int], None] = lambda _number: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, image: PulledImage) -> None:
        with self.lock:
            self.looked[str(image.repository), image.digest] += 1
            number = self.looked.total()
        self.on_look(number)

    def __call__(
        self,
        *,
        workers: int,  # noqa: ARG002 - the seam's
        limits: Limits,  # noqa: ARG002
        apis: Callable[[Registry], RegistryApi],
        shelf: LayerShelf,  # noqa: ARG002
        watcher: Watcher,  # noqa: ARG002
    ) -> AbstractContextManager["MemoryLooks"]:
        return nullcontext(MemoryLooks(self, apis))

    @property
    def times(self) -> Counter[Digest]:
        """How often each image was looked through, anywhere."""
        found: Counter[Digest] = Counter()
        for (_, digest), number in self.looked.items():
            found[digest] += number
        return found


class CountingWatcher:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.found: Counter[Thing] = Counter()
        self.done: Counter[Thing] = Counter()
        self.notes: list[str] = []
        self._lock = threading.Lock()

    def count(self, thing: Thing, *, found: int = 0, done: int = 0) -> None:
        with self._lock:
            self.found[thing] += found
            self.done[thing] += done

    def pulled(self, stored_bytes: int) -> None: ...

    def note(self, message: str) -> None:
        self.notes.append(message)


def unreachable(subject: str, why: Why = Why.UNREACHABLE) -> Gap:
    return Gap(stage=Stage.REGISTRY, why=why, subject=subject, detail=f"{subject} did not answer.")
