"""Wishes that cannot be are refused, with the option that gave them; external IDs are never repeated."""

from dataclasses import replace
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from tidewaiter.errors import UsageError
from tidewaiter.iam.policies import render
from tidewaiter.iam.rules import check_wishes
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Grants, Runs, Target, Topology
from topology_samples import HOME, wished

SINGLE, CROSS, ORGANIZATION, BROKERED = (
    Topology.SINGLE,
    Topology.CROSS_ACCOUNT,
    Topology.ORGANIZATION,
    Topology.BROKERED,
)
OTHER = "222222222222"


@pytest.mark.parametrize("runs", Runs)
@pytest.mark.parametrize("topology", Topology)
def test_what_a_topology_needs_is_enough(topology: Topology, runs: Runs) -> None:
    check_wishes(wished(topology, runs))


@pytest.mark.parametrize(
    ("option", "says", "topology", "runs", "more"),
    [
        ("--account", "'12' is not the number", SINGLE, Runs.EC2, {"account": "12"}),
        ("--name", "is not allowed", SINGLE, Runs.EC2, {"name": 'x"; rm -rf'}),
        ("--name", "is not allowed", SINGLE, Runs.EC2, {"name": ""}),
        ("--name", "is not allowed", SINGLE, Runs.EC2, {"name": "x" * 65}),
        ("--name", "is not allowed", SINGLE, Runs.EC2, {"name": "a.b", "events_regions": ("eu-west-1",)}),
        ("--target-role", "is not allowed", CROSS, Runs.EC2, {"target_role": "ops/reader"}),
        ("--management-role", "is not allowed", ORGANIZATION, Runs.EC2, {"management_role": "${x}"}),
        ("--member-role", "is not allowed", ORGANIZATION, Runs.EC2, {"member_role": "a\nb"}),
        ("--principal-arn", "--runs existing needs it", SINGLE, Runs.EXISTING, {"existing_arn": ""}),
        ("--principal-arn", "--runs ec2 was chosen", SINGLE, Runs.EC2, {"existing_arn": "arn:aws:iam::1:role/x"}),
        (
            "--principal-arn",
            "not the ARN of a role",
            SINGLE,
            Runs.EXISTING,
            {"existing_arn": f"arn:aws:iam::{HOME}:root"},
        ),
        (
            "--principal-arn",
            "not the ARN of a role",
            SINGLE,
            Runs.EXISTING,
            {"existing_arn": f"arn:aws:iam::{HOME}:role/*"},
        ),
        (
            "--principal-arn",
            "not the ARN of a role",
            SINGLE,
            Runs.EXISTING,
            {"existing_arn": f"arn:aws:sts::{HOME}:assumed-role/scanner/session"},
        ),
        (
            "--principal-arn",
            "lies in account 222222222222",
            SINGLE,
            Runs.EXISTING,
            {"existing_arn": f"arn:aws:iam::{OTHER}:role/x"},
        ),
        (
            "--principal-arn",
            "lies in the partition aws-cn",
            SINGLE,
            Runs.EXISTING,
            {"existing_arn": f"arn:aws-cn:iam::{HOME}:role/x"},
        ),
        (
            "--principal-arn",
            "a role that AWS manages",
            SINGLE,
            Runs.EXISTING,
            {"existing_arn": f"arn:aws:iam::{HOME}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_x_1"},
        ),
        ("--issuer", "--runs irsa needs it", SINGLE, Runs.IRSA, {"issuer": ""}),
        ("--issuer", "is not allowed", SINGLE, Runs.IRSA, {"issuer": "https://oidc.example.com"}),
        ("--issuer", "it is for --runs irsa", SINGLE, Runs.USER, {"issuer": "oidc.example.com"}),
        ("--namespace", "is not allowed", SINGLE, Runs.IRSA, {"namespace": "*"}),
        ("--service-account", "is not allowed", SINGLE, Runs.IRSA, {"service_account": "a:b"}),
        ("--cluster", "--runs pod-identity needs it", SINGLE, Runs.POD_IDENTITY, {"cluster": ""}),
        ("--cluster", "is not allowed", SINGLE, Runs.POD_IDENTITY, {"cluster": "a b"}),
        ("--target", "needs it", CROSS, Runs.EC2, {"targets": ()}),
        (
            "--target",
            "it is for --topology cross-account or brokered",
            SINGLE,
            Runs.EC2,
            {"targets": (Target(account=OTHER),)},
        ),
        ("--target", "not the number of an account", CROSS, Runs.EC2, {"targets": (Target(account="shop"),)}),
        ("--target", "is named twice", CROSS, Runs.EC2, {"targets": (Target(account=OTHER), Target(account=OTHER))}),
        (
            "--external-id",
            "not one that AWS allows",
            CROSS,
            Runs.EC2,
            {"targets": (Target(account=OTHER, external_ids=("x",)),)},
        ),
        ("--external-id", "has no external ID", BROKERED, Runs.EC2, {"targets": (Target(account=OTHER),)}),
        (
            "--external-id",
            "two accounts have the same external ID",
            BROKERED,
            Runs.EC2,
            {"targets": (Target(account=OTHER, external_ids=("same",)), Target(account=HOME, external_ids=("same",)))},
        ),
        ("--management-account", "needs it", ORGANIZATION, Runs.EC2, {"management_account": ""}),
        ("--management-account", "not the number", ORGANIZATION, Runs.EC2, {"management_account": "boss"}),
        ("--management-account", "it is for --topology organization", SINGLE, Runs.EC2, {"management_account": OTHER}),
        (
            "--management-external-id",
            "not one that AWS allows",
            ORGANIZATION,
            Runs.EC2,
            {"management_external_ids": ("a b",)},
        ),
        ("--management-external-id", "it is for", SINGLE, Runs.EC2, {"management_external_ids": ("abc",)}),
        (
            "--member-external-id",
            "not one that AWS allows",
            ORGANIZATION,
            Runs.EC2,
            {"member_external_ids": ("x" * 1225,)},
        ),
        ("--member-external-id", "it is for", CROSS, Runs.EC2, {"member_external_ids": ("abc",)}),
        ("--member-role", "called 'same' too", ORGANIZATION, Runs.EC2, {"name": "same", "member_role": "same"}),
        (
            "--management-role",
            "called 'same' too",
            ORGANIZATION,
            Runs.EC2,
            {"name": "same", "management_role": "same", "management_account": HOME},
        ),
        (
            "--target-role",
            "called 'scanner' too",
            CROSS,
            Runs.EXISTING,
            {
                "existing_arn": f"arn:aws:iam::{HOME}:role/ops/scanner",
                "target_role": "scanner",
                "targets": (Target(account=HOME),),
            },
        ),
        ("--repository", "is not allowed", SINGLE, Runs.EC2, {"repositories": ("Team/*",)}),
        ("--repository", "is not allowed", SINGLE, Runs.EC2, {"repositories": ("team/[ab]",)}),
        ("--repository", "is not allowed", SINGLE, Runs.EC2, {"repositories": ("${aws:username}",)}),
        ("--exclusion-region", "is not allowed", SINGLE, Runs.EC2, {"exclusion_regions": ("cn-north-1",)}),
        ("--exclusion-region", "named twice", SINGLE, Runs.EC2, {"exclusion_regions": ("eu-west-1", "eu-west-1")}),
        ("--events-region", "is not allowed", SINGLE, Runs.EC2, {"events_regions": ("everywhere",)}),
        (
            "--public",
            "not in the partition aws-cn",
            SINGLE,
            Runs.EC2,
            {"partition": "aws-cn", "grants": Grants(public=True)},
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_option(
    option: str, says: str, topology: Topology, runs: Runs, more: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        blueprint(wished(topology, runs, **more))
    assert raised.value.where == option


def test_a_partition_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="aws-moon"):
        blueprint(wished(SINGLE, partition="aws-moon"))


def test_one_account_may_be_the_base_the_management_and_a_target() -> None:
    check_wishes(wished(ORGANIZATION, management_account=HOME))
    check_wishes(wished(CROSS, targets=(Target(account=HOME, external_ids=("home",)),)))


def test_the_same_external_id_may_be_used_where_connections_need_not_be_told_apart() -> None:
    several = tuple(Target(account=account, external_ids=("same",)) for account in (HOME, OTHER))
    check_wishes(wished(CROSS, targets=several))


def test_no_refusal_repeats_an_external_id() -> None:
    for wrong in ("secret id", "s" * 1225 + "ecret"):
        wishes = wished(CROSS, targets=(Target(account=OTHER, external_ids=(wrong,)),))
        with pytest.raises(UsageError) as raised:
            blueprint(wishes)
        assert wrong not in str(raised.value)


@hypothesis.given(
    text=st.text(min_size=1, max_size=12), field=st.sampled_from(["name", "target_role", "cluster", "issuer"])
)
def test_what_passes_cannot_break_out_of_a_document_or_a_shell(text: str, field: str) -> None:
    runs = {"cluster": Runs.POD_IDENTITY, "issuer": Runs.IRSA}.get(field, Runs.EC2)
    wishes = replace(wished(CROSS, runs), **{field: text})  # type: ignore[arg-type]  # all four are strings
    try:
        files = render(blueprint(wishes))
    except UsageError:
        return
    assert not set(text) & set("\"'`$\\{}<>|;& \n\t*?()")
    assert any(text in file.text for file in files)
