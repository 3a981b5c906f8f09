"""`tidewaiter org`: from one identity to every image of an organization, against an AWS on this machine."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from command_lines import Ran, World, alpine_image, debian_image
from tidewaiter.simulator.aws import MEMBER_ROLE, SimulatedAccount, SimulatedAws
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import allowing, trusting

Tidewaiter = Callable[..., Ran]
SignIn = Callable[[Keys], None]
CURL = debian_image("12", "curl 7.88.1-10+deb12u3")
CLEAN = alpine_image("musl 1.2.4-r1")
REGIONS = ("eu-west-1", "us-east-1")
SECRET = "x-7f3a-not-to-be-told"


@pytest.fixture
def payer(aws: SimulatedAws, sign_in: SignIn) -> SimulatedAccount:
    """The management account, asked by a user of its own who may do everything."""
    payer = aws.account("payer", regions=REGIONS)
    payer.registry("us-east-1").push("base", "1", CLEAN)
    sign_in(payer.user("me", policy=allowing("*")))
    return payer


@pytest.fixture
def shop(aws: SimulatedAws, payer: SimulatedAccount) -> SimulatedAccount:
    """A member with a vulnerable image."""
    shop = aws.account("shop", ou="Workloads/Production", regions=REGIONS)
    shop.registry("eu-west-1").push("team/app", "1", CURL)
    return shop


def scan(tidewaiter: Tidewaiter, world: World, *arguments: str) -> Ran:
    return tidewaiter("org", "scan", "--db", world.db, "--workers", "1", *arguments, "--format", "json")


def listed(tidewaiter: Tidewaiter, *arguments: str) -> Ran:
    return tidewaiter("org", "list", *arguments, "--format", "json")


def repositories(document: Mapping[str, Any]) -> set[str]:
    return {image["repository"] for image in document["images"]}


def test_every_account_and_region_is_looked_through(
    tidewaiter: Tidewaiter, world: World, payer: SimulatedAccount, shop: SimulatedAccount
) -> None:
    ran = scan(tidewaiter, world)
    assert (ran.code, ran.err) == (1, "")
    by_account = {account["id"]: account for account in ran.json["accounts"]}
    assert by_account.keys() == {payer.id, shop.id}
    assert by_account[payer.id]["management"]
    for account in by_account.values():
        assert [registry["region"] for registry in account["registries"]] == list(REGIONS)
    assert repositories(ran.json) == {"base", "team/app"}


def test_a_base_of_one_account_under_an_image_of_another_is_pulled_once(
    tidewaiter: Tidewaiter, world: World, payer: SimulatedAccount, shop: SimulatedAccount
) -> None:
    shop.registry("us-east-1").push("copy", "1", CLEAN)
    ran = scan(tidewaiter, world)
    assert ran.json["run"]["layers_read"] == 2


def test_an_account_that_refuses_is_told_at_once_and_in_the_report_and_the_rest_goes_on(
    tidewaiter: Tidewaiter, world: World, aws: SimulatedAws, shop: SimulatedAccount
) -> None:
    shut = aws.account("shut")
    shut.remove(f"role/{MEMBER_ROLE}")
    ran = scan(tidewaiter, world, "--quiet")
    assert ran.code == 2
    (gap,) = next(account for account in ran.json["accounts"] if account["id"] == shut.id)["gaps"]
    assert gap["why"] == "denied"
    assert '"Action": "sts:AssumeRole"' in gap["detail"]
    assert f"may not do sts:AssumeRole on arn:aws:iam::{shut.id}:role/{MEMBER_ROLE}" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert "team/app" in repositories(ran.json)


def test_a_suspended_account_is_passed_over_and_is_no_gap(
    tidewaiter: Tidewaiter, world: World, aws: SimulatedAws, shop: SimulatedAccount
) -> None:
    old = aws.account("old", state="SUSPENDED")
    ran = scan(tidewaiter, world)
    assert ran.code == 1
    (gap,) = next(account for account in ran.json["accounts"] if account["id"] == old.id)["gaps"]
    assert gap["why"] == "inactive"


def test_a_region_that_a_policy_denies_is_a_gap_of_that_region(
    tidewaiter: Tidewaiter, world: World, aws: SimulatedAws, shop: SimulatedAccount
) -> None:
    aws.deny_region("us-east-1")
    ran = scan(tidewaiter, world)
    assert ran.code == 2
    account = next(account for account in ran.json["accounts"] if account["id"] == shop.id)
    gaps = [*account["gaps"], *(gap for registry in account["registries"] for gap in registry["gaps"])]
    assert {gap["why"] for gap in gaps} == {"denied"}
    assert "team/app" in repositories(ran.json)


def test_management_and_member_roles_are_taken_with_their_external_ids(
    tidewaiter: Tidewaiter, aws: SimulatedAws, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer = aws.account("payer", regions=REGIONS)
    tools = aws.account("tools", outside=True)
    manager = payer.role("manager", trust=trusting(tools.id, external_id="m1"), policy=allowing("*"))
    shop = aws.account("shop", regions=REGIONS)
    shop.role("reader", trust=trusting(payer.id, external_id=SECRET), policy=allowing("ecr:*", "ec2:DescribeRegions"))
    shop.registry("eu-west-1").push("team/app", "1", CLEAN)
    sign_in(tools.user("me", policy=allowing("sts:AssumeRole")))
    monkeypatch.setenv("TIDEWAITER_ORG_LIST_MANAGEMENT_EXTERNAL_ID", "m1")
    monkeypatch.setenv("TIDEWAITER_ORG_LIST_EXTERNAL_ID", SECRET)
    ran = listed(tidewaiter, "--management-role-arn", manager, "--member-role-name", "reader")
    assert ran.code == 0
    assert repositories(ran.json) == {"team/app"}
    assert [hop["role_arn"] for hop in ran.json["identity"]["hops"]] == [manager]
    assert SECRET not in ran.out + ran.err


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ([], {"base", "team/app"}),
        (["--no-management"], {"team/app"}),
        (["--ou", "Workloads"], {"team/app"}),
        (["--exclude-ou", "Workloads/Production"], {"base"}),
        (["--region", "us-east-1"], {"base"}),
        (["--exclude-region", "us-east-1"], {"team/app"}),
        (["--repository", "team/*"], {"team/app"}),
    ],
)
def test_filters_choose_accounts_regions_and_repositories(
    tidewaiter: Tidewaiter, shop: SimulatedAccount, arguments: list[str], left: set[str]
) -> None:
    ran = listed(tidewaiter, *arguments)
    assert ran.code == 0
    assert repositories(ran.json) == left


def test_accounts_are_chosen_by_number(tidewaiter: Tidewaiter, shop: SimulatedAccount) -> None:
    assert repositories(listed(tidewaiter, "--account", shop.id).json) == {"team/app"}
    assert repositories(listed(tidewaiter, "--exclude-account", shop.id).json) == {"base"}


@pytest.mark.parametrize("arguments", [["--account", "999999999999"], ["--ou", "Nowhere"], ["--account", "12"]])
def test_a_filter_that_names_nothing_is_never_silent(
    tidewaiter: Tidewaiter, shop: SimulatedAccount, arguments: list[str]
) -> None:
    ran = listed(tidewaiter, *arguments)
    assert (ran.code, ran.out) == (3, "")
    assert arguments[1] in ran.err


def test_an_account_outside_of_an_organization_is_told_so(
    tidewaiter: Tidewaiter, aws: SimulatedAws, shop: SimulatedAccount, sign_in: SignIn
) -> None:
    sign_in(shop.user("me", policy=allowing("*")))
    ran = listed(tidewaiter)
    assert (ran.code, ran.out) == (2, "")
    assert "organizations:ListAccounts" in ran.err


def test_public_repositories_are_looked_through_where_asked_for(
    tidewaiter: Tidewaiter, world: World, shop: SimulatedAccount
) -> None:
    shop.public_registry().push("tool", "1", CLEAN)
    assert "tool" not in repositories(listed(tidewaiter).json)
    ran = scan(tidewaiter, world, "--public", "--account", shop.id)
    tool = next(image for image in ran.json["images"] if image["repository"] == "tool")
    assert tool["state"] == "scanned"
    registries = [registry for account in ran.json["accounts"] for registry in account["registries"]]
    assert [registry["host"] for registry in registries if registry["public"]] == [tool["registry"]]
