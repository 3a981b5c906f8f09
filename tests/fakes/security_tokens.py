"""An STS for tests: who holds which key, which roles there are, and sessions that end by the test's clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from fakes.cloud_endpoint import Answering, AwsError, Request, Response, as_xml

USER = "arn:aws:iam::111111111111:user/ann"
USER_KEY = "AKIAANN"
USER_SECRET = "the-users-secret-key"
FAR = datetime(2100, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass(kw_only=True)
class SecurityTokens:
    """Answers as STS does. `roles` are ARNs with the external ID they ask for ("" for none).

    `durations` remembers what was asked of `AssumeRole`; `dead` are keys that have expired or been revoked.
    """

    clock: Clock = field(default_factory=Clock)
    roles: dict[str, str] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    longest: int = 43200
    sessions: dict[str, str] = field(default_factory=lambda: {USER_KEY: USER})

    def answers(self) -> Mapping[str, Answering]:
        return {
            "GetCallerIdentity": self.caller,
            "AssumeRole": self.assume,
            "AssumeRoleWithWebIdentity": self.assume_by_token,
        }

    def demand_valid(self, request: Request) -> str:
        """The ARN of who signed the request."""
        if request.key in self.dead:
            raise AwsError("ExpiredToken", "The security token included in the request is expired")
        if request.key not in self.sessions:
            raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
        return self.sessions[request.key]

    def caller(self, request: Request) -> Response:
        arn = self.demand_valid(request)
        result = f"<Arn>{arn}</Arn><UserId>AIDA</UserId><Account>{arn.split(':')[4]}</Account>"
        return as_xml("GetCallerIdentity", result)

    def assume(self, request: Request) -> Response:
        who = self.demand_valid(request)
        self._demand_enabled(request.region)
        role, duration = request.form["RoleArn"], int(request.form.get("DurationSeconds", 3600))
        wanted = self.roles.get(role)
        if wanted is None or (wanted and request.form.get("ExternalId") != wanted):
            message = f"User: {who} is not authorized to perform: sts:AssumeRole on resource: {role}"
            raise AwsError("AccessDenied", message, HTTPStatus.FORBIDDEN)
        if ":assumed-role/" in who and duration > 3600:
            message = (
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
            )
            raise AwsError("ValidationError", message)
        return as_xml("AssumeRole", self._grant(role, request.form["RoleSessionName"], duration))

    def assume_by_token(self, request: Request) -> Response:
        if request.form["WebIdentityToken"] != "a.web.token":
            raise AwsError("InvalidIdentityToken", "Incorrect token audience")
        role = request.form["RoleArn"]
        return as_xml("AssumeRoleWithWebIdentity", self._grant(role, request.form["RoleSessionName"], 3600, FAR))

    def _demand_enabled(self, region: str) -> None:
        if region in self.disabled:
            message = f"STS is not activated in this region for account:{region}"
            raise AwsError("RegionDisabledException", message, HTTPStatus.FORBIDDEN)

    def _grant(self, role: str, session: str, seconds: int, ends: datetime | None = None) -> str:
        _, _, _, _, account, resource = role.split(":", 5)
        name = resource.rpartition("/")[2]
        arn = f"arn:{role.split(':')[1]}:sts::{account}:assumed-role/{name}/{session}"
        key = f"ASIA{name.upper()}{len(self.sessions)}"
        self.sessions[key] = arn
        ends = ends or self.clock() + timedelta(seconds=min(seconds, self.longest))
        return (
            f"<AssumedRoleUser><Arn>{arn}</Arn><AssumedRoleId>AROA:{session}</AssumedRoleId></AssumedRoleUser>"
            f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret-of-{key}</SecretAccessKey>"
            f"<SessionToken>token-of-{key}</SessionToken><Expiration>{ends.isoformat()}</Expiration></Credentials>"
        )
