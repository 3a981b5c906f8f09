"""The simulated registries as boto3 sees them, through the front that checks who may do what."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import urllib3
from botocore.exceptions import ClientError

from aws_clients import assume, client, code_of
from tidewaiter.aws.hosts import parse_host
from tidewaiter.model.cloud import ImageStatus
from tidewaiter.simulator import ecr_public, ecr_service
from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.ecr import SimulatedEcr
from tidewaiter.simulator.ecr_calls import Operation
from tidewaiter.simulator.images import build_image, build_layer, sha256
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import allowing, trusting
from tidewaiter.simulator.regions import home_region

REGION = "eu-west-1"
BUILT = build_image([build_layer({"etc/os-release": b"ID=debian\n"})])
LONG_AGO = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def registry(home: SimulatedAccount) -> SimulatedEcr:
    return home.registry(REGION)


@pytest.fixture
def ecr(aws: SimulatedAws, keys: Keys, registry: SimulatedEcr) -> Any:
    """A client of the administrator of the registry's account."""
    assert registry.place.region == REGION
    return client(aws, keys, "ecr", REGION)


def test_ten_thousand_repositories_are_paged_through(ecr: Any, registry: SimulatedEcr) -> None:
    for number in range(10_000):
        registry.create(f"team-{number % 7}/app-{number}")
    pages = list(ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 1000}))
    names = {each["repositoryName"] for page in pages for each in page["repositories"]}
    assert (len(pages), len(names)) == (10, 10_000)


def test_images_are_listed_with_their_times(ecr: Any, registry: SimulatedEcr) -> None:
    registry.push("app", "v1", BUILT, pushed=LONG_AGO, pulled=LONG_AGO + timedelta(days=1))
    [image] = ecr.describe_images(repositoryName="app")["imageDetails"]
    assert image["imagePushedAt"] == LONG_AGO
    assert image["lastRecordedPullTime"] == LONG_AGO + timedelta(days=1)


def test_an_image_is_pulled_by_digest_without_any_login(ecr: Any, registry: SimulatedEcr) -> None:
    digest = str(registry.push("app", "v1", BUILT))
    [image] = ecr.batch_get_image(repositoryName="app", imageIds=[{"imageDigest": digest}])["images"]
    assert str(sha256(image["imageManifest"].encode())) == digest
    for blob in json.loads(image["imageManifest"])["layers"]:
        address = ecr.get_download_url_for_layer(repositoryName="app", layerDigest=blob["digest"])["downloadUrl"]
        with urllib3.PoolManager(retries=False) as http:
            assert http.request("GET", address).data == BUILT.layers[0].stored


@pytest.mark.parametrize(
    "ask",
    [
        lambda ecr: ecr.describe_images(repositoryName="nowhere"),
        lambda ecr: ecr.describe_images(repositoryName="app", imageIds=[{"imageTag": "nothing"}]),
        lambda ecr: ecr.get_download_url_for_layer(repositoryName="app", layerDigest=f"sha256:{'0' * 64}"),
        lambda ecr: ecr.delete_repository(repositoryName="app"),
        lambda ecr: ecr.create_repository(repositoryName="app"),
        lambda ecr: ecr.describe_repositories(nextToken="nonsense"),
    ],
)
def test_errors_are_those_that_the_api_documents(
    ecr: Any, registry: SimulatedEcr, ask: Callable[[Any], object]
) -> None:
    registry.push("app", "v1", BUILT)
    with pytest.raises(ClientError) as error:
        ask(ecr)
    documented = ecr.meta.service_model.operation_model(error.value.operation_name).error_shapes
    assert code_of(error.value) in {shape.name for shape in documented}


@pytest.mark.parametrize(
    ("name", "operations"), [("ecr", ecr_service.OPERATIONS), ("ecr-public", ecr_public.OPERATIONS)]
)
def test_operations_ask_for_what_the_api_s_model_requires(
    aws: SimulatedAws, keys: Keys, name: str, operations: Mapping[str, Operation[Any]]
) -> None:
    model = client(aws, keys, name).meta.service_model
    for operation, known in operations.items():
        shape = model.operation_model(operation).input_shape
        fields = msgspec.structs.fields(known.request)
        assert {field.encode_name for field in fields if field.required} == set(shape.required_members), operation
        if name == "ecr":
            assert {field.encode_name for field in fields} - {"registryId"} <= set(shape.members), operation


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov", "aws-eusc"])
def test_registries_of_other_partitions_have_their_names(partition: str) -> None:
    with SimulatedAws(partition) as aws:
        home = aws.account("home")
        region = home_region(partition)
        home.registry(region).create("app")
        ecr = client(aws, home.user("reader", policy=allowing("ecr:*")), "ecr", region)
        [found] = ecr.describe_repositories()["repositories"]
        assert found["repositoryArn"] == f"arn:{partition}:ecr:{region}:{home.id}:repository/app"
        parsed = parse_host(found["repositoryUri"].partition("/")[0])
        assert parsed is not None
        assert (parsed.account, parsed.region, parsed.partition) == (home.id, region, partition)


def test_the_archive_the_exclusions_and_the_referrers_answer_in_their_shapes(ecr: Any, registry: SimulatedEcr) -> None:
    digest = str(registry.push("app", "v1", BUILT))
    image_id = {"imageDigest": digest}
    role = "arn:aws:iam::123456789012:role/reader"
    assert ecr.register_pull_time_update_exclusion(principalArn=role)["createdAt"].tzinfo
    assert ecr.list_pull_time_update_exclusions()["pullTimeUpdateExclusions"] == [role]
    assert ecr.list_image_referrers(repositoryName="app", subjectId=image_id)["referrers"] == []
    ecr.update_image_storage_class(repositoryName="app", imageId=image_id, targetStorageClass="ARCHIVE")
    assert ecr.describe_images(repositoryName="app")["imageDetails"] == []
    [found] = ecr.describe_images(repositoryName="app", filter={"imageStatus": "ANY"})["imageDetails"]
    assert (found["imageStatus"], found["lastArchivedAt"].tzinfo is not None) == (ImageStatus.ARCHIVED, True)


def test_a_policy_for_one_repository_opens_no_other(aws: SimulatedAws, home: SimulatedAccount) -> None:
    registry = home.registry(REGION)
    for name in ("open", "closed"):
        registry.push(name, "v1", BUILT)
    policy = allowing("ecr:BatchGetImage", resource=registry.arn("open"))
    ecr = client(aws, home.user("reader", policy=policy), "ecr", REGION)
    ids = [{"imageTag": "v1"}]
    assert ecr.batch_get_image(repositoryName="open", imageIds=ids)["images"]
    with pytest.raises(ClientError, match="ecr:BatchGetImage") as error:
        ecr.batch_get_image(repositoryName="closed", imageIds=ids)
    assert code_of(error.value) == "AccessDeniedException"


def test_a_role_s_sessions_pull_without_a_trace_once_it_is_excluded(
    aws: SimulatedAws, home: SimulatedAccount, keys: Keys
) -> None:
    registry = home.registry(REGION)
    registry.push("app", "v1", BUILT)
    role = home.role("teams/scanner", trust=trusting(home.id), policy=allowing("ecr:*"))
    ecr = client(aws, assume(aws, keys, role), "ecr", REGION)
    ecr.register_pull_time_update_exclusion(principalArn=role)
    ecr.batch_get_image(repositoryName="app", imageIds=[{"imageTag": "v1"}])
    image = registry.find("app", "v1")
    assert image is not None
    assert image.pulled is None
    ecr.deregister_pull_time_update_exclusion(principalArn=role)
    ecr.batch_get_image(repositoryName="app", imageIds=[{"imageTag": "v1"}])
    assert image.pulled is not None


@pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not installed")
def test_skopeo_pulls_with_a_login_for_as_long_as_its_policy_allows(aws: SimulatedAws, home: SimulatedAccount) -> None:
    registry = home.registry(REGION)
    registry.push("app", "v1", BUILT)
    policy = allowing("ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    ecr = client(aws, home.user("reader", policy=policy), "ecr", REGION)
    [data] = ecr.get_authorization_token()["authorizationData"]
    login = base64.b64decode(data["authorizationToken"]).decode()
    host = data["proxyEndpoint"].removeprefix("http://")
    arguments = ["skopeo", "inspect", "--raw", "--creds", login, "--tls-verify=false", f"docker://{host}/app:v1"]
    assert subprocess.run(arguments, capture_output=True, check=True, timeout=60).stdout == BUILT.document
    home.user("reader", policy=allowing("ecr:GetAuthorizationToken"))
    refused = subprocess.run(arguments, capture_output=True, check=False, text=True, timeout=60)
    assert refused.returncode != 0
    assert "denied" in refused.stderr
    made = [(call.action, call.allowed) for call in aws.calls if call.action == "ecr:BatchGetImage"]
    assert made == [("ecr:BatchGetImage", True), ("ecr:BatchGetImage", False)]


def test_public_images_are_listed_in_their_region_and_pulled_by_token(
    aws: SimulatedAws, home: SimulatedAccount, keys: Keys
) -> None:
    home.public_registry().push("app", "v1", BUILT)
    public = client(aws, keys, "ecr-public", "us-east-1")
    [repository] = public.describe_repositories()["repositories"]
    [image] = public.describe_images(repositoryName="app")["imageDetails"]
    assert image["imageTags"] == ["v1"]
    host, _, name = repository["repositoryUri"].partition("/")
    token = public.get_authorization_token()["authorizationData"]["authorizationToken"]
    with urllib3.PoolManager(retries=False) as http:
        url = f"http://{host}/v2/{name}/manifests/{image['imageDigest']}"
        assert http.request("GET", url, headers={"Authorization": f"Bearer {token}"}).data == BUILT.document
