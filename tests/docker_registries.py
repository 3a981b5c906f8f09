"""Debian's docker-registry as a process on this machine, and skopeo, which pushes into it."""

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HTPASSWD = "ann:$2y$04$bn5cUq8XkKXrgSWmYWr8XOdZpZsHKAjTMY3DLKNrKvcV0b26LxeSK\n"
"""The password is pw, hashed with bcrypt as `htpasswd -B` does."""

NEEDED = pytest.mark.skipif(
    not (shutil.which("docker-registry") and shutil.which("skopeo")),
    reason="SKIPPED LOUDLY: docker-registry and skopeo are not installed (Debian has both)",
)


def skopeo(*arguments: str) -> str:
    done = subprocess.run(["skopeo", "--insecure-policy", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pushed(host: str, source: str, name: str, *options: str) -> str:
    """Pushes what skopeo finds at `source`; its reference."""
    skopeo("copy", "--dest-tls-verify=false", *options, source, f"docker://{host}/{name}")
    return f"{host}/{name}"


@contextmanager
def docker_registry_process(folder: Path, extra: str = "", *, password: bool = False) -> Iterator[str]:
    """The host of a registry that keeps its data below the folder; `extra` goes to its configuration.

    With `password` only ann gets in, with pw.
    """
    if password:
        (folder / "htpasswd").write_text(HTPASSWD)
        extra += f"auth:\n  htpasswd:\n    realm: here\n    path: {folder}/htpasswd\n"
    config = folder / "config.yml"
    config.write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {folder}/data\nhttp:\n  addr: 127.0.0.1:0\n{extra}"
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        yield _listening(process)
    finally:
        process.terminate()
        process.wait(timeout=10)
        assert process.stderr is not None
        process.stderr.close()


def _listening(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"listening on (127\.0\.0\.1:[0-9]+)", line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return found[1]
    pytest.fail("docker-registry ended before it listened")
