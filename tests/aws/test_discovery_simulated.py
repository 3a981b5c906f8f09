"""Discovery with real chains and boto3, against the simulated AWS that enforces policies."""

import hashlib
import json
import urllib.request
from collections.abc import Iterable, Iterator

import pytest

from tidewaiter.aws.chain import Chain
from tidewaiter.aws.permissions import session_policy
from tidewaiter.aws.registries import Found, Place, RegistryApi
from tidewaiter.aws.targets import AccountRequest, OrganizationRequest, organization, registries, registry_of
from tidewaiter.errors import CloudError
from tidewaiter.model.cloud import ImageStatus, Lost, Passed, RoleHop
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest
from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.images import build_image, build_layer
from tidewaiter.simulator.policies import Document, allowing, trusting

REGIONS = ("us-east-1", "eu-west-1")
IMAGE = build_image([build_layer({"etc/hostname": b"here"})])
READER: Document = json.loads(session_policy("aws"))
LISTER = allowing(
    "organizations:ListAccounts",
    "organizations:ListRoots",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListAccountsForParent",
    "sts:AssumeRole",
)


@pytest.fixture
def cloud() -> Iterator[SimulatedAws]:
    with SimulatedAws() as cloud:
        yield cloud


@pytest.fixture
def boss(cloud: SimulatedAws) -> SimulatedAccount:
    return cloud.account("boss", regions=REGIONS)


@pytest.fixture
def chain(cloud: SimulatedAws, boss: SimulatedAccount, monkeypatch: pytest.MonkeyPatch) -> Chain:
    """A user outside of the organization, who may become the role that lists it."""
    tools = cloud.account("tools", outside=True)
    boss.role("lister", trust=trusting(tools.id, external_id="of-boss"), policy=[LISTER, READER])
    keys = tools.user("scanner", policy=allowing("sts:AssumeRole"))
    for name, value in cloud.environment(keys).items():
        monkeypatch.setenv(name, value)
    return Chain.ambient()


def request_of(boss: SimulatedAccount, **filters: tuple[str, ...]) -> OrganizationRequest:
    return OrganizationRequest(
        management_role_arn=boss.arn("role/lister"),
        management_external_id="of-boss",
        member_role_name="reader",
        member_external_id="of-members",
        **filters,  # type: ignore[arg-type]  # the tests' own keyword arguments
    )


def join(
    cloud: SimulatedAws, boss: SimulatedAccount, name: str, *, ou: str = "", reader: bool = True
) -> SimulatedAccount:
    """A member with the least role that can be read with."""
    account = cloud.account(name, ou=ou, regions=REGIONS)
    if reader:
        account.role("reader", trust=trusting(boss.id, external_id="of-members"), policy=READER)
    return account


def places(found: Iterable[Found]) -> set[tuple[str, str]]:
    return {(each.account.name, each.api.registry.region) for each in found if isinstance(each, Place)}


def at(found: Iterable[Found], account: SimulatedAccount, region: str, *, public: bool = False) -> RegistryApi:
    apis = (each.api for each in found if isinstance(each, Place))
    wanted = account.id, region, public
    return next(api for api in apis if (api.registry.account, api.registry.region, api.registry.public) == wanted)


def test_an_organization_is_found_with_no_more_permissions_than_the_table_has(
    cloud: SimulatedAws, boss: SimulatedAccount, chain: Chain
) -> None:
    join(cloud, boss, "web", ou="Workloads/Production")
    join(cloud, boss, "data", ou="Workloads")
    found = list(organization(chain, request_of(boss)))
    assert places(found) == {(name, region) for name in ("boss", "web", "data") for region in REGIONS}
    assert len(found) == 6
    assert all(call.allowed for call in cloud.calls)


def test_units_are_filtered_by_where_accounts_really_are(
    cloud: SimulatedAws, boss: SimulatedAccount, chain: Chain
) -> None:
    join(cloud, boss, "web", ou="Workloads/Production")
    join(cloud, boss, "data", ou="Workloads")
    found = list(
        organization(chain, request_of(boss, ous=("Workloads",), exclude_ous=(cloud.unit("Workloads/Production"),)))
    )
    assert {name for name, _ in places(found)} == {"data"}
    assert {each.account.ou_path for each in found} == {"Root", "Root/Workloads", "Root/Workloads/Production"}
    assert all(call.allowed for call in cloud.calls)


def test_what_refuses_is_lost_with_who_asked_what_and_the_rest_goes_on(
    cloud: SimulatedAws, boss: SimulatedAccount, chain: Chain
) -> None:
    join(cloud, boss, "web")
    stranger = join(cloud, boss, "stranger", reader=False)
    join(cloud, boss, "closed").set_state("SUSPENDED")
    cloud.deny_region("eu-west-1")
    found = list(organization(chain, request_of(boss)))
    assert places(found) == {("boss", "us-east-1"), ("boss", "eu-west-1"), ("web", "us-east-1")}
    lost = {(each.account.name, each.region): each.gap for each in found if isinstance(each, Lost)}
    assert {key: gap.why for key, gap in lost.items()} == {
        ("stranger", ""): Why.DENIED,
        ("web", "eu-west-1"): Why.DENIED,
    }
    assert "sts:AssumeRole" in lost["stranger", ""].detail
    assert stranger.arn("role/reader") in lost["stranger", ""].detail
    assert "ecr:DescribeRepositories" in lost["web", "eu-west-1"].detail
    assert "of-members" not in str(lost)
    (passed,) = (each for each in found if isinstance(each, Passed))
    assert (passed.account.name, passed.gap.why) == ("closed", Why.INACTIVE)


def test_a_member_with_another_external_id_is_lost(cloud: SimulatedAws, boss: SimulatedAccount, chain: Chain) -> None:
    web = cloud.account("web", regions=REGIONS)
    web.role("reader", trust=trusting(boss.id, external_id="another"), policy=READER)
    (lost,) = (each for each in organization(chain, request_of(boss)) if isinstance(each, Lost))
    assert (lost.account.name, lost.gap.why) == ("web", Why.DENIED)


def test_a_role_that_may_not_list_regions_is_tried_everywhere(
    cloud: SimulatedAws, boss: SimulatedAccount, chain: Chain
) -> None:
    del cloud
    boss.role("lister", trust=trusting(boss.id), policy=LISTER)
    reader = boss.role("narrow", trust=trusting(chain.identity().account), policy=allowing("ecr:DescribeRepositories"))
    found = list(registries(chain, [AccountRequest(role_arn=reader)]))
    assert {("", region) for region in REGIONS} < places(found)
    (lost,) = (each for each in found if isinstance(each, Lost))
    assert "ec2:DescribeRegions" in lost.gap.detail
    inactive = [each.gap.subject for each in found if isinstance(each, Passed)]
    assert f"account {boss.id} in af-south-1" in inactive


def test_an_image_is_listed_and_pulled_by_its_digest(cloud: SimulatedAws, boss: SimulatedAccount, chain: Chain) -> None:
    web = join(cloud, boss, "web")
    web.registry("eu-west-1").push("team/app", "1.0", IMAGE)
    web.registry("eu-west-1").push("team/app", "old", build_image([]), status=ImageStatus.ARCHIVED)
    api = at(organization(chain, request_of(boss)), web, "eu-west-1")
    assert list(api.repositories()) == ["team/app"]
    listed = {detail.tags: detail for detail in api.images("team/app")}
    assert listed[("1.0",)].digest == IMAGE.digest == api.resolve("team/app", "1.0")
    assert listed[("old",)].status is ImageStatus.ARCHIVED
    manifest = api.manifests("team/app", [IMAGE.digest])[IMAGE.digest]
    assert hashlib.sha256(manifest.content).hexdigest() == IMAGE.digest.hex
    archived = listed[("old",)].digest
    assert api.manifests("team/app", [archived])[archived].failure
    assert pulled(api, "team/app", manifest.content)


def test_a_public_image_is_pulled_through_the_docker_api(
    cloud: SimulatedAws, boss: SimulatedAccount, chain: Chain
) -> None:
    web = join(cloud, boss, "web")
    web.public_registry().push("app", "1.0", IMAGE)
    api = at(organization(chain, request_of(boss), public=True), web, "us-east-1", public=True)
    assert list(api.repositories()) == ["app"]
    assert api.resolve("app", "1.0") == IMAGE.digest
    manifest = api.manifests("app", [IMAGE.digest])[IMAGE.digest]
    assert hashlib.sha256(manifest.content).hexdigest() == IMAGE.digest.hex
    assert api.manifests("app", [Digest("sha256", "0" * 64)])[Digest("sha256", "0" * 64)].failure == "ImageNotFound"
    assert pulled(api, "app", manifest.content)


def pulled(api: RegistryApi, repository: str, manifest: bytes) -> bytes:
    """The bytes of the first layer, as its address gives them; they have its digest."""
    digest = Digest.parse(json.loads(manifest)["layers"][0]["digest"])
    download = api.download(repository, digest)
    assert not download.headers
    with urllib.request.urlopen(download.url, timeout=30) as answer:
        content: bytes = answer.read()
    assert hashlib.sha256(content).hexdigest() == digest.hex
    return content


def test_sessions_that_end_in_the_middle_are_made_anew(
    cloud: SimulatedAws, boss: SimulatedAccount, chain: Chain
) -> None:
    web = join(cloud, boss, "web")
    web.registry("eu-west-1").push("app", "1.0", IMAGE)
    api = at(organization(chain, request_of(boss)), web, "eu-west-1")
    assumed = [call.resource for call in cloud.calls].count(web.arn("role/reader"))
    cloud.expire_all()
    assert api.manifests("app", [IMAGE.digest])[IMAGE.digest].content
    assert [call.resource for call in cloud.calls].count(web.arn("role/reader")) > assumed


def test_a_reference_is_read_in_its_own_account_and_region(
    cloud: SimulatedAws, boss: SimulatedAccount, chain: Chain
) -> None:
    web = join(cloud, boss, "web")
    web.registry("eu-west-1").push("app", "1.0", IMAGE)
    web.role("puller", trust=trusting(chain.identity().account), policy=READER)
    reader = chain.then(RoleHop(role_arn=web.arn("role/puller")))
    api = registry_of(reader, f"{web.id}.dkr.ecr.eu-west-1.amazonaws.com")
    assert api.resolve("app", "1.0") == IMAGE.digest
    with pytest.raises(CloudError) as caught:
        api.resolve("app", "2.0")
    assert caught.value.code == "ImageNotFoundException"


def test_a_large_registry_is_listed_whole_while_it_throttles(
    cloud: SimulatedAws, boss: SimulatedAccount, chain: Chain
) -> None:
    registry = boss.registry("eu-west-1")
    names = [f"team/app-{number:05d}" for number in range(2500)]
    for name in names:
        registry.create(name)
    api = at(organization(chain, request_of(boss, regions=("eu-west-1",))), boss, "eu-west-1")
    cloud.faults.throttle(1, "ecr:DescribeRepositories")
    assert list(api.repositories()) == names
    assert [call.error for call in cloud.calls].count("ThrottlingException") == 1
