"""Whether the organization can be listed, and who is in it.

https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tidewaiter.aws.chain import Chain
from tidewaiter.aws.entry import named
from tidewaiter.aws.organization import AccountFilter, Organization
from tidewaiter.errors import CloudError
from tidewaiter.iam.checks.findings import refused
from tidewaiter.model.cloud import ACTIVE, Account
from tidewaiter.model.diagnosis import Check, Health, Topic


@dataclass(frozen=True, slots=True)
class Members:
    """The accounts that a scan would enter, those of the organization at all ("" where it could not be listed)."""

    accounts: tuple[Account, ...]
    known: frozenset[str]
    checks: tuple[Check, ...]


def listed(lister: Chain, chosen: AccountFilter, partition: str) -> Members:
    """Lists as a scan does. Where that is refused, the accounts that were asked for by number are tried all the same.

    Raises UsageError for an account or unit of the filter that the organization has not.
    """
    organization = Organization(lister, partition)
    account = lister.identity().account
    try:
        placed = chosen.apply(organization)
    except CloudError as error:
        found = refused(error, topic=Topic.ORGANIZATION, says="the organization cannot be listed", account=account)
        named_ones = tuple(Account(id=each) for each in chosen.accounts if each not in chosen.exclude_accounts)
        return Members(named_ones, frozenset(), (found,))
    entered = tuple(each for each, reason in placed if not reason and each.state == ACTIVE)
    checks = (_counted(placed, entered, account), *_inactive(placed))
    units = () if chosen.ous or chosen.exclude_ous else tuple(_units(organization, account))
    return Members(entered, frozenset(each.id for each, _ in placed), (*checks, *units))


def _counted(placed: tuple[tuple[Account, str], ...], entered: tuple[Account, ...], account: str) -> Check:
    left_out = sum(bool(reason) for _, reason in placed)
    filtered = f", {left_out} left out by filters" if left_out else ""
    says = f"{len(placed)} accounts can be listed{filtered}; {len(entered)} are looked at"
    return Check(account=account, topic=Topic.ORGANIZATION, health=Health.RIGHT, says=says)


def _inactive(placed: tuple[tuple[Account, str], ...]) -> Iterator[Check]:
    """Accounts that a scan skips with their state: nothing in them can be used."""
    for account, reason in placed:
        if not reason and account.state != ACTIVE:
            says = f"{named(account)} is {account.state}: nobody can enter it, and a scan skips it"
            yield Check(account=account.id, topic=Topic.ORGANIZATION, health=Health.RIGHT, says=says)


def _units(organization: Organization, account: str) -> Iterator[Check]:
    """Whether filters by unit would work, where none is given."""
    try:
        units = organization.units()
        for unit in units[:1]:
            organization.directly_in(unit)
    except CloudError as error:
        says = "filters by organizational unit would not work"
        yield refused(error, topic=Topic.ORGANIZATION, says=says, account=account, health=Health.POORER, counts=False)
    else:
        says = f"{len(units)} units can be listed, for filters"
        yield Check(account=account, topic=Topic.ORGANIZATION, health=Health.RIGHT, says=says, counts=False)
