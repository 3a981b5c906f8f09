"""boto3 as a user has it, pointed at a simulated AWS."""

from collections.abc import Mapping
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import create_loader

from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.keys import Keys

ONE_TRY = Config(retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=5, read_timeout=10)

_LOADER = create_loader()
"""Reads the models of services, and remembers them, for all clients."""


def client(aws: SimulatedAws, keys: Keys, service: str, region: str = "us-east-1", config: Config = ONE_TRY) -> Any:
    """A client of a service that signs with these keys, and tries each call once."""
    core = botocore.session.Session()
    core.register_component("data_loader", _LOADER)
    token = keys.session_token or None
    session = boto3.Session(keys.access_key_id, keys.secret_access_key, token, region, botocore_session=core)
    return session.client(service, endpoint_url=aws.url, config=config)


def assume(aws: SimulatedAws, keys: Keys, role_arn: str, *, region: str = "us-east-1", **arguments: Any) -> Keys:
    """The keys of an `AssumeRole`."""
    arguments = {"RoleSessionName": "test", **arguments}
    return as_keys(client(aws, keys, "sts", region).assume_role(RoleArn=role_arn, **arguments)["Credentials"])


def as_keys(credentials: Mapping[str, Any]) -> Keys:
    """Credentials of STS' answers, as keys."""
    return Keys(
        access_key_id=credentials["AccessKeyId"],
        secret_access_key=credentials["SecretAccessKey"],
        session_token=credentials["SessionToken"],
        expires=credentials["Expiration"],
    )


def code_of(error: ClientError) -> str:
    """The code of an error of AWS."""
    return str(error.response["Error"]["Code"])
