"""Layers on disk: what is not whole is not there, and what is not used makes room."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from fakes.disks import FullDisk
from tidewaiter.broker.agent.shelf import DiskShelf
from tidewaiter.model.image import Digest

SEAL = 32


def digest(number: int) -> Digest:
    return Digest("sha256", f"{number:064x}")


def shelf(folder: Path, ceiling: int = 1 << 20) -> DiskShelf:
    return DiskShelf(str(folder), ceiling=ceiling)


def keep(kept: DiskShelf, number: int, content: bytes, fingerprint: str = "v1") -> None:
    kept.keep_layer(digest(number), fingerprint, content, len(content))


def test_a_layer_is_there_for_the_same_extractors_also_after_a_restart(tmp_path: Path) -> None:
    keep(shelf(tmp_path), 1, b"a layer")
    kept = shelf(tmp_path)
    assert kept.layer(digest(1), "v1") == b"a layer"
    assert kept.layer(digest(1), "v2") is None
    assert kept.layer(digest(2), "v1") is None


def test_the_least_recently_used_makes_room(tmp_path: Path) -> None:
    kept = shelf(tmp_path, ceiling=3 * (SEAL + 10))
    for number in (1, 2, 3):
        keep(kept, number, b"x" * 10)
    assert kept.layer(digest(1), "v1") is not None
    keep(kept, 4, b"x" * 10)
    assert [number for number in (1, 2, 3, 4) if kept.layer(digest(number), "v1")] == [1, 3, 4]
    assert kept.taken == 3 * (SEAL + 10) == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_a_restart_remembers_which_was_used(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    for number in (1, 2, 3):
        keep(kept, number, b"x" * 10)
    for path in tmp_path.iterdir():
        os.utime(path, (1000, 1000))
    assert kept.layer(digest(2), "v1") is not None
    again = shelf(tmp_path, ceiling=SEAL + 10)
    assert [number for number in (1, 2, 3) if again.layer(digest(number), "v1")] == [2]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_layer_larger_than_the_ceiling_is_not_kept(tmp_path: Path) -> None:
    kept = shelf(tmp_path, ceiling=100)
    keep(kept, 1, b"x" * 20)
    keep(kept, 2, b"x" * 100)
    assert (kept.layer(digest(2), "v1"), kept.layer(digest(1), "v1")) == (None, b"x" * 20)


def test_a_layer_that_is_kept_again_counts_once(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    keep(kept, 1, b"first")
    keep(kept, 1, b"the second")
    assert (kept.layer(digest(1), "v1"), kept.taken) == (b"the second", SEAL + len(b"the second"))


DAMAGES: Mapping[str, Callable[[bytes], bytes]] = {
    "is empty": lambda _: b"",
    "is cut off": lambda whole: whole[:-1],
    "has another byte": lambda whole: whole[:-1] + b"?",
    "is of zeros, as after a power cut": lambda whole: bytes(len(whole)),
    "is longer": lambda whole: whole + b"x",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_layer_is_absent_whose_file(tmp_path: Path, damage: str) -> None:
    keep(shelf(tmp_path), 1, b"a layer")
    (path,) = tmp_path.iterdir()
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    kept = shelf(tmp_path)
    assert kept.layer(digest(1), "v1") is None
    assert (list(tmp_path.iterdir()), kept.taken) == ([], 0)
    keep(kept, 1, b"a layer")
    assert kept.layer(digest(1), "v1") == b"a layer"


def test_a_layer_under_the_name_of_another_is_absent(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    keep(kept, 1, b"one")
    (first,) = tmp_path.iterdir()
    keep(kept, 2, b"two")
    (second,) = set(tmp_path.iterdir()) - {first}
    os.replace(first, second)
    assert kept.layer(digest(2), "v1") is None
    assert kept.layer(digest(1), "v1") is None


def test_a_full_disk_only_means_that_a_layer_is_not_kept(tmp_path: Path) -> None:
    kept = DiskShelf(str(tmp_path), ceiling=1 << 20, disk=FullDisk())
    keep(kept, 1, b"a layer")
    assert (kept.layer(digest(1), "v1"), kept.taken, list(tmp_path.iterdir())) == (None, 0, [])


def test_what_was_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "abc.17.part").write_bytes(b"half")
    assert shelf(tmp_path).taken == 0
    assert list(tmp_path.iterdir()) == []
