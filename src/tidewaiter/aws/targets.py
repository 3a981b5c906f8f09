"""Which registries an identity leads to: its own, those of roles in other accounts, those of a whole organization."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tidewaiter.aws.principal import Principal
from tidewaiter.aws.registries import Found, RegistryApi

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
    UsageError, before anything else is asked, for a request that cannot be.
    """
    raise NotImplementedError


def organization(
    chain: Principal, request: OrganizationRequest, *, public: bool = False, progress: Progress | None = None
) -> Iterator[Found]:
    """The registries of an organization's accounts, as they are come upon.

    An account that is not active, or that a filter leaves out, is a Passed. An account or region that refuses is a
    Lost, and the rest goes on. Raises CloudError where the accounts cannot be listed, and UsageError for a filter that
    names an account, unit or region which there is not.
    """
    raise NotImplementedError


def registry_of(chain: Principal, host: str) -> RegistryApi:
    """The registry that a reference's host names; region, account and partition are those of the host.

    Nothing is asked yet. Raises UsageError for a host that is not one of ECR.
    """
    raise NotImplementedError
