"""What manifests of brokered registries are: `fleet.documents.Documents`, told by the agent that read them."""

from collections.abc import Iterable, Iterator, Sequence

from tidewaiter.aws.registries import RegistryApi
from tidewaiter.broker.messages import DocumentLine
from tidewaiter.broker.platform.registry import RelayedRegistry
from tidewaiter.errors import CloudError
from tidewaiter.fleet.classify import Verdict
from tidewaiter.fleet.documents import Document
from tidewaiter.image.limits import Limits
from tidewaiter.model.cloud import Repository
from tidewaiter.model.fleet import Kind, Outcome, State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest
from tidewaiter.scan.failures import reason

_NOT_TOLD = "The agent did not say what it is. Run again."


def documents(
    api: RegistryApi,
    repository: Repository,
    digests: Sequence[Digest],
    limits: Limits,  # noqa: ARG001 - the agent's own count
) -> Iterable[Document]:
    """What these manifests of a repository are, as the agent tells; never an exception."""
    assert isinstance(api, RelayedRegistry)
    return _told(api, repository.name, digests)


def _told(api: RelayedRegistry, repository: str, digests: Sequence[Digest]) -> Iterator[Document]:
    missing = dict.fromkeys(digests)
    try:
        for line in api.documents(repository, digests):
            if line.digest in missing:
                del missing[line.digest]
                yield _document(line)
    except CloudError as error:
        _, why = reason(error)
        yield from (_failed(digest, why, str(error)) for digest in missing)
    else:
        yield from (_failed(digest, Why.UNREACHABLE, _NOT_TOLD) for digest in missing)


def _document(line: DocumentLine) -> Document:
    return Document(
        digest=line.digest,
        verdict=Verdict(kind=line.kind, outcome=line.outcome),
        children=line.children,
        media_type=line.media_type,
        absent=line.absent,
    )


def _failed(digest: Digest, why: Why, detail: str) -> Document:
    outcome = Outcome(state=State.FAILED, why=why, detail=detail)
    return Document(digest=digest, verdict=Verdict(kind=Kind.UNKNOWN, outcome=outcome))
