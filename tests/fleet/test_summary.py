"""What is told of a run: from what a store remembers and what a database says."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakes.advisories import ALPINE, BOOKWORM, JAMMY, package
from tidewaiter.feeds.database import Database, build
from tidewaiter.fleet.judging import judge_fleet
from tidewaiter.fleet.summary import fleet_report, image_reports
from tidewaiter.model.cloud import Account, ImageDetail, Registry
from tidewaiter.model.finding import Finding, Severity
from tidewaiter.model.fleet import FleetImage, FleetReport, Kind, Outcome, State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest, ImageIdentity, Layer
from tidewaiter.model.package import Inventory, Location, Package
from tidewaiter.scan import judged
from tidewaiter.simulator.demonstration import write_advisories
from tidewaiter.store.store import Settled, Store

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
REGISTRY = Registry(
    partition="aws", account="111122223333", region="eu-west-1", host="111122223333.dkr.ecr.eu-west-1.amazonaws.com"
)
CURL = package("deb", "curl", "7.88.1-10+deb12u3", on=BOOKWORM)
OPENSSL = package("deb", "libssl3", "3.0.11-1~deb12u1", source="openssl", on=BOOKWORM)
ZLIB = package("deb", "zlib1g", "1:1.2.13.dfsg-1", source="zlib", on=BOOKWORM)
SOUND = package("deb", "bash", "5.2.15-2", on=BOOKWORM)
FOREIGN = package("deb", "hello", "2.10-3", on=JAMMY)


def digest(name: str) -> Digest:
    return Digest("sha256", name.encode().hex().rjust(64, "0"))


def layers(*names: str) -> tuple[Layer, ...]:
    return tuple(Layer(index=index, digest=digest(name), size=10) for index, name in enumerate(names))


class Fleet:
    """A store with one run, filled image by image."""

    def __init__(self, store: Store, database: Database) -> None:
        self.store = store
        self.database = database
        self.run = store.begin(command="ecr scan", scope="test", now=NOW)
        store.saw_account(self.run, Account(id=REGISTRY.account, name="shop"))
        self.registry = store.saw_registry(self.run, REGISTRY.account, REGISTRY)

    def hold(
        self,
        name: str,
        chain: tuple[Layer, ...],
        *packages: tuple[Package, int],
        repository: str = "app",
        tag: str = "",
    ) -> None:
        """An image `name` of these layers was looked through; each package came with the layer of that number."""
        placed = tuple(
            replace(each, locations=(Location(path="var/lib/dpkg/status", layer=chain[at]),)) for each, at in packages
        )
        identity = ImageIdentity(
            reference=f"{REGISTRY.host}/{repository}@{digest(name)}", digest=digest(name), layers=chain
        )
        found = Inventory(image=identity, distro=BOOKWORM, distros=(BOOKWORM,), packages=placed, extractors=("dpkg",))
        self.store.keep_image(found, fingerprint="test")
        self.settle(name, Outcome(state=State.SCANNED), repository=repository, tag=tag, image=digest(name))

    def settle(
        self, name: str, outcome: Outcome, *, repository: str = "app", tag: str = "", image: Digest | None = None
    ) -> None:
        """A manifest `name` ended so."""
        number = self.store.saw_repository(self.run, self.registry, repository)
        tags = (tag,) if tag else ()
        self.store.saw_manifests(self.run, number, [ImageDetail(digest=digest(name), tags=tags)], complete=False)
        settled = Settled(digest=digest(name), kind=Kind.IMAGE, outcome=outcome, image=image, tags=tags)
        self.store.settle(self.run, number, [settled])

    def report(self, *severities: Severity) -> FleetReport:
        """The report on all that is judged, or on findings of these severities."""
        wanted = severities or tuple(Severity)
        judge_fleet(self.store, self.run, self.database)

        def keeps(finding: Finding) -> bool:
            return finding.severity in wanted

        return fleet_report(self.store, self.run, self.database, keeps)


@pytest.fixture
def fleet(database: Path, tmp_path: Path) -> Iterator[Fleet]:
    with Store.open(str(tmp_path / "fleet.db")) as store, Database.open(database) as opened:
        yield Fleet(store, opened)


def named(report: FleetReport, name: str) -> FleetImage:
    (image,) = [each for each in report.images if each.digest == digest(name)]
    return image


def test_an_image_counts_what_is_in_its_packages_the_worst_image_first(fleet: Fleet) -> None:
    fleet.hold("mild", layers("a"), (OPENSSL, 0), (SOUND, 0), tag="1")
    fleet.hold("bad", layers("b"), (CURL, 0), (ZLIB, 0), tag="2")
    report = fleet.report()
    assert [image.digest for image in report.images] == [digest("bad"), digest("mild")]
    bad, mild = report.images
    assert (bad.packages, bad.findings, bad.fixable) == (2, 3, 2)
    assert bad.severities == ((Severity.CRITICAL, 2), (Severity.LOW, 1))
    assert (mild.packages, mild.findings, mild.severities) == (2, 1, ((Severity.HIGH, 1),))
    assert (mild.distro, mild.tags) == ("Debian GNU/Linux 12 (bookworm)", ("1",))


def test_its_numbers_lead_to_its_packages_findings(fleet: Fleet) -> None:
    fleet.hold("one", layers("a"), (CURL, 0), (SOUND, 0))
    fleet.hold("two", layers("a", "b"), (CURL, 0), (OPENSSL, 1))
    report = fleet.report()
    two = [report.vulnerable[place].findings[0].package.name for place in named(report, "two").vulnerable]
    assert sorted(two) == ["curl", "libssl3"]
    assert set(named(report, "one").vulnerable) < set(named(report, "two").vulnerable)
    assert all(not finding.package.locations for each in report.vulnerable for finding in each.findings)


def test_a_vulnerability_counts_the_images_it_is_in_once_each(fleet: Fleet) -> None:
    libcurl = package("deb", "libcurl4", "7.88.1-10+deb12u3", source="curl", on=BOOKWORM)
    fleet.hold("one", layers("a"), (CURL, 0), (libcurl, 0))
    fleet.hold("two", layers("b"), (CURL, 0), (OPENSSL, 0))
    counts = [(each.vulnerability, each.images, each.packages) for each in fleet.report().vulnerabilities]
    assert counts == [
        ("CVE-2023-38545", 2, ("curl", "libcurl4")),
        ("CVE-2023-38546", 2, ("curl", "libcurl4")),
        ("CVE-2023-5363", 1, ("libssl3",)),
    ]


def test_one_image_in_two_repositories_counts_in_both(fleet: Fleet) -> None:
    fleet.hold("one", layers("a"), (CURL, 0), repository="here")
    fleet.hold("one", layers("a"), (CURL, 0), repository="there")
    report = fleet.report()
    assert [(image.repository, image.findings) for image in report.images] == [("here", 2), ("there", 2)]
    assert {each.images for each in report.vulnerabilities} == {2}


def test_findings_that_the_user_does_not_want_are_hidden_and_counted(fleet: Fleet) -> None:
    fleet.hold("one", layers("a"), (CURL, 0), (OPENSSL, 0), repository="here")
    fleet.hold("one", layers("a"), (CURL, 0), (OPENSSL, 0), repository="there")
    report = fleet.report(Severity.CRITICAL)
    assert [image.severities for image in report.images] == [((Severity.CRITICAL, 1),)] * 2
    assert report.hidden == 4
    assert [each.vulnerability for each in report.vulnerabilities] == ["CVE-2023-38545"]


def test_what_could_not_be_judged_is_a_gap_of_each_image_that_holds_it(fleet: Fleet) -> None:
    fleet.hold("one", layers("a"), (FOREIGN, 0))
    fleet.hold("two", layers("b"), (FOREIGN, 0), (SOUND, 0))
    report = fleet.report()
    ((gap, count),) = [(each.gap, each.images) for each in report.gaps]
    assert (gap.why, gap.subject, count) == (Why.NO_FEED, "Ubuntu 22.04.3 LTS", 2)
    assert all(image.gaps == (gap,) for image in report.images)


def test_what_was_not_scanned_has_no_findings_and_says_why(fleet: Fleet) -> None:
    fleet.hold("one", layers("a"), (CURL, 0))
    skipped = Outcome(state=State.SKIPPED, why=Why.ARCHIVED, detail="it is archived.")
    fleet.settle("one", skipped, repository="archive")
    report = fleet.report()
    assert [(image.repository, image.findings, image.outcome.why) for image in report.images] == [
        ("app", 2, None),
        ("archive", 0, Why.ARCHIVED),
    ]


def test_a_base_is_where_the_ways_of_images_part(fleet: Fleet) -> None:
    fleet.hold("base", layers("os"), (ZLIB, 0), (OPENSSL, 0), repository="base", tag="12")
    fleet.hold("one", layers("os", "one"), (ZLIB, 0), (OPENSSL, 0), (CURL, 1))
    fleet.hold("two", layers("os", "two"), (ZLIB, 0), (OPENSSL, 0))
    (base,) = fleet.report().bases
    assert base.layers == (digest("os"),)
    assert base.names == (f"{REGISTRY.host}/base:12",)
    assert (base.images, base.findings, base.fixable, base.everywhere) == (3, 2, 1, 3)
    assert base.upgrades == (("libssl3", "3.0.11-1~deb12u1", "3.0.11-1~deb12u2"),)
    assert base.distro == "Debian GNU/Linux 12 (bookworm)"


def test_a_base_for_several_platforms_has_its_name_once(fleet: Fleet) -> None:
    for name in ("amd64", "arm64"):
        fleet.hold(name, layers("os"), (OPENSSL, 0), repository="base", tag="12")
    fleet.hold("app", layers("os", "app"), (OPENSSL, 0))
    (base,) = fleet.report().bases
    assert base.names == (f"{REGISTRY.host}/base:12",)


def test_a_base_on_a_base_counts_only_what_it_brings_itself(fleet: Fleet) -> None:
    fleet.hold("plain", layers("os", "plain"), (OPENSSL, 0))
    fleet.hold("one", layers("os", "tools", "one"), (OPENSSL, 0), (CURL, 1))
    fleet.hold("two", layers("os", "tools", "two"), (OPENSSL, 0), (CURL, 1))
    bases = {base.layers: (base.images, base.everywhere) for base in fleet.report().bases}
    assert bases == {(digest("os"),): (3, 3), (digest("os"), digest("tools")): (2, 4)}


def test_what_an_image_alone_brings_is_no_bases_matter(fleet: Fleet) -> None:
    fleet.hold("one", layers("os", "one"), (CURL, 1))
    fleet.hold("two", layers("os", "two"), (SOUND, 0))
    fleet.hold("alone", layers("else", "where"), (CURL, 0))
    assert fleet.report().bases == ()


def test_the_version_that_fixes_all_of_a_package_is_the_highest_of_its_fixes(fleet: Fleet) -> None:
    old = package("deb", "libc6", "2.36-9+deb12u1", source="glibc", on=BOOKWORM)
    fleet.hold("base", layers("os"), (old, 0))
    fleet.hold("one", layers("os", "one"), (old, 0))
    (base,) = fleet.report().bases
    assert base.upgrades == (("libc6", "2.36-9+deb12u1", "2.36-9+deb12u3"),)


def test_packages_are_judged_once_for_a_database_and_again_for_another(fleet: Fleet, tmp_path: Path) -> None:
    fleet.hold("one", layers("a"), (CURL, 0), (SOUND, 0))
    fleet.hold("two", layers("b"), (CURL, 0))
    judged_now: list[int] = []
    judge_fleet(fleet.store, fleet.run, fleet.database, judged_now.append)
    judge_fleet(fleet.store, fleet.run, fleet.database, judged_now.append)
    assert judged_now == [2]
    folder = write_advisories(tmp_path / "fewer")
    for record in folder.glob("*38545*"):
        record.unlink()
    build([folder], tmp_path / "fewer.db", warn=pytest.fail)
    with Database.open(tmp_path / "fewer.db") as fewer:
        judge_fleet(fleet.store, fleet.run, fewer, judged_now.append)
        report = fleet_report(fleet.store, fleet.run, fewer, lambda _: True)
    assert judged_now == [2, 2]
    assert [each.vulnerability for each in report.vulnerabilities] == ["CVE-2023-38546"]


def test_the_report_of_each_image_is_what_a_scan_of_it_alone_gives(fleet: Fleet) -> None:
    fleet.hold("one", layers("a"), (CURL, 0), (FOREIGN, 0), repository="here", tag="1")
    fleet.settle("broken", Outcome(state=State.FAILED, why=Why.MALFORMED, detail="it is cut off."))
    judge_fleet(fleet.store, fleet.run, fleet.database)
    ((row, report),) = image_reports(fleet.store, fleet.run, fleet.database, lambda _: True)
    assert row.repository == "here"
    inventory = fleet.store.inventory(digest("one"))
    assert inventory is not None
    assert report == judged(replace(inventory, image=report.inventory.image), fleet.database)
    assert report.inventory.image.reference == f"{REGISTRY.host}/here@{digest('one')}"
    assert report.inventory.image.tags == ("1",)


def test_the_run_tells_how_much_it_did(fleet: Fleet) -> None:
    fleet.hold("one", layers("a"), (CURL, 0))
    fleet.store.finish(fleet.run, now=NOW, layers_read=1, bytes_pulled=10, looked=1, known=0)
    run = fleet.report().run
    assert (run.id, run.command, run.started, run.finished) == (fleet.run, "ecr scan", NOW, NOW)
    assert (run.layers_read, run.bytes_pulled, run.looked, run.known, run.continued) == (1, 10, 1, 0, False)


def test_a_vulnerability_names_the_fix_of_each_distribution_the_most_used_first(fleet: Fleet) -> None:
    alpine = package("apk", "libcurl", "8.3.0-r0", source="curl", on=ALPINE)
    fleet.hold("one", layers("a"), (CURL, 0))
    for number in range(2):
        fleet.hold(f"alpine {number}", layers(f"b{number}"), (alpine, 0))
    (first, *_) = fleet.report().vulnerabilities
    assert first.fix.versions == ("8.4.0-r0", "7.88.1-10+deb12u4")
