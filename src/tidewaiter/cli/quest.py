"""From the options of a command to what is asked of AWS: as whom, in which accounts and regions, for which images."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import click
from click.core import ParameterSource

from tidewaiter.cli.ceilings import with_limits
from tidewaiter.errors import UsageError
from tidewaiter.model.cloud import Identity, RoleHop
from tidewaiter.model.image import Platform

if TYPE_CHECKING:  # what asks AWS is imported only where it is asked
    from tidewaiter.aws.chain import Chain
    from tidewaiter.aws.registries import Found
    from tidewaiter.aws.targets import AccountRequest, OrganizationRequest
    from tidewaiter.fleet.documents import Documents
    from tidewaiter.fleet.filters import Filters, Wishes
    from tidewaiter.fleet.run import Lookers
    from tidewaiter.fleet.watcher import Watcher

_TOLD = frozenset(
    {
        "via",
        "profile", "role_arn", "region", "accounts", "public",
        "organization", "management_role_arn", "member_role_name", "account", "exclude_account", "ou", "exclude_ou",
        "exclude_region", "no_management",
        "repository", "exclude_repository", "tag", "exclude_tag", "newest", "max_age", "pulled_within", "no_untagged",
        "platform",
    }
)  # fmt: skip
"""The options that say what is looked at. No other is told or kept: external IDs are secrets."""


class Looking(TypedDict, total=False):
    """Who looks through images, where it is not this program."""

    lookers: "Lookers"
    documents: "Documents"
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What is known of a quest when it has begun.

    `identity` is who asks, None where they are several; `scope` tells runs over different things apart. `wishes` fits
    the user's to what is decided elsewhere.
    """

    found: "Iterator[Found]"
    identity: Identity | None
    scope: str
    wishes: "Callable[[Wishes], Wishes]" = lambda wishes: wishes
    looking: Looking = field(default_factory=Looking)


class Quest(Protocol):
    """Somebody who looks for registries."""

    def begun(self, watcher: "Watcher") -> AbstractContextManager[Begun]:
        """Who asks, and what is found while the context is open. Raises CloudError and UsageError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectQuest:
    """Who asks AWS himself. `hops` are the roles taken first, as far as they are the same for all."""

    chain: "Chain"
    hops: tuple[RoleHop, ...]
    found: "Callable[[Watcher], Iterator[Found]]"

    @contextmanager
    def begun(self, watcher: "Watcher") -> Iterator[Begun]:
        """Who asks, and what is found while the context is open. Raises CloudError."""
        identity = self.chain.identity()
        whole = replace(identity, hops=(*identity.hops, *self.hops))
        yield Begun(found=self.found(watcher), identity=whole, scope=identity.account)


def accounts_quest(options: Mapping[str, Any]) -> DirectQuest:
    """The accounts that `ecr`'s options name. Raises UsageError."""
    from tidewaiter.aws.targets import registries

    requests = account_requests(options)
    chain = chain_of(options)
    alone = requests[0].role_arn if len(requests) == 1 else ""
    return DirectQuest(
        chain=chain,
        hops=(RoleHop(role_arn=alone),) if alone else (),
        found=lambda watcher: registries(chain, requests, public=options["public"], progress=watcher),
    )


def organization_quest(options: Mapping[str, Any]) -> DirectQuest:
    """The organization that `org`'s options name. Raises UsageError."""
    from tidewaiter.aws.targets import organization

    request = organization_request(options)
    chain = chain_of(options)
    role = request.management_role_arn
    return DirectQuest(
        chain=chain,
        hops=(RoleHop(role_arn=role),) if role else (),
        found=lambda watcher: organization(chain, request, public=options["public"], progress=watcher),
    )


def chain_of(options: Mapping[str, Any]) -> "Chain":
    """The credentials to begin with. Where no region is set for STS, the first that is looked at is tried too.

    Raises UsageError for a region of STS that there is not: it would be asked only where another fails.
    """
    from tidewaiter.aws.chain import Chain
    from tidewaiter.aws.hosts import partition_of_region
    from tidewaiter.aws.regions import check_regions

    for region in options["sts_region"]:
        check_regions([region], partition_of_region(region))
    return Chain.ambient(profile=options["profile"], sts_regions=options["sts_region"] or options["region"][:1])


def account_requests(options: Mapping[str, Any]) -> "Sequence[AccountRequest]":
    """An account for each role, and those of the accounts file; without either, the own one. Raises UsageError."""
    from tidewaiter.aws.targets import AccountRequest
    from tidewaiter.cli.accounts import read_accounts

    regions: tuple[str, ...] = options["region"]
    roles = dict.fromkeys(_with_external_ids(options["role_arn"], options["external_id"]))
    named = [AccountRequest(role_arn=role, external_id=given) for role, given in roles]
    listed = read_accounts(options["accounts"]) if options["accounts"] else ()
    requests = (*named, *listed) or (AccountRequest(),)
    return tuple(request if request.regions else replace(request, regions=regions) for request in requests)


def _with_external_ids(roles: Sequence[str], given: Sequence[str]) -> Sequence[tuple[str, str]]:
    """Each role with its external ID: one is for all, several stand in the roles' order."""
    if given and not roles:
        raise UsageError("--external-id belongs to a --role-arn, and there is none")
    if len(given) > 1 and len(given) != len(roles):
        raise UsageError(
            f"there are {len(given)} external IDs for {len(roles)} roles",
            advice="Give --external-id once for all roles, or once for each in their order, or use --accounts.",
        )
    given = given if len(given) > 1 else (given[0] if given else "",) * len(roles)
    return tuple(zip(roles, given, strict=True))


def organization_request(options: Mapping[str, Any]) -> "OrganizationRequest":
    """What of the organization is looked at, and as whom. Raises UsageError."""
    from tidewaiter.aws.targets import OrganizationRequest

    if options["management_external_id"] and not options["management_role_arn"]:
        raise UsageError("--management-external-id belongs to a --management-role-arn, and there is none")
    return OrganizationRequest(
        management_role_arn=options["management_role_arn"],
        management_external_id=options["management_external_id"],
        member_role_name=options["member_role_name"],
        member_external_id=options["external_id"],
        accounts=options["account"],
        exclude_accounts=options["exclude_account"],
        ous=options["ou"],
        exclude_ous=options["exclude_ou"],
        regions=options["region"],
        exclude_regions=options["exclude_region"],
        management=not options["no_management"],
    )


def filters_of(options: Mapping[str, Any]) -> "Filters":
    """Which repositories and images are wanted."""
    from tidewaiter.fleet.filters import Filters

    return Filters(
        repositories=options["repository"],
        exclude_repositories=options["exclude_repository"],
        tags=options["tag"],
        exclude_tags=options["exclude_tag"],
        newest=options["newest"] or 0,
        max_age=options["max_age"] or 0,
        pulled_within=options["pulled_within"] or 0,
        untagged=not options["no_untagged"],
    )


def wishes_of(options: Mapping[str, Any]) -> "Wishes":
    """How the fleet is looked through. Raises UsageError."""
    from tidewaiter.fleet.filters import Wishes

    try:
        platforms = tuple(dict.fromkeys(map(Platform.parse, options["platform"])))
    except ValueError as error:
        raise UsageError(f"--platform: {error}") from None
    return Wishes(
        filters=filters_of(options),
        platforms=platforms,
        workers=options["workers"],
        limits=with_limits(options["limit"]),
    )


def words_of(context: click.Context, *, without: Collection[str] = ()) -> str:
    """The command with what it looks at, as a shell takes it: no secret, and nothing about where the report goes.

    Options are told wherever they were set, in the environment and the settings too; but `without` those that mean
    nothing now.
    """
    import shlex

    words = context.command_path.split()
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in _TOLD and name not in without and context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            words += _spelled(parameter.opts[0], context.params[name])
    return shlex.join(words)


def _spelled(option: str, value: object) -> Sequence[str]:
    if isinstance(value, tuple):
        return [word for each in value for word in (option, str(each))]
    if isinstance(value, bool):
        return [option] if value else []
    return [option, str(value)] if value not in (None, "") else []
