"""What platform and agent say to each other: JSON, or lines of JSON where there may be many, typed at both ends.

Streams of lines end with `End`, or with `Trouble`: one that just stops is incomplete. No secret is in any of them but
`Credentials`, which go from the client to the agent only.
"""

from enum import StrEnum

import msgspec

from tidewaiter.errors import CloudDeniedError, CloudError, TidewaiterError
from tidewaiter.image.limits import Limits
from tidewaiter.model.cloud import Account, Identity, ImageDetail, Registry
from tidewaiter.model.diagnosis import Remedy
from tidewaiter.model.fleet import Kind, Outcome
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import Descriptor, Digest

CONNECTION = "x-tidewaiter-connection"
"""The header that names the connection which a request or callback belongs to."""

CREDENTIALS = "x-tidewaiter-credentials"
"""The header that the client fills with the connection's credentials: base64 of `Credentials` as JSON."""

CALLBACK = "x-tidewaiter-callback"
"""The header in which the client tells the agent where its own local port is, as a base URL."""

DEADLINE = "x-tidewaiter-deadline"
"""The header with the seconds that are left for the whole of a request, as a decimal number."""

IDEMPOTENCY = "idempotency-key"
"""The header whose value names a POST, which then may be sent again."""

JOB = "x-tidewaiter-job"
"""The header that names the job whose result a callback carries."""

CONTENT_DIGEST = "x-tidewaiter-content-digest"
"""The header with `sha256:<hex>` of a callback's whole body, which the server verifies before it acknowledges."""

ERROR = "x-tidewaiter-error"
"""The header with the code of an error that the relay itself answers with, not the agent."""

SUBSTITUTE = "x-broker-var-sub"
"""The header that names the headers, comma-separated, in which the client replaces placeholders."""

PLACEHOLDER = "${CR_CREDENTIALS}"

LINES = "application/x-ndjson"
RESULT_TYPE = "application/vnd.tidewaiter.result"
"""The media type of a callback's body: one line of JSON (`Result`), then the encoded inventory where there is one."""

RESULT_PATH = "/v2/import/result"
DONE_PATH = "/v2/import/done"

RESULT_PATHS = tuple(
    prefix + path
    for path in (RESULT_PATH, "/v1/recurring-tests/dependencies", "/rest/scan/result")
    for prefix in ("", "/api")
)
"""Where agents may deliver results, those of the reference too."""

DONE_PATHS = (DONE_PATH, f"/api{DONE_PATH}")
"""Where they may tell that no job is left."""

DIGESTS_MOST = 50
"""Manifests that an agent is asked for together."""


class Extra(msgspec.Struct, frozen=True, rename="camel"):
    """What ECR needs beside the role. `regions` are all that are to be looked at; `region` alone is one of them."""

    region: str = ""
    external_id: str = ""
    regions: tuple[str, ...] = ()


class Credentials(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How a registry is entered: with a role for ECR, else with a login. `repositories` where it cannot list them."""

    type: str
    role_arn: str = ""
    username: str = ""
    password: str = ""
    token: str = ""
    registry_base: str = ""
    extra: Extra = Extra()
    repositories: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Credentials(type={self.type!r}, …)"


class AgentInfo(msgspec.Struct, frozen=True):
    """Who looks: its version, the fingerprint of its extractors, its ceilings, how many images at a time."""

    version: str
    fingerprint: str
    limits: Limits
    operations: int


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first line of a discovery: who looks, and as whom. No external ID is in it."""

    agent: AgentInfo
    identity: Identity


class AtRegistry(msgspec.Struct, frozen=True, tag="registry"):
    """A registry that can be asked."""

    account: Account
    registry: Registry


class LostPlace(msgspec.Struct, frozen=True, tag="lost"):
    """An account, or a region of one, that could not be entered."""

    account: Account
    gap: Gap
    region: str = ""


class PassedPlace(msgspec.Struct, frozen=True, tag="passed"):
    """An account that is left out on purpose."""

    account: Account
    gap: Gap


class RepositoryLine(msgspec.Struct, frozen=True, tag="repository"):
    """The name of a repository."""

    name: str


class TagLine(msgspec.Struct, frozen=True, tag="tag"):
    """A tag of a repository, and the manifest that it names."""

    name: str
    digest: Digest


class ImageLine(msgspec.Struct, frozen=True, tag="image"):
    """What the registry lists of one manifest."""

    detail: ImageDetail


class DocumentLine(msgspec.Struct, frozen=True, tag="document"):
    """What a manifest is; its own bytes stay where they are (an image's `data` fields may hold its environment)."""

    digest: Digest
    kind: Kind
    outcome: Outcome | None = None
    children: tuple[Descriptor, ...] = ()
    media_type: str = ""
    absent: bool = False


class StateIdentifier(msgspec.Struct, frozen=True):
    """What identifies an image now: its manifest's digest."""

    identifier: str


class End(msgspec.Struct, frozen=True, tag="end"):
    """There are no more lines."""


class Trouble(msgspec.Struct, frozen=True, tag="trouble"):
    """An error of AWS, a registry or the agent, in parts. As a JSON body it comes with a status of 4xx or 5xx."""

    what: str
    where: str = ""
    advice: str = ""
    retry: bool = False
    code: str = ""
    denied: bool = False
    remedy: Remedy | None = None

    @classmethod
    def of(cls, error: TidewaiterError) -> "Trouble":
        """The error, told."""
        return cls(
            what=error.what,
            where=error.where,
            advice=error.advice,
            retry=error.retry,
            code=error.code if isinstance(error, CloudError) else "",
            denied=isinstance(error, CloudDeniedError),
            remedy=error.remedy if isinstance(error, CloudDeniedError) else None,
        )

    def error(self) -> CloudError:
        """What was told, as the error it was."""
        kind = CloudDeniedError if self.denied else CloudError
        error = kind(self.what, where=self.where, advice=self.advice, retry=self.retry, code=self.code)
        if isinstance(error, CloudDeniedError):
            error.remedy = self.remedy
        return error


Line = (
    Hello | AtRegistry | LostPlace | PassedPlace | RepositoryLine | TagLine | ImageLine | DocumentLine | End | Trouble
)


class Words(msgspec.Struct, frozen=True):
    """What went wrong, and what to do about it."""

    code: str = ""
    message: str = ""
    advice: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """What server and client say where there is no answer of the agent's."""

    error: Words


class Probe(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was tried to see whether it works; `ok` is always told.

    `detail` is one sentence. `action` and `resource` are what was refused, `statement` (JSON) is what would allow it,
    to be added to `document`.
    """

    name: str
    ok: bool
    detail: str = ""
    action: str = ""
    resource: str = ""
    statement: str = ""
    document: str = ""
    advice: str = ""


class SystemCheck(msgspec.Struct, frozen=True):
    """What `/systemcheck` answers: each thing that was really tried. With a status of 503 where one does not work."""

    ok: bool
    checks: tuple[Probe, ...]


class ScanRequest(msgspec.Struct, frozen=True):
    """To look through one image; `registry` is its host. The idempotency key of the request names the job."""

    registry: str
    repository: str
    digest: Digest
    tags: tuple[str, ...] = ()


class JobState(StrEnum):
    """How far a job is. DONE: its result is kept until the server has acknowledged it, DELIVERED: it has."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Job(msgspec.Struct, frozen=True):
    """What `POST /scan` and `GET /scan/<job>` answer."""

    job: str
    state: JobState
    layers_read: int = 0
    bytes_pulled: int = 0


class Result(msgspec.Struct, frozen=True):
    """What came of a job: `failure` where there is no inventory. An inventory has `size` bytes and follows.

    `fingerprint` is that of the extractors that looked: others may have greeted, before an agent was replaced.
    """

    job: str
    digest: Digest
    failure: Gap | None = None
    size: int = 0
    layers_read: int = 0
    bytes_pulled: int = 0
    fingerprint: str = ""


class Arrived(msgspec.Struct, frozen=True):
    """A result that waits at the server for the platform; `size` in bytes."""

    job: str
    size: int
