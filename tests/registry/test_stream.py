"""Streams that never stop to come, and would never end."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import pytest
import urllib3

from tidewaiter.errors import RegistryError
from tidewaiter.registry.stream import open_stream
from tidewaiter.registry.transport import Patience, Waiting


@dataclass
class Trickle:
    """An answer that brings `portion` bytes after each `wait` of the clock; with `drops`, and then ends too early."""

    portion: int
    wait: float
    drops: bool = False
    time: float = 0
    asked: int = 0
    status = HTTPStatus.OK
    length_remaining = None

    def __post_init__(self) -> None:
        self.headers: dict[str, str] = {}
        self._over = False

    def clock(self) -> float:
        return self.time

    def answer(self, start: int) -> urllib3.BaseHTTPResponse:
        self.asked += 1
        self._over = False
        self.headers = {"Content-Range": f"bytes {start}-99999999/100000000"}
        self.status = HTTPStatus.PARTIAL_CONTENT
        return cast("urllib3.BaseHTTPResponse", self)

    def read1(self, most: int, *, decode_content: bool) -> bytes:
        assert not decode_content
        if self._over:
            return b""
        self.time += self.wait
        self._over = self.drops
        return bytes(min(most, self.portion))

    def close(self) -> None:
        """Nothing is open."""

    release_conn = close


def read(trickle: Trickle) -> bytes:
    waiting = Waiting(Patience(slow=900, fewest_bytes=1 << 20), sleep=lambda _: None, clock=trickle.clock)
    with open_stream(trickle.answer, 100_000_000, waiting, "a blob") as stream:
        return stream.read(10_000_000)


@pytest.mark.parametrize("drops", [False, True])
def test_a_blob_of_which_a_byte_comes_each_minute_is_given_up(drops: bool) -> None:
    trickle = Trickle(portion=1, wait=60, drops=drops)
    with pytest.raises(RegistryError, match="a blob: it came too slowly: 15 bytes in 900 seconds") as given_up:
        read(trickle)
    assert given_up.value.retry


def test_a_slow_network_is_waited_for() -> None:
    assert len(read(Trickle(portion=2000, wait=1))) == 10_000_000
