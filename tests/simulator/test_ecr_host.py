"""The Docker API of the simulated registries: logins, pulls, pushes by skopeo."""

import base64
import hashlib
import json
import random
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

from fakes.ecr import REGION, EcrWithoutFront
from fakes.gates import ACCOUNT, READER, STRANGER
from tidewaiter.model.cloud import ImageStatus
from tidewaiter.model.image import Digest, Platform
from tidewaiter.simulator.archives import write_layout
from tidewaiter.simulator.images import build_image, build_index, build_layer, sha256

NOISE = random.Random(1).randbytes(200_000)
BUILT = build_image([build_layer({"etc/os-release": b"ID=debian\n"}), build_layer({"large": NOISE})])
LAYER = BUILT.layers[1]
PUBLIC = "us-east-1"


@pytest.fixture
def ecr() -> Iterator[EcrWithoutFront]:
    ecr = EcrWithoutFront()
    with ecr.registries:
        yield ecr


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False, timeout=5) as http:
        yield http


def token(ecr: EcrWithoutFront, **arguments: Any) -> str:
    return str(ecr.call("GetAuthorizationToken", **arguments)["authorizationData"][0]["authorizationToken"])


def basic(ecr: EcrWithoutFront, **arguments: Any) -> dict[str, str]:
    return {"Authorization": f"Basic {token(ecr, **arguments)}"}


class Client:
    """Asks the Docker API of the registry of `ACCOUNT` in `REGION`."""

    def __init__(self, ecr: EcrWithoutFront, http: urllib3.PoolManager) -> None:
        self.url = ecr.registry.docker_url
        self.login = basic(ecr)
        self._http = http

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        url = path if "://" in path else self.url + path
        return self._http.request(method, url, body=body, headers={**self.login, **(headers or {})}, redirect=False)


@pytest.fixture
def client(ecr: EcrWithoutFront, http: urllib3.PoolManager) -> Client:
    return Client(ecr, http)


def code(answer: urllib3.BaseHTTPResponse) -> str:
    return str(answer.json()["errors"][0]["code"])


# Logins


def test_a_stranger_is_asked_for_a_login(ecr: EcrWithoutFront, http: urllib3.PoolManager) -> None:
    for headers in (
        {},
        {"Authorization": "Basic bm9ib2R5"},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic ä"},
    ):
        answer = http.request("GET", f"{ecr.registry.docker_url}/v2/", headers=headers)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith('Basic realm="')


def test_the_login_is_aws_and_a_password_for_twelve_hours(ecr: EcrWithoutFront, client: Client) -> None:
    [data] = ecr.call("GetAuthorizationToken")["authorizationData"]
    assert base64.b64decode(data["authorizationToken"]).startswith(b"AWS:")
    assert data["proxyEndpoint"] == ecr.registry.docker_url
    assert timedelta(hours=11) < data["expiresAt"] - ecr.clock.now() <= timedelta(hours=12)
    assert client.ask("GET", "/v2/").status == 200


def test_an_expired_login_is_refused(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.clock.advance(timedelta(hours=12))
    answer = client.ask("GET", "/v2/")
    assert (answer.status, code(answer)) == (403, "DENIED")
    assert b"expired" in answer.data


def test_all_logins_can_be_made_to_expire(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registries.tokens.expire_all()
    assert client.ask("GET", "/v2/").status == 403


def test_each_request_needs_the_login_s_permission(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.push("app", "v1", BUILT)
    resource = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/app"
    assert client.ask("GET", "/v2/app/manifests/v1").status == 200
    ecr.gate.refused.add("ecr:GetDownloadUrlForLayer")
    answer = client.ask("GET", f"/v2/app/blobs/{LAYER.digest}")
    assert (answer.status, code(answer)) == (403, "DENIED")
    assert ecr.gate.asked == [("ecr:BatchGetImage", resource), ("ecr:GetDownloadUrlForLayer", resource)]


def test_another_account_s_login_is_refused(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.push("app", "v1", BUILT)
    answer = client.ask("GET", "/v2/app/manifests/v1", headers=basic(ecr, caller=STRANGER))
    assert (answer.status, code(answer)) == (403, "DENIED")


# Pulling


def test_a_manifest_comes_with_its_digest_and_media_type(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.push("app", "v1", BUILT)
    for name in ("v1", str(BUILT.digest)):
        answer = client.ask("GET", f"/v2/app/manifests/{name}")
        assert answer.data == BUILT.document
        assert answer.headers["Docker-Content-Digest"] == str(BUILT.digest)
        assert answer.headers["Content-Type"] == BUILT.media_type
    answer = client.ask("HEAD", "/v2/app/manifests/v1")
    assert (answer.status, answer.headers["Content-Length"], answer.data) == (200, str(len(BUILT.document)), b"")


def test_getting_a_manifest_is_a_pull_and_asking_for_its_head_is_none(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.push("app", "v1", BUILT)
    image = ecr.registry.find("app", "v1")
    assert image is not None
    client.ask("HEAD", "/v2/app/manifests/v1")
    assert image.pulled is None
    ecr.call("RegisterPullTimeUpdateExclusion", principalArn=READER.principal)
    client.ask("GET", "/v2/app/manifests/v1")
    assert image.pulled is None
    ecr.call("DeregisterPullTimeUpdateExclusion", principalArn=READER.principal)
    client.ask("GET", "/v2/app/manifests/v1")
    assert image.pulled is not None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/nowhere/manifests/v1", "NAME_UNKNOWN"),
        ("/v2/app/manifests/absent", "MANIFEST_UNKNOWN"),
        ("/v2/app/manifests/old", "MANIFEST_UNKNOWN"),
        (f"/v2/app/blobs/sha256:{'0' * 64}", "BLOB_UNKNOWN"),
        (f"/v2/app/blobs/{LAYER.digest}", "BLOB_UNKNOWN"),
        ("/v2/nowhere/tags/list", "NAME_UNKNOWN"),
        ("/v2/app/blobs/uploads/absent", "BLOB_UPLOAD_UNKNOWN"),
    ],
)
def test_what_is_not_there_or_archived_is_not_found(
    ecr: EcrWithoutFront, client: Client, path: str, expected: str
) -> None:
    ecr.registry.push("app", "old", BUILT, status=ImageStatus.ARCHIVED)
    answer = client.ask("GET", path)
    assert (answer.status, code(answer)) == (404, expected)


def test_a_blob_lies_at_another_host_which_takes_no_login(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.push("app", "v1", BUILT)
    answer = client.ask("GET", f"/v2/app/blobs/{LAYER.digest}")
    assert answer.status == 307
    location = answer.headers["Location"]
    assert location.startswith(ecr.registries.blobs.url)
    assert client.ask("GET", location).status == 400
    del client.login["Authorization"]
    assert client.ask("GET", location).data == LAYER.stored


def test_the_head_of_a_blob_tells_its_size(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.push("app", "v1", BUILT)
    answer = client.ask("HEAD", f"/v2/app/blobs/{LAYER.digest}")
    assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(LAYER.stored)))
    assert client.ask("HEAD", f"/v2/app/blobs/sha256:{'0' * 64}").status == 404


def test_configurations_are_known_here_although_the_api_does_not_know_them(
    ecr: EcrWithoutFront, client: Client
) -> None:
    ecr.registry.push("app", "v1", BUILT)
    ecr.registry.faults.unknown_configs = True
    assert client.ask("GET", f"/v2/app/blobs/{sha256(BUILT.config)}").status == 307


def test_a_pull_by_tag_is_converted_for_a_client_of_the_other_family(ecr: EcrWithoutFront, client: Client) -> None:
    docker = "application/vnd.docker.distribution.manifest.v2+json"
    ecr.registry.push("app", "v1", BUILT)
    answer = client.ask("GET", "/v2/app/manifests/v1", headers={"Accept": docker})
    assert answer.headers["Content-Type"] == docker
    assert answer.headers["Docker-Content-Digest"] == str(sha256(answer.data)) != str(BUILT.digest)
    assert client.ask("GET", f"/v2/app/manifests/{BUILT.digest}", headers={"Accept": docker}).status == 404


def test_tags_are_listed_in_pages_without_archived_ones(ecr: EcrWithoutFront, client: Client) -> None:
    for tag in ("b", "a", "c"):
        ecr.registry.push("app", tag, BUILT)
    ecr.registry.push("app", "old", build_image([]), status=ImageStatus.ARCHIVED)
    first = client.ask("GET", "/v2/app/tags/list?n=2")
    assert first.json() == {"name": "app", "tags": ["a", "b"]}
    following = first.headers["Link"].partition(">")[0].removeprefix("<")
    assert client.ask("GET", following).json() == {"name": "app", "tags": ["c"]}


def test_referrers_are_an_index(ecr: EcrWithoutFront, client: Client) -> None:
    subject = {"mediaType": BUILT.media_type, "digest": str(BUILT.digest), "size": len(BUILT.document)}
    signature = build_image([build_layer({})], manifest={"subject": subject, "artifactType": "application/signature"})
    ecr.registry.push("app", "v1", BUILT)
    ecr.registry.push("app", "", signature)
    found = client.ask("GET", f"/v2/app/referrers/{BUILT.digest}").json()
    assert [each["digest"] for each in found["manifests"]] == [str(signature.digest)]
    none = client.ask("GET", f"/v2/app/referrers/{BUILT.digest}?artifactType=application/other")
    assert none.json()["manifests"] == []
    assert none.headers["OCI-Filters-Applied"] == "artifactType"


def test_answers_can_be_replaced(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.push("app", "v1", BUILT)
    ecr.registry.faults.docker_answers.append((503, {"Retry-After": "1"}))
    assert client.ask("GET", "/v2/app/manifests/v1").status == 503
    assert client.ask("GET", "/v2/app/manifests/v1").status == 200


# Pushing


def upload(client: Client, content: bytes) -> urllib3.BaseHTTPResponse:
    location = client.ask("POST", "/v2/app/blobs/uploads/").headers["Location"]
    return client.ask("PUT", f"{location}?digest={sha256(content)}", content)


def test_a_blob_can_be_sent_in_pieces_and_asked_how_far_it_is(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.create("app")
    location = client.ask("POST", "/v2/app/blobs/uploads/").headers["Location"]
    assert client.ask("PATCH", location, b"one", {"Content-Range": "0-2"}).headers["Range"] == "0-2"
    assert client.ask("PATCH", location, b"late", {"Content-Range": "4-7"}).status == 416
    answer = client.ask("GET", location)
    assert (answer.status, answer.headers["Range"]) == (204, "0-2")
    answer = client.ask("PUT", f"{location}?digest={sha256(b'onetwo')}", b"two")
    assert (answer.status, answer.headers["Docker-Content-Digest"]) == (201, str(sha256(b"onetwo")))
    assert client.ask("HEAD", answer.headers["Location"]).headers["Content-Length"] == "6"


def test_a_blob_can_be_sent_in_chunks_of_unknown_number(ecr: EcrWithoutFront, http: urllib3.PoolManager) -> None:
    ecr.registry.create("app")
    client = Client(ecr, http)
    location = client.ask("POST", "/v2/app/blobs/uploads/").headers["Location"]
    pieces = [b"x" * 70_000, b"y" * 3]
    answer = http.request("PATCH", client.url + location, body=iter(pieces), headers=client.login, chunked=True)
    assert answer.headers["Range"] == "0-70002"
    digest = hashlib.sha256(b"".join(pieces)).hexdigest()
    assert client.ask("PUT", f"{location}?digest=sha256:{digest}").status == 201


def test_a_blob_can_be_sent_at_once(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.create("app")
    assert client.ask("POST", f"/v2/app/blobs/uploads/?digest={sha256(b'all')}", b"all").status == 201
    assert client.ask("HEAD", f"/v2/app/blobs/{sha256(b'all')}").status == 200


def test_a_blob_with_another_digest_is_refused(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.create("app")
    location = client.ask("POST", "/v2/app/blobs/uploads/").headers["Location"]
    answer = client.ask("PUT", f"{location}?digest={sha256(b'other')}", b"content")
    assert (answer.status, code(answer)) == (400, "DIGEST_INVALID")
    assert client.ask("GET", location).status == 404


def test_an_upload_can_be_cancelled(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.create("app")
    location = client.ask("POST", "/v2/app/blobs/uploads/").headers["Location"]
    assert client.ask("DELETE", location).status == 204
    assert client.ask("PATCH", location, b"more").status == 404


def test_a_blob_that_no_image_names_cannot_be_pulled_yet(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.create("app")
    upload(client, b"lonely")
    answer = client.ask("GET", f"/v2/app/blobs/{sha256(b'lonely')}")
    assert (answer.status, code(answer)) == (404, "BLOB_UNKNOWN")


def test_a_manifest_can_be_put_twice(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.create("app")
    for blob in BUILT.blobs.values():
        assert upload(client, blob).status == 201
    for _ in range(2):
        answer = client.ask("PUT", "/v2/app/manifests/v1", BUILT.document, {"Content-Type": BUILT.media_type})
        assert (answer.status, answer.headers["Docker-Content-Digest"]) == (201, str(BUILT.digest))
    assert client.ask("GET", "/v2/app/manifests/v1").data == BUILT.document


def test_a_manifest_without_its_blobs_is_refused(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.create("app")
    answer = client.ask("PUT", "/v2/app/manifests/v1", BUILT.document)
    assert (answer.status, code(answer)) == (404, "BLOB_UNKNOWN")
    assert client.ask("PUT", "/v2/app/manifests/v1", b"\xff").status == 400


def test_what_was_refused_is_read_so_that_the_connection_goes_on(ecr: EcrWithoutFront, client: Client) -> None:
    assert client.ask("PUT", "/v2/nowhere/manifests/v1", b"x" * 100_000).status == 404
    assert client.ask("GET", "/v2/").status == 200


def test_a_repository_is_not_made_by_a_push(ecr: EcrWithoutFront, client: Client) -> None:
    answer = client.ask("POST", "/v2/nowhere/blobs/uploads/")
    assert (answer.status, code(answer)) == (404, "NAME_UNKNOWN")


def test_manifests_are_not_deleted_here(ecr: EcrWithoutFront, client: Client) -> None:
    ecr.registry.push("app", "v1", BUILT)
    assert client.ask("DELETE", "/v2/app/manifests/v1").status == 405


# A real client


@pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not installed")
def test_skopeo_pushes_and_pulls_an_index_with_all_its_images(ecr: EcrWithoutFront, tmp_path: Path) -> None:
    index = build_index([BUILT, build_image([build_layer({"arm": b""})], platform=Platform("linux", "arm64"))])
    write_layout(tmp_path / "in", {"v1": index})
    ecr.registry.create("team/app")
    login = base64.b64decode(token(ecr)).decode()
    target = f"docker://{ecr.registry.docker_url.removeprefix('http://')}/team/app:v1"
    skopeo("copy", "--all", "--dest-creds", login, "--dest-tls-verify=false", f"oci:{tmp_path / 'in'}:v1", target)
    skopeo("copy", "--all", "--src-creds", login, "--src-tls-verify=false", target, f"oci:{tmp_path / 'out'}:v1")
    [entry] = json.loads((tmp_path / "out" / "index.json").read_bytes())["manifests"]
    assert Digest.parse(entry["digest"]) == index.digest
    assert {file.name for file in (tmp_path / "out").glob("blobs/sha256/*")} == {
        digest.hex for digest in (*index.blobs, *index.manifests)
    }


def skopeo(*arguments: str) -> None:
    subprocess.run(["skopeo", "--insecure-policy", *arguments], check=True, capture_output=True, timeout=60)


# ECR Public


def bearer(ecr: EcrWithoutFront, **arguments: Any) -> str:
    answer = ecr.call("GetAuthorizationToken", service="ecr-public", region=PUBLIC, **arguments)
    return str(answer["authorizationData"]["authorizationToken"])


@pytest.fixture
def public(ecr: EcrWithoutFront) -> tuple[str, str]:
    """The host of public registries, and the name of a repository there."""
    registry = ecr.registries.public(ACCOUNT)
    registry.push("app", "v1", BUILT)
    return registry.docker_url, f"{registry.alias}/app"


def test_anybody_can_get_a_token_and_pull_public_images(http: urllib3.PoolManager, public: tuple[str, str]) -> None:
    url, name = public
    challenge = http.request("GET", f"{url}/v2/{name}/manifests/v1")
    assert challenge.status == 401
    assert challenge.headers["WWW-Authenticate"].startswith(f'Bearer realm="{url}/token/"')
    given = http.request("GET", f"{url}/token/").json()["token"]
    answer = http.request("GET", f"{url}/v2/{name}/manifests/v1", headers={"Authorization": f"Bearer {given}"})
    assert answer.data == BUILT.document


def test_strangers_do_not_push_public_images(http: urllib3.PoolManager, public: tuple[str, str]) -> None:
    url, name = public
    given = http.request("GET", f"{url}/token/").json()["token"]
    headers = {"Authorization": f"Bearer {given}"}
    assert http.request("POST", f"{url}/v2/{name}/blobs/uploads/", headers=headers).status == 403


def test_a_login_is_traded_for_a_token_or_is_one(
    ecr: EcrWithoutFront, http: urllib3.PoolManager, public: tuple[str, str]
) -> None:
    url, name = public
    login = bearer(ecr)
    given = http.request("GET", f"{url}/token/", headers={"Authorization": f"Basic {login}"}).json()["token"]
    for value in (given, login):
        headers = {"Authorization": f"Bearer {value}"}
        assert http.request("POST", f"{url}/v2/{name}/blobs/uploads/", headers=headers).status == 202
    assert ("ecr-public:InitiateLayerUpload", f"arn:aws:ecr-public::{ACCOUNT}:repository/app") in ecr.gate.asked
    assert http.request("GET", f"{url}/token/", headers={"Authorization": "Basic bm9ib2R5"}).status == 401


def test_a_public_repository_of_nobody_is_not_found(http: urllib3.PoolManager, public: tuple[str, str]) -> None:
    url, _ = public
    given = http.request("GET", f"{url}/token/").json()["token"]
    answer = http.request("GET", f"{url}/v2/nobody/app/manifests/v1", headers={"Authorization": f"Bearer {given}"})
    assert (answer.status, code(answer)) == (404, "NAME_UNKNOWN")
