"""A registry of ECR whose blobs are really sent: by a host with signed addresses, and by a Docker API with a login."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from tidewaiter.errors import CloudDeniedError, CloudError
from tidewaiter.model.cloud import Authorization, Download, ImageDetail, ManifestAnswer, Registry, Repository
from tidewaiter.model.image import Digest
from tidewaiter.simulator.images import Built
from tidewaiter.simulator.registry import Login, SimulatedRegistry

LOGIN = Login(scheme="basic", username="AWS", password="a token of twelve hours")


class BlobRegistry:
    """Satisfies RegistryApi. `asked` counts addresses by digest, `refused` are actions that are denied.

    `storage` refuses any Authorization header. `docker` is the Docker API; it redirects to the storage. `expired` is
    how many of the next addresses have expired already, and do not say so; `broken` is the code that all fail with.
    """

    def __init__(self, account: str = "111111111111") -> None:
        self.registry = Registry(
            partition="aws", account=account, region="us-east-1", host=f"{account}.dkr.ecr.us-east-1.amazonaws.com"
        )
        self.storage = SimulatedRegistry()
        self.storage.faults.refuse_authorization = True
        self.docker = SimulatedRegistry(LOGIN)
        self.asked: Counter[Digest] = Counter()
        self.logins = 0
        self.refused: set[str] = set()
        self.unknown: set[Digest] = set()
        self.expired = 0
        self.broken = ""
        self.password = LOGIN.password
        self.life = timedelta(hours=1)
        self._manifests: dict[tuple[str, Digest], tuple[str, bytes]] = {}
        self._tags: dict[tuple[str, str], Digest] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.storage.__enter__()
        self.docker.__enter__()
        self.docker.faults.redirect = self.storage.url
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.docker.__exit__(kind, error, trace)
        self.storage.__exit__(kind, error, trace)

    def push(self, name: str, tag: str, image: Built) -> Repository:
        """Holds the image from now on."""
        for registry in (self.storage, self.docker):
            registry.push(name, tag, image)
        for digest, manifest in image.manifests.items():
            self._manifests[name, digest] = manifest
        self._tags[name, tag] = image.digest
        return Repository(registry=self.registry, name=name)

    def sent(self, digest: Digest) -> int:
        """How often a blob was asked of the storage."""
        return len(self.storage.asked_for(str(digest)))

    def repositories(self) -> Iterator[str]:
        yield from dict.fromkeys(name for name, _ in self._manifests)

    def images(self, repository: str) -> Iterator[ImageDetail]:
        yield from (ImageDetail(digest=digest) for name, digest in self._manifests if name == repository)

    def resolve(self, repository: str, tag: str) -> Digest:
        self._allow("DescribeImages")
        if (repository, tag) not in self._tags:
            raise CloudError("the registry has no such image", code="ImageNotFoundException")
        return self._tags[repository, tag]

    def manifests(self, repository: str, digests: Sequence[Digest]) -> Mapping[Digest, ManifestAnswer]:
        self._allow("BatchGetImage")
        return {digest: self._answer(repository, digest) for digest in digests}

    def download(self, repository: str, digest: Digest) -> Download:
        with self._lock:
            self.asked[digest] += 1
            expired, self.expired = self.expired > 0, max(0, self.expired - 1)
        self._allow("GetDownloadUrlForLayer")
        if self.broken:
            raise CloudError(f"AWS answers {self.broken}", code=self.broken, retry=True)
        if digest in self.unknown:
            raise CloudError("no such layer", where=repository, code="LayersNotFoundException")
        if expired:
            self.storage.faults.answers.append((403, {}))
        path = f"/v2/{repository}/blobs/{digest}"
        return Download(url=f"{self.storage.url}{path}?X-Amz-Signature=secret", expires=datetime.now(UTC) + self.life)

    def authorization(self) -> Authorization:
        self._allow("GetAuthorizationToken")
        with self._lock:
            self.logins += 1
        return Authorization(endpoint=self.docker.url, username=LOGIN.username, password=self.password)

    def _answer(self, repository: str, digest: Digest) -> ManifestAnswer:
        media_type, content = self._manifests.get((repository, digest), ("", b""))
        if not content:
            return ManifestAnswer(failure="ImageNotFound", reason="it is not there")
        return ManifestAnswer(content=content, media_type=media_type)

    def _allow(self, action: str) -> None:
        if action in self.refused:
            raise CloudDeniedError(f"ecr:{action} is denied", code="AccessDeniedException", advice="Allow it.")
