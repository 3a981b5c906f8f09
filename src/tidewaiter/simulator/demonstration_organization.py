"""What `tidewaiter demo` looks through: an organization whose registries hold what registries hold.

Images of four distributions that share their bases, indexes, a signature and a chart beside them, archived, untagged
and corrupt ones; an account that lets nobody of the organization in but has an agent of its own, and one that is
suspended.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tidewaiter.aws.permissions import PERMISSIONS, Feature, Holder, session_policy
from tidewaiter.model.cloud import ImageStatus
from tidewaiter.model.image import Platform
from tidewaiter.simulator import rootfs
from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.demonstration import (
    ALMALINUX_BASE,
    ALMALINUX_CURL,
    DISTROLESS_BASE,
    DISTROLESS_SSL,
    alpine_base,
    alpine_curl,
    debian_base,
    debian_curl,
)
from tidewaiter.simulator.images import (
    Built,
    BuiltLayer,
    build_artifact,
    build_attestation,
    build_image,
    build_index,
    build_layer,
)
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import allowing, trusting

MANAGEMENT_ROLE = "tidewaiter-management"
MEMBER_ROLE = "tidewaiter-member"
AGENT_ROLE = "tidewaiter-agent"

_ARM = Platform("linux", "arm64")
_CHART = "application/vnd.cncf.helm.config.v1+json"
_SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brokered:
    """An account that only an agent near it enters: whose keys the agent has, and by which role it goes."""

    account: str
    region: str
    keys: Keys
    role_arn: str
    external_id: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """The organization, ready to be looked through: whose keys to use, and which roles to go by."""

    keys: Keys
    management_role_arn: str
    brokered: Brokered
    member_role_name: str = MEMBER_ROLE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cargo:
    """Something to push. `age` is in days."""

    repository: str
    tag: str
    image: Built
    age: int = 30
    status: ImageStatus = ImageStatus.ACTIVE


def populate(cloud: SimulatedAws) -> Demonstration:
    """Makes the organization in an empty cloud: seven accounts, their roles, and their registries in three regions."""
    management = cloud.account("harbour-authority", id="100000000001", regions=("us-east-1", "eu-central-1"))
    lister = management.role(
        MANAGEMENT_ROLE, trust=trusting("100000000002"), policy=_allowed(Holder.MANAGEMENT, Holder.REGISTRY)
    )
    tooling = _member(cloud, management, "security-tooling", "100000000002", ou="Infrastructure")
    storefront = _member(cloud, management, "storefront", "100000000003", ou="Workloads/Production")
    payments = _member(cloud, management, "payments", "100000000004", ou="Workloads/Production")
    analytics = _member(cloud, management, "analytics", "100000000005", ou="Workloads/Research")
    brokered = _acquired(cloud)
    cloud.account("summer-campaign", id="100000000007", ou="Workloads", state="SUSPENDED")
    user = tooling.user("tidewaiter", policy=allowing("sts:AssumeRole", resource=lister))
    for account, region, cargo in (
        (management, "us-east-1", _bases()),
        (storefront, "eu-central-1", _storefront()),
        (storefront, "us-east-1", _storefront()),
        (payments, "eu-central-1", _payments()),
        (analytics, "us-east-1", _analytics()),
        (analytics, "ap-southeast-2", _notebooks()),
    ):
        _load(cloud, account, region, cargo)
    return Demonstration(keys=user, management_role_arn=lister, brokered=brokered)


def _member(cloud: SimulatedAws, management: SimulatedAccount, name: str, number: str, *, ou: str) -> SimulatedAccount:
    account = cloud.account(name, id=number, ou=ou, regions=("us-east-1", "eu-central-1", "ap-southeast-2"))
    account.role(
        MEMBER_ROLE, trust=trusting(management.arn(f"role/{MANAGEMENT_ROLE}")), policy=_allowed(Holder.REGISTRY)
    )
    return account


def _acquired(cloud: SimulatedAws) -> Brokered:
    """An account that was invited, so that it has no role for the organization; its own people run an agent in it."""
    regions = ("us-east-1", "eu-central-1")
    ou, number = "Workloads/Production", "100000000006"
    account = cloud.account("acquired-shop", id=number, ou=ou, regions=regions, invited=True)
    external_id = secrets.token_hex(16)
    trust = trusting(account.arn("user/agent"), external_id=external_id)
    role = account.role(AGENT_ROLE, trust=trust, policy=json.loads(session_policy(cloud.partition)))
    keys = account.user("agent", policy=allowing("sts:AssumeRole", resource=role))
    _load(cloud, account, "eu-central-1", _outlet())
    return Brokered(account="acquired-shop", region="eu-central-1", keys=keys, role_arn=role, external_id=external_id)


def _allowed(*holders: Holder) -> dict[str, object]:
    """A policy of all that a scan asks of these, and no more."""
    asked = (each for each in PERMISSIONS if each.held_by in holders and each.feature is not Feature.DOCTOR)
    actions = sorted({permission.action for permission in asked})
    return dict(allowing(*actions))


def _load(cloud: SimulatedAws, account: SimulatedAccount, region: str, cargo: Iterator[_Cargo]) -> None:
    registry = account.registry(region)
    for each in cargo:
        pushed = cloud.clock.now() - timedelta(days=each.age)
        registry.push(each.repository, each.tag, each.image, pushed=pushed, status=each.status)


def _bases() -> Iterator[_Cargo]:
    """What other teams build on."""
    yield _Cargo(repository="base/debian", tag="12", image=build_image([debian_base()]), age=200)
    yield _Cargo(repository="base/debian", tag="12-curl", image=_debian(), age=190)
    yield _Cargo(repository="base/alpine", tag="3.18", image=build_image([alpine_base()]), age=180)
    yield _Cargo(repository="base/almalinux", tag="9.2", image=build_image([_almalinux_base()]), age=170)
    yield _Cargo(repository="base/distroless", tag="nonroot", image=build_image([_distroless_base()]), age=160)


def _storefront() -> Iterator[_Cargo]:
    """An application with its history, a signature, a gateway for two processors, and what a build left untagged."""
    for number, age in ((1, 90), (2, 60), (3, 30)):
        yield _Cargo(repository="shop/web", tag=f"1.{number}", image=_debian(_application("web", number)), age=age)
    latest = _debian(_application("web", 4))
    signature = build_artifact(_SIGNATURE, b'{"critical": {}}', config_type="application/vnd.oci.image.config.v1+json")
    yield _Cargo(repository="shop/web", tag="latest", image=latest, age=2)
    yield _Cargo(repository="shop/web", tag=f"sha256-{latest.digest.hex}.sig", image=signature, age=2)
    yield _Cargo(repository="shop/web", tag="", image=_debian(_application("web-unfinished", 4)), age=3)
    gateways = [_alpine(_application("gateway", 1)), _alpine(_application("gateway", 1), platform=_ARM)]
    attestation = build_attestation(gateways[0])
    yield _Cargo(repository="shop/gateway", tag="2.0", image=build_index([*gateways, attestation]), age=10)


def _payments() -> Iterator[_Cargo]:
    """Services on two bases, an image that was archived, and a chart."""
    yield _Cargo(repository="ledger", tag="7.0", image=_almalinux(_application("ledger", 7)), age=15)
    yield _Cargo(repository="ledger", tag="6.2", image=_almalinux(_application("ledger", 6)), age=120)
    old = _almalinux(_application("ledger", 1))
    yield _Cargo(repository="ledger", tag="1.0", image=old, age=900, status=ImageStatus.ARCHIVED)
    yield _Cargo(repository="fraud-detection", tag="3.1", image=_almalinux(_application("fraud", 3)), age=20)
    yield _Cargo(repository="card-vault", tag="1.4", image=_distroless(_application("vault", 1)), age=5)
    yield _Cargo(repository="charts/ledger", tag="7.0.0", image=build_artifact(_CHART, b"chart"), age=15)


def _analytics() -> Iterator[_Cargo]:
    """Jobs, one of them damaged on its way."""
    for number in range(1, 6):
        image = _alpine(_application(f"job-{number}", number))
        yield _Cargo(repository=f"jobs/etl-{number}", tag="stable", image=image, age=10 * number)
    damaged = _alpine(_application("job-6", 6))
    top = damaged.layers[-1]
    blobs = {**damaged.blobs, top.digest: top.stored[:-8] + bytes(8)}
    yield _Cargo(repository="jobs/etl-6", tag="stable", image=replace(damaged, blobs=blobs), age=4)


def _outlet() -> Iterator[_Cargo]:
    """What was there before the organization came: a shop on a base of the organization's, one on an older base."""
    yield _Cargo(repository="outlet/checkout", tag="4.2", image=_debian(_application("checkout", 4)), age=40)
    yield _Cargo(repository="outlet/checkout", tag="4.1", image=_debian(_application("checkout", 3)), age=75)
    yield _Cargo(repository="outlet/stock", tag="1.9", image=_alpine(_application("stock", 1)), age=400)
    chart = build_artifact(_CHART, b"outlet")
    yield _Cargo(repository="outlet/charts", tag="4.2.0", image=chart, age=40)


def _notebooks() -> Iterator[_Cargo]:
    """One image, in a region of its own."""
    yield _Cargo(repository="notebooks/lab", tag="2024.1", image=_debian(_application("lab", 1)), age=45)


def _debian(*more: BuiltLayer) -> Built:
    return build_image([debian_base(), debian_curl(), *more])


def _alpine(*more: BuiltLayer, platform: Platform | None = None) -> Built:
    layers = [alpine_base(), alpine_curl(), *more]
    return build_image(layers, platform=platform) if platform else build_image(layers)


def _almalinux(*more: BuiltLayer) -> Built:
    database = rootfs.rpm_database((*ALMALINUX_BASE, *ALMALINUX_CURL))
    curl = build_layer({rootfs.RPMDB: database}, created_by="RUN dnf install -y curl")
    return build_image([_almalinux_base(), curl, *more])


def _distroless(*more: BuiltLayer) -> Built:
    entries = rootfs.distroless(DISTROLESS_SSL)
    ssl = build_layer({path: entries[path] for path in entries if rootfs.STATUS in path}, created_by="bazel build ssl")
    return build_image([_distroless_base(), ssl, *more])


def _almalinux_base() -> BuiltLayer:
    return build_layer(rootfs.almalinux(ALMALINUX_BASE), created_by="ADD almalinux-9-default.tar.xz /")


def _distroless_base() -> BuiltLayer:
    return build_layer(rootfs.distroless(DISTROLESS_BASE), created_by="bazel build base")


def _application(name: str, version: int) -> BuiltLayer:
    """A layer with a team's own files."""
    run = b"#!/bin/sh\n" * 50
    files = {f"srv/{name}/VERSION": f"{version}\n".encode(), f"srv/{name}/run": run}
    return build_layer(files, created_by=f"COPY {name} /srv/{name}")
