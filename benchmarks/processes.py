"""Programs that are started for a measurement, waited for, and ended after it."""

import socket
import subprocess
import time
from pathlib import Path

import urllib3

_PATIENCE = 60.0


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def answering(url: str, headers: dict[str, str] | None = None) -> None:
    """Waits until the URL is answered with 200. Raises TimeoutError."""
    until = time.monotonic() + _PATIENCE
    with urllib3.PoolManager(retries=False, timeout=2) as pool:
        while time.monotonic() < until:
            try:
                if pool.request("GET", url, headers=headers).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.1)
    raise TimeoutError(url)


def resident(process: int) -> int:
    """The bytes that a process has in memory now."""
    pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    return int(pages) * 4096


def ended(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    """Ends the program, and waits for it."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
