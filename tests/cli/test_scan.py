"""`tidewaiter scan`, from the command line to the exit code."""

import json
import shutil
import ssl
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from command_lines import Json, Ran, World, alpine_image, debian_image
from tidewaiter.simulator.archives import write_docker_archive, write_layout
from tidewaiter.simulator.images import build_image, build_layer
from tidewaiter.simulator.registry import Login, SimulatedRegistry

Run = Callable[..., Ran]


def severities(report: Json) -> Counter[str]:
    return Counter(finding["severity"] for finding in report["findings"])


def gaps(report: Json) -> list[tuple[str, str]]:
    return [(gap["stage"], gap["why"]) for gap in report["gaps"]]


# Exit codes


def test_an_image_of_which_nothing_is_known_is_clean(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", "--db", world.db, world.clean)
    assert done.code == 0
    assert "No known vulnerabilities in what was looked at." in done.out


def test_findings_end_with_1(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", "--db", world.db, "--format", "json", world.debian)
    assert done.code == 1
    assert severities(done.json) == {"critical": 3, "high": 2, "low": 2}


def test_a_distribution_that_the_database_holds_nothing_for_ends_with_2(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", "--db", world.db, "--format", "json", world.old)
    assert done.code == 2
    assert gaps(done.json) == [("match", "no-feed")]
    assert done.json["gaps"][0]["subject"] == "debian 11"


def test_a_database_of_another_ecosystem_judges_nothing_and_ends_with_2(
    tidewaiter: Run, world: World, alone: Path
) -> None:
    affected = [{"package": {"ecosystem": "npm", "name": "x"}, "versions": ["1.0.0"]}]
    record = {"id": "GHSA-xxxx-xxxx-xxxx", "modified": "2024-01-01T00:00:00Z", "affected": affected}
    (alone / "npm").mkdir()
    with zipfile.ZipFile(alone / "npm" / "all.zip", "w") as archive:
        archive.writestr("GHSA-xxxx-xxxx-xxxx.json", json.dumps(record))
    assert tidewaiter("db", "build", "--from", "npm", "--output", "npm.db").code == 0
    done = tidewaiter("scan", "--db", "npm.db", world.alpine, world.debian)
    assert done.code == 2
    assert done.out.count("no-feed") == 2
    assert "not a clean bill" in done.out


def test_what_was_not_looked_at_outweighs_findings(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", "--db", world.db, world.debian, world.old, world.clean)
    assert done.code == 2


def test_no_database_is_a_matter_of_configuration_and_says_how_to_make_one(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", world.debian)
    assert (done.code, done.out) == (3, "")
    assert "advisories.db: there is no advisory database" in done.err
    assert "tidewaiter db build --from FOLDER --output" in done.err


def test_the_command_that_is_named_for_a_missing_database_can_be_pasted(tidewaiter: Run, world: World) -> None:
    assert "--output 'my data/none.db'" in tidewaiter("scan", "--db", "my data/none.db", world.debian).err


# Where the report goes


@pytest.mark.parametrize("format_", ["table", "json", "cyclonedx"])
def test_stdout_carries_the_report_and_nothing_else(tidewaiter: Run, world: World, format_: str) -> None:
    done = tidewaiter("scan", "--db", world.db, "--format", format_, world.debian)
    assert done.err == ""
    assert done.out.endswith("\n")
    assert not done.out.endswith("\n\n")
    assert "\x1b" not in done.out


def test_each_format_says_the_same_findings(tidewaiter: Run, world: World) -> None:
    options = ("scan", "--db", world.db, world.debian, "--format")
    report = tidewaiter(*options, "json").json
    bom = tidewaiter(*options, "cyclonedx").json
    table = tidewaiter(*options, "table").out
    assert report["schema"] == "tidewaiter/report/1"
    assert bom["bomFormat"] == "CycloneDX"
    names = {finding["vulnerability"] for finding in report["findings"]}
    assert names == {each["id"] for each in bom["vulnerabilities"]}
    assert all(name in table for name in names)
    assert "7 findings in 5 packages, 6 with a fix." in table


def test_output_is_what_stdout_would_have_been(tidewaiter: Run, world: World, alone: Path) -> None:
    (alone / "report.txt").write_text("an older report")
    shown = tidewaiter("scan", "--db", world.db, world.debian)
    written = tidewaiter("scan", "--db", world.db, world.debian, "--output", "report.txt")
    assert (written.code, written.out, written.err) == (1, "", "")
    assert (alone / "report.txt").read_text() == shown.out
    assert [path.name for path in alone.iterdir()] == ["report.txt"]


def test_an_output_that_cannot_be_written_is_told_before_the_work(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", "--db", world.db, "--output", "no/such/folder/report", "nothing.tar")
    assert done.code == 3
    assert done.err == "tidewaiter: no/such/folder/report: cannot be written: there is no such folder\n"


def test_columns_sets_the_width_of_a_pipe(tidewaiter: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (60, 100, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = tidewaiter("scan", "--db", world.db, world.alpine).out.splitlines()
        assert max(map(len, lines[1:])) <= width


# What counts


@pytest.mark.parametrize(
    "chosen", [["critical,high"], ["critical", "high"], ["HIGH, critical"], ["high,critical,high"]]
)
def test_severity_shows_only_those(tidewaiter: Run, world: World, chosen: list[str]) -> None:
    options = [part for each in chosen for part in ("--severity", each)]
    done = tidewaiter("scan", "--db", world.db, "--format", "json", *options, world.debian)
    assert (done.code, severities(done.json), done.json["hidden"]) == (1, {"critical": 3, "high": 2}, 2)


def test_hidden_findings_are_counted_and_do_not_fail(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", "--db", world.db, "--severity", "negligible", world.debian)
    assert done.code == 0
    assert "7 findings hidden by the filters." in done.out
    assert "No known vulnerabilities" not in done.out


def test_only_fixed_leaves_out_what_no_upgrade_removes(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", "--db", world.db, "--format", "json", "--only-fixed", world.debian)
    assert {finding["fix"]["state"] for finding in done.json["findings"]} == {"fixed"}
    assert (len(done.json["findings"]), done.json["hidden"]) == (6, 1)


@pytest.mark.parametrize(
    ("shown", "threshold", "code"),
    [
        ("low,high", "high", 1),
        ("low", "low", 1),
        ("low", "medium", 0),
        ("high", "critical", 0),
        ("critical", "critical", 1),
        ("low", "unknown", 1),
        ("low", "MEDIUM", 0),
    ],
)
def test_fail_on_is_the_least_severity_that_fails(
    tidewaiter: Run, world: World, shown: str, threshold: str, code: int
) -> None:
    done = tidewaiter("scan", "--db", world.db, "--severity", shown, "--fail-on", threshold, world.alpine)
    assert done.code == code
    assert "CVE-" in done.out


# Which image


def test_the_platform_is_linux_amd64_unless_chosen(tidewaiter: Run, world: World, platforms: str) -> None:
    plain = tidewaiter("scan", "--db", world.db, "--format", "json", platforms)
    assert (plain.code, plain.json["image"]["platform"], len(plain.json["packages"])) == (0, "linux/amd64", 1)
    chosen = tidewaiter("scan", "--db", world.db, "--format", "json", "--platform", "linux/arm64", platforms)
    assert (chosen.code, chosen.json["image"]["platform"], len(chosen.json["packages"])) == (1, "linux/arm64", 2)


def test_all_platforms_are_reported_one_after_the_other(tidewaiter: Run, world: World, platforms: str) -> None:
    done = tidewaiter("scan", "--db", world.db, "--format", "json", "--all-platforms", platforms)
    assert done.code == 1
    assert done.json["schema"] == "tidewaiter/reports/1"
    assert [each["image"]["platform"] for each in done.json["reports"]] == ["linux/amd64", "linux/arm64"]


def test_a_platform_that_is_not_there_is_a_gap_that_names_what_is(
    tidewaiter: Run, world: World, platforms: str
) -> None:
    done = tidewaiter("scan", "--db", world.db, "--format", "json", "--platform", "windows/amd64", platforms)
    assert (done.code, gaps(done.json)) == (2, [("source", "not-an-image")])
    assert "only for linux/amd64, linux/arm64" in done.json["gaps"][0]["detail"]


def test_several_images_of_one_archive_are_all_scanned_unless_one_is_named(
    tidewaiter: Run, world: World, alone: Path
) -> None:
    images = {"app/old:1": debian_image("11", "bash 5.1-2"), "app/new:1": alpine_image("curl 8.3.0-r0")}
    write_docker_archive(alone / "both.tar", images)
    both = tidewaiter("scan", "--db", world.db, "--format", "json", "both.tar")
    assert [each["image"]["tags"] for each in both.json["reports"]] == [["app/old:1"], ["app/new:1"]]
    assert both.code == 2
    one = tidewaiter("scan", "--db", world.db, "--format", "json", "docker-archive:both.tar:app/new:1")
    assert (one.code, severities(one.json)) == (1, {"critical": 1, "low": 1})


def test_a_root_file_system_is_scanned(tidewaiter: Run, world: World, alone: Path) -> None:
    installed = alone / "root" / "lib" / "apk" / "db" / "installed"
    installed.parent.mkdir(parents=True)
    installed.write_text("P:curl\nV:8.3.0-r0\nA:x86_64\n\n")
    (alone / "root" / "etc").mkdir()
    (alone / "root" / "etc" / "os-release").write_text("ID=alpine\nVERSION_ID=3.18.4\n")
    for target in ("root", "dir:root"):
        done = tidewaiter("scan", "--db", world.db, "--format", "json", target)
        assert (done.code, severities(done.json)) == (1, {"critical": 1, "low": 1})


# Several targets


def test_a_broken_target_is_told_and_the_others_go_on(tidewaiter: Run, world: World, alone: Path) -> None:
    broken = alone / "broken.tar"
    broken.write_bytes(Path(world.debian).read_bytes()[:700])
    done = tidewaiter(
        "scan", "--db", world.db, "--format", "json", world.debian, "broken.tar", "none.tar", world.alpine
    )
    assert done.code == 2
    reports = done.json["reports"]
    assert [each["image"]["reference"] for each in reports] == [world.debian, "broken.tar", "none.tar", world.alpine]
    assert [len(each["findings"]) for each in reports] == [7, 0, 0, 6]
    assert gaps(reports[2]) == [("source", "not-an-image")]
    assert [gaps(reports[0]), gaps(reports[3])] == [[], []]
    lines = done.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("tidewaiter: broken.tar: ")
    assert lines[1].startswith("tidewaiter: none.tar: there is no such file or folder")


def test_the_table_names_each_target_in_its_verdict(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", "--db", world.db, world.clean, world.alpine, "none.tar")
    assert done.out.splitlines()[-3:] == [
        f"{world.clean}: No known vulnerabilities in what was looked at.",
        f"{world.alpine}: 6 findings in 4 packages, 6 with a fix.",
        "none.tar: Incomplete: 1 gap: not a clean bill.",
    ]


def test_what_was_not_opened_is_not_said_to_hold_nothing(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", "--db", world.db, "none.tar")
    assert "packages" not in done.out
    assert "none found" not in done.out


def test_a_reference_that_is_none_stops_alone_and_is_a_gap_among_others(tidewaiter: Run, world: World) -> None:
    alone = tidewaiter("scan", "--db", world.db, "registry:Not/Valid:1")
    assert (alone.code, alone.out) == (3, "")
    others = tidewaiter("scan", "--db", world.db, "--format", "json", "registry:Not/Valid:1", world.clean)
    assert others.code == 2
    assert [gaps(each) for each in others.json["reports"]] == [[("source", "not-an-image")], []]


def test_an_empty_target_is_told_before_the_work(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", "--db", world.db, world.debian, "")
    assert (done.code, done.out) == (3, "")
    assert done.err == "tidewaiter: a target is empty. Is a variable not set?\n"


def test_a_format_for_one_image_refuses_several_before_the_work(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", "--db", world.db, "--format", "cyclonedx", "one.tar", "two.tar")
    assert (done.code, done.out) == (3, "")
    assert "there are 2" in done.err
    assert "one.tar" not in done.err


def test_hostile_names_do_not_reach_the_terminal(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", "--db", world.db, "evil\x1b[2Jname.tar")
    assert done.code == 2
    assert "\x1b" not in done.out + done.err
    assert r"evil\x1b[2Jname.tar" in done.err


# Reading


def test_verify_hashes_what_a_local_archive_vouches_for(tidewaiter: Run, world: World, alone: Path) -> None:
    files = {"etc/os-release": b"ID=alpine\nVERSION_ID=3.18.4\n", "lib/apk/db/installed": b"P:musl\nV:1.2.4-r1\n\n"}
    image = build_image([build_layer({**files, "usr/bin/tool": b"as it was built"}, compression="")])
    path = write_docker_archive(alone / "image.tar", {"app:1": image})
    path.write_bytes(path.read_bytes().replace(b"as it was built", b"changed by some"))
    assert tidewaiter("scan", "--db", world.db, "image.tar").code == 0
    checked = tidewaiter("scan", "--db", world.db, "--format", "json", "--verify", "image.tar")
    assert (checked.code, gaps(checked.json)) == (2, [("image", "malformed")])
    assert "sha256" in checked.json["gaps"][0]["detail"]


def test_a_wrong_digest_stops_the_image_and_not_the_others(tidewaiter: Run, world: World, alone: Path) -> None:
    shutil.copytree(world.alpine, alone / "layout")
    manifest = json.loads(Path(world.alpine, "index.json").read_bytes())["manifests"][0]["digest"]
    blob = alone / "layout" / "blobs" / "sha256" / manifest.removeprefix("sha256:")
    blob.write_bytes(blob.read_bytes().replace(b"layers", b"layerz"))
    done = tidewaiter("scan", "--db", world.db, "--format", "json", "layout", world.clean)
    assert done.code == 2
    assert [gaps(each) for each in done.json["reports"]] == [[("image", "malformed")], []]


def test_limit_sets_a_ceiling_and_the_message_says_how_to_raise_it(tidewaiter: Run, world: World) -> None:
    done = tidewaiter("scan", "--db", world.db, "--format", "json", "--limit", "layers=1", world.alpine)
    assert (done.code, gaps(done.json)) == (2, [("image", "limit")])
    assert "--limit layers=" in done.json["gaps"][0]["detail"]
    assert tidewaiter("scan", "--db", world.db, "--limit", "layers=2", world.alpine).code == 1
    assert "layer_bytes" in tidewaiter("scan", "--db", world.db, "--limit", "nothing=1", world.alpine).err


# Registries


@pytest.mark.parametrize("prefix", ["", "registry:"])
def test_an_image_is_scanned_in_a_registry(tidewaiter: Run, world: World, prefix: str) -> None:
    with SimulatedRegistry() as registry:
        reference = prefix + registry.push("team/app", "1", alpine_image("curl 8.3.0-r0"))
        done = tidewaiter("scan", "--db", world.db, "--format", "json", reference)
    assert (done.code, severities(done.json), done.err) == (1, {"critical": 1, "low": 1}, "")
    assert done.json["image"]["reference"] == reference


def test_a_registry_that_refuses_is_a_gap(tidewaiter: Run, world: World) -> None:
    with SimulatedRegistry(Login(username="robot", password="hunter22")) as registry:
        reference = registry.push("team/app", "1", alpine_image("curl 8.3.0-r0"))
        done = tidewaiter("scan", "--db", world.db, "--format", "json", reference)
    assert (done.code, gaps(done.json)) == (2, [("registry", "denied")])
    assert done.err.startswith("tidewaiter: ")


def test_the_login_of_docker_is_used(tidewaiter: Run, world: World, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with SimulatedRegistry(Login(username="robot", password="hunter22")) as registry:
        reference = registry.push("team/app", "1", alpine_image("curl 8.3.0-r0"))
        login = {"auths": {registry.host: {"username": "robot", "password": "hunter22"}}}
        (tmp_path / "home" / "config.json").write_text(json.dumps(login))
        done = tidewaiter("scan", "--db", world.db, reference)
    assert done.code == 1
    assert "hunter22" not in done.out + done.err


def test_insecure_trusts_any_certificate(
    tidewaiter: Run, world: World, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with SimulatedRegistry(tls=context) as registry:
        reference = registry.push("team/app", "1", alpine_image("curl 8.3.0-r0"))
        refused = tidewaiter("scan", "--db", world.db, "--format", "json", reference)
        trusted = tidewaiter("scan", "--db", world.db, "--format", "json", "--insecure", reference)
    assert (refused.code, gaps(refused.json)) == (2, [("registry", "unreachable")])
    assert (trusted.code, gaps(trusted.json)) == (1, [])


# The same by other ways


def test_scan_is_sbom_and_match(tidewaiter: Run, world: World, alone: Path) -> None:
    for target in (world.debian, world.alpine, world.old):
        scanned = tidewaiter("scan", "--db", world.db, "--format", "json", target)
        tidewaiter("sbom", "--format", "json", "--output", "inventory.json", target)
        matched = tidewaiter("match", "--db", world.db, "--format", "json", "inventory.json")
        assert matched.json == scanned.json
        assert matched.code == scanned.code


@pytest.mark.parametrize(
    ("option", "value", "shown"),
    [
        ("--format", "json", "low"),
        ("--only-fixed", "", "critical"),
        ("--output", "report", "low"),
        ("--fail-on", "high", "low"),
        ("--limit", "layers=1", "low"),
        ("--platform", "linux/arm64", "low"),
    ],
)
def test_the_environment_says_the_same_as_the_option(
    tidewaiter: Run, world: World, alone: Path, monkeypatch: pytest.MonkeyPatch, option: str, value: str, shown: str
) -> None:
    def scan(*options: str) -> tuple[Ran, dict[str, str]]:
        done = tidewaiter("scan", "--db", world.db, "--severity", shown, *options, world.debian)
        files = {path.name: path.read_text() for path in alone.iterdir()}
        for path in alone.iterdir():
            path.unlink()
        return done, files

    plain, by_option = scan(), scan(option, *filter(None, [value]))
    monkeypatch.setenv(f"TIDEWAITER_SCAN_{option[2:].upper().replace('-', '_')}", value or "true")
    assert by_option != plain
    assert scan() == by_option


@pytest.mark.parametrize(
    "settings",
    ['severity = ["critical", "high"]', 'severity = "critical,high"', 'severity = ["critical,high"]'],
)
def test_settings_come_from_the_file(tidewaiter: Run, world: World, alone: Path, settings: str) -> None:
    (alone / "tidewaiter.toml").write_text(f'[scan]\nformat = "json"\nonly-fixed = true\ndb = "{world.db}"\n{settings}')
    done = tidewaiter("scan", world.debian)
    assert (severities(done.json), done.json["hidden"]) == ({"critical": 2, "high": 2}, 3)


def test_flags_outweigh_the_environment_and_that_the_file(
    tidewaiter: Run, world: World, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (alone / "tidewaiter.toml").write_text('[scan]\nseverity = "low"\nformat = "cyclonedx"\n')
    monkeypatch.setenv("TIDEWAITER_SCAN_SEVERITY", "high")
    monkeypatch.setenv("TIDEWAITER_SCAN_FORMAT", "table")
    done = tidewaiter("scan", "--db", world.db, "--format", "json", world.debian)
    assert severities(done.json) == {"high": 2}


# Databases that are none


@pytest.mark.parametrize("kind", ["text", "truncated", "other", "empty", "folder"])
def test_what_is_no_database_is_refused_by_its_name(tidewaiter: Run, world: World, alone: Path, kind: str) -> None:
    import sqlite3

    path = alone / f"{kind}.db"
    match kind:
        case "text":
            path.write_text("no database\n" * 1000)
        case "truncated":
            path.write_bytes(Path(world.db).read_bytes()[:5000])
        case "other":
            connection = sqlite3.connect(path)
            connection.execute("CREATE TABLE manifest (content TEXT)")
            connection.commit()
            connection.close()
        case "empty":
            path.touch()
        case _:
            path.mkdir()
    for command in (["scan", world.debian], ["db", "status"], ["match", world.db]):
        done = tidewaiter(*command, "--db", path.name)
        assert (done.code, done.out) == (3, "")
        assert path.name in done.err
        assert "Traceback" not in done.err


def test_an_image_without_packages_is_not_clean(tidewaiter: Run, world: World, alone: Path) -> None:
    write_layout(alone / "empty", {"empty:1": build_image([build_layer({"etc/os-release": b"ID=alpine\n"})])})
    done = tidewaiter("scan", "--db", world.db, "empty")
    assert done.code == 2
