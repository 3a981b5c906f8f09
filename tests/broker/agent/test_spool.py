"""Results on disk: whole or not at all, and never mistaken for another's."""

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from fakes.disks import FullDisk
from tidewaiter.broker.agent.spool import Parcel, Spool

CALLBACK = "http://127.0.0.1:7341"


def spool(folder: Path, ceiling: int = 1 << 20, now: float = 1000.0) -> Spool:
    return Spool(str(folder), ceiling=ceiling, clock=lambda: now)


def content(parcel: Parcel) -> bytes:
    with parcel.open() as file:
        return file.read()


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_a_result_is_found_again_by_the_next_agent(tmp_path: Path) -> None:
    spool(tmp_path).put("shop", "job-1", CALLBACK, b"what was found")
    (parcel,) = spool(tmp_path).parcels
    assert (parcel.connection, parcel.job, parcel.callback, parcel.made) == ("shop", "job-1", CALLBACK, 1000.0)
    assert parcel.digest == hashlib.sha256(b"what was found").hexdigest()
    assert parcel.size == len(b"what was found")
    assert content(parcel) == b"what was found"


def test_results_are_found_in_the_order_they_were_made(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        spool(tmp_path, now=float(number)).put("shop", f"job-{number}", CALLBACK, b"")
    assert [parcel.job for parcel in spool(tmp_path).parcels] == ["job-1", "job-2", "job-3"]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    spool(tmp_path).put("shop", "job", CALLBACK, b"secret inventory")
    assert stat.S_IMODE(only_file(tmp_path).stat().st_mode) == 0o600


def test_the_same_job_of_two_connections_are_two_results(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    kept.put("shop", "job", CALLBACK, b"a")
    kept.put("bank", "job", CALLBACK, b"b")
    assert {(each.connection, content(each)) for each in spool(tmp_path).parcels} == {("shop", b"a"), ("bank", b"b")}


def test_names_of_connections_and_jobs_are_no_paths(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    spool(folder).put("../../etc", "../passwd", CALLBACK, b"x")
    assert [each.name for each in tmp_path.iterdir()] == ["spool"]
    assert only_file(folder).parent == folder


def test_a_result_that_was_dropped_is_gone_and_counts_no_more(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    parcel = kept.put("shop", "job", CALLBACK, b"x" * 100)
    assert kept.taken == only_file(tmp_path).stat().st_size
    kept.drop(parcel)
    kept.drop(parcel)
    assert (kept.taken, list(tmp_path.iterdir()), spool(tmp_path).parcels) == (0, [], ())


def test_another_result_of_a_job_takes_the_place_of_the_first(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    kept.put("shop", "job", CALLBACK, b"first")
    kept.put("shop", "job", CALLBACK, b"the second")
    assert kept.taken == only_file(tmp_path).stat().st_size
    assert [content(each) for each in spool(tmp_path).parcels] == [b"the second"]


def test_it_is_full_at_its_ceiling_and_keeps_what_comes_all_the_same(tmp_path: Path) -> None:
    kept = spool(tmp_path, ceiling=1000)
    before = kept.full
    kept.put("shop", "job-1", CALLBACK, b"x" * 1000)
    assert (before, kept.full) == (False, True)
    last = kept.put("shop", "job-2", CALLBACK, b"y" * 1000)
    assert content(last) == b"y" * 1000
    assert spool(tmp_path, ceiling=1000).full
    assert not spool(tmp_path, ceiling=10_000).full


def test_it_tells_when_its_oldest_result_was_made(tmp_path: Path) -> None:
    first = spool(tmp_path, now=5.0).put("shop", "job-1", CALLBACK, b"")
    kept = spool(tmp_path, now=9.0)
    kept.put("shop", "job-2", CALLBACK, b"")
    assert kept.oldest == 5.0
    kept.drop(first)
    assert kept.oldest == 9.0


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    kept = Spool(str(tmp_path), ceiling=1 << 20, disk=FullDisk())
    with pytest.raises(OSError, match="No space left"):
        kept.put("shop", "job", CALLBACK, b"x")
    assert (kept.taken, list(tmp_path.iterdir())) == (0, [])


def test_what_was_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "abc.result.17.part").write_bytes(b'{"version":1')
    assert spool(tmp_path).parcels == ()
    assert list(tmp_path.iterdir()) == []


DAMAGES: Mapping[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut off in its label": lambda whole: whole[:20],
    "cut off": lambda whole: whole[:-1],
    "longer than it was": lambda whole: whole + b"x",
    "of zeros, as after a power cut": lambda whole: bytes(len(whole)),
    "of another connection": lambda whole: whole.replace(b"shop", b"bank"),
    "of another version": lambda whole: whole.replace(b'"version":1', b'"version":2'),
    "no JSON": lambda whole: b"x" + whole[1:],
    "with a label that does not end": lambda whole: whole.replace(b"\n", b" ", 1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_is_put_aside_that_is(tmp_path: Path, damage: str) -> None:
    spool(tmp_path).put("shop", "job", CALLBACK, b"what was found\nand more")
    path = only_file(tmp_path)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    kept = spool(tmp_path)
    assert (kept.parcels, kept.taken) == ((), 0)
    assert only_file(tmp_path).name == f"{path.name}.damaged"
    assert spool(tmp_path).parcels == ()


def test_damage_that_only_its_digest_tells_is_seen_before_it_is_delivered(tmp_path: Path) -> None:
    spool(tmp_path).put("shop", "job", CALLBACK, b"what was found")
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"found", b"f0und"))
    kept = spool(tmp_path)
    (parcel,) = kept.parcels
    assert not parcel.checked
    assert kept.check(parcel) is None
    assert (kept.taken, only_file(tmp_path).name) == (0, f"{path.name}.damaged")


def test_damaged_files_are_removed_after_days(tmp_path: Path) -> None:
    path = tmp_path / "abc.result.damaged"
    path.write_bytes(b"?")
    os.utime(path, (1000, 1000))
    spool(tmp_path, now=1000 + 7 * 86_400)
    assert only_file(tmp_path) == path
    spool(tmp_path, now=1001 + 7 * 86_400)
    assert list(tmp_path.iterdir()) == []


def test_a_whole_file_is_found_to_be_whole(tmp_path: Path) -> None:
    spool(tmp_path).put("shop", "job", CALLBACK, b"x" * (3 << 20))
    kept = spool(tmp_path)
    (parcel,) = kept.parcels
    checked = kept.check(parcel)
    assert checked is not None
    assert checked.checked


def test_a_file_that_somebody_removed_is_not_whole(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    parcel = kept.put("shop", "job", CALLBACK, b"x")
    os.unlink(parcel.path)
    assert kept.check(parcel) is None
    assert kept.taken == 0
