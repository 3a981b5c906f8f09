"""What a doctor has to visit for a scan: the accounts that were asked for, or those of an organization."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tidewaiter.aws import hosts
from tidewaiter.aws.chain import Chain
from tidewaiter.aws.entry import Wanted
from tidewaiter.aws.permissions import Holder
from tidewaiter.aws.regions import check_regions
from tidewaiter.aws.targets import (
    AccountRequest,
    OrganizationRequest,
    demand_public,
    filter_of,
    hop_to,
    partition_of,
)
from tidewaiter.iam.checks import organization, roles
from tidewaiter.iam.checks.findings import Finding
from tidewaiter.iam.checks.organization import Members
from tidewaiter.iam.checks.visits import Visit, itself, met
from tidewaiter.iam.checks.ways import Way
from tidewaiter.model.cloud import Account, RoleHop
from tidewaiter.model.diagnosis import Health

_BASE = frozenset({Holder.BASE})
_READER = frozenset({Holder.REGISTRY})
_LISTER = frozenset({Holder.MANAGEMENT, Holder.REGISTRY})


@dataclass(frozen=True, slots=True)
class Round:
    """What was found before any account was visited, and the visits, made as they are taken: each holds clients."""

    findings: tuple[Finding, ...]
    visits: Iterator[Visit]
    count: int


def of_accounts(
    chain: Chain, requests: Sequence[AccountRequest], *, public: bool, repositories: tuple[str, ...]
) -> Round:
    """The accounts of these requests. Raises UsageError for one that cannot be."""
    visits = [_requested(chain, each, public=public, repositories=repositories) for each in requests]
    holders = _BASE | _READER if any(not each.role_arn for each in requests) else _BASE
    return Round(tuple(itself(_base(chain, holders))), iter(visits), len(visits))


def of_organization(
    chain: Chain, request: OrganizationRequest, *, public: bool, repositories: tuple[str, ...]
) -> Round:
    """The organization's accounts. Raises UsageError for a filter that names what there is not."""
    partition = partition_of(chain, request.management_role_arn)
    demand_public(partition, public=public)
    check_regions((*request.regions, *request.exclude_regions), partition)
    chosen = filter_of(request)
    own = itself(_base(chain, _BASE if request.management_role_arn else _BASE | _LISTER))
    lister = _lister(chain, request)
    refusals = [each for each in roles.taken(lister) if each.health is not Health.RIGHT]
    if refusals:
        return Round((*own, *refusals), iter(()), 0)
    members = organization.listed(lister.reader, chosen, partition)
    kin = chain.identity().account in members.known
    wanted = Wanted(partition=partition, regions=request.regions, excluded=request.exclude_regions, public=public)
    visits = (
        Visit(way=way, wanted=wanted, repositories=repositories, known=way.account.id == lister.account.id)
        for way in _ways(lister, request, members, partition)
    )
    findings = (*own, *met(replace(lister, kin=kin)), *members.checks) if lister.hop else (*own, *members.checks)
    return Round(findings, visits, len(members.accounts))


def _requested(chain: Chain, request: AccountRequest, *, public: bool, repositories: tuple[str, ...]) -> Visit:
    partition = partition_of(chain, request.role_arn)
    demand_public(partition, public=public)
    check_regions(request.regions, partition)
    wanted = Wanted(partition=partition, regions=request.regions, asked=bool(request.regions), public=public)
    hop = hop_to(request.role_arn, request, request.external_id) if request.role_arn else None
    number = hosts.parse_arn(request.role_arn).account if request.role_arn else chain.identity().account
    way = Way.into(Account(id=number), chain, hop, holders=_READER)
    return Visit(way=way, wanted=wanted, repositories=repositories, known=hop is None)


def _base(chain: Chain, holders: frozenset[Holder]) -> Way:
    return Way.into(Account(id=chain.identity().account), chain, None, holders=holders)


def _lister(chain: Chain, request: OrganizationRequest) -> Way:
    """The way to who lists the organization, whose session may do whatever its role may: it takes others."""
    arn = request.management_role_arn
    if not arn:
        return _base(chain, _BASE | _LISTER)
    hop = hop_to(arn, request, request.management_external_id)
    way = Way.into(Account(id=hosts.parse_arn(arn).account), chain, hop, holders=_LISTER)
    return replace(way, reader=chain.then(hop))


def _ways(lister: Way, request: OrganizationRequest, members: Members, partition: str) -> Iterator[Way]:
    """Into the lister's own account as itself, but with a session that may only read; into all others as a member."""
    for account in members.accounts:
        if account.id == lister.account.id:
            yield Way.into(account, lister.asker, lister.hop, holders=_LISTER, kin=True)
        else:
            yield Way.into(account, lister.reader, _member(request, account, partition), holders=_READER, kin=True)


def _member(request: OrganizationRequest, account: Account, partition: str) -> RoleHop:
    arn = f"arn:{partition}:iam::{account.id}:role/{request.member_role_name.strip('/')}"
    return hop_to(arn, request, request.member_external_id)
