"""Each kind of error that botocore raises, and what the user is told of it."""

from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from tidewaiter.aws.calls import Asked
from tidewaiter.aws.refusals import RAISED, refusal
from tidewaiter.errors import CloudDeniedError, CloudError, TidewaiterError, UsageError

_WHO = "arn:aws:iam::111111111111:user/ann"
_ASKED = Asked(action="ecr:DescribeImages", region="eu-west-1", account="111111111111", principal=_WHO)


def _answer(code: str, message: str = "", status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "DescribeImages")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AccessDenied", "identity policy"),
        ("AccessDeniedException", "identity policy"),
        ("UnauthorizedOperation", "identity policy"),
        ("ExpiredToken", "aws sso login"),
        ("ExpiredTokenException", "aws sso login"),
        ("RequestExpired", "aws sso login"),
        ("RegionDisabledException", "other regions for STS"),
        ("InvalidClientTokenId", "another partition"),
        ("UnrecognizedClientException", "the region is not enabled"),
        ("AuthFailure", "the region is not enabled"),
        ("OptInRequired", "opted into"),
        ("SignatureDoesNotMatch", "clock"),
        ("InvalidSignatureException", "clock"),
        ("MissingAuthenticationToken", "prox"),
        ("InvalidIdentityToken", "audience"),
        ("IDPRejectedClaim", "audience"),
    ],
)
def test_answers_about_who_asks_are_denials_with_advice(code: str, advice: str) -> None:
    told = refusal(_answer(code, "Because."), _ASKED)
    assert isinstance(told, CloudDeniedError)
    assert told.code == code
    assert told.where == "account 111111111111, eu-west-1"
    assert _WHO in told.what
    assert "ecr:DescribeImages" in told.what
    assert code in told.what
    assert advice in told.advice
    assert not told.retry


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("TooManyRequestsException", 400),
        ("RequestLimitExceeded", 503),
        ("ServerException", 500),
        ("ServiceUnavailable", 503),
        ("IDPCommunicationError", 400),
        ("502", 502),
    ],
)
def test_what_may_pass_says_that_a_retry_can_help(code: str, status: int) -> None:
    told = refusal(_answer(code, "Rate exceeded", status), _ASKED)
    assert isinstance(told, CloudError)
    assert not isinstance(told, CloudDeniedError)
    assert told.retry
    assert told.code == code


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("MalformedPolicyDocument", "session policy"),
        ("PackedPolicyTooLarge", "tags"),
        ("AWSOrganizationsNotInUseException", "ecr scan"),
        ("RepositoryNotFoundException", ""),
    ],
)
def test_other_answers_keep_their_code_and_sentence(code: str, advice: str) -> None:
    told = refusal(_answer(code, "Something is so."), _ASKED)
    assert type(told) is CloudError
    assert told.what == f"ecr:DescribeImages has failed ({code}: Something is so)"
    assert told.code == code
    assert not told.retry
    assert advice in told.advice


def test_an_answer_without_a_sentence_is_told_without_one() -> None:
    assert refusal(_answer("404", "", 404), _ASKED).what == "ecr:DescribeImages has failed (404)"


def test_the_request_that_aws_thinks_was_signed_is_not_shown_for_the_token_stands_in_it() -> None:
    message = (
        "The request signature we calculated does not match.\n\nThe Canonical String for this request should have "
        "been\n'POST\n/\n\nx-amz-security-token:the-token\n'"
    )
    told = refusal(_answer("SignatureDoesNotMatch", message), _ASKED)
    assert "does not match" in told.what
    assert "the-token" not in str(told)


def test_an_encoded_authorization_message_is_left_out() -> None:
    message = "You are not authorized. Encoded authorization failure message: " + "x" * 3000
    told = refusal(_answer("InvalidParameterException", message), _ASKED)
    assert told.what.endswith("(InvalidParameterException: You are not authorized)")


def test_secrets_are_redacted_as_whole_words() -> None:
    told = refusal(
        _answer("InvalidParameterException", "eu-west-1 bleu eu secret+key/1= x"),
        _ASKED,
        secrets=["eu", "secret+key/1="],
    )
    assert told.what.endswith("eu-west-1 bleu … … x)")


def _raised(kind: type[Exception], **values: Any) -> Exception:
    return kind(**values)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (boto.NoCredentialsError(), CloudDeniedError, "there are no AWS credentials here"),
        (boto.NoRegionError(), UsageError, "no AWS region is given"),
        (_raised(boto.ProfileNotFound, profile="ann"), UsageError, "ann"),
        (_raised(boto.ConfigParseError, path="/etc/aws", error="bad"), UsageError, "/etc/aws"),
        (_raised(boto.PartialCredentialsError, provider="env", cred_var="aws_secret_access_key"), UsageError, "secret"),
        (_raised(boto.UnauthorizedSSOTokenError), CloudDeniedError, "aws sso login"),
        (_raised(boto.SSOTokenLoadError, error_msg="no token"), CloudDeniedError, "the login has ended"),
        (_raised(boto.TokenRetrievalError, provider="sso", error_msg="old"), CloudDeniedError, "aws sso login"),
        (_raised(boto.CredentialRetrievalError, provider="p", error_msg="m"), CloudDeniedError, "cannot be had"),
        (_raised(boto.MetadataRetrievalError, error_msg="m"), CloudDeniedError, "cannot be had"),
        (RuntimeError("refreshed credentials are still expired"), CloudDeniedError, "still expired"),
        (FileNotFoundError(2, "No such file", "/var/token"), CloudDeniedError, "/var/token"),
        (_raised(boto.EndpointConnectionError, endpoint_url="https://x"), CloudError, "VPC endpoint"),
        (_raised(boto.ConnectTimeoutError, endpoint_url="https://x"), CloudError, "got no answer"),
        (_raised(boto.ReadTimeoutError, endpoint_url="https://x"), CloudError, "got no answer"),
        (_raised(boto.ProxyConnectionError, proxy_url="http://p"), CloudError, "a proxy"),
        (_raised(boto.SSLError, endpoint_url="https://x", error="bad"), CloudError, "got no answer"),
        (_raised(boto.UnknownFIPSEndpointError, region_name="r", service_name="s"), CloudError, "cannot be asked"),
        (_raised(boto.ParamValidationError, report="maxResults"), CloudError, "maxResults"),
        (ResponseParserError("not XML"), CloudError, "cannot be read"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_aws_did_not_answer_is_told_in_one_sentence(
    error: Exception, kind: type[TidewaiterError], words: str
) -> None:
    assert isinstance(error, RAISED)
    told = refusal(error, _ASKED)
    assert type(told) is kind
    assert words in str(told)


@pytest.mark.parametrize("error", [boto.ConnectionError(error="x"), boto.HTTPClientError(error="x")])
def test_a_connection_that_broke_may_be_tried_again(error: Exception) -> None:
    assert refusal(error, _ASKED).retry


def test_a_call_in_no_known_account_names_the_region_only() -> None:
    told = refusal(_answer("AccessDenied"), Asked(action="sts:AssumeRole", region="eu-west-1"))
    assert told.where == "eu-west-1"
    assert told.what.startswith("this identity may not do sts:AssumeRole")
