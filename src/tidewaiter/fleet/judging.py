"""Judges a fleet's packages: each distinct one once for a database, in whichever images it is. Nothing is pulled."""

from collections.abc import Callable

from tidewaiter.feeds.database import Database
from tidewaiter.match.findings import JUDGING_VERSION, judge_each
from tidewaiter.store.store import PackageJudgement, Store

_BATCH = 2_000  # packages: enough that those of one source are mostly judged together, little enough to hold


def judging_name(database: Database) -> str:
    """What judgements are kept by: the database's contents and the way of judging."""
    return f"{database.fingerprint()}/{JUDGING_VERSION}"


def judge_fleet(
    store: Store, run: int, database: Database, advance: Callable[[int], None] = lambda _judged: None
) -> None:
    """Judges the packages of the run's images that were not judged with this database.

    `advance` is told how many more are judged. Killed in between, the next call judges the rest.
    """
    name = judging_name(database)
    while numbered := store.packages_to_judge(name, run, _BATCH):
        judged = judge_each([package for _, package in numbered], database)
        store.keep_judgements(
            name,
            [
                PackageJudgement(package=number, findings=each.findings, gaps=each.gaps)
                for (number, _), each in zip(numbered, judged, strict=True)
            ],
        )
        advance(len(numbered))
