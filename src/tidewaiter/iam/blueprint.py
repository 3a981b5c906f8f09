"""What has to stand in which account for a topology: roles, users, policies and the rest, before any format.

Where a part is put up in many places alike, ARNs have ANY_PLACE where the account or the region stands. As a policy
that is right as it is; a format that can name the place fills it in.
"""

from dataclasses import dataclass
from typing import Final

from tidewaiter.iam.documents import Document

ANY_PLACE: Final = "*"
"""The account in ARNs of a part that is put up in each account, the region in those of one for several regions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy of an identity, by the name it has there."""

    name: str
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role. `max_session` is in seconds."""

    name: str
    description: str
    trust: Document
    policies: tuple[Policy, ...] = ()
    max_session: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user, for where no role can be used. Its access key is made by hand, and stands in no file."""

    name: str
    policies: tuple[Policy, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Policies for a role or user that is there already, by its ARN."""

    principal_arn: str
    policies: tuple[Policy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceProfile:
    """What lets EC2 instances use the role of this name."""

    name: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcProvider:
    """A cluster's identity provider, made known to IAM. `issuer` is without its scheme."""

    issuer: str
    audience: str = "sts.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodIdentity:
    """What gives a service account of an EKS cluster the role of this name.

    Without `session_tags` EKS leaves out the tags that it would else give to the session, and that would go on to each
    further role: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
    """

    cluster: str
    namespace: str
    service_account: str
    role: str
    session_tags: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PullTimeExclusion:
    """Pulls of this principal leave no pull time in the registries of the account in these regions.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_RegisterPullTimeUpdateExclusion.html
    """

    principal_arn: str
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushEvents:
    """A rule that puts ECR's events on pushed and deleted images into a queue. `queue_policy` lets it do so."""

    rule: str
    queue: str
    queue_policy: Document
    pattern: str
    """The event pattern as JSON."""


Resource = Role | User | Attachment | InstanceProfile | OidcProvider | PodIdentity | PullTimeExclusion | PushEvents


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is put up in one place. `name` fits a file's name (`management`, `target-111122223333`).

    `account` is where, 12 digits, "" for each account of an organization alike; `regions` are those in each of which it
    is put up once, none where it is the same in which; `where` says it in a sentence. `notes` are for people: what has
    to be done by hand, what is wider than it might be and why.
    """

    name: str
    account: str
    where: str
    resources: tuple[Resource, ...]
    regions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """All parts of a topology, in the order in which they are put up: a principal before the trust that names it."""

    topology: str
    partition: str
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
