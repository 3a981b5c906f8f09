"""What the documentation of two other systems tells operators to grant, and what there is to say about it.

The documents mean what the published ones mean, with example values where those have a blank: 111122223333 is the
account that asks, 222233334444 and 333344445555 are accounts with registries.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final, cast

from tidewaiter.errors import UsageError
from tidewaiter.iam.documents import Condition, Document, Principal, Statement

ASKING: Final = "111122223333"
"""The account in which the scanner runs."""

OWNERS: Final = ("222233334444", "333344445555")
"""Accounts with registries."""

_MODULES: Final[Mapping[str, str]] = {"snyk": "reference_snyk", "sysdig": "reference_sysdig"}

REFERENCES: Final = tuple(_MODULES)
"""Their names, as `iam render --reference` takes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A document that is to be given to an identity.

    `identity` is whose it is, `kind` what it is to it: `identity policy` or `trust policy`. `says` tells when it is
    given, or what it is for.
    """

    name: str
    identity: str
    kind: str
    says: str
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """A policy of AWS' own that is to be attached to an identity."""

    arn: str
    identity: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something to know: what about (actions, a resource, a principal), and why."""

    about: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """All that a system's documentation grants.

    `needless` is what could be left out and everything would still be found; `missing` what somebody who follows it
    does not get.
    """

    name: str
    title: str
    documents: tuple[Cited, ...]
    managed: tuple[Managed, ...] = ()
    needless: tuple[Remark, ...]
    missing: tuple[Remark, ...]


NEEDLESS_TO_READ: Final = (
    Remark(
        about=("ecr:GetLifecyclePolicy", "ecr:GetLifecyclePolicyPreview"),
        why="which images are to be deleted some day says nothing of what is in them",
    ),
    Remark(about=("ecr:GetRepositoryPolicy",), why="who else may pull does not matter to who may pull"),
    Remark(
        about=("ecr:ListTagsForResource",),
        why="these are labels of the repository, not tags of images; images are found without them",
    ),
    Remark(about=("ecr:ListImages",), why="ecr:DescribeImages lists the same images, with more about each"),
    Remark(
        about=("ecr:BatchCheckLayerAvailability",),
        why="it is asked before a push; who pulls asks for the layer itself",
    ),
    Remark(
        about=("ecr:GetAuthorizationToken",),
        why="optional: the API of ECR gives manifests and layers without a login; only the Docker API needs one",
    ),
)
"""What both systems grant to who reads a registry."""

MISSED_BY_BOTH: Final = (
    Remark(
        about=("ecr:RegisterPullTimeUpdateExclusion",),
        why="each scan moves the time of the last pull, which lifecycle rules and Amazon Inspector go by",
    ),
    Remark(about=("ecr-public:DescribeRepositories",), why="public repositories cannot be listed"),
    Remark(
        about=("a session policy",),
        why="a session can do all that its role can; tidewaiter's may read registries and nothing else",
    ),
)
"""What neither system has."""


def reference(name: str) -> Reference:
    """What that system's documentation grants. Raises UsageError for one that is not known."""
    if name not in _MODULES:
        what = f"there is no reference {name!r}"
        raise UsageError(what, where="--reference", advice=f"There are {', '.join(REFERENCES)}.")
    return cast("Reference", import_module(f"tidewaiter.iam.{_MODULES[name]}").REFERENCE)


def allowing(sid: str, *actions: str, resources: tuple[str, ...] = ("*",)) -> Document:
    """A document of one statement that allows actions."""
    return Document(statements=(Statement(sid=sid, actions=actions, resources=resources),))


def trusting(principal: Principal, *conditions: Condition, action: str = "sts:AssumeRole") -> Document:
    """A trust policy of one statement, without a Sid."""
    return Document(statements=(Statement(sid="", actions=(action,), principal=principal, conditions=conditions),))


def equal(key: str, *values: str) -> Condition:
    """The condition that a key has one of these values."""
    return Condition(operator="StringEquals", key=key, values=values)
