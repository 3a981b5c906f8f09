"""A run that is killed at any moment leaves a whole store, and the next one ends as an undisturbed one does."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

import store_samples
from store_samples import FINGERPRINT, begun, detail, digest, finding, finished, inventory, repository, scan, scanned
from tidewaiter.model.package import Inventory
from tidewaiter.store.records import PackageJudgement
from tidewaiter.store.store import Store

IMAGES = 12
NAMES = [f"app {number}" for number in range(IMAGES)]

RUN = f"""
import sys
sys.path.insert(0, {str(Path(store_samples.__file__).parent)!r})
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_kill import fleet, whole_run
from tidewaiter.store.store import Store
with Store.open(sys.argv[1]) as store, store.lock():
    for step in whole_run(store):
        print(step, flush=True)
        sys.stdin.readline()
"""


def fleet() -> list[Inventory]:
    return [inventory(name, f"package{place}", "django") for place, name in enumerate(NAMES)]


def whole_run(store: Store) -> Iterator[str]:
    """A run over the fleet that does what the store does not hold; it tells before each of its steps."""
    yield "begin"
    run = begun(store)
    for name in ("one", "two"):
        yield "place"
        place = repository(store, run, name)
        yield "list"
        store.saw_manifests(run, place, [detail(each, each, "newest") for each in NAMES[:6]], complete=False)
        yield "list the rest"
        store.saw_manifests(run, place, [detail(each, each) for each in NAMES[6:]], complete=True)
        known = store.remembered(map(digest, NAMES), FINGERPRINT)
        for image in fleet():
            if image.image.digest not in known:
                yield "keep"
                store.keep_image(image, fingerprint=FINGERPRINT)
        yield "settle"
        store.settle(run, place, [scanned(each, each) for each in NAMES])
    while some := store.packages_to_judge("db", run, 5):
        yield "judge"
        judged = [PackageJudgement(package=number, findings=(finding(package),)) for number, package in some]
        store.keep_judgements("db", judged)
    yield "finish"
    finished(store, run)
    yield "end"


def before(store: Store) -> None:
    """An earlier run, which saw other things: tags will have moved, an image will have been looked at anew."""
    run = begun(store)
    old = replace(inventory("app 3", "old"), gaps=())
    scan(store, run, old)
    store.keep_image(old, fingerprint="older")
    place = repository(store, run, "one")
    store.saw_manifests(run, place, [detail("gone", "newest"), detail("app 3", "old")], complete=True)
    finished(store, run)


def state(store: Store, run: int) -> str:
    """All that can be read of a run, but for the numbers of packages, which have no meaning."""
    names = {each.package: each.subject.name for each in store.judgements(run, "db")}
    told = {
        "coverage": store.coverage(run),
        "manifests": sorted(map(repr, store.manifests(run))),
        "contents": sorted(
            repr((each.digest, each.layers, sorted((names[number], layer) for number, layer in each.packages)))
            for each in store.contents(run)
        ),
        "judgements": sorted(repr((each.subject, each.findings)) for each in store.judgements(run, "db")),
        "moved": store.moved(run),
        "inventories": [store.inventory(digest(name)) for name in NAMES],
    }
    return json.dumps(told, default=repr, indent=1)


def sound(store: Store) -> None:
    """Nothing is half there."""
    assert not store._database.read(lambda to: to.execute(text(DANGLING)).all())
    kept = store.remembered(map(digest, NAMES), FINGERPRINT)
    assert all(store.inventory(image.image.digest) == image for image in fleet() if image.image.digest in kept)


DANGLING = """
SELECT parcel.id FROM parcel LEFT JOIN image_parcel ON parcel = parcel.id WHERE parcel IS NULL
UNION ALL SELECT manifest FROM image LEFT JOIN image_parcel ON image.manifest = image WHERE image IS NULL
"""


def killed_after(url: str, steps: int) -> None:
    """A run in a process of its own that is killed while it is at its next step."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        for _ in range(steps):
            assert process.stdout.readline()
            process.stdin.write("\n")
            process.stdin.flush()
        process.kill()


def undisturbed(store: Store) -> str:
    before(store)
    assert list(whole_run(store))[-1] == "end"
    return state(store, 2)


@pytest.mark.parametrize("steps", [2, 4, 9, 17, 21])
def test_a_killed_run_is_taken_up_and_ends_as_an_undisturbed_one(
    steps: int, url: str, tmp_path: Path, opened: Callable[[str], Store]
) -> None:
    expected = undisturbed(opened(str(tmp_path / "undisturbed.db")))
    before(opened(url))
    killed_after(url, steps)
    store = opened(url)
    sound(store)
    for _ in whole_run(store):
        pass
    last = _last_run(store)
    assert store.run(last).continued
    assert state(store, last) == expected


def test_a_run_that_is_killed_again_and_again_ends_as_an_undisturbed_one(
    url: str, tmp_path: Path, opened: Callable[[str], Store]
) -> None:
    expected = undisturbed(opened(str(tmp_path / "undisturbed.db")))
    before(opened(url))
    for steps in (3, 6, 8):
        killed_after(url, steps)
        sound(opened(url))
    store = opened(url)
    for _ in whole_run(store):
        pass
    assert state(store, _last_run(store)) == expected


def _last_run(store: Store) -> int:
    number: int = store._database.read(lambda to: to.execute(text("SELECT max(id) FROM run")).scalar_one())
    return number
