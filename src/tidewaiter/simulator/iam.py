"""The users, roles and identity providers of the simulated cloud, and what their policies let them do.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tidewaiter.simulator.conditions import Context
from tidewaiter.simulator.keys import Session
from tidewaiter.simulator.organization import Organization
from tidewaiter.simulator.policies import Asked, Asker, Policy, Trust
from tidewaiter.simulator.service import Caller, Clock

MAX_SESSION = 3600
"""How long sessions of a role may last, in seconds, where the role does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user with its policies."""

    arn: str
    account: str
    id: str
    policies: tuple[Policy, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role: whom it trusts, what it may do, and how long its sessions may last, in seconds."""

    arn: str
    account: str
    id: str
    trust: Policy
    policies: tuple[Policy, ...] = ()
    max_session: int = MAX_SESSION

    @property
    def name(self) -> str:
        """The last part of the ARN, which the ARNs of its sessions hold."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An OIDC provider that an account knows: the issuer without its scheme, the audiences, the key of its tokens."""

    arn: str
    account: str
    issuer: str
    audiences: tuple[str, ...]
    secret: bytes


class Directory:
    """Who there is, by ARN. Thread-safe; the last of the same ARN counts.

    `elsewhere` gives roles and users that were made in another way, by ARN.
    """

    def __init__(self) -> None:
        self.elsewhere: Callable[[str], Role | User | None] = lambda _: None
        self._principals: dict[str, Role | User] = {}
        self._providers: dict[str, Provider] = {}
        self._lock = threading.Lock()

    def add(self, principal: Role | User) -> None:
        """Keeps a role or user."""
        with self._lock:
            self._principals[principal.arn] = principal

    def remove(self, arn: str) -> None:
        """Forgets a role or user. Its sessions go on, and may do nothing."""
        with self._lock:
            self._principals.pop(arn, None)

    def add_provider(self, provider: Provider) -> None:
        """Keeps an identity provider."""
        with self._lock:
            self._providers[provider.arn] = provider

    def principal(self, arn: str) -> Role | User | None:
        """The role or user of this ARN."""
        return self._principals.get(arn) or self.elsewhere(arn)

    def made(self, arn: str) -> Role | None:
        """The role of this ARN, if it was made here and not elsewhere."""
        found = self._principals.get(arn)
        return found if isinstance(found, Role) else None

    def role(self, arn: str) -> Role | None:
        """The role of this ARN."""
        found = self.principal(arn)
        return found if isinstance(found, Role) else None

    def provider(self, account: str, issuer: str) -> Provider | None:
        """The provider of this issuer, as the account knows it."""
        found = (each for each in tuple(self._providers.values()) if (each.account, each.issuer) == (account, issuer))
        return next(found, None)

    def policies(self, arn: str) -> tuple[Policy, ...]:
        """What a role or user may do: nothing, where it is gone."""
        found = self.principal(arn)
        return found.policies if found else ()


class Authority:
    """Says whether a session may do something, and if not, why, in AWS' words."""

    def __init__(self, directory: Directory, organization: Organization, clock: Clock) -> None:
        self._directory = directory
        self._organization = organization
        self._clock = clock

    def refusal(self, session: Session, region: str, action: str, resource: str) -> str:
        """Why it may not, "" where it may."""
        asked = self.asked(session, region, action, resource)
        reason = self._denied(session, asked) or self._not_allowed(session, asked)
        return f"{unauthorized(session.caller, action, resource)} {reason}" if reason else ""

    def role_refusal(
        self, session: Session, region: str, action: str, role: Role, extra: Mapping[str, Sequence[str]]
    ) -> str:
        """Why the session may not assume the role, "" where it may: its own policies and the role's trust count.

        Within one account a trust policy that names the principal is enough.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
        """
        asked = self.asked(session, region, action, role.arn, extra)
        caller = session.caller
        plain = unauthorized(caller, action, role.arn)
        if reason := self._denied(session, asked):
            return f"{plain} {reason}"
        asker = Asker(arns=(caller.arn, caller.principal), account=caller.account)
        trust = role.trust.trusts(asker, asked)
        if trust is Trust.NOBODY:
            return plain
        at_home = caller.account == role.account and trust is Trust.PRINCIPAL
        reason = self._narrowed(session, asked) if at_home else self._not_allowed(session, asked)
        return f"{plain} {reason}" if reason else ""

    def asked(
        self,
        session: Session,
        region: str,
        action: str,
        resource: str,
        extra: Mapping[str, Sequence[str]] | None = None,
    ) -> Asked:
        """The request as policies see it."""
        context = {**self._context(session, region, resource), **(extra or {})}
        return Asked(action=action, resource=resource, context={key.lower(): value for key, value in context.items()})

    def _context(self, session: Session, region: str, resource: str) -> Context:
        caller = session.caller
        kind = "AssumedRole" if session.of_role else "User"
        owner = resource.split(":")[4] if resource.startswith("arn:") else ""
        return {
            "aws:PrincipalArn": [caller.principal],
            "aws:PrincipalAccount": [caller.account],
            "aws:PrincipalType": [kind],
            "aws:userid": [caller.user_id],
            "aws:RequestedRegion": [region],
            "aws:SecureTransport": ["true"],  # stands for an endpoint with TLS
            "aws:CurrentTime": [self._clock.now().isoformat()],
            "aws:ResourceAccount": [owner or caller.account],
            **({"aws:TokenIssueTime": [session.issued.isoformat()]} if session.keys.session_token else {}),
            **({} if session.of_role else {"aws:username": [caller.principal.rpartition("/")[2]]}),
            **self._organization.context(caller.account),
        }

    def _denied(self, session: Session, asked: Asked) -> str:
        if name := self._organization.denier(session.caller.account, asked):
            return f"with an explicit deny in a service control policy: {name}"
        if _any_denies(self._directory.policies(session.caller.principal), asked):
            return "with an explicit deny in an identity-based policy"
        return "with an explicit deny in a session policy" if _any_denies(session.policies, asked) else ""

    def _not_allowed(self, session: Session, asked: Asked) -> str:
        if not any(policy.allows(asked) for policy in self._directory.policies(session.caller.principal)):
            return f"because no identity-based policy allows the {asked.action} action"
        return self._narrowed(session, asked)

    @staticmethod
    def _narrowed(session: Session, asked: Asked) -> str:
        if not session.policies or any(policy.allows(asked) for policy in session.policies):
            return ""
        return f"because no session policy allows the {asked.action} action"


def unauthorized(caller: Caller, action: str, resource: str) -> str:
    """The sentence that every refusal begins with."""
    return f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource}"


def _any_denies(policies: Iterable[Policy], asked: Asked) -> bool:
    return any(policy.denies(asked) for policy in policies)
