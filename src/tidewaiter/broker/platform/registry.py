"""A registry that only the agent behind a connection enters: listed through the relay, and never pulled from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from tidewaiter.broker.messages import DIGESTS_MOST, DocumentLine, ImageLine, Line, RepositoryLine
from tidewaiter.broker.platform.api import BrokerApi
from tidewaiter.broker.platform.lines import lines, only
from tidewaiter.broker.platform.reach import Reach, as_cloud_error
from tidewaiter.errors import BrokerError, CloudError
from tidewaiter.model.cloud import Authorization, Download, ImageDetail, ManifestAnswer, Registry
from tidewaiter.model.image import Digest

_T = TypeVar("_T", bound=Line)
_LISTING = 1800.0  # seconds for all of a listing
_DOCUMENTS = 300.0


@dataclass(frozen=True, slots=True)
class RelayedRegistry:
    """`aws.registries.RegistryApi` over a connection. What is not listed stays where it is: nothing is downloaded.

    A listing is read to its end before the first of it is given: it would not wait for hours.
    """

    registry: Registry
    connection: str
    api: BrokerApi
    reach: Reach

    def repositories(self) -> Iterator[str]:
        """The names of all repositories. Raises CloudError, behind those that came before it broke off."""
        for line in self._listed("/list", (), RepositoryLine):
            yield line.name

    def images(self, repository: str) -> Iterator[ImageDetail]:
        """All manifests of a repository, under the same terms."""
        for line in self._listed(f"/list-with-metadata/{repository}", (), ImageLine):
            yield line.detail

    def documents(self, repository: str, digests: Sequence[Digest]) -> Iterator[DocumentLine]:
        """What these manifests are, any number of them. Raises CloudError."""
        for at in range(0, len(digests), DIGESTS_MOST):
            asked = [("digest", str(digest)) for digest in digests[at : at + DIGESTS_MOST]]
            yield from self._listed(f"/image-metadata/{repository}", asked, DocumentLine, within=_DOCUMENTS)

    def resolve(self, repository: str, tag: str) -> Digest:
        """The manifest that a tag names now: whether it has changed is known without looking at anything else."""
        try:
            return self.reach.answered(
                lambda: self.api.identifier(self.connection, self.registry.host, repository, tag)
            )
        except BrokerError as error:
            raise as_cloud_error(error) from error

    def manifests(self, repository: str, digests: Sequence[Digest]) -> Mapping[Digest, ManifestAnswer]:  # noqa: ARG002 - the seam's
        """Raises CloudError: manifests are read by the agent."""
        self._stays(repository)

    def download(self, repository: str, digest: Digest) -> Download:  # noqa: ARG002 - the seam's
        """Raises CloudError: blobs are read by the agent."""
        self._stays(repository)

    def authorization(self) -> Authorization:
        """Raises CloudError: nobody logs in from here."""
        self._stays("")

    def _listed(
        self, path: str, parameters: Sequence[tuple[str, str]], kind: type[_T], *, within: float = _LISTING
    ) -> Iterator[_T]:
        whole = (*parameters, ("registry", self.registry.host))
        most: list[_T] = []

        def ask() -> Sequence[_T]:
            got: list[_T] = []
            with self.api.asked(self.connection, path, whole, deadline=within) as answer:
                answer.check()
                try:
                    got.extend(only(lines(answer.chunks(), self._where), kind, self._where))
                finally:
                    most[:] = got if len(got) > len(most) else most
            return got

        try:
            yield from self.reach.answered(ask)
        except BrokerError as error:
            yield from most
            raise as_cloud_error(error) from error
        except CloudError:
            yield from most
            raise

    @property
    def _where(self) -> str:
        return f"connection {self.connection}"

    def _stays(self, repository: str) -> NoReturn:
        where = f"{self.registry.host}/{repository}".rstrip("/")
        raise CloudError("what it holds is read by the agent alone, and does not come here", where=where)
