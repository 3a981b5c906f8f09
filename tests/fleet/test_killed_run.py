"""A run that is killed and started again ends as one that nobody disturbed."""

import multiprocessing
import signal
from pathlib import Path

import pytest

from fakes.dying_run import die, go, places
from fakes.registries import MemoryLookers
from tidewaiter.model.fleet import State
from tidewaiter.store.store import Store


def state(store: Store, run: int) -> list[object]:
    """All that a report is made of."""
    rows = [(row.registry, row.repository, row.detail, row.settled) for row in store.manifests(run)]
    contents = [(each.digest, each.layers, len(each.packages), each.gaps) for each in store.contents(run)]
    return [sorted(rows, key=str), sorted(contents), store.coverage(run)]


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("begin", 1),
        ("saw_repository", 1),
        ("look", 4),
        ("keep_image", 1),
        ("keep_image", 5),
        ("saw_manifests", 3),
        ("settle", 6),
    ],
)
def test_it_ends_the_same_and_looks_at_no_image_twice(moment: str, number: int, tmp_path: Path) -> None:
    path = str(tmp_path / "fleet.db")
    process = multiprocessing.get_context("spawn").Process(target=die, args=(path, moment, number))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with Store.open(path) as store, Store.open(str(tmp_path / "undisturbed.db")) as other:
        lookers, undisturbed = MemoryLookers(), MemoryLookers()
        again, once = go(store, lookers), go(other, undisturbed)
        assert state(store, again) == state(other, once)
        assert store.run(again).continued
        assert store.run(again).looked + store.run(again).known == other.run(once).looked
        assert store.run(again).looked == len(lookers.times)
        if moment == "keep_image":
            assert store.run(again).known == number


def test_and_every_manifest_of_it_has_ended(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "fleet.db")) as store:
        rows = list(store.manifests(go(store, MemoryLookers())))
    listed = {
        (place.registry, name, digest) for place in places() for name, of in place.listed.items() for digest in of
    }
    assert {(row.registry, row.repository, row.detail.digest) for row in rows} == listed
    assert {row.settled.outcome.state for row in rows} == {State.SCANNED, State.SKIPPED, State.FAILED}
