"""The simulated Security Token Service: who am I, and sessions of roles, under the rules that the real one has.

https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import NoReturn

from tidewaiter.simulator.iam import Authority, Directory, Provider, Role, unauthorized
from tidewaiter.simulator.keys import KeyRing, Keys, Session
from tidewaiter.simulator.organization import Organization
from tidewaiter.simulator.policies import Asked, Asker, Policy, PolicyError, Trust
from tidewaiter.simulator.refusals import Refusal, RefusedError
from tidewaiter.simulator.regions import Regions
from tidewaiter.simulator.service import Answer, Arguments, Caller, Clock, ServiceError
from tidewaiter.simulator.web_identity import TokenError, WebIdentity, is_signed, read_token

CHAINED = 3600
"""How long, in seconds, a session may last that a session of a role asked for."""

LONGEST_POLICY = 2048
_SHORTEST, _LONGEST = 900, 43_200
_DEFAULT = "3600"
_ROLE = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:role/.{1,512}")
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_WEB = "sts:AssumeRoleWithWebIdentity"
_WEB_REFUSAL = f"Not authorized to perform {_WEB}"


class Sts:
    """Answers STS, for any region. Callers' permissions are its own matter: those on a role depend on its trust."""

    def __init__(
        self,
        directory: Directory,
        authority: Authority,
        ring: KeyRing,
        clock: Clock,
        organization: Organization,
        regions: Regions,
    ) -> None:
        self._directory = directory
        self._authority = authority
        self._ring = ring
        self._clock = clock
        self._organization = organization
        self._regions = regions

    def resource(self, operation: str, arguments: Arguments) -> str:
        """What an operation acts on: a role, or nothing in particular."""
        return str(arguments.get("RoleArn", "")) or "*" if operation.startswith("AssumeRole") else "*"

    def handle(self, session: Session | None, region: str, operation: str, arguments: Arguments) -> Answer:
        """The answer to a call, which need not be signed for a web identity. Raises ServiceError or RefusedError."""
        if operation == "AssumeRoleWithWebIdentity":
            return self._assume_with_token(region, arguments)
        if session is None:
            raise RefusedError(Refusal.UNSIGNED)
        match operation:
            case "GetCallerIdentity":
                caller = session.caller
                return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}
            case "AssumeRole":
                return self._assume(session, region, arguments)
            case "GetSessionToken":
                return self._session_token(session, arguments)
            case _:
                raise RefusedError(Refusal.UNKNOWN_OPERATION, f"Could not find operation {operation}")

    def begin(self, role: Role, name: str, duration: int, policies: tuple[Policy, ...] = ()) -> Keys:
        """A session of the role, whoever asked for it."""
        return self._ring.temporary(
            caller=_as_role(role, name), duration=timedelta(seconds=duration), policies=policies
        )

    def _assume(self, session: Session, region: str, arguments: Arguments) -> Answer:
        arn = _checked(arguments, "RoleArn", _ROLE)
        name = _checked(arguments, "RoleSessionName", _SESSION_NAME)
        external_id = _checked(arguments, "ExternalId", _EXTERNAL_ID) if "ExternalId" in arguments else ""
        duration = _duration(arguments)
        policies = _policies(arguments)
        extra = {"sts:RoleSessionName": [name], "sts:DurationSeconds": [str(duration)]}
        if external_id:
            extra["sts:ExternalId"] = [external_id]
        role = self._role(session, region, arn, extra)
        _check_duration(duration, role, chained=session.of_role)
        self._check_region(role.account, region)
        return _answer(self.begin(role, name, duration, policies), _as_role(role, name))

    def _role(self, session: Session, region: str, arn: str, extra: Mapping[str, list[str]]) -> Role:
        """The role, if it is there and the session may assume it. AWS does not tell one refusal from the other."""
        role = self._directory.role(arn)
        nobody = Policy.parse({"Statement": []}, trust=True)
        asked_for = role or Role(arn=arn, account=arn.split(":")[4], id="", trust=nobody)
        action = "sts:AssumeRole"
        if refusal := self._authority.role_refusal(session, region, action, asked_for, extra):
            raise RefusedError(Refusal.DENIED, refusal)
        if not self._organization.is_active(asked_for.account):
            raise RefusedError(Refusal.DENIED, unauthorized(session.caller, action, arn))
        return asked_for

    def _assume_with_token(self, region: str, arguments: Arguments) -> Answer:
        arn = _checked(arguments, "RoleArn", _ROLE)
        name = _checked(arguments, "RoleSessionName", _SESSION_NAME)
        duration = _duration(arguments)
        policies = _policies(arguments)
        token = str(arguments.get("WebIdentityToken", ""))
        identity = self._identity(token)
        role = self._directory.role(arn)
        provider = self._directory.provider(arn.split(":")[4], identity.issuer)
        if provider is None:
            _reject(f"No OpenIDConnect provider found in your account for https://{identity.issuer}")
        _check_token(token, identity, provider)
        if role is None or not _is_trusted(role, provider, identity):
            raise RefusedError(Refusal.DENIED, _WEB_REFUSAL)
        _check_duration(duration, role, chained=False)
        self._check_region(role.account, region)
        answer = _answer(self.begin(role, name, duration, policies), _as_role(role, name))
        about = {"SubjectFromWebIdentityToken": identity.subject, "Audience": identity.audience}
        return {**answer, **about, "Provider": provider.arn}

    def _identity(self, token: str) -> WebIdentity:
        try:
            identity = read_token(token)
        except TokenError as error:
            raise ServiceError("InvalidIdentityToken", str(error)) from None
        if identity.expires <= self._clock.now():
            message = "Token expired: current date/time must be before the expiration date/time"
            raise ServiceError("ExpiredTokenException", message)
        return identity

    def _check_region(self, account: str, region: str) -> None:
        if not self._regions.makes_sessions(account, region):
            message = (
                f"STS is not activated in this region for account:{account}. Your account administrator can activate "
                "STS in this region using the IAM Console."
            )
            raise ServiceError("RegionDisabledException", message, HTTPStatus.FORBIDDEN)

    def _session_token(self, session: Session, arguments: Arguments) -> Answer:
        if session.keys.session_token:
            raise RefusedError(Refusal.DENIED, "Cannot call GetSessionToken with session credentials")
        duration = timedelta(seconds=_duration(arguments))
        keys = self._ring.temporary(caller=session.caller, duration=duration, of_role=False)
        return {"Credentials": _credentials(keys)}


def _as_role(role: Role, name: str) -> Caller:
    partition = role.arn.split(":")[1]
    arn = f"arn:{partition}:sts::{role.account}:assumed-role/{role.name}/{name}"
    return Caller(account=role.account, arn=arn, principal=role.arn, user_id=f"{role.id}:{name}")


def _answer(keys: Keys, caller: Caller) -> Answer:
    user = {"AssumedRoleId": caller.user_id, "Arn": caller.arn}
    return {"Credentials": _credentials(keys), "AssumedRoleUser": user}


def _credentials(keys: Keys) -> Answer:
    return {
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "SessionToken": keys.session_token,
        "Expiration": keys.expires,
    }


def _is_trusted(role: Role, provider: Provider, identity: WebIdentity) -> bool:
    lines = {"sub": identity.subject, "aud": identity.audience}
    context = {f"{identity.issuer}:{key}".lower(): [value] for key, value in lines.items()}
    asked = Asked(action=_WEB, resource=role.arn, context=context)
    return role.trust.trusts(Asker(arns=(provider.arn,), kind="Federated"), asked) is Trust.PRINCIPAL


def _check_token(token: str, identity: WebIdentity, provider: Provider) -> None:
    if not is_signed(token, provider):
        _reject("Couldn't retrieve verification key from your identity provider")
    if identity.audience not in provider.audiences:
        _reject("Incorrect token audience")


def _reject(message: str) -> NoReturn:
    raise ServiceError("InvalidIdentityToken", message)


def _check_duration(duration: int, role: Role, *, chained: bool) -> None:
    if chained and duration > CHAINED:
        _invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
    if duration > role.max_session:
        _invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")


def _checked(arguments: Arguments, name: str, pattern: re.Pattern[str]) -> str:
    value = str(arguments.get(name, ""))
    if not pattern.fullmatch(value):
        rule = f"Member must satisfy regular expression pattern: {pattern.pattern}"
        field = name[0].lower() + name[1:]
        _invalid(f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {rule}")
    return value


def _duration(arguments: Arguments) -> int:
    text = str(arguments.get("DurationSeconds", _DEFAULT))
    if not text.isascii() or not text.isdigit() or not _SHORTEST <= int(text) <= _LONGEST:
        rule = f"Member must have value between {_SHORTEST} and {_LONGEST}"
        _invalid(
            f"1 validation error detected: Value '{text}' at 'durationSeconds' failed to satisfy constraint: {rule}"
        )
    return int(text)


def _policies(arguments: Arguments) -> tuple[Policy, ...]:
    """The session policy, or none."""
    if any(name.startswith("PolicyArns.") for name in arguments):
        _invalid("Managed session policies (PolicyArns) are not simulated.")
    document = arguments.get("Policy")
    if document is None:
        return ()
    if len(document) > LONGEST_POLICY:
        rule = f"Member must have length less than or equal to {LONGEST_POLICY}"
        _invalid(f"1 validation error detected: Value at 'policy' failed to satisfy constraint: {rule}")
    try:
        return (Policy.parse(document),)
    except PolicyError as error:
        raise ServiceError("MalformedPolicyDocument", f"Syntax errors in policy: {error}") from None


def _invalid(message: str) -> NoReturn:
    raise ServiceError("ValidationError", message, HTTPStatus.BAD_REQUEST)
