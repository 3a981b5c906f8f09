"""What an image says never steers the terminal, and its secrets never leave it."""

import re
from pathlib import Path

import pytest

from hostile_targets import OS_RELEASE, SOUND, STANZA, STATUS, Look
from tarballs import END, entry, tar
from tidewaiter.cli.main import run
from tidewaiter.model.image import Platform
from tidewaiter.simulator.archives import docker_archive_files, write_docker_archive, write_layout, write_tar
from tidewaiter.simulator.images import as_json, build_image, build_layer

STEERING = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b1A\r\x08\u202e\u2066\x7f"
STEERS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
FORMATS = {"scan": ("table", "json", "cyclonedx"), "sbom": ("json", "cyclonedx", "spdx")}


def steered(text: str) -> list[str]:
    """Characters that would do something to a terminal."""
    return STEERS.findall(text)


def scanned(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[str, str]:
    assert run(["scan", *map(str, arguments)]) in (0, 1, 2)
    out, err = capsys.readouterr()
    return out, err


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(STANZA.replace(b"bash", b"ba\x1b[31msh"), id="the name of a package"),
        pytest.param(STANZA.replace(b"5.2", b"5.2\x1b[2J"), id="the version of a package"),
        pytest.param(STANZA + STANZA.replace(b"installed", b"inst\x9b\x07"), id="the state of a package"),
        pytest.param(
            STANZA.replace(
                b"\n\n", b"\nSource: " + STEERING.encode() + b"\nMaintainer: " + STEERING.encode() + b"\n\n"
            ),
            id="where a package comes from",
        ),
        pytest.param(STANZA.replace(b"amd64", STEERING.encode()), id="the architecture of a package"),
    ],
)
def test_a_package_database_does_not_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, database: Path, content: bytes
) -> None:
    layer = build_layer(tar(OS_RELEASE, entry(STATUS, content)))
    out, err = scanned(capsys, "--db", database, write_layout(tmp_path / "image", [build_image([layer])]))
    assert steered(out + err) == []


def test_neither_do_paths_releases_history_labels_and_tags(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, database: Path
) -> None:
    release = f'ID=debian\nVERSION_ID=12\nPRETTY_NAME="{STEERING}"\n'.encode()
    path = f"{STEERING}/{STATUS}".encode()
    rows = [entry("etc/os-release", release), entry(STATUS, STANZA.replace(b"bash", b"curl")), entry(path, b"broken")]
    layer = build_layer(tar(*rows, entry(f"../{STEERING}")), created_by=f"RUN {STEERING}", compression="")
    image = build_image([layer], labels={STEERING: STEERING})
    target = write_docker_archive(tmp_path / "image.tar", {f"image:{STEERING}": image})
    out, err = scanned(capsys, "--db", database, target)
    assert "curl" in out
    assert steered(out + err) == []


def test_neither_do_messages_of_what_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path, database: Path) -> None:
    image = build_image([build_layer(tar(*SOUND), compression="")], platform=Platform(STEERING, STEERING))
    files = docker_archive_files({f"image:{STEERING}": image})
    named = bytes(files["manifest.json"]).replace(b".json", as_json(STEERING)[1:-1])  # type: ignore[arg-type]  # it is bytes
    (tmp_path / STEERING).write_bytes(b"no image")
    targets: list[list[str | Path]] = [
        [f"docker-archive:{write_tar(tmp_path / 'a.tar', files)}:other"],
        ["--platform", "linux/arm64", write_tar(tmp_path / "b.tar", files)],
        [write_tar(tmp_path / "c.tar", {**files, "manifest.json": named})],
        [tmp_path / STEERING],
    ]
    for target in targets:
        out, err = scanned(capsys, "--db", database, *target)
        assert err
        assert steered(out + err) == []


@pytest.mark.parametrize("command", FORMATS)
def test_environment_variables_of_an_image_are_in_no_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, database: Path, command: str
) -> None:
    image = build_image([build_layer(tar(*SOUND))])
    assert b"PASSWORD=secret" in image.config
    target = str(write_layout(tmp_path / "image", [image]))
    inventory = str(tmp_path / "inventory.json")
    for format_ in FORMATS[command]:
        options = ["--db", str(database)] if command == "scan" else []
        assert run([command, "--format", format_, *options, target]) in (0, 1, 2)
        out, err = capsys.readouterr()
        assert "bash" in out or command == "scan"
        assert "PASSWORD" not in out + err
        assert "secret" not in out + err
    assert run(["sbom", "--format", "json", "-o", inventory, target]) == 0
    assert "secret" not in Path(inventory).read_text()


def test_nor_are_they_told_when_the_configuration_is_broken(look: Look, tmp_path: Path) -> None:
    broken: list[dict[str, object]] = [{"rootfs": 1}, {"os": ["PASSWORD=secret"]}, {"history": "PASSWORD=secret"}]
    for number, field in enumerate(broken):
        image = build_image([build_layer(END)], config=field)
        outcome = look(write_layout(tmp_path / f"{number}", [image]))
        assert "secret" not in outcome.out + outcome.err
