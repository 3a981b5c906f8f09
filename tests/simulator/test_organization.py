"""The simulated Organizations lists what there is, to those who may, as the real one does."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_clients import assume, client, code_of
from tidewaiter.simulator.aws import MEMBER_ROLE, SimulatedAccount, SimulatedAws
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import allowing, denying


def enter(aws: SimulatedAws, keys: Keys, account: SimulatedAccount) -> Keys:
    return assume(aws, keys, account.arn(f"role/{MEMBER_ROLE}"))


def test_accounts_are_listed_twenty_a_page_with_empty_pages_between(aws: SimulatedAws, keys: Keys) -> None:
    accounts = {aws.account(f"member {number}").id for number in range(44)}
    pages = list(client(aws, keys, "organizations").get_paginator("list_accounts").paginate())
    assert [len(page["Accounts"]) for page in pages] == [20, 0, 20, 0, 5]
    listed = [account["Id"] for page in pages for account in page["Accounts"]]
    assert set(listed) == accounts | {aws.organization.management}
    assert len(listed) == 45


def test_empty_pages_can_be_left_out(aws: SimulatedAws, keys: Keys) -> None:
    aws.organization.empty_pages = False
    for number in range(20):
        aws.account(f"member {number}")
    pages = client(aws, keys, "organizations").get_paginator("list_accounts").paginate()
    assert [len(page["Accounts"]) for page in pages] == [20, 1]


def test_smaller_pages_can_be_asked_for_and_wrong_tokens_are_refused(aws: SimulatedAws, keys: Keys) -> None:
    aws.account("member")
    organizations = client(aws, keys, "organizations")
    first = organizations.list_accounts(MaxResults=1)
    assert [len(first["Accounts"]), "NextToken" in first] == [1, True]
    for wrong in ({"NextToken": "a"}, {"NextToken": "????"}):
        with pytest.raises(ClientError) as error:
            organizations.list_accounts(**wrong)
        assert code_of(error.value) == "InvalidInputException"


def test_an_account_says_its_state_how_it_joined_and_where_it_is(aws: SimulatedAws, keys: Keys) -> None:
    member = aws.account("left", id="222222222222", state="PENDING_CLOSURE", ou="Workloads/Test", invited=True)
    found = client(aws, keys, "organizations").describe_account(AccountId=member.id)["Account"]
    assert (found["Id"], found["Name"], found["State"]) == ("222222222222", "left", "PENDING_CLOSURE")
    assert found["JoinedMethod"] == "INVITED"
    test = aws.unit("Workloads/Test")
    assert found["Paths"] == [f"{aws.organization.id}/r-sim1/{aws.unit('Workloads')}/{test}/222222222222/"]
    member.set_state("CLOSED")
    found = client(aws, keys, "organizations").describe_account(AccountId=member.id)["Account"]
    assert (found["State"], found["Status"]) == ("CLOSED", "SUSPENDED")


def test_units_and_their_accounts_are_listed_one_level_at_a_time(aws: SimulatedAws, keys: Keys) -> None:
    deep = aws.account("deep", ou="Workloads/Production")
    shallow = aws.account("shallow", ou="Workloads")
    organizations = client(aws, keys, "organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    units = organizations.list_organizational_units_for_parent(ParentId=root)["OrganizationalUnits"]
    assert [unit["Name"] for unit in units] == ["Workloads"]
    workloads = units[0]["Id"]
    assert [unit["Name"] for unit in below(organizations, workloads)] == ["Production"]
    assert accounts_below(organizations, workloads) == [shallow.id]
    assert accounts_below(organizations, aws.unit("Workloads/Production")) == [deep.id]
    assert accounts_below(organizations, root) == [aws.organization.management]
    described = organizations.describe_organizational_unit(OrganizationalUnitId=workloads)["OrganizationalUnit"]
    assert described["Name"] == "Workloads"


def test_parents_are_told_of_accounts_and_units(aws: SimulatedAws, keys: Keys) -> None:
    member = aws.account("member", ou="Workloads")
    organizations = client(aws, keys, "organizations")
    workloads = aws.unit("Workloads")
    assert organizations.list_parents(ChildId=member.id)["Parents"] == [
        {"Id": workloads, "Type": "ORGANIZATIONAL_UNIT"}
    ]
    assert organizations.list_parents(ChildId=workloads)["Parents"] == [{"Id": "r-sim1", "Type": "ROOT"}]


def test_a_parent_that_is_not_there_is_refused(aws: SimulatedAws, keys: Keys) -> None:
    with pytest.raises(ClientError) as error:
        client(aws, keys, "organizations").list_accounts_for_parent(ParentId="ou-sim1-99999999")
    assert code_of(error.value) == "ParentNotFoundException"


def test_a_member_may_describe_the_organization_but_not_list_it(aws: SimulatedAws, keys: Keys) -> None:
    session = enter(aws, keys, aws.account("member"))
    organizations = client(aws, session, "organizations")
    described = organizations.describe_organization()["Organization"]
    assert described["MasterAccountId"] == aws.organization.management
    with pytest.raises(ClientError, match="don't have permissions") as error:
        organizations.list_accounts()
    assert code_of(error.value) == "AccessDeniedException"


def test_a_delegated_administrator_may_list_it(aws: SimulatedAws, keys: Keys) -> None:
    member = aws.account("delegated")
    aws.organization.administrators.add(member.id)
    organizations = client(aws, enter(aws, keys, member), "organizations")
    assert len(organizations.list_accounts()["Accounts"]) == 2
    administrators = client(aws, keys, "organizations").list_delegated_administrators()["DelegatedAdministrators"]
    assert [each["Id"] for each in administrators] == [member.id]


def test_an_account_outside_is_in_no_organization(aws: SimulatedAws, keys: Keys) -> None:
    outside = aws.account("outside", outside=True)
    stranger = outside.user("stranger", policy=allowing("*"))
    with pytest.raises(ClientError) as error:
        client(aws, stranger, "organizations").describe_organization()
    assert code_of(error.value) == "AWSOrganizationsNotInUseException"
    listed = client(aws, keys, "organizations").list_accounts()["Accounts"]
    assert outside.id not in [account["Id"] for account in listed]


def test_no_two_accounts_have_one_id(aws: SimulatedAws) -> None:
    taken = aws.account("one").id
    with pytest.raises(ValueError, match=taken):
        aws.account("two", id=taken)


class TestServiceControlPolicies:
    def test_a_denied_region_is_denied_to_members_and_to_nobody_else(
        self, aws: SimulatedAws, home: SimulatedAccount, keys: Keys
    ) -> None:
        session = enter(aws, keys, aws.account("member"))
        aws.deny_region("eu-west-3")
        denied = r"with an explicit deny in a service control policy: arn:aws:organizations::\d+:policy/\S+/p-eu-west-3"
        with pytest.raises(ClientError, match=denied) as error:
            client(aws, session, "ecr", "eu-west-3").describe_repositories()
        assert code_of(error.value) == "AccessDeniedException"
        client(aws, session, "ecr", "eu-west-1").describe_repositories()
        client(aws, keys, "ecr", "eu-west-3").describe_repositories()
        assert home.id == aws.organization.management

    def test_a_policy_on_a_unit_binds_all_accounts_below(self, aws: SimulatedAws, keys: Keys) -> None:
        below, beside = aws.account("below", ou="A/B"), aws.account("beside", ou="C")
        aws.restrict(denying("ecr:*"), ou="A")
        with pytest.raises(ClientError, match="service control policy"):
            client(aws, enter(aws, keys, below), "ecr").describe_repositories()
        client(aws, enter(aws, keys, beside), "ecr").describe_repositories()

    def test_a_policy_on_an_account_binds_that_account(self, aws: SimulatedAws, keys: Keys) -> None:
        one, other = aws.account("one"), aws.account("other")
        one.restrict(denying("ecr:*"))
        with pytest.raises(ClientError, match="service control policy"):
            client(aws, enter(aws, keys, one), "ecr").describe_repositories()
        client(aws, enter(aws, keys, other), "ecr").describe_repositories()


def below(organizations: Any, parent: str) -> list[dict[str, str]]:
    listed = organizations.list_organizational_units_for_parent(ParentId=parent)
    found: list[dict[str, str]] = listed["OrganizationalUnits"]
    return found


def accounts_below(organizations: Any, parent: str) -> list[str]:
    listed = organizations.list_accounts_for_parent(ParentId=parent)
    return [account["Id"] for account in listed["Accounts"]]
