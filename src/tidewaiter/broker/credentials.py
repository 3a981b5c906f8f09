"""A connection's credentials as they go from the client to the agent in one header: base64 of JSON."""

import base64
import binascii

import msgspec

from tidewaiter.broker.messages import Credentials
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError

ECR = "ecr"
TYPES = (
    ECR,
    "docker-hub",
    "acr",
    "gcr",
    "artifactory-cr",
    "harbor-cr",
    "quay-cr",
    "github-cr",
    "nexus-cr",
    "digitalocean-cr",
    "gitlab-cr",
    "google-artifact-cr",
)
"""The kinds of registries that an agent can enter."""

_LONGEST = 16 << 10  # characters: the header must fit into a request's head


def encode(credentials: Credentials) -> str:
    """The value of the header."""
    return base64.b64encode(msgspec.json.encode(credentials)).decode()


def decode(value: str) -> Credentials:
    """What the header's value says. Raises BrokerError, which tells nothing of it."""
    try:
        if len(value) > _LONGEST:
            raise ValueError  # noqa: TRY301 - too long is one more way to be no credentials
        credentials = _decoder.decode(base64.b64decode(value, validate=True))
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise BrokerError("the credentials are not base64 of JSON with a `type`", code=Code.MALFORMED) from None
    if credentials.type not in TYPES:
        advice = f"Known are {', '.join(TYPES)}."
        raise BrokerError("the credentials are for an unknown type of registry", advice=advice, code=Code.MALFORMED)
    return credentials


_decoder = msgspec.json.Decoder(Credentials)
