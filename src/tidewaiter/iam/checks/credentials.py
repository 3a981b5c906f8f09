"""Which credentials there are where tidewaiter runs, and who they are."""

from collections.abc import Callable, Iterator
from datetime import datetime

from tidewaiter.aws.chain import Chain
from tidewaiter.errors import CloudError
from tidewaiter.iam.checks import clock
from tidewaiter.iam.checks.findings import refused
from tidewaiter.model.cloud import Identity
from tidewaiter.model.diagnosis import Check, Health, Topic


def identified(chain: Chain, now: Callable[[], datetime]) -> Iterator[Check]:
    """Who asks first, and whether the clocks agree; or why nobody does."""
    try:
        identity = chain.identity()
        answer = chain.sts("sts:GetCallerIdentity")
    except CloudError as error:
        yield refused(error, topic=Topic.CREDENTIALS, says="there is nobody to ask AWS as")
        return
    yield Check(topic=Topic.CREDENTIALS, health=Health.RIGHT, says=_who(identity), principal=identity.arn)
    yield from clock.compared(answer, now())


def _who(identity: Identity) -> str:
    provider = identity.provider or "the credentials"
    return f"{provider} answered: {identity.arn} in account {identity.account}"
