"""How calls to AWS look on the wire: signed requests in, JSON or XML out.

https://smithy.io/2.0/aws/protocols/index.html
"""

import base64
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from tidewaiter.simulator.refusals import Protocol, Refusal, RefusedError
from tidewaiter.simulator.service import Answer, Arguments, ServiceError

_CREDENTIAL = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/[0-9]{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request"
)
_NAMESPACES: Mapping[str, str] = {
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
    "ec2": "http://ec2.amazonaws.com/doc/2016-11-15/",
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
}
_UNSIGNED = {"AssumeRoleWithWebIdentity": "sts"}
_UNSIGNED_REGION = "us-east-1"
_FAILED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that came in. Names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An operation of a service in a region, and the key it is signed with ("" where it is not signed).

    Of a service that names its operations by their paths only, `operation` is the path.
    """

    service: str
    region: str
    operation: str
    arguments: Arguments = field(repr=False)
    protocol: Protocol
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What is sent back."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def spoken_in(request: Request) -> Protocol:
    """The protocol of a request of which nothing more is known."""
    return Protocol.QUERY if "form-urlencoded" in request.headers.get("content-type", "") else Protocol.JSON


def read_call(request: Request) -> Call:
    """The call that a request makes. Raises RefusedError for one that is not signed or that cannot be read."""
    signed = _CREDENTIAL.match(request.headers.get("authorization", ""))
    named = request.headers.get("x-amz-target", "").rpartition(".")[2]
    is_json = bool(named) or "json" in request.headers.get("content-type", "")
    arguments = _json(request.body) if is_json else _form(request.body)
    operation = named or str(arguments.get("Action", "")) or request.path
    service = signed["service"] if signed else _UNSIGNED.get(operation, "")
    if not service:
        raise RefusedError(Refusal.UNSIGNED)
    return Call(
        service=service,
        region=signed["region"] if signed else _UNSIGNED_REGION,
        operation=operation,
        arguments=arguments,
        protocol=Protocol.EC2 if service == "ec2" else Protocol.QUERY if "Action" in arguments else Protocol.JSON,
        key=signed["key"] if signed else "",
        token=request.headers.get("x-amz-security-token", ""),
    )


def give_answer(call: Call, answer: Answer) -> Response:
    """A service's answer in the protocol of its call."""
    identifier = _request_id()
    match call.protocol:
        case Protocol.JSON:
            return _response(200, identifier, _as_json(answer))
        case Protocol.QUERY:
            result = f"<{call.operation}Result>{''.join(_xml(answer, 'member'))}</{call.operation}Result>"
            metadata = f"<ResponseMetadata><RequestId>{identifier}</RequestId></ResponseMetadata>"
            return _response(200, identifier, _document(call, result + metadata))
        case Protocol.EC2:
            content = f"<requestId>{identifier}</requestId>{''.join(_xml(answer, 'item'))}"
            return _response(200, identifier, _document(call, content))


def give_error(error: ServiceError, protocol: Protocol) -> Response:
    """An error in the protocol of its call."""
    identifier = _request_id()
    code, message = escape(error.code), escape(error.message)
    match protocol:
        case Protocol.JSON:
            body = _as_json({**error.fields, "__type": error.code, "message": error.message})
            return _response(error.status, identifier, body, {"x-amzn-errortype": error.code})
        case Protocol.QUERY:
            blamed = "Receiver" if error.status >= _FAILED else "Sender"
            inner = f"<Error><Type>{blamed}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            text = f"<ErrorResponse>{inner}<RequestId>{identifier}</RequestId></ErrorResponse>"
        case Protocol.EC2:
            inner = f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            text = f"<Response>{inner}<RequestID>{identifier}</RequestID></Response>"
    return _response(error.status, identifier, text.encode())


def _json(body: bytes) -> Arguments:
    try:
        read = json.loads(body or b"{}")
    except ValueError:
        raise RefusedError(Refusal.MALFORMED) from None
    if not isinstance(read, dict):
        raise RefusedError(Refusal.MALFORMED)
    return read


def _form(body: bytes) -> Arguments:
    try:
        return {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    except ValueError:
        raise RefusedError(Refusal.MALFORMED) from None


def _request_id() -> str:
    text = secrets.token_hex(16)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _response(status: int, identifier: str, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    kind = "text/xml" if body.startswith(b"<") else "application/x-amz-json-1.1"
    return Response(
        status=status, content_type=kind, body=body, headers={"x-amzn-requestid": identifier, **(headers or {})}
    )


def _document(call: Call, content: str) -> bytes:
    namespace = _NAMESPACES[call.service]
    return f'<{call.operation}Response xmlns="{namespace}">{content}</{call.operation}Response>'.encode()


def _as_json(answer: Answer) -> bytes:
    return json.dumps(dict(answer), default=_plain).encode()


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.timestamp()
        case bytes():
            return base64.b64encode(value).decode()
        case Mapping():
            return dict(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no place in an answer")


def _xml(answer: Answer, item: str) -> Iterator[str]:
    for name, value in answer.items():
        yield f"<{name}>{''.join(_inner(value, item))}</{name}>"


def _inner(value: Any, item: str) -> Iterator[str]:
    match value:
        case Mapping():
            yield from _xml(value, item)
        case datetime():
            yield value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case str():
            yield escape(value)
        case Sequence():
            for each in value:
                yield f"<{item}>{''.join(_inner(each, item))}</{item}>"
        case _:
            yield escape(json.dumps(value))
