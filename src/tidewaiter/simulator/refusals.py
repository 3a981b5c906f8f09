"""How AWS words that it does not do what is asked, in each of its protocols.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

from collections.abc import Mapping
from enum import Enum, auto
from http import HTTPStatus

from tidewaiter.simulator.service import ServiceError


class Protocol(Enum):
    """How a service is spoken to: JSON, forms with XML answers, or EC2's kind of the latter."""

    JSON = auto()
    QUERY = auto()
    EC2 = auto()


class Refusal(Enum):
    """Why a call is not even given to its service. The value is AWS' sentence."""

    UNSIGNED = "Request is missing Authentication Token"
    UNKNOWN_KEY = "The security token included in the request is invalid."
    EXPIRED = "The security token included in the request is expired"
    DENIED = "Access denied"
    THROTTLED = "Rate exceeded"
    BROKEN = "An internal error occurred."
    UNAVAILABLE = "The service is unavailable. Please try again."
    UNKNOWN_OPERATION = "The requested operation is not known to this service."
    MALFORMED = "The request body could not be read."


_Code = tuple[str, HTTPStatus]
_CODES: Mapping[Protocol, Mapping[Refusal, _Code]] = {
    Protocol.JSON: {
        Refusal.UNSIGNED: ("MissingAuthenticationTokenException", HTTPStatus.BAD_REQUEST),
        Refusal.UNKNOWN_KEY: ("UnrecognizedClientException", HTTPStatus.BAD_REQUEST),
        Refusal.EXPIRED: ("ExpiredTokenException", HTTPStatus.BAD_REQUEST),
        Refusal.DENIED: ("AccessDeniedException", HTTPStatus.BAD_REQUEST),
        Refusal.THROTTLED: ("ThrottlingException", HTTPStatus.BAD_REQUEST),
        Refusal.BROKEN: ("ServerException", HTTPStatus.INTERNAL_SERVER_ERROR),
        Refusal.UNAVAILABLE: ("ServiceUnavailableException", HTTPStatus.SERVICE_UNAVAILABLE),
        Refusal.UNKNOWN_OPERATION: ("UnknownOperationException", HTTPStatus.BAD_REQUEST),
        Refusal.MALFORMED: ("SerializationException", HTTPStatus.BAD_REQUEST),
    },
    Protocol.QUERY: {
        Refusal.UNSIGNED: ("MissingAuthenticationToken", HTTPStatus.FORBIDDEN),
        Refusal.UNKNOWN_KEY: ("InvalidClientTokenId", HTTPStatus.FORBIDDEN),
        Refusal.EXPIRED: ("ExpiredToken", HTTPStatus.FORBIDDEN),
        Refusal.DENIED: ("AccessDenied", HTTPStatus.FORBIDDEN),
        Refusal.THROTTLED: ("Throttling", HTTPStatus.BAD_REQUEST),
        Refusal.BROKEN: ("InternalFailure", HTTPStatus.INTERNAL_SERVER_ERROR),
        Refusal.UNAVAILABLE: ("ServiceUnavailable", HTTPStatus.SERVICE_UNAVAILABLE),
        Refusal.UNKNOWN_OPERATION: ("InvalidAction", HTTPStatus.BAD_REQUEST),
        Refusal.MALFORMED: ("MalformedInput", HTTPStatus.BAD_REQUEST),
    },
    Protocol.EC2: {
        Refusal.UNSIGNED: ("AuthFailure", HTTPStatus.UNAUTHORIZED),
        Refusal.UNKNOWN_KEY: ("AuthFailure", HTTPStatus.UNAUTHORIZED),
        Refusal.EXPIRED: ("RequestExpired", HTTPStatus.BAD_REQUEST),
        Refusal.DENIED: ("UnauthorizedOperation", HTTPStatus.FORBIDDEN),
        Refusal.THROTTLED: ("RequestLimitExceeded", HTTPStatus.SERVICE_UNAVAILABLE),
        Refusal.BROKEN: ("InternalError", HTTPStatus.INTERNAL_SERVER_ERROR),
        Refusal.UNAVAILABLE: ("Unavailable", HTTPStatus.SERVICE_UNAVAILABLE),
        Refusal.UNKNOWN_OPERATION: ("InvalidAction", HTTPStatus.BAD_REQUEST),
        Refusal.MALFORMED: ("MalformedQueryString", HTTPStatus.BAD_REQUEST),
    },
}

DENIALS = frozenset(codes[Refusal.DENIED][0] for codes in _CODES.values())
"""The codes that say that policies refuse a call."""


class RefusedError(Exception):
    """A call that is refused, before its protocol is known. `message` "" is AWS' own for that refusal."""

    def __init__(self, refusal: Refusal, message: str = "") -> None:
        super().__init__(message or refusal.value)
        self.refusal = refusal
        self.message = message or refusal.value

    def spoken(self, protocol: Protocol) -> ServiceError:
        """The error as that protocol's services answer it."""
        code, status = _CODES[protocol][self.refusal]
        return ServiceError(code, self.message, status)
