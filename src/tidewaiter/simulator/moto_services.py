"""All the services that are not simulated here: moto answers for them, within this process.

What moto does is its own matter (https://docs.getmoto.org); who may ask is decided before. moto keeps its state for
the whole process, by account: so two simulated clouds share none as long as their accounts differ.
"""

import io
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tidewaiter.simulator.iam import MAX_SESSION, Role, User
from tidewaiter.simulator.policies import Policy
from tidewaiter.simulator.service import Arguments
from tidewaiter.simulator.wire import Request, Response

_Application = Callable[[dict[str, Any], Callable[..., object]], Iterable[bytes]]
_ARN = re.compile(r"arn:(?P<partition>[a-z-]+):iam::(?P<account>[0-9]{12}):(?P<kind>role|user)/.+")


class MotoService:
    """What is known of a service that moto answers for: which permission a call needs."""

    def __init__(self, partition: str, name: str) -> None:
        self._partition = partition
        self._name = name

    def action_and_resource(self, region: str, account: str, operation: str, arguments: Arguments) -> tuple[str, str]:
        """IAM's action, on the queue, event rule, role, user or policy that is named, or on everything."""
        return f"{self._name}:{operation}", self._resource(region, account, arguments)

    def _resource(self, region: str, account: str, arguments: Arguments) -> str:
        start = f"arn:{self._partition}:{self._name}:{region}:{account}:"
        match self._name:
            case "sqs" if queue := arguments.get("QueueUrl") or arguments.get("QueueName"):
                return start + str(queue).rpartition("/")[2]
            case "events" if rule := arguments.get("Rule") or arguments.get("Name"):
                return f"{start}rule/{rule}"
            case "iam" if role := arguments.get("RoleName"):
                return f"arn:{self._partition}:iam::{account}:role/{role}"
            case "iam" if user := arguments.get("UserName"):
                return f"arn:{self._partition}:iam::{account}:user/{user}"
            case "iam" if policy := arguments.get("PolicyArn"):
                return str(policy)
        return "*"


class MotoServices:
    """moto's application, imported when it is first asked. Thread-safe."""

    def __init__(self, partition: str) -> None:
        self._partition = partition
        self._application: _Application | None = None
        self._lock = threading.Lock()

    def of(self, service: str) -> MotoService:
        """The service that requests are signed for."""
        return MotoService(self._partition, service)

    def answer(self, request: Request, account: str) -> Response:
        """Moto's answer to a request of an account."""
        started: list[Any] = []
        application = self._loaded()
        body = b"".join(application(_environment(request, account), lambda *given: started.append(given)))
        status, headers = started[0][0], dict(started[0][1])
        kind = headers.pop("Content-Type", "")
        kept = {name: value for name, value in headers.items() if name.lower().startswith("x-amz")}
        return Response(status=int(status.split()[0]), content_type=kind, body=body, headers=kept)

    def principal(self, arn: str) -> Role | User | None:
        """A role or user that was made through moto's IAM, with its inline and managed policies."""
        named = _ARN.fullmatch(arn)
        if named is None or self._application is None:
            return None
        from moto.iam.models import iam_backends

        backend = iam_backends[named["account"]][named["partition"]]
        kept: Mapping[str, Any] = backend.roles if named["kind"] == "role" else backend.users
        found = next((each for each in tuple(kept.values()) if each.arn == arn), None)
        if found is None:
            return None
        return _read_role(found, named["account"]) if named["kind"] == "role" else _read_user(found, named["account"])

    def forget(self, accounts: Iterable[str]) -> None:
        """Empties these accounts."""
        if self._application is None:
            return
        from moto.core.base_backend import BackendDict

        # moto's own way to empty accounts empties all of the process
        every: list[Any] = vars(BackendDict)["_instances"]
        for backends in tuple(every):
            for account in set(accounts).intersection(backends):
                backends[account].reset()

    def _loaded(self) -> _Application:
        with self._lock:
            if self._application is None:
                from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

                self._application = DomainDispatcherApplication(create_backend_app)
            return self._application


def _environment(request: Request, account: str) -> dict[str, Any]:
    """The request as WSGI has it.

    https://peps.python.org/pep-3333/
    """
    path, _, query = request.path.partition("?")
    named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    host, _, port = request.headers["host"].partition(":")
    return {
        **named,
        "HTTP_X_MOTO_ACCOUNT_ID": account,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _read_role(role: Any, account: str) -> Role:
    return Role(
        arn=role.arn,
        account=account,
        id=role.id,
        trust=Policy.parse(role.assume_role_policy_document, trust=True),
        policies=_read_policies(role),
        max_session=int(role.max_session_duration or MAX_SESSION),
    )


def _read_user(user: Any, account: str) -> User:
    return User(arn=user.arn, account=account, id=user.id, policies=_read_policies(user))


def _read_policies(principal: Any) -> tuple[Policy, ...]:
    managed = (
        version.document
        for policy in principal.managed_policies.values()
        for version in policy.versions
        if version.version_id == policy.default_version_id
    )
    return tuple(map(Policy.parse, [*principal.policies.values(), *managed]))
