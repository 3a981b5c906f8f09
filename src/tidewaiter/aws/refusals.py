"""What AWS' errors mean to the user: who asked what, of whom, why it was refused, and what would allow it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from tidewaiter.aws.calls import Asked
from tidewaiter.aws.denials import Denial
from tidewaiter.aws.sessions import THROTTLED
from tidewaiter.errors import CloudDeniedError, CloudError, TidewaiterError, UsageError

RAISED: Final = (BotoCoreError, ClientError, ResponseParserError, OSError, ValueError, RuntimeError)
"""What botocore raises; the last three where a token file, an endpoint's address or a lifetime is wrong."""

EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
INVALID: Final = frozenset(
    {"InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidToken", "InvalidAccessKeyId"}
)
REGION_DISABLED: Final = "RegionDisabledException"

DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException", "NotAuthorized"}
)
_SIGNATURE: Final = frozenset(
    {"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "RequestTimeTooSkewed"}
)
UNTRUSTED_TOKEN: Final = frozenset({"InvalidIdentityToken", "IDPRejectedClaim"})
_TRANSIENT: Final = frozenset(
    {
        "RequestTimeout",
        "RequestTimeoutException",
        "InternalError",
        "InternalFailure",
        "ServerException",
        "ServiceException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "IDPCommunicationError",
    }
)
_SERVER_ERROR = 500
_LONGEST_MESSAGE = 600
_NOISE: Final = re.compile("Encoded authorization failure message:|The canonical string", re.IGNORECASE)


def code_of(error: Exception) -> str:
    """The code that AWS gave, "" where it gave none."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def refusal(error: Exception, asked: Asked, *, secrets: Sequence[str] = ()) -> TidewaiterError:
    """The error that a user is told: a CloudError mostly, a CloudDeniedError where who asks is the reason.

    A UsageError for a fault of the configuration. No secret stands in it.
    """
    told = _answered(error, asked) if isinstance(error, ClientError) else _unanswered(error, asked)
    told.what, told.advice = (_redacted(text, secrets) for text in (told.what, told.advice))
    told.args = (told.what,)
    return told


def _redacted(text: str, secrets: Sequence[str]) -> str:
    """The text without secrets that stand in it as whole words: an external ID can be as short as `eu`."""
    for secret in secrets:
        text = re.sub(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", "…", text)
    return text


def no_credentials(asked: Asked) -> CloudDeniedError:
    """None of the places where boto3 looks has credentials."""
    return CloudDeniedError(
        "there are no AWS credentials here",
        where=asked.where,
        advice="Give a --profile, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached; "
        "an instance gets none where its role's trust policy does not name ec2.amazonaws.com.",
    )


def _answered(error: ClientError, asked: Asked) -> CloudError:
    code, message = code_of(error), _message(error)
    if code in DENIED:
        return _denied(code, message, asked)
    advice = _ADVICE_ON_CREDENTIALS.get(code, "")
    who = asked.principal or "these credentials"
    if code in EXPIRED:
        whose = f"the credentials of {who}" if asked.principal else who
        what = f"{whose} have expired, as {asked.deed} was asked ({code})"
        return CloudDeniedError(what, where=asked.where, advice=_RENEW, code=code)
    if code in INVALID | _SIGNATURE | UNTRUSTED_TOKEN or code in _ADVICE_ON_CREDENTIALS:
        what = f"AWS does not take {who} for {asked.deed} ({code}: {message})"
        return CloudDeniedError(what, where=asked.where, advice=advice or _credentials_advice(code), code=code)
    return _other(error, code, message, asked)


def _other(error: ClientError, code: str, message: str, asked: Asked) -> CloudError:
    if code in THROTTLED:
        what = f"AWS still throttles {asked.deed} after many attempts ({code})"
        return CloudError(what, where=asked.where, advice="Try again later.", retry=True, code=code)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    broken = code in _TRANSIENT or status >= _SERVER_ERROR
    what = f"{asked.deed} has failed ({code}: {message})" if message else f"{asked.deed} has failed ({code})"
    advice = "Try again later." if broken else _ADVICE.get(code, "")
    return CloudError(what, where=asked.where, advice=advice, retry=broken, code=code)


_RENEW = "Renew them where they come from, as by `aws sso login`, and start again: what is done is not done twice."
_ADVICE_ON_CREDENTIALS: Final[Mapping[str, str]] = {
    REGION_DISABLED: "STS is not active in this region for the account: name other regions for STS, or enable it.",
    "OptInRequired": "The account has not opted into this service or region: enable it, or leave the region out.",
    "MissingAuthenticationToken": "The request came unsigned: look at proxies between here and AWS.",
}
_ADVICE: Final[Mapping[str, str]] = {
    "MalformedPolicyDocument": "AWS does not read the session policy: report it, with the partition's name.",
    "PackedPolicyTooLarge": "The session policy and the session's tags are too long together: give fewer tags.",
    "AWSOrganizationsNotInUseException": "The account is in no organization: scan it by `ecr scan`.",
    "ValidationError": "A duration must not be longer than the role's own longest session; 3600 always works.",
}


def _credentials_advice(code: str) -> str:
    if code in _SIGNATURE:
        return "The secret key is wrong, or this machine's clock is."
    if code in UNTRUSTED_TOKEN:
        return (
            "IAM in the role's account has to know an identity provider with the token's issuer and audience, "
            "which the role's trust policy names."
        )
    return "The keys were deleted, are of another partition, or the region is not enabled in their account."


def _denied(code: str, message: str, asked: Asked) -> CloudDeniedError:
    denial = Denial.read(message, asked)
    because = ": ".join(filter(None, (code, denial.reason)))
    told = CloudDeniedError(f"{denial.what} ({because})", where=asked.where, advice=denial.advice, code=code)
    told.remedy = denial.remedy
    return told


def _message(error: ClientError) -> str:
    """AWS' own sentence, without the request that it thinks was signed (the token stands in it) and encoded reasons."""
    text = _NOISE.split(str(error.response.get("Error", {}).get("Message", "")), maxsplit=1)[0]
    return " ".join(text.split())[:_LONGEST_MESSAGE].rstrip(".")


def _unanswered(error: Exception, asked: Asked) -> TidewaiterError:
    """An error that AWS did not send."""
    text = " ".join(str(error).split())[:_LONGEST_MESSAGE].rstrip(".")
    if isinstance(error, boto.NoCredentialsError):
        return no_credentials(asked)
    if isinstance(error, boto.NoRegionError):
        return UsageError("no AWS region is given", advice="Give --region, or set AWS_REGION.")
    if isinstance(error, _CONFIGURATION):
        return UsageError(f"the AWS configuration cannot be used ({text})", where=asked.where)
    return _without_credentials(error, asked, text) or _without_answer(error, asked, text)


def _without_credentials(error: Exception, asked: Asked, text: str) -> CloudDeniedError | None:
    if isinstance(error, _LOGIN):
        what, advice = "the login has ended, or was not made", "Run `aws sso login` or `aws login`."
    elif isinstance(error, _CREDENTIALS) or not isinstance(error, BotoCoreError | ResponseParserError):
        what, advice = "the credentials cannot be had", _NOT_TO_BE_HAD
    else:
        return None
    return CloudDeniedError(f"{what}, as {asked.deed} was asked ({text})", where=asked.where, advice=advice)


def _without_answer(error: Exception, asked: Asked, text: str) -> CloudError:
    if isinstance(error, _CONNECTION):
        advice = "Is there a way to it: a route, a proxy, a VPC endpoint?"
        return CloudError(f"{asked.deed} got no answer ({text})", where=asked.where, advice=advice, retry=True)
    if isinstance(error, ResponseParserError):
        return CloudError(f"the answer to {asked.deed} cannot be read ({text})", where=asked.where)
    return CloudError(f"{asked.deed} cannot be asked ({text})", where=asked.where)


_NOT_TO_BE_HAD = (
    "Look at where they come from: a file, a role or an endpoint. The trust policy of a task's role has to name "
    "ecs-tasks.amazonaws.com, that of a pod's role pods.eks.amazonaws.com, with sts:AssumeRole and sts:TagSession."
)
_CONFIGURATION = (
    boto.ProfileNotFound,
    boto.ConfigParseError,
    boto.ConfigNotFound,
    boto.InvalidConfigError,
    boto.PartialCredentialsError,
    boto.UnknownCredentialError,
    boto.InvalidRegionError,
    boto.InvalidRetryConfigurationError,
    boto.InvalidSTSRegionalEndpointsConfigError,
    boto.MissingDependencyException,
)
_LOGIN = (boto.SSOError, boto.LoginError, boto.TokenRetrievalError)
_CREDENTIALS = (boto.CredentialRetrievalError, boto.MetadataRetrievalError, boto.RefreshWithMFAUnsupportedError)
_CONNECTION = (boto.ConnectionError, boto.HTTPClientError)
