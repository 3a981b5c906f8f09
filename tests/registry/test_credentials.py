"""Credentials from the files and helpers of `docker login` and `podman login`."""

import base64
import json
import os
from pathlib import Path

import pytest

from tidewaiter.errors import UsageError
from tidewaiter.registry.credentials import ConfiguredKeychain, Credential

HUB_KEY = "https://index.docker.io/v1/"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def written(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def found(tmp_path: Path, document: object, registry: str = "x.io", repository: str = "a/b") -> Credential | None:
    return ConfiguredKeychain([written(tmp_path / "config.json", document)]).find(registry, repository)


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A credential helper `docker-credential-test` on the PATH, which notes what it is asked and prints `answer`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "docker-credential-test"
    program.write_text(
        f"#!/bin/sh\ncat > {folder}/asked\ncat {folder}/answer\nexit $(cat {folder}/status 2>/dev/null || echo 0)\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.mark.parametrize("key", ["x.io", "https://x.io", "https://x.io/v1/", "https://x.io/v2/", "X.io"])
def test_an_entry_s_key_may_be_a_host_or_an_address(tmp_path: Path, key: str) -> None:
    credential = found(tmp_path, {"auths": {key: {"auth": encoded("ann:pa:ss")}}})
    assert credential is not None
    assert (credential.username, credential.password) == ("ann", "pa:ss")
    assert credential.origin == str(tmp_path / "config.json")


@pytest.mark.parametrize("key", [HUB_KEY, "docker.io", "registry-1.docker.io", "index.docker.io"])
def test_docker_hub_has_many_names(tmp_path: Path, key: str) -> None:
    credential = found(tmp_path, {"auths": {key: {"auth": encoded("ann:pw")}}}, "docker.io", "library/alpine")
    assert credential is not None


def test_a_credential_is_for_its_own_registry_and_port(tmp_path: Path) -> None:
    document = {"auths": {"x.io": {"auth": encoded("ann:pw")}}}
    assert found(tmp_path, document, "x.io:5000") is None
    assert found(tmp_path, document, "sub.x.io") is None
    assert found(tmp_path, document, "x.io.evil.org") is None


def test_podman_keeps_credentials_for_parts_of_a_registry(tmp_path: Path) -> None:
    document = {"auths": {"x.io": {"auth": encoded("all:1")}, "x.io/team": {"auth": encoded("team:2")}}}
    team, other = found(tmp_path, document, "x.io", "team/app"), found(tmp_path, document, "x.io", "teamster/app")
    assert team is not None
    assert other is not None
    assert (team.username, other.username) == ("team", "all")


def test_fields_of_their_own_and_tokens_are_taken(tmp_path: Path) -> None:
    plain = found(tmp_path, {"auths": {"x.io": {"username": "ann", "password": "pw"}}})
    assert plain is not None
    assert plain.basic == "Basic " + encoded("ann:pw")
    identity = found(tmp_path, {"auths": {"x.io": {"auth": encoded("ann:"), "identitytoken": "long"}}})
    assert identity is not None
    assert identity.identity_token == "long"
    bearer = found(tmp_path, {"auths": {"x.io": {"registrytoken": "bearer"}}})
    assert bearer is not None
    assert bearer.registry_token == "bearer"


def test_an_empty_entry_is_none(tmp_path: Path) -> None:
    assert found(tmp_path, {"auths": {"x.io": {}}, "HttpHeaders": {"User-Agent": "Docker"}}) is None
    assert found(tmp_path, {}) is None
    assert ConfiguredKeychain([tmp_path / "absent.json"]).find("x.io", "a") is None


def test_no_secret_is_in_the_repr() -> None:
    credential = Credential(username="ann", password="pw1", identity_token="pw2", registry_token="pw3")
    assert "pw" not in repr(credential)
    assert set(credential.secrets) == {"pw1", "pw2", "pw3", encoded("ann:pw1")}


@pytest.mark.parametrize(
    "document", [[], {"auths": []}, {"auths": {"x.io": {"auth": 5}}}, {"auths": {"x.io": {"auth": "%%%"}}},
                 {"auths": {"x.io": {"auth": encoded("no colon")}}}]
)  # fmt: skip
def test_a_broken_file_is_named_without_its_secrets(tmp_path: Path, document: object) -> None:
    with pytest.raises(UsageError, match=r"config\.json") as caught:
        found(tmp_path, document)
    assert encoded("no colon") not in str(caught.value)


def test_a_helper_is_asked_for_its_registry(tmp_path: Path, helper: Path) -> None:
    (helper / "answer").write_text('{"ServerURL":"x.io","Username":"ann","Secret":"pw"}')
    credential = found(tmp_path, {"credHelpers": {"x.io": "test"}})
    assert credential is not None
    assert (credential.username, credential.password, credential.origin) == ("ann", "pw", "docker-credential-test")
    assert (helper / "asked").read_text() == "x.io"
    assert found(tmp_path, {"credHelpers": {"y.io": "test"}}) is None


def test_the_store_is_asked_for_docker_hub_by_its_old_address(tmp_path: Path, helper: Path) -> None:
    (helper / "answer").write_text('{"Username":"<token>","Secret":"identity"}')
    credential = found(tmp_path, {"credsStore": "test", "auths": {HUB_KEY: {}}}, "docker.io", "library/alpine")
    assert credential is not None
    assert (credential.identity_token, credential.username) == ("identity", "")
    assert (helper / "asked").read_text() == HUB_KEY


def test_a_store_that_knows_nothing_gives_way_to_the_file(tmp_path: Path, helper: Path) -> None:
    (helper / "answer").write_text("credentials not found in native keychain")
    (helper / "status").write_text("1")
    keychain = ConfiguredKeychain(
        [written(tmp_path / "c.json", {"credsStore": "test", "auths": {"x.io": {"auth": encoded("ann:pw")}}})]
    )
    credential = keychain.find("x.io", "a")
    assert credential is not None
    assert credential.username == "ann"
    assert keychain.troubles() == ()


def test_a_helper_that_fails_is_told_but_its_output_is_not(tmp_path: Path, helper: Path) -> None:
    (helper / "answer").write_text("hunter2")
    (helper / "status").write_text("3")
    keychain = ConfiguredKeychain([written(tmp_path / "c.json", {"credsStore": "test"})])
    assert keychain.find("x.io", "a") is None
    assert keychain.troubles() == ("The credential helper docker-credential-test failed with status 3 for x.io.",)
    (helper / "status").write_text("0")
    assert keychain.find("x.io", "a") is None
    assert "cannot be read" in keychain.troubles()[1]
    assert "hunter2" not in "".join(keychain.troubles())


def test_a_helper_that_is_not_there_is_told(tmp_path: Path) -> None:
    keychain = ConfiguredKeychain([written(tmp_path / "c.json", {"credsStore": "no-such-helper"})])
    assert keychain.find("x.io", "a") is None
    assert "docker-credential-no-such-helper" in keychain.troubles()[0]


def test_a_helper_s_name_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no name of a credential helper"):
        found(tmp_path, {"credsStore": "../../evil"})


def test_the_user_s_files_are_found_where_docker_and_podman_keep_them(tmp_path: Path) -> None:
    places = {
        "docker": tmp_path / "home/.docker/config.json",
        "run": tmp_path / "run/containers/auth.json",
        "home": tmp_path / "home/.config/containers/auth.json",
    }
    for name, path in places.items():
        written(
            path, {"auths": {f"{name}.io": {"auth": encoded(f"{name}:pw")}, "all.io": {"auth": encoded(f"{name}:pw")}}}
        )
    keychain = ConfiguredKeychain.of_user({"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path / "run")})
    for name in places:
        credential = keychain.find(f"{name}.io", "a")
        assert credential is not None
        assert credential.username == name
    first = keychain.find("all.io", "a")
    assert first is not None
    assert first.username == "docker"


def test_docker_config_names_another_folder(tmp_path: Path) -> None:
    written(tmp_path / "elsewhere/config.json", {"auths": {"x.io": {"auth": encoded("ann:pw")}}})
    keychain = ConfiguredKeychain.of_user({"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path / "elsewhere")})
    assert keychain.find("x.io", "a") is not None
