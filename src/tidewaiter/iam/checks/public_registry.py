"""Whether an account's registry in ECR Public can be listed and pulled from, without pulling anything."""

from collections.abc import Callable, Iterator
from functools import partial

from tidewaiter.aws import hosts
from tidewaiter.aws.ecr_public import EcrPublic, public_registry
from tidewaiter.errors import CloudError
from tidewaiter.iam.checks.findings import Counted, Finding, refused
from tidewaiter.iam.checks.registries import PROVING, pick
from tidewaiter.iam.checks.ways import Way
from tidewaiter.model.cloud import Registry
from tidewaiter.model.diagnosis import Check, Health, Topic

_IMAGES = "ecr-public:DescribeImages"


def findings(way: Way, partition: str, wanted: tuple[str, ...]) -> Iterator[Finding]:
    """What was found, the number of its repositories among it."""
    try:
        registry = public_registry(way.reader, way.account.id, partition)
    except CloudError as error:
        yield _refused(way, error, Topic.LISTING, "its public registry cannot be found")
        return
    if registry is None:
        yield _right(way, Topic.LISTING, "the account has no public registry")
        return
    yield from _listed(way, registry, wanted)
    yield from _trouble(
        way, EcrPublic(way.reader, registry).authorization, Topic.PULLING, "there is no login to ECR Public"
    ) or [_right(way, Topic.PULLING, "public images can be pulled without the limits for strangers")]


def _listed(way: Way, registry: Registry, wanted: tuple[str, ...]) -> Iterator[Finding]:
    api = EcrPublic(way.reader, registry)
    try:
        listed = pick(api.repositories(), wanted)
    except CloudError as error:
        yield _refused(way, error, Topic.LISTING, "its public repositories cannot be listed")
        listed = pick((), wanted)
    else:
        yield Counted(registry, listed.count)
    troubles = [
        trouble
        for name in listed.tried
        for trouble in _trouble(way, partial(_describe, way, name), Topic.LISTING, "its public images cannot be listed")
    ]
    yield from troubles or [_right(way, Topic.LISTING, "public images can be listed")]


def _describe(way: Way, repository: str) -> object:
    asked = {"registryId": way.account.id, "repositoryName": repository, "maxResults": 1}
    arn = f"arn:{hosts.DEFAULT_PARTITION}:ecr-public::{way.account.id}:repository/{repository}"
    return way.reader.call("ecr-public", hosts.PUBLIC_REGION, _IMAGES, asked, resource=arn)


def _trouble(way: Way, ask: Callable[[], object], topic: Topic, says: str) -> list[Check]:
    try:
        ask()
    except CloudError as error:
        return [] if error.code in PROVING else [_refused(way, error, topic, says)]
    return []


def _refused(way: Way, error: CloudError, topic: Topic, says: str) -> Check:
    return refused(error, topic=topic, says=says, account=way.account.id, region=hosts.PUBLIC_REGION)


def _right(way: Way, topic: Topic, says: str) -> Check:
    return Check(account=way.account.id, region=hosts.PUBLIC_REGION, topic=topic, health=Health.RIGHT, says=says)
