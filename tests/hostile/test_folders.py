"""Root file systems on disk that hold what is no file, or nothing that may be read."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hostile_targets import PURL, STANZA, STATUS, Command, Look


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A Debian-like root with an Alpine-like database too, so that a lost one does not leave the inventory empty."""
    folder = tmp_path / "root"
    for path, content in {
        "etc/os-release": b"ID=debian\nVERSION_ID=12\n",
        STATUS: STANZA,
        "lib/apk/db/installed": b"P:musl\nV:1\n\n",
    }.items():
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_bytes(content)
    return folder


def test_a_sound_folder_is_read(look: Look, root: Path) -> None:
    (root / "lib/apk/db/installed").unlink()
    assert look(f"dir:{root}", code=0).packages == [PURL]


class TestWhatIsNoFile:
    def test_a_pipe_in_the_place_of_a_database_is_a_gap_and_nobody_waits_for_it(
        self, command: Command, root: Path
    ) -> None:
        (root / STATUS).unlink()
        os.mkfifo(root / STATUS)
        command.sbom(f"dir:{root}").gap("malformed", STATUS, "a device, a pipe or a socket")

    def test_a_pipe_behind_a_link_is_a_gap(self, command: Command, root: Path) -> None:
        os.mkfifo(root / "pipe")
        (root / STATUS).unlink()
        (root / STATUS).symlink_to("/pipe")
        command.sbom(f"dir:{root}").gap("malformed", STATUS, "a device, a pipe or a socket")

    def test_a_socket_is_a_gap(self, look: Look, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (root / STATUS).unlink()
        monkeypatch.chdir((root / STATUS).parent)  # a socket's address has but 107 bytes
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("status")
            look(f"dir:{root}").gap("malformed", STATUS, "a device, a pipe or a socket")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
    def test_a_device_is_not_opened(self, look: Look, root: Path) -> None:
        (root / STATUS).unlink()
        try:
            os.mknod(root / STATUS, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
        except PermissionError:
            pytest.skip("this container may not make devices")
        look(f"dir:{root}").gap("malformed", STATUS, "a device, a pipe or a socket")

    def test_a_folder_in_the_place_of_a_database_is_no_database(self, look: Look, root: Path) -> None:
        (root / STATUS).unlink()
        (root / STATUS).mkdir()
        outcome = look(f"dir:{root}")
        assert not [purl for purl in outcome.packages if "deb" in purl.partition("/")[0]]

    def test_links_that_lead_nowhere_or_in_a_circle_are_gaps(self, look: Look, root: Path) -> None:
        (root / STATUS).unlink()
        (root / STATUS).symlink_to("nothing")
        (root / "var/lib/rpm").symlink_to("rpm")
        outcome = look(f"dir:{root}")
        outcome.gap("malformed", STATUS, "not there")
        outcome.gap("malformed", "var/lib/rpm", "circle")

    def test_links_do_not_lead_out_of_the_folder(self, look: Look, root: Path, tmp_path: Path) -> None:
        (tmp_path / "outside").write_bytes(STANZA.replace(b"bash", b"secret"))
        for number, target in enumerate((f"{tmp_path}/outside", f"{'../' * 30}{tmp_path}/outside")):
            chroot = root / f"{number}/var/lib/dpkg"
            chroot.mkdir(parents=True)
            (chroot / "status").symlink_to(target)
        outcome = look(f"dir:{root}")
        assert "secret" not in outcome.out

    def test_circles_of_folders_end(self, command: Command, root: Path) -> None:
        (root / "loop").symlink_to(".")
        (root / "srv").mkdir()
        (root / "srv/up").symlink_to("..")
        assert PURL in command.sbom(f"dir:{root}").packages


class TestWhatMayNotBeRead:
    """As a user who is not root, where there is one."""

    @pytest.fixture
    def other_user(self, root: Path) -> list[str]:
        if os.geteuid() != 0 or shutil.which("setpriv") is None:
            return []
        for folder in (root, *root.parents):
            if str(folder).startswith("/tmp/") and folder != Path("/tmp"):
                folder.chmod(0o755)
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

    @pytest.mark.parametrize("closed", [STATUS, "var/lib/dpkg", "var"])
    def test_what_may_not_be_read_is_a_gap_that_says_so(self, root: Path, other_user: list[str], closed: str) -> None:
        (root / closed).chmod(0)
        script = "import sys; from tidewaiter.cli.main import main; main()"
        command = [*other_user, sys.executable, "-c", script, "sbom", "--format", "json", f"dir:{root}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        finally:
            (root / closed).chmod(0o755)
        if done.returncode == 126 or "No module named" in done.stderr or "Permission denied" in done.stderr:
            pytest.skip("another user may not run this Python")
        assert done.returncode == 2, done.stderr
        assert '"why": "denied"' in done.stdout
        assert f'"subject": "{closed}"' in done.stdout
        assert "run as a user who may" in done.stdout
