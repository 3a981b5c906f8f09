"""Wishes for every topology, every way to run and every choice of what is granted."""

from typing import Any

from tidewaiter.iam.wishes import Grants, Runs, Target, Topology, Wishes

HOME = "111111111111"
TARGETS = (
    Target(account="222222222222", external_ids=("harbour-2a", "harbour,2b")),
    Target(account="333333333333", external_ids=("harbour-3",)),
)
MANAGEMENT = "444444444444"
ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"

GRANTS = {
    "usual": Grants(),
    "all": Grants(public=True, doctor=True),
    "least": Grants(docker=False, regions=False, ou_filters=False),
}


def wished(topology: Topology, runs: Runs = Runs.EC2, **more: Any) -> Wishes:
    """Wishes with all that the topology and the way to run need."""
    return Wishes(**{"topology": topology, "account": HOME, "runs": runs, **_of(topology), **_to_run(runs), **more})


def _of(topology: Topology) -> dict[str, Any]:
    match topology:
        case Topology.CROSS_ACCOUNT | Topology.BROKERED:
            return {"targets": TARGETS}
        case Topology.ORGANIZATION:
            external_ids = {"management_external_ids": ("harbour-4",), "member_external_ids": ("harbour-5",)}
            return {"management_account": MANAGEMENT, **external_ids}
        case Topology.SINGLE:
            return {}


def _to_run(runs: Runs) -> dict[str, Any]:
    match runs:
        case Runs.EXISTING:
            return {"existing_arn": f"arn:aws:iam::{HOME}:user/ops/scanner"}
        case Runs.IRSA:
            return {"issuer": ISSUER}
        case Runs.POD_IDENTITY:
            return {"cluster": "tools"}
        case _:
            return {}
