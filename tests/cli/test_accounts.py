"""The accounts file: three formats, one meaning, and errors that say where and tell no secret."""

import json
from pathlib import Path

import pytest

from tidewaiter.aws.targets import AccountRequest
from tidewaiter.cli.accounts import read_accounts
from tidewaiter.errors import UsageError

ROLE = "arn:aws:iam::111122223333:role/tidewaiter"
SECRET = "x-7f3a-not-to-be-told"
YAML = f"""
accounts:
  - role_arn: {ROLE}
    external_id: {SECRET}
    regions: [eu-west-1, us-east-1]
  - regions: [eu-west-1]
"""
TOML = f"""
[[accounts]]
role_arn = "{ROLE}"
external_id = "{SECRET}"
regions = ["eu-west-1", "us-east-1"]

[[accounts]]
regions = ["eu-west-1"]
"""
LISTED = [
    {"role_arn": ROLE, "external_id": SECRET, "regions": ["eu-west-1", "us-east-1"]},
    {"regions": ["eu-west-1"]},
]
READ = (
    AccountRequest(role_arn=ROLE, external_id=SECRET, regions=("eu-west-1", "us-east-1")),
    AccountRequest(regions=("eu-west-1",)),
)


def written(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("accounts.yaml", YAML),
        ("ACCOUNTS.YML", YAML),
        ("accounts.toml", TOML),
        ("accounts.json", json.dumps({"accounts": LISTED})),
        ("list.json", json.dumps(LISTED)),
        ("list.yaml", json.dumps(LISTED)),
        ("bom.json", "\ufeff" + json.dumps(LISTED)),
    ],
)
def test_every_format_gives_the_same_accounts(name: str, content: str, tmp_path: Path) -> None:
    assert read_accounts(written(tmp_path, name, content)) == READ


def test_session_names_and_durations_can_be_given(tmp_path: Path) -> None:
    listed = [{"role_arn": ROLE, "session_name": "night", "duration": 900}]
    (request,) = read_accounts(written(tmp_path, "accounts.json", json.dumps(listed)))
    assert (request.session_name, request.duration) == ("night", 900)


def test_an_account_that_is_written_twice_is_asked_once(tmp_path: Path) -> None:
    assert read_accounts(written(tmp_path, "accounts.json", json.dumps([*LISTED, *LISTED]))) == READ


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.yaml", f"- role_arn: {ROLE}\n  external_id: {SECRET}: {SECRET}\n", "a.yaml:2: not YAML: mapping values"),
        ("a.yaml", f"- external_id: '{SECRET}\n", "a.yaml:2: not YAML: found unexpected end of stream"),
        ("a.yaml", f"- external_id: {SECRET}\x00\n", "a.yaml: not YAML: it holds characters"),
        ("a.yaml", "", "a.yaml: expected a list of accounts, alone or under the one key `accounts`"),
        ("a.yaml", "[]", "a.yaml: it lists no accounts"),
        ("a.yaml", "accounts:\n", "a.yaml: expected a list of accounts"),
        ("a.yaml", "accounts: []\nmore: 1\n", "a.yaml: expected a list of accounts"),
        ("a.yaml", "text", "a.yaml: accounts: expected array, got str"),
        ("a.yaml", f"- {SECRET}\n", "a.yaml: accounts[0]: expected object, got str"),
        ("a.yaml", "- external_id: 123456\n", "a.yaml: accounts[0].external_id: expected str, got int. Write numbers"),
        ("a.yaml", "- regions: eu-west-1\n", "a.yaml: accounts[0].regions: expected array, got str"),
        ("a.yaml", "- {}\n- regions: [1]\n", "a.yaml: accounts[1].regions[0]: expected str, got int"),
        ("a.yaml", "- role: x\n", "a.yaml: accounts[0]: there is an unknown field role. Known are role_arn,"),
        ("a.json", f'[{{"external_id": "{SECRET}",\n}}]', "a.json:2: not JSON: "),
        ("a.json", "[" * 100_000, "a.json: nested too deeply"),
        ("a.yaml", "[" * 10_000, "a.yaml: nested too deeply"),
        ("a.toml", f"[[accounts]]\nexternal_id = {SECRET}\n", "a.toml: not TOML: Invalid value (at line 2"),
        ("a.toml", f'[[accounts]]\nexternal-id = "{SECRET}"\n', "accounts[0]: there is an unknown field external-id"),
        ("a.ini", "", "a.ini: its name does not say what it is. End it in .yaml, .yml, .json, .toml."),
        ("a.json", b"[\n\xff]", "a.json:2: not UTF-8"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_no_secret(
    name: str, content: str | bytes, said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        read_accounts(written(tmp_path, name, content))
    message = str(caught.value)
    assert said in message
    assert SECRET not in message
    assert caught.value.__cause__ is None


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml: cannot be read: No such file"):
        read_accounts(str(tmp_path / "none.yaml"))


def test_a_file_without_end_is_not_read_to_the_end() -> None:
    with pytest.raises(UsageError, match="does not say what it is"):
        read_accounts("/dev/zero")


def test_no_secret_stands_in_what_was_read(tmp_path: Path) -> None:
    assert SECRET not in repr(read_accounts(written(tmp_path, "accounts.yaml", YAML)))
