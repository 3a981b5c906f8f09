"""Whether the hosts that images come from can be reached. Those of AWS' APIs are proved by the calls that are made.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

from urllib3.exceptions import HTTPError

from tidewaiter.aws import hosts
from tidewaiter.aws.steps import Step, Stepped
from tidewaiter.errors import RegistryError
from tidewaiter.iam.checks.findings import Finding
from tidewaiter.model.cloud import Registry
from tidewaiter.model.diagnosis import Check, Health, Topic
from tidewaiter.registry.transport import Patience, Transport, Waiting, let_go, no_answer


class Doors(Protocol):
    """Knows where calls go to; a chain does."""

    def endpoint(self, service: str, region: str) -> str:
        """The address that calls of a service go to in a region."""
        ...


Reach = Callable[[str], str]
"""Tries to connect to a host with TLS: "" where it answers, whatever it answers, else why not. Called from threads."""

_PATIENCE = Patience(connect=10, read=10)
_DOCKER = "The Docker API is needed only where ECR's own does not give a layer."
_WAY = "Is there a way to it: a route, a proxy, a VPC endpoint ({endpoint}), and does its policy allow it?"


def reached(host: str) -> str:
    """As downloads connect: through the proxy that the environment names, trusting the authorities that it names."""
    transport = Transport(Waiting(_PATIENCE), insecure=False)
    try:
        let_go(transport.send_once("HEAD", f"https://{host}/", {}))
    except (HTTPError, OSError) as error:
        return no_answer(error, host).what
    except RegistryError as error:
        return str(error)
    finally:
        transport.close()
    return ""


def layer_bucket(region: str) -> str:
    """The host of the bucket that layers of private registries are downloaded from."""
    suffix = hosts.partition(hosts.partition_of_region(region)).suffix
    return f"prod-{region}-starport-layer-bucket.s3.{region}.{suffix}"


def steps(chain: Doors, registries: Iterable[Registry], reach: Reach) -> tuple[Step[Finding], ...]:
    """A step for each region that has a registry: all registries of a region are behind the same doors."""
    by_region = {each.region: each for each in registries if not each.public}
    return tuple(Step(region, partial(_region, chain, each, reach)) for region, each in by_region.items())


def _region(chain: Doors, registry: Registry, reach: Reach) -> Stepped[Finding]:
    return Stepped(tuple(_connections(chain, registry, reach)))


def _connections(chain: Doors, registry: Registry, reach: Reach) -> Iterator[Check]:
    region = registry.region
    api = urlsplit(chain.endpoint("ecr", region))
    if not _is_amazons(api.hostname or "", registry.partition):
        says = f"calls go to {api.scheme}://{api.netloc} in place of AWS, so the hosts of layers were not tried"
        yield Check(topic=Topic.ENDPOINT, health=Health.UNKNOWN, says=says, counts=False)
        return
    bucket = layer_bucket(region)
    troubles = [
        _trouble(
            region, bucket, reach(bucket), Health.WRONG, "All layers come from it.", _WAY.format(endpoint="of S3")
        ),
        _trouble(region, registry.host, reach(registry.host), Health.POORER, _DOCKER, _WAY.format(endpoint="ecr.dkr")),
    ]
    yield from filter(None, troubles)
    if not any(troubles):
        says = f"{api.hostname}, {registry.host} and the bucket of layers can be reached"
        yield Check(region=region, topic=Topic.ENDPOINT, health=Health.RIGHT, says=says)


def _trouble(region: str, host: str, reason: str, health: Health, role: str, advice: str) -> Check | None:
    if not reason:
        return None
    says = f"{host} cannot be reached: {reason}"
    return Check(
        region=region, topic=Topic.ENDPOINT, health=health, says=says, resource=host, advice=f"{role} {advice}"
    )


def _is_amazons(host: str, partition: str) -> bool:
    known = hosts.partition(partition)
    return host.endswith(tuple(f".{end}" for end in (known.suffix, known.dual_stack_suffix, "api.aws") if end))
