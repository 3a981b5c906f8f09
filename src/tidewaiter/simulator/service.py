"""What a simulated service of AWS is: who calls it, what it answers, what time it is there, who asks for permission."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Protocol

Arguments = Mapping[str, Any]
"""What an operation is asked, named as in the API: nested in JSON, flat in query services (`Tags.member.1.Key`)."""

Answer = Mapping[str, Any]
"""What an operation answers, shaped as boto3 gives it: datetimes and bytes stand for themselves."""


class ServiceError(Exception):
    """An error as AWS answers it: `code` and `message`, the HTTP status, and more members of the error's shape."""

    def __init__(
        self, code: str, message: str, status: int = HTTPStatus.BAD_REQUEST, fields: Answer | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who signed a request.

    `arn` is what GetCallerIdentity says (of a session `…:assumed-role/<role>/<session>`), `principal` the user's or
    role's own ARN, which policies name as `aws:PrincipalArn`. `key` is the id of the access key.
    """

    account: str
    arn: str
    principal: str
    user_id: str
    key: str = field(default="", repr=False)


class Service(Protocol):
    """A service that answers operations. All methods are called from many threads at once."""

    def action_and_resource(self, region: str, account: str, operation: str, arguments: Arguments) -> tuple[str, str]:
        """The permission that a call needs: IAM's action (`ecr:BatchGetImage`) and the ARN of what it acts on, or `*`.

        Raises ServiceError for an operation that the service does not know, or arguments that name no resource.
        """
        ...

    def handle(self, caller: Caller, region: str, operation: str, arguments: Arguments) -> Answer:
        """The answer to a call that is allowed. Raises ServiceError."""
        ...


class Gate(Protocol):
    """Decides whether a caller may do something: for calls that come in elsewhere than at the front."""

    def admit(self, caller: Caller, region: str, action: str, resource: str) -> None:
        """Notes the call. Raises ServiceError (AccessDeniedException) where policies refuse it."""
        ...


class Clock:
    """The time in the simulated cloud: the machine's own, moved by so much as a test wants. Thread-safe."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The time there, in UTC."""
        with self._lock:
            return datetime.now(UTC) + self._offset

    def advance(self, duration: timedelta) -> None:
        """Moves it forward, from now on."""
        with self._lock:
            self._offset += duration

    def set(self, now: datetime) -> None:
        """Makes it this time now; it goes on from there. `now` has a zone."""
        with self._lock:
            self._offset = now - datetime.now(UTC)
