"""The accounts of an organization, the units they are in, and which of them a user wants.

https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from tidewaiter.aws import hosts
from tidewaiter.aws.answers import typed
from tidewaiter.aws.principal import Principal
from tidewaiter.errors import UsageError
from tidewaiter.model.cloud import ACTIVE, Account

_PAGE = 20


class _Account(msgspec.Struct, frozen=True, rename="pascal"):
    """https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html."""

    id: str
    arn: str = ""
    name: str = ""
    state: str = ""
    status: str = ""


class _Accounts(msgspec.Struct, frozen=True, rename="pascal"):
    accounts: tuple[_Account, ...] = ()


class _Unit(msgspec.Struct, frozen=True, rename="pascal"):
    id: str
    name: str = ""


class _Roots(msgspec.Struct, frozen=True, rename="pascal"):
    roots: tuple[_Unit, ...] = ()


class _Units(msgspec.Struct, frozen=True, rename="pascal"):
    organizational_units: tuple[_Unit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A root or an organizational unit; `lineage` are its own id and those above it, the root's first.

    `path` are the names below the root, joined by `/`: "" for the root itself.
    """

    id: str
    path: str
    lineage: tuple[str, ...]
    root: str

    def is_called(self, name: str) -> bool:
        """Whether a user means this unit: by its id, by its path, or by its path from the root's name on."""
        return name == self.id or name.strip("/") in (self.path or self.root, f"{self.root}/{self.path}")


class Organization:
    """An organization, as one who may list it sees it: its management account, or a delegated administrator."""

    def __init__(self, chain: Principal, partition: str) -> None:
        self._chain = chain
        self._region = hosts.partition(partition).home

    def accounts(self) -> tuple[Account, ...]:
        """All accounts, whatever their state."""
        rows = (row for page in self._pages("ListAccounts", {}, _Accounts) for row in page.accounts)
        return tuple(_account(row) for row in rows)

    def units(self) -> tuple[Unit, ...]:
        """The roots and all units, each after the one it is in."""
        found: list[Unit] = []
        for page in self._pages("ListRoots", {}, _Roots):
            for root in page.roots:
                top = Unit(id=root.id, path="", lineage=(root.id,), root=root.name)
                found += (top, *self._below(top))
        return tuple(found)

    def directly_in(self, unit: Unit) -> tuple[str, ...]:
        """The ids of the accounts in a unit, without those in units below it."""
        pages = self._pages("ListAccountsForParent", {"ParentId": unit.id}, _Accounts)
        return tuple(row.id for page in pages for row in page.accounts)

    def _below(self, parent: Unit) -> Iterator[Unit]:
        for page in self._pages("ListOrganizationalUnitsForParent", {"ParentId": parent.id}, _Units):
            for row in page.organizational_units:
                path = f"{parent.path}/{row.name}" if parent.path else row.name
                unit = Unit(id=row.id, path=path, lineage=(*parent.lineage, row.id), root=parent.root)
                yield unit
                yield from self._below(unit)

    def _pages(self, operation: str, asked: dict[str, object], kind: type[Any]) -> Iterator[Any]:
        action = f"organizations:{operation}"
        for page in self._chain.pages("organizations", self._region, action, {**asked, "MaxResults": _PAGE}):
            yield typed(page, kind, action=action)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFilter:
    """Which accounts of an organization are wanted: by number, by unit (id or path), each also left out so."""

    accounts: Collection[str] = ()
    exclude_accounts: Collection[str] = ()
    ous: Sequence[str] = ()
    exclude_ous: Sequence[str] = ()
    management: bool = True

    def check(self) -> None:
        """Raises UsageError for what is no account's number."""
        for number in (*self.accounts, *self.exclude_accounts):
            if not hosts.is_account(number):
                raise UsageError(f"{number!r} is no account", advice="An account is named by its 12 digits.")

    def apply(self, organization: Organization) -> tuple[tuple[Account, str], ...]:
        """All accounts of the organization, each with why it is left out: "" for those that are wanted.

        Where units are filtered by, accounts come with their unit's path. Raises UsageError for an account or unit
        that the organization has not: a typing error must not read as empty, nor let in what should stay out.
        """
        accounts = organization.accounts()
        self._demand_known({account.id for account in accounts})
        if not (self.ous or self.exclude_ous):
            return tuple((account, self._reason(account, (), ((), ()))) for account in accounts)
        units = organization.units()
        named = self._named(self.ous, units), self._named(self.exclude_ous, units)
        homes = {number: unit for unit in units for number in organization.directly_in(unit)}
        return tuple(self._placed(account, homes.get(account.id), named) for account in accounts)

    def _placed(
        self, account: Account, home: Unit | None, named: tuple[Collection[str], Collection[str]]
    ) -> tuple[Account, str]:
        lineage = home.lineage if home else ()
        path = f"{home.root}/{home.path}".rstrip("/") if home else ""
        return replace(account, ou_path=path), self._reason(account, lineage, named)

    def _reason(
        self, account: Account, lineage: Collection[str], named: tuple[Collection[str], Collection[str]]
    ) -> str:
        """Why the account is left out; `named` are the ids of the units that are wanted, and of those that are not."""
        wanted, unwanted = named
        if account.id in self.exclude_accounts:
            return "left out by the filter of excluded accounts"
        if self.accounts and account.id not in self.accounts:
            return "not among the accounts that were asked for"
        if not set(lineage).isdisjoint(unwanted):
            return "left out by the filter of excluded organizational units"
        if self.ous and set(lineage).isdisjoint(wanted):
            return "not in the organizational units that were asked for"
        if account.management and not self.management:
            return "the management account was not asked for"
        return ""

    def _demand_known(self, known: Collection[str]) -> None:
        for number in (*self.accounts, *self.exclude_accounts):
            if number not in known:
                advice = "Correct the number, or take it out of the filter."
                raise UsageError(f"the organization has no account {number}", advice=advice)

    def _named(self, names: Sequence[str], units: Sequence[Unit]) -> frozenset[str]:
        """The ids of the units that are called so."""
        ids: set[str] = set()
        for name in names:
            called = {unit.id for unit in units if unit.is_called(name)}
            if not called:
                known = ", ".join(unit.path or unit.root for unit in units[:20])
                raise UsageError(f"the organization has no unit {name!r}", advice=f"It has {known}.")
            ids |= called
        return frozenset(ids)


def _account(row: _Account) -> Account:
    """The account. The ARN of each names the management account as its owner."""
    owner = row.arn.split(":")[4] if row.arn.count(":") > 4 else ""  # noqa: PLR2004 - arn:P:organizations::OWNER:…
    return Account(id=row.id, name=row.name, state=row.state or row.status or ACTIVE, management=owner == row.id)
