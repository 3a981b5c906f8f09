"""From an identity to registries: roles, an organization, and all that refuses on the way."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest

from fakes.chains import FakeAws
from tidewaiter.aws.permissions import session_policy
from tidewaiter.aws.regions import known_regions
from tidewaiter.aws.registries import Found, Place
from tidewaiter.aws.targets import AccountRequest, OrganizationRequest, organization, registries, registry_of
from tidewaiter.errors import CloudDeniedError, CloudError, UsageError
from tidewaiter.model.cloud import Lost, Passed, Registry
from tidewaiter.model.gap import Stage, Why

BASE, BOSS, WEB, DATA, OLD = "999999999999", "111111111111", "222222222222", "333333333333", "444444444444"
NUMBERS = (BOSS, WEB, DATA, OLD)
LISTER = f"arn:aws:iam::{BOSS}:role/lister"


def member(number: str, name: str = "OrganizationAccountAccessRole") -> str:
    return f"arn:aws:iam::{number}:role/{name}"


def world() -> FakeAws:
    rows = [
        {
            "Id": number,
            "Arn": f"arn:aws:organizations::{BOSS}:account/o-abcdefghij/{number}",
            "Name": f"name-{number[0]}",
            "State": "SUSPENDED" if number == OLD else "ACTIVE",
        }
        for number in NUMBERS
    ]
    return FakeAws(
        account=BASE,
        roles={LISTER: "", **{member(number): "" for number in (WEB, DATA, OLD)}},
        regions=dict.fromkeys((BASE, *NUMBERS), ("us-east-1", "eu-west-1")),
        answers={("organizations:ListAccounts",): [{"Accounts": rows[:2]}, {"Accounts": rows[2:]}]},
    )


REQUEST = OrganizationRequest(management_role_arn=LISTER)


def places(found: Iterable[Found]) -> set[tuple[str, str]]:
    return {(each.api.registry.account, each.api.registry.region) for each in found if isinstance(each, Place)}


def lost(found: Iterable[Found]) -> list[Lost]:
    return [each for each in found if isinstance(each, Lost)]


def passed(found: Iterable[Found]) -> list[Passed]:
    return [each for each in found if isinstance(each, Passed)]


@dataclass(slots=True)
class Counted:
    found: int = 0
    done: int = 0

    def count(self, thing: str, *, found: int = 0, done: int = 0) -> None:
        assert thing == "accounts"
        self.found += found
        self.done += done


def test_without_a_role_the_own_account_is_looked_through_in_all_its_regions() -> None:
    found = list(registries(world().chain(), [AccountRequest()]))
    assert places(found) == {(BASE, "us-east-1"), (BASE, "eu-west-1")}
    assert len(found) == 2


def test_a_place_has_its_account_and_the_registrys_usual_host() -> None:
    (place,) = registries(world().chain(), [AccountRequest(regions=("eu-west-1",))])
    assert isinstance(place, Place)
    host = f"{BASE}.dkr.ecr.eu-west-1.amazonaws.com"
    assert place.api.registry == Registry(partition="aws", account=BASE, region="eu-west-1", host=host)
    assert place.account.id == BASE


def test_regions_that_were_asked_for_are_entered_without_asking_which_are_enabled() -> None:
    aws = world()
    found = list(registries(aws.chain(), [AccountRequest(regions=("ap-south-1",))]))
    assert places(found) == {(BASE, "ap-south-1")}
    assert "ec2:DescribeRegions" not in aws.counts()


def test_several_roles_are_looked_through_with_sessions_that_may_only_read() -> None:
    aws = world()
    aws.roles = {member(WEB, "reader"): "web-secret", member(DATA, "reader"): ""}
    requests = [
        AccountRequest(role_arn=member(WEB, "reader"), external_id="web-secret"),
        AccountRequest(role_arn=member(DATA, "reader"), regions=("us-east-1",)),
    ]
    found = list(registries(aws.chain(), requests))
    assert places(found) == {(WEB, "us-east-1"), (WEB, "eu-west-1"), (DATA, "us-east-1")}
    assert {each.policy for each in aws.asked} == {session_policy("aws")}
    assert "web-secret" not in repr(requests)


def test_a_role_that_cannot_be_assumed_is_lost_and_the_rest_goes_on() -> None:
    aws = world()
    aws.roles = {member(DATA, "reader"): ""}
    requests = [AccountRequest(role_arn=member(number, "reader")) for number in (WEB, DATA)]
    found = list(registries(aws.chain(), requests))
    (gone,) = lost(found)
    assert (gone.account.id, gone.region) == (WEB, "")
    assert (gone.gap.stage, gone.gap.why, gone.gap.subject) == (Stage.IDENTITY, Why.DENIED, f"account {WEB}")
    assert places(found) == {(DATA, "us-east-1"), (DATA, "eu-west-1")}


def test_two_ways_to_one_registry_give_it_once() -> None:
    aws = world()
    aws.roles = {member(WEB, "one"): "", member(WEB, "two"): ""}
    requests = [AccountRequest(role_arn=member(WEB, name)) for name in ("one", "two")]
    counted = Counted()
    found = list(registries(aws.chain(), requests, progress=counted))
    assert len(found) == 2
    assert (counted.found, counted.done) == (2, 2)


def test_where_one_way_to_a_registry_is_refused_the_other_is_taken() -> None:
    aws = world()
    aws.roles = {member(WEB, "two"): ""}
    requests = [AccountRequest(role_arn=member(WEB, name)) for name in ("one", "two")]
    found = list(registries(aws.chain(), requests))
    assert places(found) == {(WEB, "us-east-1"), (WEB, "eu-west-1")}
    assert len(lost(found)) == 1


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (AccountRequest(regions=("eu-wset-1",)), "Did you mean eu-west-1"),
        (AccountRequest(regions=("cn-north-1",)), "no region of the partition aws"),
        (AccountRequest(role_arn="reader"), "is not an ARN"),
        (AccountRequest(role_arn=f"arn:aws-cn:iam::{WEB}:role/reader"), "across partitions"),
    ],
)
def test_a_request_that_cannot_be_is_told_before_any_account_is_entered(request_: AccountRequest, message: str) -> None:
    aws = world()
    with pytest.raises(UsageError, match=message):
        registries(aws.chain(), [AccountRequest(), request_])
    assert not aws.asked


def test_a_region_that_refuses_is_lost_and_the_others_are_not() -> None:
    aws = world()
    aws.refuse(region="eu-west-1")
    found = list(registries(aws.chain(), [AccountRequest()]))
    assert places(found) == {(BASE, "us-east-1")}
    (gone,) = lost(found)
    assert (gone.region, gone.gap.why, gone.gap.stage) == ("eu-west-1", Why.DENIED, Stage.DISCOVERY)
    assert gone.gap.subject == f"account {BASE} in eu-west-1"


def test_a_region_that_does_not_answer_is_unreachable() -> None:
    aws = world()
    aws.refusals["*", "eu-west-1", "*"] = CloudError("no answer", retry=True)
    (gone,) = lost(registries(aws.chain(), [AccountRequest()]))
    assert (gone.region, gone.gap.why) == ("eu-west-1", Why.UNREACHABLE)


def test_an_account_that_hides_its_regions_is_tried_in_all_and_that_is_said() -> None:
    aws = world()
    aws.refuse(action="ec2:DescribeRegions", code="UnauthorizedOperation")
    found = list(registries(aws.chain(), [AccountRequest()]))
    assert places(found) == {(BASE, region) for region in known_regions("aws")}
    (gone,) = lost(found)
    assert (gone.region, gone.gap.why, gone.gap.subject) == ("", Why.DENIED, f"regions of account {BASE}")
    assert "could not be listed" in gone.gap.detail


def test_there_a_region_that_does_not_know_the_credentials_is_probably_not_enabled() -> None:
    aws = world()
    aws.refuse(region="af-south-1", code="UnrecognizedClientException")
    aws.refuse(region="eu-west-1", code="UnrecognizedClientException")
    aws.refuse(action="ec2:DescribeRegions")
    found = list(registries(aws.chain(), [AccountRequest()]))
    (inactive,) = passed(found)
    assert (inactive.gap.why, inactive.gap.subject) == (Why.INACTIVE, f"account {BASE} in af-south-1")
    assert [each.region for each in lost(found)] == ["", "eu-west-1"]


def test_a_region_that_was_asked_for_is_never_probably_not_enabled() -> None:
    aws = world()
    aws.refuse(region="af-south-1", code="UnrecognizedClientException")
    aws.refuse(action="ec2:DescribeRegions")
    found = list(organization(aws.chain(), replace(REQUEST, regions=("af-south-1",))))
    assert not [each for each in passed(found) if each.gap.why is Why.INACTIVE and "af-south-1" in each.gap.subject]
    assert {each.region for each in lost(found)} == {"af-south-1"}


def test_an_account_that_names_no_region_at_all_is_tried_in_all_and_that_is_said() -> None:
    aws = world()
    aws.regions[BASE] = ()
    found = list(registries(aws.chain(), [AccountRequest()]))
    assert places(found) == {(BASE, region) for region in known_regions("aws")}
    assert ["names no region" in each.gap.detail for each in lost(found)] == [True]


def test_an_enabled_region_that_does_not_know_the_credentials_is_lost() -> None:
    aws = world()
    aws.regions[BASE] = ("af-south-1",)
    aws.refuse(region="af-south-1", code="UnrecognizedClientException")
    assert [each.region for each in lost(registries(aws.chain(), [AccountRequest()]))] == ["af-south-1"]


def test_an_organization_is_its_active_accounts_with_the_management_account() -> None:
    aws = world()
    counted = Counted()
    found = list(organization(aws.chain(), REQUEST, progress=counted))
    assert places(found) == {(number, region) for number in (BOSS, WEB, DATA) for region in ("us-east-1", "eu-west-1")}
    assert (counted.found, counted.done) == (4, 4)
    assert {each.account.name for each in found} == {"name-1", "name-2", "name-3", "name-4"}


def test_an_account_that_is_not_active_is_passed_with_its_state() -> None:
    aws = world()
    (inactive,) = passed(organization(aws.chain(), REQUEST))
    assert (inactive.account.id, inactive.gap.why) == (OLD, Why.INACTIVE)
    assert "SUSPENDED" in inactive.gap.detail
    assert OLD not in {each.account for each in aws.asked}


def test_a_session_that_reads_registries_may_do_nothing_else_also_in_the_management_account() -> None:
    aws = world()
    list(organization(aws.chain(), REQUEST))
    listing = [each for each in aws.asked if each.action.startswith("organizations:")]
    reading = [each for each in aws.asked if each.action.startswith(("ecr:", "ec2:"))]
    assert {each.policy for each in listing} == {""}
    assert {each.account for each in reading} == {BOSS, WEB, DATA}
    assert {each.policy for each in reading} == {session_policy("aws")}


def test_the_management_account_is_read_with_its_own_role_and_members_with_theirs() -> None:
    aws = world()
    list(organization(aws.chain(), REQUEST))
    ways = {each.account: tuple(hop.role_arn for hop in each.hops) for each in aws.asked if "ecr:" in each.action}
    assert ways == {BOSS: (LISTER,), WEB: (LISTER, member(WEB)), DATA: (LISTER, member(DATA))}


def test_without_a_management_role_the_identity_itself_lists_and_reads_its_account() -> None:
    aws = world()
    aws.account = BOSS
    found = list(organization(aws.chain(), OrganizationRequest()))
    assert places(found) == {(number, region) for number in (BOSS, WEB, DATA) for region in ("us-east-1", "eu-west-1")}


def test_a_delegated_administrator_reads_the_management_account_with_the_member_role() -> None:
    aws = world()
    aws.account = WEB
    aws.roles[member(BOSS)] = ""
    found = list(organization(aws.chain(), OrganizationRequest()))
    assert {number for number, _ in places(found)} == {BOSS, WEB, DATA}
    ways = {each.account: tuple(hop.role_arn for hop in each.hops) for each in aws.asked if "ecr:" in each.action}
    assert ways == {BOSS: (member(BOSS),), WEB: (), DATA: (member(DATA),)}


def test_the_management_account_can_be_left_out() -> None:
    found = list(organization(world().chain(), replace(REQUEST, management=False)))
    assert {number for number, _ in places(found)} == {WEB, DATA}
    assert {each.account.id: each.gap.why for each in passed(found)} == {BOSS: Why.FILTERED, OLD: Why.INACTIVE}


def test_external_ids_go_to_their_own_roles_and_are_not_shown() -> None:
    aws = world()
    aws.roles = {LISTER: "boss-id", **{member(number): "member-id" for number in (WEB, DATA)}}
    request = replace(REQUEST, management_external_id="boss-id", member_external_id="member-id")
    assert len(places(organization(aws.chain(), request))) == 6
    assert "boss-id" not in repr(request)
    assert "member-id" not in repr(request)


def test_the_member_role_may_have_another_name_and_a_path() -> None:
    aws = world()
    aws.roles = {LISTER: "", **{member(number, "ops/reader"): "" for number in (WEB, DATA)}}
    found = list(organization(aws.chain(), replace(REQUEST, member_role_name="ops/reader")))
    assert {number for number, _ in places(found)} == {BOSS, WEB, DATA}


def test_an_account_without_the_role_is_lost_and_the_rest_goes_on() -> None:
    aws = world()
    del aws.roles[member(WEB)]
    found = list(organization(aws.chain(), REQUEST))
    (gone,) = lost(found)
    assert (gone.account.id, gone.gap.subject, gone.gap.why) == (WEB, f"account {WEB} (name-2)", Why.DENIED)
    assert {number for number, _ in places(found)} == {BOSS, DATA}


def test_a_management_role_that_cannot_be_assumed_ends_it() -> None:
    aws = world()
    del aws.roles[LISTER]
    with pytest.raises(CloudDeniedError, match="can not be assumed"):
        organization(aws.chain(), REQUEST)


def test_accounts_that_cannot_be_listed_end_it() -> None:
    aws = world()
    aws.refuse(action="organizations:ListAccounts", code="AWSOrganizationsNotInUseException")
    with pytest.raises(CloudDeniedError):
        organization(aws.chain(), REQUEST)


@pytest.mark.parametrize(
    "request_",
    [
        replace(REQUEST, accounts=("555555555555",)),
        replace(REQUEST, exclude_accounts=("555555555555",)),
        replace(REQUEST, exclude_regions=("eu-west-11",)),
        replace(REQUEST, regions=("us-gov-west-1",)),
    ],
)
def test_a_filter_that_names_what_there_is_not_ends_it_before_any_account_is_entered(
    request_: OrganizationRequest,
) -> None:
    aws = world()
    with pytest.raises(UsageError):
        organization(aws.chain(), request_)
    assert not [each for each in aws.asked if "ecr" in each.action]


def test_a_filter_by_what_is_no_account_ends_it_before_anybody_is_asked() -> None:
    aws = world()
    with pytest.raises(UsageError, match="12 digits"):
        organization(aws.chain(), replace(REQUEST, accounts=("web",)))
    assert not aws.asked


def test_the_regions_of_an_account_are_asked_in_a_region_that_is_wanted() -> None:
    aws = world()
    list(organization(aws.chain(), replace(REQUEST, regions=("eu-west-1",))))
    assert {each.region for each in aws.asked if each.action == "ec2:DescribeRegions"} == {"eu-west-1"}


def test_an_account_that_a_filter_leaves_out_is_passed_with_the_filter() -> None:
    found = list(organization(world().chain(), replace(REQUEST, exclude_accounts=(WEB,))))
    assert {number for number, _ in places(found)} == {BOSS, DATA}
    (left_out,) = (each for each in passed(found) if each.account.id == WEB)
    assert (left_out.gap.why, left_out.gap.subject) == (Why.FILTERED, f"account {WEB} (name-2)")
    assert "excluded accounts" in left_out.gap.detail


def test_a_filter_goes_before_the_state() -> None:
    found = organization(world().chain(), replace(REQUEST, accounts=(WEB,)))
    assert {each.account.id: each.gap.why for each in passed(found)} == dict.fromkeys((BOSS, DATA, OLD), Why.FILTERED)


def test_regions_that_a_filter_leaves_out_are_passed_by_name() -> None:
    found = list(organization(world().chain(), replace(REQUEST, accounts=(WEB,), exclude_regions=("us-east-1",))))
    assert places(found) == {(WEB, "eu-west-1")}
    (regions,) = (each for each in passed(found) if each.account.id == WEB)
    assert (regions.gap.why, regions.gap.subject) == (Why.FILTERED, f"account {WEB} (name-2) in us-east-1")


def test_a_region_that_an_account_has_not_enabled_is_passed_there() -> None:
    aws = world()
    aws.regions[WEB] = ("us-east-1",)
    found = list(organization(aws.chain(), replace(REQUEST, accounts=(WEB, DATA), regions=("eu-west-1",))))
    assert places(found) == {(DATA, "eu-west-1")}
    inactive = [each for each in passed(found) if each.account.id == WEB and each.gap.why is Why.INACTIVE]
    assert [each.gap.subject for each in inactive] == [f"account {WEB} (name-2) in eu-west-1"]


def test_regions_that_were_asked_for_are_tried_where_the_account_hides_its_own() -> None:
    aws = world()
    aws.refuse(action="ec2:DescribeRegions")
    found = list(organization(aws.chain(), replace(REQUEST, accounts=(WEB,), regions=("eu-west-1",))))
    assert places(found) == {(WEB, "eu-west-1")}
    assert not lost(found)


def test_public_registries_come_beside_the_private_ones() -> None:
    aws = world()
    uri = "public.ecr.aws/a1b2c3d4"
    aws.answers[WEB, "ecr-public:DescribeRegistries"] = [{"registries": [{"registryId": WEB, "registryUri": uri}]}]
    found = list(organization(aws.chain(), REQUEST, public=True))
    public = [each.api.registry for each in found if isinstance(each, Place) and each.api.registry.public]
    assert public == [Registry(partition="aws", account=WEB, region="us-east-1", host=uri, public=True)]
    assert len(places(found)) == 6


def test_a_public_registry_that_cannot_be_asked_for_is_lost() -> None:
    aws = world()
    aws.refuse(action="ecr-public:DescribeRegistries")
    found = list(registries(aws.chain(), [AccountRequest()], public=True))
    (gone,) = lost(found)
    assert (gone.region, gone.gap.subject) == ("us-east-1", f"ECR Public of account {BASE}")


def test_public_registries_are_not_asked_for_without_need() -> None:
    aws = world()
    list(organization(aws.chain(), REQUEST))
    assert not [each for each in aws.asked if each.action.startswith("ecr-public:")]


def test_there_are_no_public_registries_outside_the_usual_partition() -> None:
    aws = FakeAws(partition="aws-cn")
    with pytest.raises(UsageError, match="not in the partition aws-cn"):
        registries(aws.chain(), [AccountRequest()], public=True)


def test_everything_stays_in_the_partition_of_the_identity() -> None:
    lister, reader = (f"arn:aws-us-gov:iam::{number}:role/r" for number in (BOSS, WEB))
    aws = replace(world(), partition="aws-us-gov", roles={lister: "", reader: ""}, regions={WEB: ("us-gov-east-1",)})
    request = OrganizationRequest(management_role_arn=lister, member_role_name="r", accounts=(WEB,))
    assert places(organization(aws.chain(), request)) == {(WEB, "us-gov-east-1")}
    assert {each.region for each in aws.asked} == {"us-gov-west-1", "us-gov-east-1"}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (f"{WEB}.dkr.ecr.eu-west-1.amazonaws.com", ("aws", WEB, "eu-west-1")),
        (f"{WEB}.dkr.ecr.cn-north-1.amazonaws.com.cn", ("aws-cn", WEB, "cn-north-1")),
        (f"{WEB}.dkr.ecr-fips.us-gov-west-1.amazonaws.com", ("aws-us-gov", WEB, "us-gov-west-1")),
    ],
)
def test_a_reference_leads_to_the_registry_that_its_host_names(host: str, expected: tuple[str, str, str]) -> None:
    aws = FakeAws()
    found = registry_of(aws.chain(), host.upper()).registry
    assert (found.partition, found.account, found.region) == expected
    assert found.host == host
    assert not aws.asked


@pytest.mark.parametrize("host", ["docker.io", "public.ecr.aws", f"{WEB}.dkr.ecr.eu-west-1.example.com"])
def test_a_host_that_is_not_ecrs_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="not a private registry of ECR"):
        registry_of(FakeAws().chain(), host)
