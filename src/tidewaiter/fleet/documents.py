"""What a registry gave as a manifest: verified, read, and told apart."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tidewaiter.aws.registries import RegistryApi
from tidewaiter.errors import CloudError, MalformedError, UnsupportedError
from tidewaiter.fleet.classify import Verdict, by_manifest, schema_1
from tidewaiter.image.limits import Limits, how_to_raise
from tidewaiter.image.manifest import read_document
from tidewaiter.model.cloud import ManifestAnswer, Repository
from tidewaiter.model.fleet import Kind, Outcome, State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Descriptor, Digest, Index
from tidewaiter.scan.failures import reason

_ABSENT = frozenset({"ImageNotFound", "ImageInaccessible"})
_DENIED = "UpstreamAccessDenied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A manifest that was asked for: what it is or how it ends. `content` is there for an image.

    `absent` is where the registry says that it has none: it may have been deleted or archived since it was listed.
    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageFailure.html
    """

    digest: Digest
    verdict: Verdict
    children: tuple[Descriptor, ...] = ()
    content: bytes = b""
    media_type: str = ""
    absent: bool = False


class Documents(Protocol):
    """Who reads manifests; `documents` does, from the registry itself."""

    def __call__(
        self, api: RegistryApi, repository: Repository, digests: Sequence[Digest], limits: Limits
    ) -> Iterable[Document]:
        """A document for each of the digests, also where the registry refuses."""
        ...


def documents(
    api: RegistryApi, repository: Repository, digests: Sequence[Digest], limits: Limits
) -> Iterable[Document]:
    """What these manifests of a repository are, as the registry gives them; never an exception."""
    try:
        answers = api.manifests(repository.name, digests)
    except CloudError as error:
        return [_refused(digest, error) for digest in digests]
    return (_document(digest, answers.get(digest), limits, str(repository)) for digest in digests)


def _document(digest: Digest, answer: ManifestAnswer | None, limits: Limits, where: str) -> Document:
    """What an answer holds: never an exception, whatever it is."""
    if answer is None or not answer.content:
        return _unanswered(digest, answer or ManifestAnswer())
    if len(answer.content) > limits.manifest_bytes:
        what = f"It has {len(answer.content)} bytes, more than {limits.manifest_bytes}."
        return _failed(digest, Why.LIMIT, f"{what} {how_to_raise('manifest_bytes')}")
    found = hashlib.new(digest.algorithm, answer.content).hexdigest()
    if found != digest.hex:
        return _failed(digest, Why.MALFORMED, f"Wrong digest: its bytes have {digest.algorithm}:{found}.")
    try:
        return _read(digest, answer, where)
    except UnsupportedError:
        return Document(digest=digest, verdict=Verdict(kind=Kind.IMAGE, outcome=schema_1()))
    except MalformedError as error:
        return _failed(digest, Why.MALFORMED, str(error))


def _refused(digest: Digest, error: CloudError) -> Document:
    """A manifest that could not be asked for."""
    _, why = reason(error)
    return _failed(digest, why, str(error))


def _read(digest: Digest, answer: ManifestAnswer, where: str) -> Document:
    read = read_document(answer.content, f"{where}@{digest}", answer.media_type)
    if isinstance(read, Index):
        return Document(
            digest=digest,
            verdict=Verdict(kind=Kind.INDEX),
            children=read.manifests,
            media_type=read.media_type,
        )
    return Document(digest=digest, verdict=by_manifest(read), content=answer.content, media_type=read.media_type)


def _unanswered(digest: Digest, answer: ManifestAnswer) -> Document:
    absent = answer.failure in _ABSENT
    said = f"{answer.failure or 'no answer'}{f', {answer.reason}' if answer.reason else ''}".rstrip(".")
    advice = (
        " It is listed all the same: run again, and ask who runs the registry if it stays so."
        if absent
        else " Run again."
    )
    why = Why.DENIED if answer.failure == _DENIED else Why.UNREACHABLE
    outcome = Outcome(state=State.FAILED, why=why, detail=f"The registry gave no manifest: {said}.{advice}")
    return Document(digest=digest, verdict=Verdict(kind=Kind.UNKNOWN, outcome=outcome), absent=absent)


def _failed(digest: Digest, why: Why, detail: str) -> Document:
    outcome = Outcome(state=State.FAILED, why=why, detail=detail)
    return Document(digest=digest, verdict=Verdict(kind=Kind.UNKNOWN, outcome=outcome))
