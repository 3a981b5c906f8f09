"""Debian's docker-registry on loopback, filled with the corpus."""

import contextlib
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

_SETTINGS = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@contextlib.contextmanager
def served(folder: Path, images: Iterable[str]) -> Iterator[str]:
    """`host:port` of a registry that has the images, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as root:
        port = _free_port()
        settings = Path(root, "config.yml")
        settings.write_text(_SETTINGS.format(root=root, port=port))
        process = subprocess.Popen(("docker-registry", "serve", str(settings)), stderr=subprocess.DEVNULL)
        try:
            _await(port)
            for image in images:
                _push(folder / f"{image}.oci", f"127.0.0.1:{port}/{image}:latest")
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _push(layout: Path, reference: str) -> None:
    command = ("skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{layout}:latest", f"docker://{reference}")
    subprocess.run(command, check=True)


def _await(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError("the registry did not start")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
