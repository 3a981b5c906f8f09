"""Linux namespaces, entered without help of root: a network with nothing in it but loopback, and a user who is nobody.

`python namespaces.py PROGRAM …` runs a program as such a user where the test itself runs as root.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # of sched.h
_SET_FLAGS = 0x8914  # SIOCSIFFLAGS
_UP, _RUNNING = 0x1, 0x40
_NOBODY_SPECIAL = 1000


def enter(*, network: bool) -> None:
    """Makes this process, and all that it starts, the ones of an ordinary user, for others still the same.

    What it starts has no capabilities. With `network` they also have a network of their own, which has a loopback
    interface and nothing else. Call it before there is any thread. Raises OSError where the system does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_NEW_USER | (_NEW_NETWORK if network else 0)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user or _NOBODY_SPECIAL} {user} 1")
    _write("/proc/self/gid_map", f"{group or _NOBODY_SPECIAL} {group} 1")
    if network:
        with socket.socket() as asking:
            fcntl.ioctl(asking, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP | _RUNNING))


def as_nobody() -> tuple[str, ...]:
    """What to put before a program so that it does not run as root, though the test does."""
    return (sys.executable, os.path.abspath(__file__))


def why_not(*, network: bool) -> str:
    """Why `enter` would fail; "" where it would not. Tried by a process of its own: half entered is worse than not."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        try:
            enter(network=network)
        except OSError as error:
            os.write(writing, (error.strerror or str(error)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as said:
        why = said.read().decode()
    os.waitpid(process, 0)
    return why


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


if __name__ == "__main__":
    if os.geteuid() == 0 and not why_not(network=False):
        enter(network=False)
    os.execv(sys.argv[1], sys.argv[1:])
