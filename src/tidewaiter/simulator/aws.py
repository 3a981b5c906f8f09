"""An AWS on this machine, for tests, the demo and benchmarks: accounts, roles, regions, registries, behind one address.

boto3 reaches it through environment variables (`SimulatedAws.environment`), and nothing else has to know of it.
"""

import itertools
import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

from tidewaiter.simulator.ecr import SimulatedEcr, SimulatedRegistries
from tidewaiter.simulator.faults import AwsFaults
from tidewaiter.simulator.front import AwsCall, Front, FrontDoor
from tidewaiter.simulator.iam import MAX_SESSION, Authority, Directory, Provider, Role, User
from tidewaiter.simulator.iam_reading import RoleReading
from tidewaiter.simulator.keys import KeyRing, Keys, unique_id
from tidewaiter.simulator.moto_services import MotoServices
from tidewaiter.simulator.organization import Member, Organization, OrganizationsService, State
from tidewaiter.simulator.policies import Asked, Asker, Document, Policy, Trust, allowing, denying, trusting
from tidewaiter.simulator.regions import AccountRegions, Ec2Regions, Regions, home_region
from tidewaiter.simulator.service import Clock
from tidewaiter.simulator.sts import Sts
from tidewaiter.simulator.web_identity import make_token

MEMBER_ROLE = "OrganizationAccountAccessRole"
"""The role that Organizations puts into the accounts that it creates."""

AUDIENCE = "sts.amazonaws.com"
_numbers = itertools.count(900_000_000_001)


class SimulatedAccount:
    """An account of the simulated cloud."""

    def __init__(self, cloud: "SimulatedAws", member: Member) -> None:
        self._cloud = cloud
        self._member = member

    @property
    def id(self) -> str:
        """Its 12 digits."""
        return self._member.id

    def arn(self, name: str) -> str:
        """The ARN of something of IAM's: `role/reader`, `root`."""
        return f"arn:{self._cloud.partition}:iam::{self.id}:{name}"

    def role(
        self,
        name: str,
        *,
        trust: Document,
        policy: Document | Sequence[Document] = (),
        max_session: int = MAX_SESSION,
    ) -> str:
        """Makes a role, or makes it anew. Returns its ARN. `max_session` is in seconds."""
        role = Role(
            arn=self.arn(f"role/{name}"),
            account=self.id,
            id=unique_id("AROA"),
            trust=Policy.parse(trust, trust=True),
            policies=_policies(policy),
            max_session=max_session,
        )
        self._cloud.directory.add(role)
        return role.arn

    def user(self, name: str, *, policy: Document | Sequence[Document] = ()) -> Keys:
        """Makes a user, or makes it anew. Returns its keys, which do not expire."""
        user = User(arn=self.arn(f"user/{name}"), account=self.id, id=unique_id("AIDA"), policies=_policies(policy))
        self._cloud.directory.add(user)
        return self._cloud.ring.lasting(account=self.id, arn=user.arn, user_id=user.id)

    def access_key(self, user: str) -> Keys:
        """A further key of a user, however that was made: `create_user` of IAM, a template. Raises LookupError."""
        found = self._cloud.directory.principal(self.arn(f"user/{user}"))
        if found is None:
            raise LookupError(f"account {self.id} has no user {user}")
        return self._cloud.ring.lasting(account=self.id, arn=found.arn, user_id=found.id)

    def remove(self, name: str) -> None:
        """Removes a role or user: `role/reader`."""
        self._cloud.directory.remove(self.arn(name))

    def provider(self, issuer: str, *, audiences: Sequence[str] = (AUDIENCE,)) -> str:
        """Makes an OIDC provider (`oidc.example.com/id/1`) known. Returns its ARN."""
        provider = Provider(
            arn=self.arn(f"oidc-provider/{issuer}"),
            account=self.id,
            issuer=issuer,
            audiences=tuple(audiences),
            secret=secrets.token_bytes(32),
        )
        self._cloud.directory.add_provider(provider)
        return provider.arn

    def web_identity_token(
        self, issuer: str, subject: str, *, audience: str = AUDIENCE, lifetime: timedelta = timedelta(days=1)
    ) -> str:
        """A token of a provider that was made known."""
        provider = self._cloud.directory.provider(self.id, issuer)
        if provider is None:
            raise LookupError(f"account {self.id} knows no provider {issuer}")
        return make_token(provider, subject=subject, audience=audience, expires=self._cloud.clock.now() + lifetime)

    def set_state(self, state: State) -> None:
        """Changes the state: sessions are made in an ACTIVE account only."""
        self._member.state = state

    def set_regions(self, regions: Sequence[str]) -> None:
        """Makes these the regions that the account is told to have; those to opt into work only if they are here."""
        self._cloud.regions.give(self.id, regions)

    def switch_off_sts(self, region: str) -> None:
        """Lets no sessions of this account be made in the region (RegionDisabledException)."""
        self._cloud.regions.switch_off_sts(self.id, region)

    def restrict(self, policy: Document, *, name: str = "p-restriction") -> None:
        """Attaches a service control policy. Only what it denies counts."""
        self._cloud.organization.restrict(self.id, name, Policy.parse(policy))

    def registry(self, region: str) -> SimulatedEcr:
        """Its private registry in a region."""
        return self._cloud.registries.registry(self.id, region)

    def public_registry(self) -> SimulatedEcr:
        """Its public registry."""
        return self._cloud.registries.public(self.id)


class SimulatedAws:
    """Listens at `url` for the time of a `with` block.

    The first account is the management account of the organization. `faults` can be switched at any time, `calls` are
    all that came in. `clock` is the time there, `ring` holds the keys.
    """

    def __init__(self, partition: str = "aws") -> None:
        self.partition = partition
        self.clock = Clock()
        self.ring = KeyRing(self.clock)
        self.organization = Organization(partition)
        self.directory = Directory()
        self.regions = Regions(partition)
        authority = Authority(self.directory, self.organization, self.clock)
        self.sts = Sts(self.directory, authority, self.ring, self.clock, self.organization, self.regions)
        self._others = MotoServices(partition)
        self.directory.elsewhere = self._others.principal
        self._front = Front(
            ring=self.ring, authority=authority, regions=self.regions, sts=self.sts, others=self._others
        )
        self.registries = SimulatedRegistries(self.clock, self._front)
        self._front.services = {
            **self.registries.services,
            "organizations": OrganizationsService(self.organization),
            "ec2": Ec2Regions(self.regions),
            "iam": RoleReading(self.directory, partition),
            "account": AccountRegions(self.regions, self._may_ask),
        }
        self._door = FrontDoor(self._front)

    def __enter__(self) -> Self:
        self._door.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._door.close()
        self.registries.close()
        self._others.forget(self.organization.members)

    @property
    def url(self) -> str:
        """The address of all its services."""
        return self._door.url

    @property
    def faults(self) -> AwsFaults:
        """What goes wrong."""
        return self._front.faults

    @property
    def calls(self) -> list[AwsCall]:
        """All calls so far, in the order of their answers."""
        return self._front.calls

    def account(
        self,
        name: str,
        *,
        id: str = "",  # noqa: A002  the word of AWS
        state: State = "ACTIVE",
        ou: str = "",
        regions: Sequence[str] = (),
        invited: bool = False,
        outside: bool = False,
    ) -> SimulatedAccount:
        """Makes an account in the unit of a path (`Workloads/Production`), or `outside` of the organization.

        A member that was not `invited` has the role `MEMBER_ROLE`, which the management account may assume and which
        may do everything. `regions` are as in `SimulatedAccount.set_regions`; "" is any free `id`. Raises
        ValueError for an `id` that is taken.
        """
        unit = "" if outside else self.organization.unit(ou).id
        member = Member(id=id or self._free_id(), name=name, unit=unit, joined=self.clock.now(), state=state)
        member.invited = invited
        self.organization.add(member)
        account = SimulatedAccount(self, member)
        if regions:
            account.set_regions(regions)
        if member.id != self.organization.management and not (invited or outside):
            account.role(MEMBER_ROLE, trust=trusting(self.organization.management), policy=allowing("*"))
        return account

    def unit(self, path: str) -> str:
        """The id of the organizational unit of a path, made where it is not there. "" is the root."""
        return self.organization.unit(path).id

    def restrict(self, policy: Document, *, ou: str = "", name: str = "p-restriction") -> None:
        """Attaches a service control policy to a unit, by its path. Only what it denies counts."""
        self.organization.restrict(self.unit(ou), name, Policy.parse(policy))

    def deny_region(self, region: str) -> None:
        """Denies everything in a region to all members, as a service control policy on the root does."""
        condition = {"StringEquals": {"aws:RequestedRegion": region}}
        self.restrict(denying("*", condition=condition), name=f"p-{region}")

    def environment(self, keys: Keys | None = None, *, region: str = "") -> dict[str, str]:
        """The variables that make boto3, and the aws command, use this cloud and nothing else of this machine.

        Without keys they have to come from elsewhere (`SimulatedMetadata`).
        """
        variables = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": region or home_region(self.partition),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }
        if keys is None:
            return variables
        variables |= {"AWS_ACCESS_KEY_ID": keys.access_key_id, "AWS_SECRET_ACCESS_KEY": keys.secret_access_key}
        return {**variables, **({"AWS_SESSION_TOKEN": keys.session_token} if keys.session_token else {})}

    def service_session(
        self, role_arn: str, service: str, *, source: str = "", tags: Mapping[str, str] | None = None
    ) -> Keys | None:
        """Keys of a session that a service (`ec2.amazonaws.com`) hands out, None where the role does not trust it.

        `source` is the ARN of what the service asks for (`aws:SourceArn`), `tags` are those that it gives the session.
        """
        role = self.directory.role(role_arn)
        if role is None:
            return None
        context = {f"aws:requesttag/{name.lower()}": [value] for name, value in (tags or {}).items()}
        if source:
            context |= {"aws:sourcearn": [source], "aws:sourceaccount": [source.split(":")[4]]}
        actions = ["sts:AssumeRole", *(["sts:TagSession"] if tags else [])]
        asker = Asker(arns=(service,), kind="Service")
        asked = (Asked(action=action, resource=role_arn, context=context) for action in actions)
        trusted = all(role.trust.trusts(asker, each) is not Trust.NOBODY for each in asked)
        return self.sts.begin(role, "simulated", role.max_session) if trusted else None

    def expire_all(self) -> None:
        """Ends all sessions at once, whatever their keys say of their end."""
        self.ring.expire_all()

    def _free_id(self) -> str:
        return next(number for number in map(str, _numbers) if number not in self.organization.members)

    def _may_ask(self, asking: str, about: str) -> bool:
        """Whether an account may ask for another's regions."""
        managing = asking == self.organization.management or asking in self.organization.administrators
        return managing and bool(self.organization.path(about))


def _policies(given: Document | Sequence[Document]) -> tuple[Policy, ...]:
    documents = given if isinstance(given, Sequence) else [given]
    return tuple(Policy.parse(document) for document in documents)
