"""What a registry of AWS can be asked: the same for a private registry and for a public one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tidewaiter.model.cloud import Account, Authorization, Download, ImageDetail, Lost, ManifestAnswer, Passed, Registry
from tidewaiter.model.image import Digest


class RegistryApi(Protocol):
    """The registry of one account in one region, asked as one identity.

    All methods may be called from many threads, and raise CloudError, or CloudDeniedError where AWS refuses.
    """

    @property
    def registry(self) -> Registry:
        """Which registry it is."""
        ...

    def repositories(self) -> Iterator[str]:
        """The names of all repositories, page by page."""
        ...

    def images(self, repository: str) -> Iterator[ImageDetail]:
        """All manifests of a repository, archived ones too, page by page."""
        ...

    def resolve(self, repository: str, tag: str) -> Digest:
        """The manifest that a tag names now."""
        ...

    def manifests(self, repository: str, digests: Sequence[Digest]) -> Mapping[Digest, ManifestAnswer]:
        """The manifests of these digests, any number of them: an answer for each."""
        ...

    def download(self, repository: str, digest: Digest) -> Download:
        """Where the bytes of a blob can be had now."""
        ...

    def authorization(self) -> Authorization:
        """A login to the registry's Docker API."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A registry that can be asked, in the account it belongs to."""

    account: Account
    api: RegistryApi


Found = Place | Lost | Passed
"""What discovery comes upon: a registry, one that could not be entered, an account that is passed over."""
