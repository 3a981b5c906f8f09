"""A simulated organization: its units, accounts and service control policies, and the service that lists them.

https://docs.aws.amazon.com/organizations/latest/APIReference/Welcome.html
"""

import base64
import binascii
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from tidewaiter.simulator.policies import Asked, Policy
from tidewaiter.simulator.service import Answer, Arguments, Caller, ServiceError

State = Literal["PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"]
PAGE = 20
"""How many accounts, units or roots a page holds at most."""

_STATUS: Mapping[State, str] = {"PENDING_ACTIVATION": "ACTIVE", "CLOSED": "SUSPENDED"}
_ROOT = "r-sim1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An organizational unit, or the root (whose parent is "")."""

    id: str
    name: str
    parent: str = ""


@dataclass(slots=True, kw_only=True)
class Member:
    """An account. `unit` is "" for one that is outside of the organization."""

    id: str
    name: str
    unit: str
    joined: datetime
    state: State = "ACTIVE"
    invited: bool = False
    policies: list[tuple[str, Policy]] = field(default_factory=list)


class Organization:
    """The accounts of the simulated cloud, most of them members of its one organization. Thread-safe.

    `administrators` are the accounts, beside the management account, that may list it. With `empty_pages` an empty
    page with a token stands between any two pages, as it can happen in AWS.
    """

    def __init__(self, partition: str) -> None:
        self.partition = partition
        self.id = "o-simulated1"
        self.management = ""
        self.administrators: set[str] = set()
        self.empty_pages = True
        self.members: dict[str, Member] = {}
        self.units: dict[str, Unit] = {_ROOT: Unit(id=_ROOT, name="Root")}
        self._policies: dict[str, list[tuple[str, Policy]]] = {}
        self._lock = threading.Lock()

    def add(self, member: Member) -> None:
        """Takes an account in: the first one is the management account. Raises ValueError where its id is taken."""
        with self._lock:
            if member.id in self.members:
                raise ValueError(f"there is already an account {member.id}")
            self.members[member.id] = member
            self.management = self.management or member.id

    def unit(self, path: str) -> Unit:
        """The unit of a path of names below the root (`Workloads/Production`), made where it is not there."""
        with self._lock:
            unit = self.units[_ROOT]
            for name in filter(None, path.split("/")):
                known = [each for each in self.units.values() if (each.parent, each.name) == (unit.id, name)]
                unit = known[0] if known else self._new_unit(name, unit.id)
            return unit

    def restrict(self, target: str, name: str, policy: Policy) -> None:
        """Attaches a service control policy to an account, a unit or the root, by id ("" is the root)."""
        with self._lock:
            self._policies.setdefault(target or _ROOT, []).append(
                (self.arn("policy", f"service_control_policy/{name}"), policy)
            )

    def arn(self, kind: str, name: str) -> str:
        """An ARN of the organization's things."""
        return f"arn:{self.partition}:organizations::{self.management}:{kind}/{self.id}/{name}"

    def path(self, account: str) -> list[str]:
        """The ids from the root to the account, without the organization's; nothing for an account outside."""
        member = self.members.get(account)
        found: list[str] = []
        unit = self.units.get(member.unit) if member else None
        while unit:
            found.insert(0, unit.id)
            unit = self.units.get(unit.parent)
        return [*found, account] if found else []

    def is_active(self, account: str) -> bool:
        """Whether there is such an account, and it can be used."""
        member = self.members.get(account)
        return member is not None and member.state == "ACTIVE"

    def denier(self, account: str, asked: Asked) -> str:
        """The ARN of a service control policy that denies what an account asks; none binds the management account."""
        if account == self.management:
            return ""
        attached = (pair for target in self.path(account) for pair in self._policies.get(target, ()))
        return next((arn for arn, policy in attached if policy.denies(asked)), "")

    def context(self, account: str) -> Mapping[str, Sequence[str]]:
        """What conditions can ask of the caller's place in the organization."""
        path = self.path(account)
        return (
            {"aws:PrincipalOrgID": [self.id], "aws:PrincipalOrgPaths": [self.described_path(account)]} if path else {}
        )

    def described_path(self, account: str) -> str:
        """The path of an account as AWS writes it, the account itself left out."""
        return "/".join([self.id, *self.path(account)[:-1], ""])

    def _new_unit(self, name: str, parent: str) -> Unit:
        unit = Unit(id=f"ou-{_ROOT[2:]}-{len(self.units):08d}", name=name, parent=parent)
        self.units[unit.id] = unit
        return unit


class OrganizationsService:
    """Lists the organization to its management account and its delegated administrators."""

    def __init__(self, organization: Organization) -> None:
        self._organization = organization
        self._operations: Mapping[str, Callable[[Arguments], Answer]] = {
            "DescribeOrganization": self._describe,
            "DescribeAccount": self._account,
            "DescribeOrganizationalUnit": self._unit,
            "ListAccounts": self._accounts,
            "ListAccountsForParent": self._accounts_below,
            "ListDelegatedAdministrators": self._administrators,
            "ListOrganizationalUnitsForParent": self._units_below,
            "ListParents": self._parents,
            "ListRoots": self._roots,
        }

    def action_and_resource(self, region: str, account: str, operation: str, arguments: Arguments) -> tuple[str, str]:  # noqa: ARG002  the organization is the same everywhere
        """Its actions are asked for on everything, but for those on one account or unit."""
        if operation not in self._operations:
            raise ServiceError("UnknownOperationException", f"{operation} is not simulated")
        named = arguments.get("AccountId") or arguments.get("OrganizationalUnitId") or arguments.get("ParentId")
        return f"organizations:{operation}", self._arn(str(named)) if named else "*"

    def handle(self, caller: Caller, region: str, operation: str, arguments: Arguments) -> Answer:  # noqa: ARG002  the organization is the same everywhere
        """The answer to a member; only DescribeOrganization is answered to any."""
        organization = self._organization
        if not organization.path(caller.account):
            raise ServiceError("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
        may_list = caller.account == organization.management or caller.account in organization.administrators
        if not may_list and operation != "DescribeOrganization":
            raise ServiceError("AccessDeniedException", "You don't have permissions to access this resource.")
        return self._operations[operation](arguments)

    def _describe(self, arguments: Arguments) -> Answer:  # noqa: ARG002  all operations have one shape
        organization = self._organization
        management = organization.members[organization.management]
        return {
            "Organization": {
                "Id": organization.id,
                "Arn": f"arn:{organization.partition}:organizations::{management.id}:organization/{organization.id}",
                "FeatureSet": "ALL",
                "MasterAccountId": management.id,
                "MasterAccountArn": organization.arn("account", management.id),
                "MasterAccountEmail": _email(management),
            }
        }

    def _account(self, arguments: Arguments) -> Answer:
        member = self._organization.members.get(str(arguments.get("AccountId", "")))
        if member is None or not member.unit:
            raise ServiceError("AccountNotFoundException", "You specified an account that doesn't exist.")
        return {"Account": self._described(member)}

    def _unit(self, arguments: Arguments) -> Answer:
        unit = self._organization.units.get(str(arguments.get("OrganizationalUnitId", "")))
        if unit is None or not unit.parent:
            message = "You specified an organizational unit that doesn't exist."
            raise ServiceError("OrganizationalUnitNotFoundException", message)
        return {"OrganizationalUnit": self._described_unit(unit)}

    def _accounts(self, arguments: Arguments) -> Answer:
        return self._page("Accounts", [self._described(each) for each in self._members()], arguments)

    def _accounts_below(self, arguments: Arguments) -> Answer:
        parent = self._parent(arguments)
        found = [self._described(member) for member in self._members() if member.unit == parent.id]
        return self._page("Accounts", found, arguments)

    def _units_below(self, arguments: Arguments) -> Answer:
        parent = self._parent(arguments)
        units = tuple(self._organization.units.values())
        found = [self._described_unit(unit) for unit in units if unit.parent == parent.id]
        return self._page("OrganizationalUnits", found, arguments)

    def _roots(self, arguments: Arguments) -> Answer:
        root = {**self._described_unit(self._organization.units[_ROOT]), "PolicyTypes": []}
        return self._page("Roots", [root], arguments)

    def _parents(self, arguments: Arguments) -> Answer:
        child = str(arguments.get("ChildId", ""))
        unit = self._organization.units.get(child)
        path = self._organization.path(child)
        parent = unit.parent if unit else (path[-2] if path else "")
        if not parent:
            raise ServiceError("ChildNotFoundException", "We can't find an account or organizational unit of this id.")
        kind = "ROOT" if parent == _ROOT else "ORGANIZATIONAL_UNIT"
        return self._page("Parents", [{"Id": parent, "Type": kind}], arguments)

    def _administrators(self, arguments: Arguments) -> Answer:
        found = [self._described(each) for each in self._members() if each.id in self._organization.administrators]
        return self._page("DelegatedAdministrators", found, arguments)

    def _members(self) -> Iterator[Member]:
        return (member for member in tuple(self._organization.members.values()) if member.unit)

    def _parent(self, arguments: Arguments) -> Unit:
        unit = self._organization.units.get(str(arguments.get("ParentId", "")))
        if unit is None:
            raise ServiceError("ParentNotFoundException", "You specified parent that doesn't exist.")
        return unit

    def _page(self, name: str, found: Sequence[Answer], arguments: Arguments) -> Answer:
        """One page. Tokens say where the next begins, and whether an empty page comes first."""
        size = arguments.get("MaxResults", PAGE)
        if not isinstance(size, int) or not 1 <= size <= PAGE:
            raise ServiceError("InvalidInputException", f"MaxResults must be between 1 and {PAGE}.")
        start, empty = _position(arguments.get("NextToken"))
        if empty:
            return {name: [], "NextToken": _token(start, empty=False)}
        end = start + size
        following = {"NextToken": _token(end, empty=self._organization.empty_pages)} if end < len(found) else {}
        return {name: found[start:end], **following}

    def _described(self, member: Member) -> dict[str, Any]:
        organization = self._organization
        return {
            "Id": member.id,
            "Arn": organization.arn("account", member.id),
            "Email": _email(member),
            "Name": member.name,
            "Status": _STATUS.get(member.state, member.state),
            "State": member.state,
            "Paths": [organization.described_path(member.id) + member.id + "/"],
            "JoinedMethod": "INVITED" if member.invited else "CREATED",
            "JoinedTimestamp": member.joined,
        }

    def _described_unit(self, unit: Unit) -> dict[str, Any]:
        return {"Id": unit.id, "Name": unit.name, "Arn": self._arn(unit.id)}

    def _arn(self, name: str) -> str:
        """The ARN of an account, a unit or the root, by its id."""
        kind = {"r": "root", "ou": "ou"}.get(name.partition("-")[0], "account")
        return self._organization.arn(kind, name)


def _email(member: Member) -> str:
    return f"{member.id}@example.com"


def _token(start: int, *, empty: bool) -> str:
    return base64.urlsafe_b64encode(f"{start}{'e' if empty else ''}".encode()).decode()


def _position(token: object) -> tuple[int, bool]:
    if token is None:
        return 0, False
    try:
        text = base64.urlsafe_b64decode(str(token)).decode()
        return int(text.removesuffix("e")), text.endswith("e")
    except (ValueError, binascii.Error):
        raise ServiceError("InvalidInputException", "You specified an invalid NextToken.") from None
