"""The accounts and units of an organization, and which of them a filter wants."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from fakes.chains import Arguments, FakeAws
from tidewaiter.aws.organization import AccountFilter, Organization
from tidewaiter.errors import CloudDeniedError, UsageError

MANAGEMENT, WEB, DATA, OLD = "111111111111", "222222222222", "333333333333", "444444444444"
ROOT, WORK, PROD, SAND = "r-ab12", "ou-ab12-workload", "ou-ab12-producti", "ou-ab12-sandbox0"


def row(number: str, name: str = "", **more: str) -> dict[str, Any]:
    return {
        "Id": number,
        "Arn": f"arn:aws:organizations::{MANAGEMENT}:account/o-abcdefghij/{number}",
        "Name": name,
        **more,
    }


def tree(
    children: Mapping[str, Sequence[tuple[str, str]]], members: Mapping[str, Sequence[str]]
) -> dict[tuple[str, ...], Any]:
    def units(_: str, __: str, asked: Arguments) -> Arguments:
        return {
            "OrganizationalUnits": [{"Id": each, "Name": name} for each, name in children.get(asked["ParentId"], ())]
        }

    def accounts(_: str, __: str, asked: Arguments) -> Arguments:
        return {"Accounts": [{"Id": each} for each in members.get(asked["ParentId"], ())]}

    return {
        ("organizations:ListRoots",): [{"Roots": [{"Id": ROOT, "Name": "Root"}]}],
        ("organizations:ListOrganizationalUnitsForParent",): units,
        ("organizations:ListAccountsForParent",): accounts,
    }


def world() -> FakeAws:
    accounts: list[Arguments] = [
        {"Accounts": [row(MANAGEMENT, "boss", State="ACTIVE", Status="SUSPENDED")]},
        {"Accounts": [], "NextToken": "more"},
        {"Accounts": [row(WEB, "web", Status="ACTIVE"), row(DATA, "data", State="ACTIVE"), row(OLD, State="CLOSED")]},
    ]
    children = {ROOT: [(WORK, "Workloads"), (SAND, "Sandbox")], WORK: [(PROD, "Production")]}
    members = {ROOT: [MANAGEMENT], PROD: [WEB], WORK: [DATA], SAND: [OLD]}
    return FakeAws(answers={("organizations:ListAccounts",): accounts, **tree(children, members)})


def apply(filtering: AccountFilter, aws: FakeAws | None = None) -> dict[str, str]:
    """Why each account is left out."""
    chosen = filtering.apply(Organization((aws or world()).chain(), "aws"))
    return {account.id: reason for account, reason in chosen}


def wanted(filtering: AccountFilter) -> set[str]:
    return {number for number, reason in apply(filtering).items() if not reason}


def test_accounts_come_from_all_pages_also_after_an_empty_one() -> None:
    aws = world()
    accounts = Organization(aws.chain(), "aws").accounts()
    assert [account.id for account in accounts] == [MANAGEMENT, WEB, DATA, OLD]
    assert [account.name for account in accounts] == ["boss", "web", "data", ""]
    assert aws.asked[0].arguments == {"MaxResults": 20}
    assert aws.asked[0].region == "us-east-1"


def test_the_state_counts_and_the_older_status_where_there_is_none() -> None:
    states = [account.state for account in Organization(world().chain(), "aws").accounts()]
    assert states == ["ACTIVE", "ACTIVE", "ACTIVE", "CLOSED"]


def test_the_management_account_is_the_one_that_owns_all_names() -> None:
    accounts = Organization(world().chain(), "aws").accounts()
    assert [account.id for account in accounts if account.management] == [MANAGEMENT]


def test_units_are_found_at_all_depths_with_those_above_them() -> None:
    units = Organization(world().chain(), "aws").units()
    assert [(unit.id, unit.path, unit.lineage) for unit in units] == [
        (ROOT, "", (ROOT,)),
        (WORK, "Workloads", (ROOT, WORK)),
        (PROD, "Workloads/Production", (ROOT, WORK, PROD)),
        (SAND, "Sandbox", (ROOT, SAND)),
    ]


def test_without_filters_all_are_wanted_and_units_are_not_asked_for() -> None:
    aws = world()
    assert set(apply(AccountFilter(), aws).values()) == {""}
    assert aws.counts() == {"organizations:ListAccounts": 1}


@pytest.mark.parametrize(
    ("filtering", "expected"),
    [
        (AccountFilter(accounts=[WEB]), {WEB}),
        (AccountFilter(exclude_accounts=[WEB]), {MANAGEMENT, DATA, OLD}),
        (AccountFilter(accounts=[WEB, DATA], exclude_accounts=[WEB]), {DATA}),
        (AccountFilter(management=False), {WEB, DATA, OLD}),
        (AccountFilter(ous=[WORK]), {WEB, DATA}),
        (AccountFilter(ous=["Workloads"]), {WEB, DATA}),
        (AccountFilter(ous=["Workloads/Production"]), {WEB}),
        (AccountFilter(ous=["/Workloads/Production/"]), {WEB}),
        (AccountFilter(ous=["Root/Workloads/Production"]), {WEB}),
        (AccountFilter(ous=[PROD, "Sandbox"]), {WEB, OLD}),
        (AccountFilter(ous=["Root"]), {MANAGEMENT, WEB, DATA, OLD}),
        (AccountFilter(ous=[ROOT], exclude_ous=[PROD]), {MANAGEMENT, DATA, OLD}),
        (AccountFilter(exclude_ous=["Workloads"]), {MANAGEMENT, OLD}),
        (AccountFilter(ous=[WORK], exclude_ous=[PROD]), {DATA}),
        (AccountFilter(ous=[WORK], accounts=[WEB]), {WEB}),
        (AccountFilter(ous=[SAND], accounts=[WEB]), set()),
    ],
)
def test_a_unit_means_all_below_it_and_every_filter_has_to_be_passed(
    filtering: AccountFilter, expected: set[str]
) -> None:
    assert wanted(filtering) == expected


def test_each_account_that_is_left_out_says_by_which_filter() -> None:
    reasons = apply(AccountFilter(exclude_accounts=[WEB], ous=[WORK], exclude_ous=[SAND]))
    assert reasons == {
        MANAGEMENT: "not in the organizational units that were asked for",
        WEB: "left out by the filter of excluded accounts",
        DATA: "",
        OLD: "left out by the filter of excluded organizational units",
    }


def test_where_units_are_filtered_by_accounts_come_with_their_path() -> None:
    chosen = AccountFilter(ous=[ROOT]).apply(Organization(world().chain(), "aws"))
    assert {account.id: account.ou_path for account, _ in chosen} == {
        MANAGEMENT: "Root",
        WEB: "Root/Workloads/Production",
        DATA: "Root/Workloads",
        OLD: "Root/Sandbox",
    }


@pytest.mark.parametrize(
    ("filtering", "message"),
    [
        (AccountFilter(accounts=["999999999999"]), "no account 999999999999"),
        (AccountFilter(exclude_accounts=["999999999999"]), "no account 999999999999"),
        (AccountFilter(ous=["Production"]), "no unit 'Production'.*Workloads/Production"),
        (AccountFilter(exclude_ous=["ou-ab12-nowhere0"]), "no unit 'ou-ab12-nowhere0'"),
    ],
)
def test_a_filter_that_names_what_there_is_not_is_an_error(filtering: AccountFilter, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        apply(filtering)


@pytest.mark.parametrize("number", ["web", "12345678901", "1234567890123", ""])
def test_what_is_no_account_is_told_before_anything_is_asked(number: str) -> None:
    with pytest.raises(UsageError, match="12 digits"):
        AccountFilter(exclude_accounts=[number]).check()


def test_units_that_cannot_be_listed_end_a_search_by_unit() -> None:
    aws = world()
    aws.refuse(action="organizations:ListRoots")
    with pytest.raises(CloudDeniedError):
        apply(AccountFilter(exclude_ous=[SAND]), aws)
