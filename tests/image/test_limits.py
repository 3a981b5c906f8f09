"""What no layer can do, however it is made: each ceiling ends it with its name."""

import gc
import gzip
import io
import threading
import tracemalloc
import weakref
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from tarballs import blob, entry, plain_blob, stored_blob, symlink, tar
from tidewaiter.errors import MalformedError
from tidewaiter.image.blob import LayerBlob
from tidewaiter.image.budget import Budget, Stopped
from tidewaiter.image.layers import LayerRead, read_layer
from tidewaiter.image.limits import Limits
from tidewaiter.model.gap import Why


class Nothing:
    def wants(self, _path: str, _size: int) -> bool:
        return False

    def take(self, path: str, _content: bytes) -> None:
        raise AssertionError(path)


def read(layer: LayerBlob, limits: Limits) -> LayerRead:
    return read_layer(layer, Nothing(), limits=limits, budget=Budget(limits))


def limit_of(found: LayerRead) -> str:
    (gap,) = found.gaps
    assert gap.why is Why.LIMIT
    return gap.detail


def zeros(size: int) -> Iterator[bytes]:
    """A layer with one file of so many zeros, compressed as it goes."""
    packer = zlib.compressobj(9, wbits=31)
    yield packer.compress(entry("zeros", at124=b"\x80" + size.to_bytes(11, "big")))
    block = bytes(1 << 20)
    for _ in range(size >> 20):
        yield packer.compress(block)
    yield packer.flush()


def test_a_bomb_ends_by_its_ratio_without_taking_memory() -> None:
    stored = b"".join(zeros(64 << 20))
    limits = Limits(ratio_floor=16 << 20)
    tracemalloc.start()
    found = read(stored_blob(stored), limits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "limit ratio" in limit_of(found)
    assert found.size < 18 << 20
    assert peak < 8 << 20


def test_what_a_ceiling_cut_is_hashed_to_its_end_before_anybody_believes_it() -> None:
    stored = b"".join(zeros(64 << 20))
    limits = Limits(ratio_floor=16 << 20)
    assert read(stored_blob(stored), limits).verified
    told = stored_blob(stored[:-1] + b"?")
    lie = replace(told, layer=stored_blob(stored).layer)
    with pytest.raises(MalformedError, match="wrong digest"):
        read(lie, limits)


def test_a_layer_with_more_stored_bytes_than_a_layer_may_have_is_not_read_to_its_end() -> None:
    data = tar(entry("a", bytes(5000)))
    assert not read(blob(data, pack=bytes), Limits(layer_bytes=2000)).verified


def test_a_layer_below_the_floor_may_be_of_any_ratio() -> None:
    assert read(stored_blob(b"".join(zeros(8 << 20))), Limits(ratio_floor=16 << 20)).verified


def test_a_layer_of_usual_ratio_may_be_of_any_size_beyond_the_floor() -> None:
    assert read(blob(tar(entry("a", bytes(range(256)) * 100)), pack=bytes), Limits(ratio_floor=1000)).verified


def test_a_layer_ends_at_its_unpacked_size(tmp_path: Path) -> None:
    data = tar(entry("a", b"x" * 5_000_000))
    for layer in (blob(data), plain_blob(tmp_path / "image.tar", data)):
        assert "limit layer_bytes" in limit_of(read(layer, Limits(layer_bytes=2_000_000)))


def test_an_image_ends_at_the_unpacked_size_of_all_its_layers() -> None:
    limits = Limits(image_bytes=3_000_000)
    budget = Budget(limits)
    found = [read_layer(blob(tar(entry("a", b"x" * 2_000_000))), Nothing(), limits=limits, budget=budget) for _ in "12"]
    assert found[0].verified
    assert "limit image_bytes" in limit_of(found[1])


def test_a_layer_ends_at_its_number_of_names_and_keeps_those_before() -> None:
    found = read(blob(tar(*(entry(f"f{number}") for number in range(20)))), Limits(entries=10))
    assert "limit entries" in limit_of(found)
    assert found.tree.entries.count(b"\0") == 9


@pytest.mark.parametrize("row", [symlink("l{}", "x"), entry(".wh.l{}"), entry("a/.wh..wh..opq")])
def test_a_layer_ends_at_its_number_of_links_and_whiteouts(row: bytes) -> None:
    assert "limit links" in limit_of(read(blob(tar(*[row] * 20)), Limits(links=10)))


def test_a_long_extension_of_a_header_ends_the_layer() -> None:
    long_name = entry("././@LongLink", b"x" * 3000, kind=b"L")
    assert "limit extension_bytes" in limit_of(read(blob(tar(long_name, entry("x"))), Limits(extension_bytes=2000)))


def test_a_name_beyond_the_ceiling_is_not_followed() -> None:
    found = read(blob(tar(entry("x" * 80), entry("y"))), Limits(name_bytes=50))
    assert found.tree.entries == b"fy"
    assert found.gaps[0].why is Why.MALFORMED


def test_many_tiny_files_take_little_more_than_their_names() -> None:
    packer = zlib.compressobj(1, wbits=31)
    stored = b"".join(packer.compress(entry(f"folder/file{number:06}")) for number in range(20_000)) + packer.flush()
    tracemalloc.start()
    found = read(stored_blob(stored), Limits())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.tree.entries.count(b"\0") == 19_999
    assert peak < 6 << 20


class Endless(io.RawIOBase):
    """Zeros without end, compressed or not."""

    def read(self, size: int = -1) -> bytes:
        return bytes(size)


def test_a_stream_that_goes_on_beyond_its_promised_size_is_left_at_once() -> None:
    layer = stored_blob(gzip.compress(bytes(1000)))
    endless = replace(layer, open=lambda: cast("BinaryIO", Endless()))
    with pytest.raises(Exception, match="more than"):
        read(endless, Limits())


def test_files_in_memory_wait_for_each_other() -> None:
    budget = Budget(Limits(held_bytes=100))
    order = []

    def second() -> None:
        with budget.hold(60):
            order.append("second")

    thread = threading.Thread(target=second)
    with budget.hold(60):
        thread.start()
        thread.join(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_file_larger_than_the_room_has_it_for_itself() -> None:
    with Budget(Limits(held_bytes=10)).hold(1000):
        pass


def test_a_stop_wakes_those_who_wait() -> None:
    budget = Budget(Limits(held_bytes=100))
    ended = []

    def waiting() -> None:
        try:
            with budget.hold(60):
                raise AssertionError
        except Stopped:
            ended.append(True)

    with budget.hold(60):
        thread = threading.Thread(target=waiting)
        thread.start()
        budget.stop()
        thread.join()
    assert ended == [True]


@pytest.mark.parametrize("row", [entry("n" * 90), symlink("l", "t" * 90), entry(".wh." + "w" * 90)])
def test_an_image_ends_at_the_size_of_all_its_names(row: bytes) -> None:
    limits = Limits(names_bytes=500_000)
    budget = Budget(limits)
    layers = [blob(tar(*[row] * 1500), index=index) for index in range(6)]
    found = [read_layer(layer, Nothing(), limits=limits, budget=budget) for layer in layers]
    assert found[0].verified
    assert "limit names_bytes" in limit_of(found[-1])


def test_a_second_reading_counts_no_names_again() -> None:
    limits = Limits(names_bytes=200_000)
    budget = Budget(limits)
    layer = blob(tar(*(entry(f"{'n' * 90}{number}") for number in range(1500))))
    choices: tuple[dict[str, tuple[str, ...]] | None, ...] = (None, {}, {}, {})
    for only in choices:
        read = read_layer(layer, Nothing(), limits=limits, budget=budget, only=only)
        assert read.verified
        assert bool(read.tree.entries) is (only is None)


def test_a_second_copy_of_a_file_in_memory_is_counted_with_it() -> None:
    held = []

    class Holding(Nothing):
        def wants(self, path: str, _size: int) -> bool:
            return path == "file"

        def take(self, _path: str, _content: bytes) -> None:
            held.append(budget._held)

    limits = Limits()
    budget = Budget(limits)
    read_layer(blob(tar(entry("file", b"x" * 1000))), Holding(), limits=limits, budget=budget)
    assert held == [2000]


def test_a_long_history_does_not_outlive_its_layer() -> None:
    class Watched(io.BytesIO):
        pass

    stored = gzip.compress(tar(entry("a")))
    layer, alive = stored_blob(stored), []

    def opened() -> BinaryIO:
        stream = Watched(stored)
        alive.append(weakref.ref(stream))
        return stream

    gc.disable()
    try:
        read(replace(layer, open=opened), Limits())
        assert alive[0]() is None
    finally:
        gc.enable()
