"""The blueprint of each topology: which part stands in which account, and whom it trusts."""

from tidewaiter.iam import base, regional, rights, trust
from tidewaiter.iam.blueprint import ANY_PLACE, Blueprint, Part, Policy, Role
from tidewaiter.iam.quotas import check_sizes
from tidewaiter.iam.rights import Reader
from tidewaiter.iam.rules import check_wishes
from tidewaiter.iam.wishes import Target, Topology, Wishes

_INVITED = (
    "A StackSet with permissions managed by the service reaches all member accounts, invited ones and later ones too, "
    "and not the management account: there the management role reads the registries itself."
)
_NO_EXTERNAL_ID = (
    "The trust policy asks for no external ID. It names one principal only; give external IDs where others than you "
    "decide what that principal asks for."
)
_DELEGATED = (
    "A delegated administrator of the organization may list it too: its account can stand for the management's."
)


def blueprint(wishes: Wishes) -> Blueprint:
    """What has to stand where for these wishes, and nothing else. Raises UsageError for wishes that cannot be."""
    check_wishes(wishes)
    found = Blueprint(topology=wishes.topology, partition=wishes.partition, parts=_parts(wishes), notes=_notes(wishes))
    check_sizes(found)
    return found


def _parts(wishes: Wishes) -> tuple[Part, ...]:
    match wishes.topology:
        case Topology.SINGLE:
            return _single(wishes)
        case Topology.CROSS_ACCOUNT | Topology.BROKERED:
            return _accounts(wishes)
        case Topology.ORGANIZATION:
            return _organization(wishes)


def _single(wishes: Wishes) -> tuple[Part, ...]:
    reader = Reader(arn=base.arn(wishes), account=wishes.account)
    return (_base(wishes, rights.reading(wishes, reader)), *regional.parts(wishes, [("", reader)]))


def _accounts(wishes: Wishes) -> tuple[Part, ...]:
    entering = rights.entering(wishes, wishes.targets)
    readers = [(f"-{target.account}", _reader(wishes, target.account)) for target in wishes.targets]
    targets = (_target(wishes, target) for target in wishes.targets)
    return (_base(wishes, (entering,)), *targets, *regional.parts(wishes, readers))


def _organization(wishes: Wishes) -> tuple[Part, ...]:
    management = Reader(arn=management_arn(wishes), account=wishes.management_account)
    member = Reader(arn=_role_arn(wishes, ANY_PLACE, wishes.member_role), account=ANY_PLACE)
    return (
        _base(wishes, (rights.managing(wishes, management.arn),)),
        _management(wishes, management),
        _member(wishes, member),
        *regional.parts(wishes, [("-management", management), ("-member", member)]),
    )


def management_arn(wishes: Wishes) -> str:
    """The ARN of the management role."""
    return _role_arn(wishes, wishes.management_account, wishes.management_role)


def _base(wishes: Wishes, policies: tuple[Policy, ...]) -> Part:
    return Part(
        name="base",
        account=wishes.account,
        where=f"account {wishes.account}, where tidewaiter runs",
        resources=base.resources(wishes, policies),
        notes=base.notes(wishes),
    )


def _target(wishes: Wishes, target: Target) -> Part:
    reader = _reader(wishes, target.account)
    role = Role(
        name=wishes.target_role,
        description="tidewaiter reads the registries of this account as this role",
        trust=trust.by_principal(base.arn(wishes), target.external_ids),
        policies=rights.reading(wishes, reader),
    )
    return Part(
        name=f"target-{target.account}",
        account=target.account,
        where=f"account {target.account}, whose registries are looked at",
        resources=(role,),
        notes=() if target.external_ids else (_NO_EXTERNAL_ID,),
    )


def _management(wishes: Wishes, reader: Reader) -> Part:
    external_ids = wishes.management_external_ids
    role = Role(
        name=wishes.management_role,
        description="tidewaiter lists the organization as this role, and reads the registries of this account",
        trust=trust.by_principal(base.arn(wishes), external_ids),
        policies=(rights.listing(wishes), *rights.reading(wishes, reader)),
    )
    return Part(
        name="management",
        account=wishes.management_account,
        where=f"account {wishes.management_account}, the management account of the organization",
        resources=(role,),
        notes=(_DELEGATED,) if external_ids else (_DELEGATED, _NO_EXTERNAL_ID),
    )


def _member(wishes: Wishes, reader: Reader) -> Part:
    role = Role(
        name=wishes.member_role,
        description="tidewaiter reads the registries of this account as this role",
        trust=trust.by_principal(management_arn(wishes), wishes.member_external_ids),
        policies=rights.reading(wishes, reader),
    )
    return Part(
        name="member",
        account="",
        where="each member account of the organization",
        resources=(role,),
        notes=(_INVITED,) if wishes.member_external_ids else (_INVITED, _NO_EXTERNAL_ID),
    )


def _reader(wishes: Wishes, account: str) -> Reader:
    return Reader(arn=_role_arn(wishes, account, wishes.target_role), account=account)


def _role_arn(wishes: Wishes, account: str, name: str) -> str:
    return f"arn:{wishes.partition}:iam::{account}:role/{name}"


def _notes(wishes: Wishes) -> tuple[str, ...]:
    found: list[str] = []
    if wishes.repositories:
        globs = " ".join(f"--repository '{glob}'" for glob in wishes.repositories)
        found.append(f"Scan with {globs}: images of other repositories can be listed by no one here, nor pulled.")
    if not wishes.grants.regions:
        found.append("Enabled regions cannot be found out: scan with --region.")
    return tuple(found)
