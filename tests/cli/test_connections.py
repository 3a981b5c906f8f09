"""The connections file: many connections, secrets from where they are kept, and errors that say where and tell none."""

import base64
import json
from pathlib import Path

import pytest

from tidewaiter.broker.messages import Credentials, Extra
from tidewaiter.cli.connections import read_connections
from tidewaiter.errors import UsageError

ROLE = "arn:aws:iam::111122223333:role/tidewaiter"
SECRET = "x-7f3a-not-to-be-told"


def written(folder: Path, content: object, name: str = "connections.json") -> str:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_many_connections_each_with_its_token_and_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("token-of-payments\n")
    monkeypatch.setenv("HUB_PASSWORD", "word")
    path = written(
        tmp_path,
        f"""
connections:
  - name: payments
    token_file: {tmp_path}/token
    role_arn: {ROLE}
    external_id: {SECRET}
    regions: [eu-west-1, us-east-1]
  - token: token-of-hub
    type: docker-hub
    username: reader
    password_env: HUB_PASSWORD
    repositories: [team/app]
""",
        "connections.yaml",
    )
    payments, hub = read_connections(path)
    extra = Extra(region="eu-west-1", external_id=SECRET, regions=("eu-west-1", "us-east-1"))
    assert (payments.name, payments.token) == ("payments", "token-of-payments")
    assert payments.credentials == Credentials(type="ecr", role_arn=ROLE, extra=extra)
    assert (hub.name, hub.token) == ("", "token-of-hub")
    assert hub.credentials == Credentials(
        type="docker-hub", username="reader", password="word", repositories=("team/app",)
    )


def test_a_role_and_its_external_id_are_optional(tmp_path: Path) -> None:
    (only,) = read_connections(written(tmp_path, [{"token": "t"}]))
    assert only.credentials == Credentials(type="ecr")
    assert set(only.variables) == {"CR_CREDENTIALS", "CR_TYPE"}


def test_one_region_is_the_first_of_several(tmp_path: Path) -> None:
    entry = {"token": "t", "region": "eu-west-1", "regions": ["us-east-1", "eu-west-1"]}
    (only,) = read_connections(written(tmp_path, [entry]))
    assert only.credentials.extra == Extra(region="eu-west-1", regions=("eu-west-1", "us-east-1"))


def test_credentials_may_be_given_as_they_are_sent(tmp_path: Path) -> None:
    encoded = base64.b64encode(b'{"type":"ecr","roleArn":"r","more":"kept"}').decode()
    (only,) = read_connections(written(tmp_path, [{"token": "t", "credentials": encoded}]))
    assert only.variables["CR_CREDENTIALS"] == encoded
    assert only.variables["CR_ROLE_ARN"] == "r"


def test_what_is_declared_is_what_was_given_and_nothing_else(tmp_path: Path) -> None:
    entry = {"token": "t", "type": "harbor-cr", "base": "harbor.example.com", "username": "u", "password": SECRET}
    (only,) = read_connections(written(tmp_path, [entry]))
    assert set(only.variables) == {"CR_CREDENTIALS", "CR_TYPE", "CR_BASE", "CR_USERNAME", "CR_PASSWORD"}
    told = json.loads(base64.b64decode(only.variables["CR_CREDENTIALS"]))
    assert (told["type"], told["username"], told["password"], told["registryBase"]) == (
        "harbor-cr",
        "u",
        SECRET,
        "harbor.example.com",
    )


TOKEN = {"token": SECRET}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        pytest.param([], "it lists no connections", id="none"),
        pytest.param({}, "expected a list of connections", id="no list"),
        pytest.param([{}], "connections[0]: there is no token, token_file or token_env", id="no token"),
        pytest.param([TOKEN, {"token": "a b"}], "connections[1].token: holds what cannot be in a token", id="spaces"),
        pytest.param([TOKEN] * 1001, "it lists more than 1000 connections", id="too many"),
        pytest.param([TOKEN, TOKEN], "connections[1]: has the same token as connections[0]", id="twice"),
        pytest.param(
            [{"name": "a", **TOKEN}, {"token": "u"}, {"name": "a", "token": "v"}],
            "connections[2]: has the same name as connections[0]",
            id="one name",
        ),
        pytest.param([{"name": "A_b", **TOKEN}], "connections[0].name: not a name", id="name"),
        pytest.param([{"name": "-a", **TOKEN}], "connections[0].name: not a name", id="dash"),
        pytest.param([{"type": "other", **TOKEN}], "connections[0].type: no known type", id="type"),
        pytest.param([{"rolearn": ROLE, **TOKEN}], "Known are name, token", id="misspelt"),
        pytest.param([{"region": 1, **TOKEN}], "connections[0].region: expected `str`".replace("`", ""), id="number"),
        pytest.param(
            [{"username": "u", **TOKEN}],
            "connections[0].username: means nothing here: ecr is entered with a role",
            id="login",
        ),
        pytest.param(
            [{"type": "acr", "external_id_env": "E", **TOKEN}],
            "connections[0].external_id_env: means nothing",
            id="role",
        ),
        pytest.param([{"token_env": "E", **TOKEN}], "token is given more than once: token, token_env", id="two tokens"),
        pytest.param([{"token_env": "NOT_THERE"}], "connections[0].token_env: the environment has no", id="variable"),
        pytest.param([{"token_file": "/nowhere"}], "connections[0].token_file: /nowhere cannot be read", id="file"),
        pytest.param(
            [{"credentials": SECRET, **TOKEN}], "connections[0].credentials: the credentials are not", id="blob"
        ),
        pytest.param([{"external_id": "a\nb", **TOKEN}], "connections[0].external_id: holds control", id="control"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_without_secrets(entries: object, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_connections(written(tmp_path, entries))
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_an_empty_file_of_a_secret_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(UsageError, match="is empty"):
        read_connections(written(tmp_path, [{"token_file": str(tmp_path / "empty")}]))
