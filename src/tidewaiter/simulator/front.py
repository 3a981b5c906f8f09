"""The one door of the simulated cloud: finds who calls what, refuses or lets in, and notes every call."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tidewaiter.simulator.faults import AwsFaults
from tidewaiter.simulator.iam import Authority
from tidewaiter.simulator.keys import KeyRing, Session
from tidewaiter.simulator.listener import Conversation, Listener
from tidewaiter.simulator.moto_services import MotoServices
from tidewaiter.simulator.refusals import DENIALS, Protocol, Refusal, RefusedError
from tidewaiter.simulator.regions import DESCRIBE, Regions, home_region
from tidewaiter.simulator.service import Caller, Service, ServiceError
from tidewaiter.simulator.sts import Sts
from tidewaiter.simulator.wire import Call, Request, Response, give_answer, give_error, read_call

_GLOBAL = frozenset({"organizations", "iam", "account"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsCall:
    """A call that came in. `error` is the code it was answered with, "" for none; `allowed`: policies let it in.

    `principal` is the ARN that GetCallerIdentity says, "" where the call was not signed by a known key.
    """

    principal: str
    account: str
    region: str
    action: str
    resource: str
    allowed: bool
    error: str = ""


class _Dropped(Exception):  # noqa: N818  nothing is wrong: the connection is to end
    """The call gets no answer."""


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
        protocol = Protocol.JSON
        try:
            call = read_call(request)
            protocol = call.protocol
            return self._answer(call, request)
        except _Dropped:
            return None
        except RefusedError as error:
            return give_error(error.spoken(protocol), protocol)
        except ServiceError as error:
            return give_error(error, protocol)

    def admit(self, caller: Caller, region: str, action: str, resource: str) -> None:
        """Notes a call that came in elsewhere. Raises ServiceError where policies refuse it."""
        self._disturb(action, caller.account, region)
        session = self._ring.of(caller)
        refusal = self._authority.refusal(session, region, action, resource)
        error = RefusedError(Refusal.DENIED, refusal).spoken(Protocol.JSON) if refusal else None
        self._note(session, region, action, resource, error)
        if error:
            raise error

    def _answer(self, call: Call, request: Request) -> Response:
        session = self._ring.session(call.key, call.token) if call.key else None
        if session is None or call.service == "sts":
            action, resource = f"sts:{call.operation}", self._sts.resource(call.operation, call.arguments)
        else:
            action, resource = self._permission(session.caller, call)
        region = self._place(call)
        error: ServiceError | None = None
        try:
            self._disturb(action, session.caller.account if session else "", region)
            return self._let_in(session, region, call, request, (action, resource))
        except RefusedError as refused:
            error = refused.spoken(call.protocol)
            raise error from None
        except ServiceError as failed:
            error = failed
            raise
        finally:
            self._note(session, region, action, resource, error)

    def _let_in(
        self, session: Session | None, region: str, call: Call, request: Request, wanted: tuple[str, str]
    ) -> Response:
        """Gives an allowed call to its service."""
        if session is None or call.service == "sts":
            return give_answer(call, self._sts.handle(session, region, call.operation, call.arguments))
        if not self._regions.work(session.caller.account, region):
            raise RefusedError(Refusal.UNKNOWN_KEY)
        if refusal := self._authority.refusal(session, region, *wanted):
            raise RefusedError(Refusal.DENIED, refusal)
        if service := self._service(call):
            return give_answer(call, service.handle(session.caller, region, call.operation, call.arguments))
        return self._others.answer(request, session.caller.account)

    def _service(self, call: Call) -> Service | None:
        """The service of ours that the call is for. Of EC2 only one operation is."""
        return None if call.service == "ec2" and call.operation != DESCRIBE else self.services.get(call.service)

    def _permission(self, caller: Caller, call: Call) -> tuple[str, str]:
        asked = self._service(call) or self._others.of(call.service)
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
                raise _Dropped
            case "packed":
                raise ServiceError(
                    "PackedPolicyTooLarge", "Packed policy consumes 105% of allotted space, please use smaller policy."
                )
            case None:
                """Nothing does."""

    def _note(
        self, session: Session | None, region: str, action: str, resource: str, error: ServiceError | None
    ) -> None:
        call = AwsCall(
            principal=session.caller.arn if session else "",
            account=session.caller.account if session else "",
            region=region,
            action=action,
            resource=resource,
            allowed=error is None or error.code not in DENIALS,
            error=error.code if error else "",
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
