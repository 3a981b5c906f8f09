"""What `ecr` and `org` do, whoever asks: scan the registries that are found, or list what would be scanned."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tidewaiter.cli.exit import Exit
from tidewaiter.cli.fleet_progress import watched
from tidewaiter.cli.judging import Filter, opened
from tidewaiter.cli.quest import Quest, filters_of, wishes_of
from tidewaiter.cli.sink import check, write
from tidewaiter.cli.streams import say

if TYPE_CHECKING:
    from tidewaiter.cli.image_reports import ImageReports
    from tidewaiter.feeds.database import Database
    from tidewaiter.model.fleet import FleetReport

_STOPPED = "stopped before the end. What was looked through is kept: the same command goes on from there"


def scan(quest: Quest, words: str, options: Mapping[str, Any]) -> Exit:
    """Look through all registries that are found, judge what is in them, and report.

    Raises UsageError, DatabaseError and StoreError before anything is asked of AWS, CloudError where who asks
    cannot be told or accounts cannot be listed, and UsageError where a broker server does not know who asks.
    """
    from tidewaiter.cli.image_reports import ImageReports
    from tidewaiter.report.catalog import render_fleet

    chosen, output = Filter.of_options(options), options["output"]
    check(output)
    apart = ImageReports.of_options(options)
    try:
        with opened(options["db"]) as database:
            report = _scanned(quest, words, options, database, chosen, apart)
    except KeyboardInterrupt:
        say(_STOPPED)
        return Exit.INCOMPLETE
    write(render_fleet(report, options["format"], to_file=output is not None), output)
    return Exit.of_fleet(report, chosen.fail_on)


def _scanned(
    quest: Quest,
    words: str,
    options: Mapping[str, Any],
    database: "Database",
    chosen: Filter,
    apart: "ImageReports | None",
) -> "FleetReport":
    from tidewaiter.fleet.judging import judge_fleet
    from tidewaiter.fleet.memory import remembering
    from tidewaiter.fleet.run import run
    from tidewaiter.fleet.summary import fleet_report, image_reports

    wishes = wishes_of(options)
    with remembering(options["store"]) as store:
        with watched(quiet=options["quiet"]) as tally, quest.begun(tally) as begun:
            number = run(
                begun.found,
                store=store,
                wishes=begun.wishes(wishes),
                command=words,
                scope=f"{begun.scope}: {words}",
                watcher=tally,
                now=_now,
                **begun.looking,
            )
            judge_fleet(store, number, database, tally.judged)
        report = fleet_report(store, number, database, chosen.keeps)
        if apart:
            for row, each in image_reports(store, number, database, chosen.keeps):
                apart.write(row.registry, row.repository, row.detail.digest, each)
    return replace(report, run=replace(report.run, identity=begun.identity))


def survey(quest: Quest, words: str, options: Mapping[str, Any]) -> Exit:
    """List what would be scanned. Raises UsageError, and CloudError where accounts cannot be listed."""
    from tidewaiter.fleet.survey import survey as listed
    from tidewaiter.model.fleet import FleetReport, RunSummary
    from tidewaiter.report.catalog import render_survey
    from tidewaiter.report.fleet_gaps import lost

    output = options["output"]
    check(output)
    started = _now()
    with watched(quiet=options["quiet"]) as tally, quest.begun(tally) as begun:
        manifests = listed(begun.found, filters_of(options), tally, now=_now)
        images = sorted(manifests, key=lambda image: (image.registry, image.repository, image.tags, image.digest))
    summary = RunSummary(id=0, command=words, started=started, identity=begun.identity)
    report = FleetReport(run=summary, accounts=manifests.accounts, images=tuple(images))
    write(render_survey(report, options["format"], to_file=output is not None), output)
    return Exit.INCOMPLETE if lost(report) else Exit.CLEAN


def _now() -> datetime:
    return datetime.now(UTC)
