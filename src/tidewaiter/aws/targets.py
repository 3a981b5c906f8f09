"""Which registries an identity leads to: its own, those of roles in other accounts, those of a whole organization."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain as joined
from typing import Literal, Protocol

from tidewaiter.aws import hosts
from tidewaiter.aws.ecr import Ecr
from tidewaiter.aws.entry import Entry, Wanted, named
from tidewaiter.aws.organization import AccountFilter, Organization
from tidewaiter.aws.permissions import session_policy
from tidewaiter.aws.principal import Principal
from tidewaiter.aws.regions import check_regions
from tidewaiter.aws.registries import Found, Place, RegistryApi
from tidewaiter.aws.steps import walk
from tidewaiter.errors import UsageError
from tidewaiter.model.cloud import ACTIVE, Account, Passed, Registry, RoleHop
from tidewaiter.model.gap import Gap, Stage, Why

DEFAULT_MEMBER_ROLE = "OrganizationAccountAccessRole"
"""The role that Organizations makes in accounts which it creates."""


class Progress(Protocol):
    """Who is told how far discovery is; `fleet.watcher.Watcher` is one. Called in the thread of its taker."""

    def count(self, thing: Literal["accounts"], *, found: int = 0, done: int = 0) -> None:
        """So many more accounts were found, and so many more need no more looking for registries."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRequest:
    """An account to look through: that of a role, or of the identity itself where `role_arn` is "".

    Without `regions`, all that the account has enabled. `duration` is the session's, in seconds.
    """

    role_arn: str = ""
    external_id: str = field(default="", repr=False)
    regions: tuple[str, ...] = ()
    session_name: str = "tidewaiter"
    duration: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationRequest:
    """An organization to look through, as its management account or a delegated administrator lists it.

    Where `management_role_arn` is "", the identity itself is in that account. Accounts are named by their 12 digits,
    organizational units by id (also the root's) or by path of names (`Workloads/Production`); a unit means all below
    it too. Where several kinds of filters are given, an account must pass all; `exclude_…` wins over its counterpart.
    `management` says whether the management account's own registries are looked through too.
    """

    management_role_arn: str = ""
    management_external_id: str = field(default="", repr=False)
    member_role_name: str = DEFAULT_MEMBER_ROLE
    member_external_id: str = field(default="", repr=False)
    accounts: tuple[str, ...] = ()
    exclude_accounts: tuple[str, ...] = ()
    ous: tuple[str, ...] = ()
    exclude_ous: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    exclude_regions: tuple[str, ...] = ()
    management: bool = True
    session_name: str = "tidewaiter"
    duration: int = 3600


def registries(
    chain: Principal, requests: Sequence[AccountRequest], *, public: bool = False, progress: Progress | None = None
) -> Iterator[Found]:
    """The registries of these accounts, each once, as they are come upon; with `public` also those in ECR Public.

    Regions are entered in parallel; one that refuses, or a whole account, is a Lost and the rest goes on. Raises
    UsageError, before any account is entered, for a request that cannot be, and CloudError where the identity itself
    does not work.
    """
    entries = [entry_of(chain, request, public=public) for request in requests]
    return _each_once(_walk(entries, progress))


def organization(
    chain: Principal, request: OrganizationRequest, *, public: bool = False, progress: Progress | None = None
) -> Iterator[Found]:
    """The registries of an organization's accounts, as they are come upon.

    An account that is not active, or that a filter leaves out, is a Passed. An account or region that refuses is a
    Lost, and the rest goes on. Raises CloudError where the accounts cannot be listed, and UsageError for a filter that
    names an account, unit or region which there is not.
    """
    filtering = filter_of(request)
    partition = partition_of(chain, request.management_role_arn)
    demand_public(partition, public=public)
    check_regions((*request.regions, *request.exclude_regions), partition)
    members = _Members(chain, request, partition, public=public)
    chosen = filtering.apply(Organization(members.lister, partition))
    passed = [_passed(account, reason) for account, reason in chosen if _is_passed(account, reason)]
    entries = [members.entry(account) for account, reason in chosen if not _is_passed(account, reason)]
    if progress:
        progress.count("accounts", found=len(passed), done=len(passed))
    return joined(passed, _walk(entries, progress))


def registry_of(chain: Principal, host: str) -> RegistryApi:
    """The registry that a reference's host names; region, account and partition are those of the host.

    Nothing is asked yet. Raises UsageError for a host that is not one of a private registry.
    """
    found = hosts.parse_host(host)
    if found is None:
        advice = "Its host has the form ACCOUNT.dkr.ecr.REGION.amazonaws.com."
        raise UsageError("is not a private registry of ECR", where=host, advice=advice)
    registry = Registry(partition=found.partition, account=found.account, region=found.region, host=host.lower())
    return Ecr(chain, registry)


class _Members:
    """Makes the ways into an organization's accounts.

    The role that lists them is not the one that reads registries: where both are the same role, its reading session
    is one of its own, and may only read.
    """

    def __init__(self, chain: Principal, request: OrganizationRequest, partition: str, *, public: bool) -> None:
        self._request = request
        self._partition = partition
        self._chain = chain
        self._wanted = Wanted(
            partition=partition, regions=request.regions, excluded=request.exclude_regions, public=public
        )
        self._hop = hop_to(request.management_role_arn, request, request.management_external_id)
        self.lister = chain.then(self._hop) if request.management_role_arn else chain
        self._own = self.lister.identity().account
        self._member(self._own)  # a wrong role name is told before the accounts are listed

    def entry(self, account: Account) -> Entry:
        """The way into an account: the listing role's own account with that role, all others with the member role."""
        chain = self._reader() if account.id == self._own else self._member(account.id)
        return Entry(account=account, chain=chain, wanted=self._wanted)

    def _reader(self) -> Principal:
        if not self._request.management_role_arn:
            return self._chain
        return self._chain.then(self._hop, policy=session_policy(self._partition))

    def _member(self, account: str) -> Principal:
        arn = f"arn:{self._partition}:iam::{account}:role/{self._request.member_role_name.strip('/')}"
        hop = hop_to(arn, self._request, self._request.member_external_id)
        return self.lister.then(hop, policy=session_policy(self._partition))


def entry_of(chain: Principal, request: AccountRequest, *, public: bool = False) -> Entry:
    """The way into the account of a request, which is not gone yet: only who the identity itself is may be asked.

    Raises UsageError for a request that cannot be, and CloudError where the identity itself does not work.
    """
    partition = partition_of(chain, request.role_arn)
    demand_public(partition, public=public)
    check_regions(request.regions, partition)
    wanted = Wanted(partition=partition, regions=request.regions, asked=bool(request.regions), public=public)
    if not request.role_arn:
        return Entry(account=Account(id=chain.identity().account), chain=chain, wanted=wanted)
    hop = hop_to(request.role_arn, request, request.external_id)
    reader = chain.then(hop, policy=session_policy(partition))
    return Entry(account=Account(id=hosts.parse_arn(request.role_arn).account), chain=reader, wanted=wanted)


def hop_to(arn: str, request: AccountRequest | OrganizationRequest, external_id: str) -> RoleHop:
    """The taking of a role, as a request wants its sessions."""
    return RoleHop(role_arn=arn, session_name=request.session_name, external_id=external_id, duration=request.duration)


def partition_of(chain: Principal, role_arn: str) -> str:
    """The partition of a role, or of the identity itself. Raises UsageError where the one cannot become the other."""
    own = chain.identity().partition
    partition = hosts.parse_arn(role_arn).partition if role_arn else own
    if partition != own:
        what = f"the role is in the partition {partition}, the credentials are of the partition {own}"
        raise UsageError(what, where=role_arn, advice="No role can be assumed across partitions.")
    return partition


def demand_public(partition: str, *, public: bool) -> None:
    """Raises UsageError where ECR Public is wanted in a partition that has none."""
    if public and partition != hosts.DEFAULT_PARTITION:
        raise UsageError(f"ECR Public is not in the partition {partition}", advice="Leave out --public.")


def filter_of(request: OrganizationRequest) -> AccountFilter:
    """The request's filter of accounts. Raises UsageError for what is no account's number."""
    filtering = AccountFilter(
        accounts=request.accounts,
        exclude_accounts=request.exclude_accounts,
        ous=request.ous,
        exclude_ous=request.exclude_ous,
        management=request.management,
    )
    filtering.check()
    return filtering


def _is_passed(account: Account, reason: str) -> bool:
    return bool(reason) or account.state != ACTIVE


def _passed(account: Account, reason: str) -> Passed:
    why = Why.FILTERED if reason else Why.INACTIVE
    detail = reason or f"its state is {account.state}: it can not be used"
    return Passed(account=account, gap=Gap(stage=Stage.DISCOVERY, why=why, subject=named(account), detail=detail))


def _walk(entries: Sequence[Entry], progress: Progress | None) -> Iterator[Found]:
    if progress:
        progress.count("accounts", found=len(entries))

    def done() -> None:
        if progress:
            progress.count("accounts", done=1)

    return walk((entry.step() for entry in entries), done=done)


def _each_once(found: Iterable[Found]) -> Iterator[Found]:
    """Without the registries that came already: several requests may lead to one account."""
    seen: set[Registry] = set()
    for each in found:
        if isinstance(each, Place):
            if each.api.registry in seen:
                continue
            seen.add(each.api.registry)
        yield each
