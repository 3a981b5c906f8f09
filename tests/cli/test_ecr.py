"""`tidewaiter ecr` and ECR references of `tidewaiter scan`, against an AWS on this machine."""

import base64
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from command_lines import Ran, World, alpine_image, debian_image
from terminals import Start, on_terminal
from tidewaiter.model.image import Platform
from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.images import build_index
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import allowing, denying, trusting
from tidewaiter.store.store import Store

Tidewaiter = Callable[..., Ran]
SignIn = Callable[[Keys], None]
CURL = debian_image("12", "curl 7.88.1-10+deb12u3")
CLEAN = alpine_image("musl 1.2.4-r1")
SECRET = "x-7f3a-not-to-be-told"


@pytest.fixture
def shop(aws: SimulatedAws, sign_in: SignIn) -> SimulatedAccount:
    """An account, asked by a user of its own who may do everything."""
    shop = aws.account("shop")
    sign_in(shop.user("me", policy=allowing("*")))
    return shop


def scan(tidewaiter: Tidewaiter, world: World, *arguments: str) -> Ran:
    return tidewaiter("ecr", "scan", "--db", world.db, "--workers", "1", *arguments)


def test_every_image_of_a_region_is_scanned(tidewaiter: Tidewaiter, world: World, shop: SimulatedAccount) -> None:
    registry = shop.registry("eu-west-1")
    registry.push("team/app", "1", CURL)
    registry.push("team/clean", "", CLEAN)
    ran = scan(tidewaiter, world, "--region", "eu-west-1", "--format", "json")
    assert (ran.code, ran.err) == (1, "")
    assert ran.json["schema"] == "tidewaiter/fleet/1"
    assert {(image["repository"], image["state"]) for image in ran.json["images"]} == {
        ("team/app", "scanned"),
        ("team/clean", "scanned"),
    }
    worst = ran.json["images"][0]
    assert (worst["repository"], worst["findings"], worst["severities"]["critical"]) == ("team/app", 2, 1)
    assert ran.json["run"]["command"] == "tidewaiter ecr scan --region eu-west-1"
    assert ran.json["run"]["identity"]["arn"] == f"arn:aws:iam::{shop.id}:user/me"


def test_a_second_run_pulls_nothing_and_says_the_same(
    tidewaiter: Tidewaiter, world: World, shop: SimulatedAccount
) -> None:
    shop.registry("eu-west-1").push("app", "1", CURL)
    first, second = (scan(tidewaiter, world, "--region", "eu-west-1", "--format", "json") for _ in range(2))
    assert (first.json["run"]["layers_read"], second.json["run"]["layers_read"]) == (1, 0)
    assert second.json["run"]["known"] == 1
    told = [[{**image, "pulled": None} for image in ran.json["images"]] for ran in (first, second)]
    assert told[0] == told[1], "but for when it was pulled last: that was the first run"


def test_what_was_seen_is_remembered_in_the_users_data_folder(
    tidewaiter: Tidewaiter, world: World, shop: SimulatedAccount, tmp_path: Path
) -> None:
    shop.registry("eu-west-1").push("app", "1", CLEAN)
    assert scan(tidewaiter, world, "--region", "eu-west-1").code == 0
    assert (tmp_path / "home" / "tidewaiter" / "fleet.db").exists()


def test_the_table_says_who_asked_and_what_is_worst(
    tidewaiter: Tidewaiter, world: World, shop: SimulatedAccount
) -> None:
    shop.registry("eu-west-1").push("team/app", "1", CURL)
    ran = scan(tidewaiter, world, "--region", "eu-west-1")
    assert f"asked by  arn:aws:iam::{shop.id}:user/me (from environment keys)" in ran.out
    assert "2 findings in 1 of 1 image: 2 vulnerabilities in 1 distinct package." in ran.out


def test_a_role_of_another_account_is_taken_with_its_external_id(
    tidewaiter: Tidewaiter, world: World, aws: SimulatedAws, shop: SimulatedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = aws.account("other", outside=True)
    role = other.role("reader", trust=trusting(shop.id, external_id=SECRET), policy=allowing("ecr:*"))
    other.registry("us-east-1").push("their/app", "1", CURL)
    arguments = ("--role-arn", role, "--region", "us-east-1", "--format", "json")
    without = scan(tidewaiter, world, *arguments)
    assert without.code == 2
    assert without.json["accounts"][0]["gaps"][0]["why"] == "denied"
    monkeypatch.setenv("TIDEWAITER_ECR_SCAN_EXTERNAL_ID", SECRET)
    given = scan(tidewaiter, world, *arguments)
    assert given.code == 1
    assert [image["account"] for image in given.json["images"]] == [other.id]
    assert given.json["run"]["identity"]["hops"][0]["role_arn"] == role
    assert SECRET not in given.out + given.err + without.out + without.err


def test_several_accounts_come_from_a_file(tidewaiter: Tidewaiter, aws: SimulatedAws, shop: SimulatedAccount) -> None:
    listed = []
    for name in ("one", "two"):
        account = aws.account(name, outside=True)
        role = account.role("reader", trust=trusting(shop.id, external_id=SECRET), policy=allowing("ecr:*"))
        account.registry("eu-west-1").push(f"{name}/app", "1", CLEAN)
        listed.append({"role_arn": role, "external_id": SECRET, "regions": ["eu-west-1"]})
    Path("accounts.json").write_text(json.dumps(listed))
    ran = tidewaiter("ecr", "list", "--accounts", "accounts.json", "--format", "json")
    assert ran.code == 0
    assert [image["repository"] for image in ran.json["images"]] == ["one/app", "two/app"]
    assert SECRET not in ran.out


def test_listing_pulls_nothing_and_remembers_nothing(
    tidewaiter: Tidewaiter, aws: SimulatedAws, shop: SimulatedAccount, tmp_path: Path
) -> None:
    shop.registry("eu-west-1").push("app", "1", CURL)
    ran = tidewaiter("ecr", "list", "--region", "eu-west-1")
    assert ran.code == 0
    assert ran.out.rstrip().endswith("1 of 1 manifest would be scanned.")
    assert {call.action for call in aws.calls} <= {
        "sts:GetCallerIdentity", "ecr:DescribeRepositories", "ecr:DescribeImages", "ec2:DescribeRegions"
    }  # fmt: skip
    assert not (tmp_path / "home" / "tidewaiter").exists()


def test_what_filters_leave_out_is_counted_and_is_no_gap(
    tidewaiter: Tidewaiter, world: World, shop: SimulatedAccount
) -> None:
    registry = shop.registry("eu-west-1")
    registry.push("app", "1", CURL)
    registry.push("app", "2", CLEAN)
    registry.push("other", "2", CURL)
    ran = scan(
        tidewaiter, world, "--region", "eu-west-1", "--tag", "2", "--exclude-repository", "oth*", "--format", "json"
    )
    assert ran.code == 0
    states = {tuple(image["tags"]): (image["state"], image["why"]) for image in ran.json["images"]}
    assert states == {("1",): ("skipped", "filtered"), ("2",): ("scanned", None)}
    (gap,) = ran.json["accounts"][0]["registries"][0]["gaps"]
    assert gap["why"] == "filtered"


def test_each_platform_of_an_index_is_scanned_unless_one_is_asked_for(
    tidewaiter: Tidewaiter, world: World, shop: SimulatedAccount
) -> None:
    parts = [alpine_image("musl 1.2.4-r1", platform=Platform("linux", each)) for each in ("amd64", "arm64")]
    shop.registry("eu-west-1").push("app", "1", build_index(parts))
    both = scan(tidewaiter, world, "--region", "eu-west-1", "--format", "json").json["images"]
    assert {image["platform"] for image in both if image["state"] == "scanned" and image["kind"] == "image"} == {
        "linux/amd64",
        "linux/arm64",
    }
    one = scan(tidewaiter, world, "--region", "eu-west-1", "--platform", "linux/arm64", "--format", "json").json[
        "images"
    ]
    assert [image["platform"] for image in one if image["why"] == "filtered"] == ["linux/amd64"]


def test_a_repository_that_refuses_is_a_gap_and_the_rest_goes_on(
    tidewaiter: Tidewaiter, world: World, aws: SimulatedAws, sign_in: SignIn
) -> None:
    shop = aws.account("shop")
    for name in ("open", "shut"):
        shop.registry("eu-west-1").push(name, "1", CLEAN)
    refused = denying("ecr:DescribeImages", resource=f"arn:aws:ecr:eu-west-1:{shop.id}:repository/shut")
    sign_in(shop.user("me", policy=[allowing("*"), refused]))
    ran = scan(tidewaiter, world, "--region", "eu-west-1", "--format", "json")
    assert ran.code == 2
    assert [image["repository"] for image in ran.json["images"] if image["state"] == "scanned"] == ["open"]
    (gap,) = ran.json["accounts"][0]["registries"][0]["gaps"]
    assert gap["why"] == "denied"
    assert gap["subject"].endswith("/shut")


def test_severities_hide_findings_and_fail_on_lets_them_pass(
    tidewaiter: Tidewaiter, world: World, shop: SimulatedAccount
) -> None:
    shop.registry("eu-west-1").push("app", "1", CURL)
    low = scan(tidewaiter, world, "--region", "eu-west-1", "--severity", "low", "--format", "json")
    assert (low.code, low.json["images"][0]["findings"], low.json["hidden"]) == (1, 1, 1)
    assert scan(tidewaiter, world, "--region", "eu-west-1", "--severity", "low", "--fail-on", "high").code == 0


def test_a_report_on_each_image_is_written_as_scan_writes_it(
    tidewaiter: Tidewaiter, world: World, shop: SimulatedAccount
) -> None:
    digest = shop.registry("eu-west-1").push("team/app", "1", CURL)
    ran = scan(tidewaiter, world, "--region", "eu-west-1", "--output-dir", "reports", "--output", "fleet.txt")
    assert (ran.code, ran.out) == (1, "")
    host = f"{shop.id}.dkr.ecr.eu-west-1.amazonaws.com"
    path = Path("reports") / host / "team" / "app" / f"sha256-{digest.hex}.json"
    document = json.loads(path.read_text())
    assert document["image"]["reference"] == f"{host}/team/app@{digest}"
    assert {finding["vulnerability"] for finding in document["findings"]} == {"CVE-2023-38545", "CVE-2023-38546"}
    assert [each for each in Path("reports").rglob("*") if each.is_file()] == [path]
    assert "Worst images" in Path("fleet.txt").read_text()


def test_a_run_that_finds_nothing_is_no_clean_bill(
    tidewaiter: Tidewaiter, world: World, shop: SimulatedAccount
) -> None:
    ran = scan(tidewaiter, world, "--region", "eu-west-1")
    assert ran.code == 2
    assert ran.out.rstrip().endswith("Incomplete: no image was looked at.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--role-arn", "role/reader"], "role/reader"),
        (["--external-id", SECRET], "--external-id belongs to a --role-arn"),
        (["--region", "nowhere"], "nowhere"),
        (["--newest", "0"], "--newest"),
        (["--store", "mysql://me:hidden@db/x"], "mysql"),
        (["--output", "no/such/folder/file"], "there is no such folder"),
        (["--report-format", "pdf"], "pdf"),
    ],
)
def test_wrong_usage_is_told_with_exit_code_3_and_without_secrets(
    tidewaiter: Tidewaiter, world: World, shop: SimulatedAccount, arguments: list[str], said: str
) -> None:
    ran = scan(tidewaiter, world, *arguments)
    assert (ran.code, ran.out) == (3, "")
    assert said in ran.err
    assert SECRET not in ran.err
    assert "hidden" not in ran.err
    assert "Traceback" not in ran.err


def test_a_missing_advisory_database_is_told_before_aws_is_asked(
    tidewaiter: Tidewaiter, aws: SimulatedAws, shop: SimulatedAccount
) -> None:
    ran = tidewaiter("ecr", "scan", "--db", "none.db")
    assert ran.code == 3
    assert "tidewaiter db build --from" in ran.err
    assert aws.calls == []


def test_without_credentials_it_says_where_they_could_come_from(
    tidewaiter: Tidewaiter, world: World, aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    ran = scan(tidewaiter, world)
    assert (ran.code, ran.out) == (2, "")
    assert "there are no AWS credentials here. Give a --profile" in ran.err


def test_an_interrupted_run_says_that_it_can_be_continued(
    start: Start, world: World, aws: SimulatedAws, shop: SimulatedAccount, alone: Path, tidewaiter: Tidewaiter
) -> None:
    shop.registry("eu-west-1").push("app", "1", CURL)
    aws.faults.latency = 30.0
    process = start("ecr", "scan", "--db", world.db, "--workers", "1", "--region", "eu-west-1")
    while not (alone.parent / "home" / "tidewaiter" / "fleet.db").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    aws.faults.latency = 0.0
    assert (process.returncode, out) == (2, b"")
    assert b"the same command goes on from there" in err
    assert scan(tidewaiter, world, "--region", "eu-west-1").code == 1


def test_a_terminal_sees_how_far_it_is_and_stdout_only_the_report(
    start: Start, world: World, shop: SimulatedAccount
) -> None:
    shop.registry("eu-west-1").push("app", "1", CURL)
    arguments = ("ecr", "scan", "--db", world.db, "--workers", "1", "--region", "eu-west-1")
    seen, out, code = on_terminal(start, *arguments)
    assert code == 1
    assert b"\x1b[" in seen
    assert b"looking for accounts" in seen or b"registries" in seen
    assert b"\x1b" not in out
    assert b"Worst images" in out
    assert on_terminal(start, *arguments, "--quiet")[0] == b""


def test_settings_are_read_from_the_table_of_the_command(tidewaiter: Tidewaiter, shop: SimulatedAccount) -> None:
    shop.registry("eu-west-1").push("team/app", "1", CURL)
    shop.registry("eu-west-1").push("other", "1", CURL)
    Path("tidewaiter.toml").write_text('[ecr.list]\nregion = "eu-west-1"\nrepository = ["team/*"]\nformat = "json"\n')
    ran = tidewaiter("ecr", "list")
    assert ran.json["command"] == "tidewaiter ecr list --region eu-west-1 --repository 'team/*'"
    assert [image["state"] for image in ran.json["images"]] == ["pending"]


def test_a_store_that_another_run_holds_is_told(tidewaiter: Tidewaiter, world: World, shop: SimulatedAccount) -> None:
    shop.registry("eu-west-1").push("app", "1", CURL)
    with Store.open("held.db") as store, store.lock():
        ran = scan(tidewaiter, world, "--region", "eu-west-1", "--store", "held.db")
    assert (ran.code, ran.out) == (3, "")
    assert "held.db" in ran.err


# ECR references of `tidewaiter scan`


def reference(account: SimulatedAccount, name: str) -> str:
    return f"{account.id}.dkr.ecr.eu-west-1.amazonaws.com/{name}"


def test_scan_pulls_a_reference_to_ecr_with_the_identity_that_is_there(
    tidewaiter: Tidewaiter, world: World, aws: SimulatedAws, shop: SimulatedAccount
) -> None:
    shop.registry("eu-west-1").push("team/app", "1", CURL)
    ran = tidewaiter("scan", "--db", world.db, "--format", "json", reference(shop, "team/app:1"))
    assert (ran.code, ran.err) == (1, "")
    assert ran.json["image"]["reference"] == reference(shop, "team/app:1")
    assert {call.region for call in aws.calls if call.action.startswith("ecr:")} == {"eu-west-1"}
    assert "ecr:GetDownloadUrlForLayer" in {call.action for call in aws.calls}


def test_scan_says_which_action_is_missing(
    tidewaiter: Tidewaiter, world: World, aws: SimulatedAws, sign_in: SignIn
) -> None:
    shop = aws.account("shop")
    shop.registry("eu-west-1").push("team/app", "1", CURL)
    sign_in(shop.user("me", policy=allowing("sts:*")))
    ran = tidewaiter("scan", "--db", world.db, reference(shop, "team/app:1"))
    assert ran.code == 2
    assert f"arn:aws:iam::{shop.id}:user/me may not do ecr:" in ran.err


def test_images_of_two_registries_of_ecr_are_scanned_together(
    tidewaiter: Tidewaiter, world: World, shop: SimulatedAccount
) -> None:
    shop.registry("eu-west-1").push("one", "1", CURL)
    shop.registry("us-east-1").push("two", "1", CLEAN)
    elsewhere = f"{shop.id}.dkr.ecr.us-east-1.amazonaws.com/two:1"
    ran = tidewaiter("scan", "--db", world.db, "--format", "json", reference(shop, "one:1"), elsewhere)
    assert ran.code == 1
    assert [len(report["findings"]) for report in ran.json["reports"]] == [2, 0]


def test_a_docker_login_is_only_used_where_there_is_one(
    tidewaiter: Tidewaiter, world: World, aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shop = aws.account("shop")
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    without = tidewaiter("scan", "--db", world.db, reference(shop, "app:1"))
    assert (without.code, "there are no AWS credentials here" in without.err) == (2, True)
    login = {"auths": {reference(shop, "").rstrip("/"): {"auth": base64.b64encode(b"AWS:token").decode()}}}
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(login))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # so that nothing leaves this machine
    given = tidewaiter("scan", "--db", world.db, reference(shop, "app:1"))
    assert given.code == 2
    assert "there are no AWS credentials here" not in given.err
