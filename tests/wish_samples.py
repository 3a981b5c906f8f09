"""Wishes of every kind, for what renders them: each topology, wherever tidewaiter runs, whatever is granted."""

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import product

from tidewaiter.iam.wishes import Grants, Runs, Target, Topology, Wishes

ACCOUNT = "111122223333"
MANAGEMENT = "999988887777"
TARGETS = (
    Target(account="222233334444", external_ids=("shop-4f1d", "shop-9c2a")),
    Target(account="333344445555", external_ids=("web-77aa",)),
)
ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"


def wish(topology: Topology, runs: Runs = Runs.EC2, *, grants: Grants | None = None) -> Wishes:
    """Wishes of this topology, with what it cannot do without, and external IDs."""
    found = Wishes(
        topology=topology,
        account=ACCOUNT,
        runs=runs,
        existing_arn=f"arn:aws:iam::{ACCOUNT}:role/ops/scanner" if runs is Runs.EXISTING else "",
        issuer=ISSUER if runs is Runs.IRSA else "",
        cluster="harbour" if runs is Runs.POD_IDENTITY else "",
        grants=grants or Grants(),
    )
    if topology in (Topology.CROSS_ACCOUNT, Topology.BROKERED):
        return replace(found, targets=TARGETS)
    if topology is Topology.ORGANIZATION:
        return replace(
            found,
            management_account=MANAGEMENT,
            management_external_ids=("boss-1b2c",),
            member_external_ids=("crew-3d4e",),
        )
    return found


def with_regions(wishes: Wishes) -> Wishes:
    """The same, with exclusions and queues in two regions."""
    regions = ("eu-west-1", "us-east-1")
    return replace(wishes, exclusion_regions=regions, events_regions=regions)


def all_grants() -> Iterator[Grants]:
    """Every choice of what more is granted."""
    names = [field.name for field in fields(Grants)]
    for chosen in product((False, True), repeat=len(names)):
        yield Grants(**dict(zip(names, chosen, strict=True)))


def wide_and_narrow_wishes() -> Iterator[Wishes]:
    """Each topology, wherever tidewaiter runs, with all that can be granted and with as little as can be."""
    most = Grants(docker=True, public=True, regions=True, ou_filters=True, doctor=True)
    least = Grants(docker=False, public=False, regions=False, ou_filters=False, doctor=False)
    for topology, runs in product(Topology, Runs):
        yield with_regions(wish(topology, runs, grants=most))
        yield wish(topology, runs, grants=least)


def named(wishes: Wishes) -> str:
    """What a test calls these wishes."""
    granted = "+".join(field.name for field in fields(Grants) if getattr(wishes.grants, field.name))
    return f"{wishes.topology} {wishes.runs} {granted or 'least'}"
