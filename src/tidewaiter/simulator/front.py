"""The one door of the simulated cloud: finds who calls what, refuses or lets in, and notes every call."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from tidewaiter.simulator.faults import AwsFaults
from tidewaiter.simulator.iam import Authority
from tidewaiter.simulator.iam_reading import RoleReading
from tidewaiter.simulator.keys import KeyRing, Session
from tidewaiter.simulator.listener import Conversation, Listener
from tidewaiter.simulator.moto_services import MotoServices
from tidewaiter.simulator.refusals import DENIALS, Protocol, Refusal, RefusedError
from tidewaiter.simulator.regions import DESCRIBE, Regions, home_region
from tidewaiter.simulator.service import Caller, Service, ServiceError
from tidewaiter.simulator.sts import Sts
from tidewaiter.simulator.wire import Call, Request, Response, give_answer, give_error, read_call, spoken_in

_GLOBAL = frozenset({"organizations", "iam", "account"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsCall:
    """A call that came in. `allowed`: policies let it in.

    `principal` is the ARN that GetCallerIdentity says, "" where the call was not signed by a known key. `error` is the
    code that it was answered with, "" for none: `Dropped` for a connection that ended. What moto's services answer is
    not looked at.
    """

    principal: str
    account: str
    region: str
    action: str
    resource: str
    allowed: bool
    error: str = ""


class _DroppedError(ServiceError):
    """The call gets no answer: its connection ends."""

    def __init__(self) -> None:
        super().__init__("Dropped", "the connection ended")


class Front:
    """Answers requests to all services. Thread-safe.

    `calls` are all that came in so far, in the order of their answers. `services` are those of our own, but for STS, by
    the name that requests are signed for.
    """

    def __init__(
        self,
        *,
        ring: KeyRing,
        authority: Authority,
        regions: Regions,
        sts: Sts,
        others: MotoServices,
    ) -> None:
        self.faults = AwsFaults()
        self.calls: list[AwsCall] = []
        self._ring = ring
        self._authority = authority
        self._regions = regions
        self._sts = sts
        self.services: Mapping[str, Service] = {}
        self._others = others
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Response | None:
        """What is answered, None for nothing at all: the connection ends."""
        protocol = spoken_in(request)
        try:
            call = read_call(request)
            protocol = call.protocol
            return self._answer(call, request)
        except _DroppedError:
            return None
        except RefusedError as error:
            return give_error(error.spoken(protocol), protocol)
        except ServiceError as error:
            return give_error(error, protocol)
        except Exception as error:  # noqa: BLE001  the edge: whoever tests against it shall read what broke
            return give_error(ServiceError("SimulatorFailure", repr(error), HTTPStatus.INTERNAL_SERVER_ERROR), protocol)

    def admit(self, caller: Caller, region: str, action: str, resource: str) -> None:
        """Notes a call that came in elsewhere. Raises ServiceError where policies refuse it, or a fault is on."""
        session = self._ring.of(caller)
        with self._noted(session, region, action, resource, Protocol.JSON):
            self._disturb(action, caller.account, region)
            self._check(session, region, action, resource)

    def _answer(self, call: Call, request: Request) -> Response:
        session = self._ring.session(call.key, call.token) if call.key else None
        if session is None or call.service == "sts":
            action, resource = f"sts:{call.operation}", self._sts.resource(call.operation, call.arguments)
        else:
            action, resource = self._permission(session.caller, call)
        region = self._place(call)
        with self._noted(session, region, action, resource, call.protocol):
            self._disturb(action, session.caller.account if session else "", region)
            if session is None or call.service == "sts":
                return give_answer(call, self._sts.handle(session, region, call.operation, call.arguments))
            if not self._regions.work(session.caller.account, region):
                raise RefusedError(Refusal.UNKNOWN_KEY)
            self._check(session, region, action, resource)
            return self._serve(session.caller, region, call, request)

    def _check(self, session: Session, region: str, action: str, resource: str) -> None:
        """Raises RefusedError where policies refuse it."""
        if refusal := self._authority.refusal(session, region, action, resource):
            raise RefusedError(Refusal.DENIED, refusal)

    def _serve(self, caller: Caller, region: str, call: Call, request: Request) -> Response:
        """Gives an allowed call to its service."""
        if service := self._service(caller, call):
            return give_answer(call, service.handle(caller, region, call.operation, call.arguments))
        return self._others.answer(request, caller.account)

    def _service(self, caller: Caller, call: Call) -> Service | None:
        """The service of ours that the call is for. Of EC2 only one operation is, of IAM what reads roles made here."""
        service = self.services.get(call.service)
        if call.service == "ec2" and call.operation != DESCRIBE:
            return None
        if isinstance(service, RoleReading) and not service.knows(caller.account, call.operation, call.arguments):
            return None
        return service

    def _permission(self, caller: Caller, call: Call) -> tuple[str, str]:
        asked = self._service(caller, call) or self._others.of(call.service)
        return asked.action_and_resource(self._place(call), caller.account, call.operation, call.arguments)

    def _place(self, call: Call) -> str:
        """The region that policies see: of a service that is everywhere the same, its home."""
        return home_region(self._regions.partition) if call.service in _GLOBAL else call.region

    def _disturb(self, action: str, account: str, region: str) -> None:
        """Lets go wrong what is to go wrong with this call."""
        time.sleep(self.faults.latency)
        match self.faults.next(action, account, region):
            case "throttled":
                raise RefusedError(Refusal.THROTTLED)
            case "broken":
                raise RefusedError(Refusal.BROKEN)
            case "unavailable":
                raise RefusedError(Refusal.UNAVAILABLE)
            case "dropped":
                raise _DroppedError
            case "packed":
                raise ServiceError(
                    "PackedPolicyTooLarge", "Packed policy consumes 105% of allotted space, please use smaller policy."
                )
            case None:
                """Nothing does."""

    @contextmanager
    def _noted(
        self, session: Session | None, region: str, action: str, resource: str, protocol: Protocol
    ) -> Iterator[None]:
        """Notes a call when it is over. Raises ServiceError for a refusal, in the words of the protocol."""
        error = ""
        try:
            yield
        except RefusedError as refused:
            spoken = refused.spoken(protocol)
            error = spoken.code
            raise spoken from None
        except ServiceError as failed:
            error = failed.code
            raise
        finally:
            call = AwsCall(
                principal=session.caller.arn if session else "",
                account=session.caller.account if session else "",
                region=region,
                action=action,
                resource=resource,
                allowed=error not in DENIALS,
                error=error,
            )
            with self._lock:
                self.calls.append(call)


class FrontDoor(Listener):
    """The port that the front listens at."""

    def __init__(self, front: Front) -> None:
        super().__init__(_Visitor)
        self.front = front


class _Visitor(Conversation):
    server: FrontDoor

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method=self.command, path=self.path, headers=headers, body=b"".join(self.body()))
        response = self.server.front.answer(request)
        if response is None:
            self.hang_up()
        else:
            self.send(response.status, response.body, {"Content-Type": response.content_type, **response.headers})

    do_DELETE = _answer  # noqa: N815  http.server calls it by the method
    do_GET = _answer  # noqa: N815  the same
    do_POST = _answer  # noqa: N815  the same
    do_PUT = _answer  # noqa: N815  the same
