"""A run: every manifest ends scanned, skipped or failed, whatever refuses, changes or is killed meanwhile."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fakes.registries import (
    ACCOUNT,
    CountingWatcher,
    MemoryLookers,
    MemoryRegistry,
    built,
    registry,
    unreachable,
)
from tidewaiter.aws.registries import Found
from tidewaiter.errors import CloudDeniedError, StoreError
from tidewaiter.fleet.filters import Filters, Wishes
from tidewaiter.fleet.run import run
from tidewaiter.fleet.watcher import Thing
from tidewaiter.image.limits import Limits
from tidewaiter.model.cloud import Account, ImageDetail, ImageStatus, Lost, ManifestAnswer, Passed, Registry
from tidewaiter.model.fleet import Kind, State
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest, Platform
from tidewaiter.simulator.images import (
    build_artifact,
    build_attestation,
    build_image,
    build_index,
    build_layer,
    sha256,
)
from tidewaiter.store.records import ManifestRow, Settled
from tidewaiter.store.store import Store

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ARM = Platform("linux", "arm64")


@dataclass
class Fleet:
    """A fleet in memory, and the store that its runs write."""

    store: Store
    places: list[MemoryRegistry] = field(default_factory=lambda: [MemoryRegistry()])
    more: list[Found] = field(default_factory=list)
    lookers: MemoryLookers = field(default_factory=MemoryLookers)
    watcher: CountingWatcher = field(default_factory=CountingWatcher)

    @property
    def ecr(self) -> MemoryRegistry:
        return self.places[0]

    def run(self, wishes: Wishes | None = None, found: Iterable[Found] | None = None) -> "Told":
        places = [*self.more, *(each.place for each in self.places)]
        number = run(
            places if found is None else found,
            store=self.store,
            wishes=wishes or Wishes(),
            command="ecr scan",
            scope="test",
            watcher=self.watcher,
            now=lambda: NOW,
            lookers=self.lookers,
        )
        return Told(self.store, number)


class Told:
    """What the store tells of a run when that has ended; a later run sees the same manifests again."""

    def __init__(self, store: Store, number: int) -> None:
        self.number = number
        self.rows = {(row.repository, row.detail.digest): row for row in store.manifests(number)}
        self.coverage = store.coverage(number)
        self.contents = {each.digest for each in store.contents(number)}

    @property
    def ends(self) -> dict[Digest, str]:
        """How each manifest ended, in two words."""
        ends = {digest: row.settled.outcome for (_, digest), row in self.rows.items()}
        return {digest: f"{end.state} {end.why or ''}".strip() for digest, end in ends.items()}

    @property
    def gaps(self) -> list[Gap]:
        of_registries = (gap for account in self.coverage for place in account.registries for gap in place.gaps)
        return [*(gap for account in self.coverage for gap in account.gaps), *of_registries]

    def row(self, digest: Digest) -> ManifestRow:
        return next(row for (_, each), row in self.rows.items() if each == digest)

    def final(self) -> set[object]:
        """All that a report is made of, without what differs from run to run."""
        return {(*key, row.settled, row.detail) for key, row in self.rows.items()} | self.contents


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Store.open(str(tmp_path / "fleet.db")) as store:
        yield Fleet(store)


def test_every_manifest_of_a_repository_ends(fleet: Fleet) -> None:
    multi = [built("m"), built("m", ARM)]
    statement = build_attestation(multi[0])
    index = build_index([*multi, statement])
    image = fleet.ecr.push("shop/web", built("a"), "v1", "latest")
    untagged = fleet.ecr.push("shop/web", built("b"))
    fleet.ecr.push("shop/web", index, "v2")
    chart = fleet.ecr.push("shop/chart", build_artifact("application/vnd.cncf.helm.config.v1+json"), "1.0")
    rocket = fleet.ecr.push("shop/chart", build_artifact("application/vnd.acme.rocket"), "2.0")
    archived = fleet.ecr.push("shop/web", built("c"), "v0", status=ImageStatus.ARCHIVED)
    told = fleet.run()
    assert told.ends == {
        image: "scanned",
        untagged: "scanned",
        index.digest: "scanned",
        multi[0].digest: "scanned",
        multi[1].digest: "scanned",
        statement.digest: "skipped not-an-image",
        chart: "skipped not-an-image",
        rocket: "skipped not-an-image",
        archived: "skipped archived",
    }
    assert set(fleet.lookers.times) == {image, untagged, multi[0].digest, multi[1].digest}
    row = told.row(multi[1].digest).settled
    assert (row.platform, row.tags, row.indexes, row.image) == (ARM, ("v2",), (index.digest,), multi[1].digest)
    assert told.row(index.digest).settled.image is None
    assert told.row(image).settled.platform == Platform("linux", "amd64")
    assert told.row(image).detail.tags == ("v1", "latest")


def test_what_a_listing_tells_to_be_no_image_is_not_pulled(fleet: Fleet) -> None:
    chart = fleet.ecr.push("chart", build_artifact("application/vnd.cncf.helm.config.v1+json"), "1.0")
    archived = fleet.ecr.push("chart", built("a"), status=ImageStatus.ARCHIVED)
    fleet.run()
    assert not fleet.ecr.given.keys() & {chart, archived}
    assert fleet.ecr.asked["manifests"] == 0


def test_a_second_run_pulls_nothing_and_ends_the_same(fleet: Fleet) -> None:
    index = build_index([built("m"), built("m", ARM)])
    fleet.ecr.push("shop/web", index, "v2")
    fleet.ecr.push("shop/web", built("a", ARM), "v1")
    first = fleet.run()
    fleet.ecr.given.clear()
    second = fleet.run()
    assert fleet.ecr.given.total() == 0
    assert set(fleet.lookers.times.values()) == {1}
    assert second.final() == first.final()
    before, after = fleet.store.run(first.number), fleet.store.run(second.number)
    assert (before.looked, before.known, before.layers_read) == (3, 0, 6)
    assert (after.looked, after.known, after.layers_read) == (0, 3, 0)
    assert after.finished == NOW


def test_a_second_run_pulls_only_what_is_new_and_notices_tags_that_moved(fleet: Fleet) -> None:
    old = fleet.ecr.push("web", built("a"), "latest")
    fleet.run()
    new = fleet.ecr.push("web", built("b"), "latest")
    told = fleet.run()
    assert fleet.lookers.times == {old: 1, new: 1}
    assert [(each.tag, each.old, each.new) for each in fleet.store.moved(told.number)] == [("latest", old, new)]


def test_an_image_that_stands_in_many_places_is_looked_through_once(fleet: Fleet) -> None:
    fleet.places.append(MemoryRegistry(registry(region="us-east-1")))
    image = built("a")
    for number, place in enumerate(fleet.places):
        for name in ("one", "two", "three"):
            place.push(f"{name}{number}", image, "v1")
            place.push(f"{name}{number}", build_index([image, built("b", ARM)]), "multi")
    told = fleet.run()
    assert fleet.lookers.times == {image.digest: 1, built("b", ARM).digest: 1}
    assert {str(row.settled.outcome.state) for row in told.rows.values()} == {"scanned"}
    assert len(told.rows) == 2 * 3 * 3
    assert fleet.store.run(told.number).known == 0


def test_also_when_it_is_met_again_while_it_is_under_way(fleet: Fleet) -> None:
    image = built("a")
    for number in range(4):
        fleet.ecr.push(f"r{number}", image, "v1")
    hold = fleet.lookers.hold = threading.Event()
    watcher = fleet.watcher = ReleasingWatcher(hold)
    told = fleet.run(Wishes(workers=1))
    assert watcher.done["registries"] == 1
    assert fleet.lookers.times == {image.digest: 1}
    assert len(told.rows) == 4
    assert set(told.ends.values()) == {"scanned"}


class ReleasingWatcher(CountingWatcher):
    """Lets images go once a registry is done: by then every repository has handed its images on."""

    def __init__(self, hold: threading.Event) -> None:
        super().__init__()
        self._hold = hold

    def count(self, thing: Thing, *, found: int = 0, done: int = 0) -> None:
        super().count(thing, found=found, done=done)
        if self.done["registries"]:
            self._hold.set()


def test_where_one_place_fails_to_give_an_image_the_next_is_tried(fleet: Fleet) -> None:
    image = built("a")
    for name in ("one", "two", "three"):
        fleet.ecr.push(name, image, "v1")
    bad, host = "two", fleet.ecr.registry.host
    fleet.lookers.fails[f"{host}/{bad}", image.digest] = unreachable("the layer", Why.DENIED)
    told = fleet.run()
    ends = {repository: row.settled.outcome for (repository, _), row in told.rows.items()}
    assert ends["one"].state is ends["three"].state is State.SCANNED
    assert ends["two"].state in (State.SCANNED, State.FAILED)  # it is scanned where another came before it
    alone = Fleet(fleet.store, lookers=MemoryLookers(fails={(f"{host}/{bad}", built("z").digest): unreachable("it")}))
    alone.ecr.push(bad, built("z"), "v1")
    failed = alone.run().row(built("z").digest).settled
    assert (failed.outcome.state, failed.outcome.why, failed.image) == (State.FAILED, Why.UNREACHABLE, None)
    assert failed.outcome.detail == "it did not answer."


def test_a_failed_image_fails_its_index_and_nothing_else(fleet: Fleet) -> None:
    good, bad = built("a"), built("b", ARM)
    index = build_index([good, bad])
    fleet.ecr.push("web", index, "v1")
    fleet.lookers.fails[f"{fleet.ecr.registry.host}/web", bad.digest] = unreachable("the layer", Why.MALFORMED)
    told = fleet.run()
    assert told.ends == {good.digest: "scanned", bad.digest: "failed malformed", index.digest: "failed malformed"}
    assert str(bad.digest) in told.row(index.digest).settled.outcome.detail


def test_an_index_of_indexes_tells_what_failed_in_the_end_and_nothing_between(fleet: Fleet) -> None:
    bad = built("b")
    inner = build_index([built("a"), bad])
    middle = build_index([inner])
    outer = build_index([middle, built("c")])
    fleet.ecr.push("web", outer, "v1")
    fleet.lookers.fails[f"{fleet.ecr.registry.host}/web", bad.digest] = unreachable("the layer", Why.MALFORMED)
    told = fleet.run()
    details = [told.row(index.digest).settled.outcome.detail for index in (inner, middle, outer)]
    cause = told.row(bad.digest).settled.outcome.detail
    assert details == [
        f"1 of the {children} manifests in it failed, the first {bad.digest}: {cause}" for children in (2, 1, 2)
    ]


def test_a_failed_image_is_tried_again_by_the_next_run(fleet: Fleet) -> None:
    image = fleet.ecr.push("web", built("a"), "v1")
    fleet.lookers.fails[f"{fleet.ecr.registry.host}/web", image] = unreachable("the layer")
    assert fleet.run().ends == {image: "failed unreachable"}
    fleet.lookers.fails.clear()
    assert fleet.run().ends == {image: "scanned"}


def test_manifests_with_wrong_bytes_fail_and_are_not_handed_on(fleet: Fleet) -> None:
    image, index = built("a"), build_index([built("b")])
    for each in (image, index):
        fleet.ecr.push("web", each, "x")
        fleet.ecr.content["web", each.digest] = ManifestAnswer(content=each.document + b" ", media_type=each.media_type)
    told = fleet.run()
    assert told.ends[image.digest] == told.ends[index.digest] == "failed malformed"
    assert "Wrong digest" in told.row(index.digest).settled.outcome.detail
    assert told.row(index.digest).settled.kind is Kind.INDEX
    assert image.digest not in fleet.lookers.times


@pytest.mark.parametrize(
    ("document", "end"),
    [
        (b"{", "failed malformed"),
        (b"{}", "failed malformed"),
        (b'{"schemaVersion": 1, "fsLayers": []}', "failed unsupported"),
        (b'{"schemaVersion": 2, "manifests": [], "config": {}}', "failed malformed"),
        (build_index([built("a")]).document, "failed malformed"),
        (b'{"schemaVersion": 2, "config": "' + b"x" * 5_000_000 + b'"}', "failed limit"),
    ],
    ids=["no JSON", "nothing", "schema 1", "both", "an index for an image", "too large"],
)
def test_a_manifest_that_is_none_fails_with_its_reason(fleet: Fleet, document: bytes, end: str) -> None:
    digest = sha256(document)
    media_type = "application/vnd.oci.image.manifest.v1+json"
    fleet.ecr.list("web", ImageDetail(digest=digest, tags=("x",), media_type=media_type))
    fleet.ecr.content["web", digest] = ManifestAnswer(content=document, media_type=media_type)
    assert fleet.run().ends == {digest: end}


def test_schema_1_is_told_by_its_media_type_already(fleet: Fleet) -> None:
    digest = sha256(b"old")
    fleet.ecr.list(
        "web", ImageDetail(digest=digest, media_type="application/vnd.docker.distribution.manifest.v1+prettyjws")
    )
    assert fleet.run().ends == {digest: "failed unsupported"}


def test_a_repository_whose_manifests_are_refused_fails_them_all(fleet: Fleet) -> None:
    image, index = built("a"), build_index([built("b")])
    fleet.ecr.push("locked", image, "v1")
    fleet.ecr.push("locked", index, "v2")
    fleet.ecr.push("open", built("c"), "v1")
    fleet.ecr.refuses.add(("manifests", "locked"))
    told = fleet.run()
    assert told.ends[image.digest] == told.ends[index.digest] == "failed denied"
    assert told.ends[built("b").digest] == "failed denied"
    assert told.ends[built("c").digest] == "scanned"


def test_a_repository_that_cannot_be_listed_is_a_gap_of_it(fleet: Fleet) -> None:
    fleet.ecr.push("locked", built("a"), "v1")
    fleet.ecr.push("open", built("b"), "v1")
    fleet.ecr.refuses.add(("images", "locked"))
    told = fleet.run()
    assert told.ends == {built("b").digest: "scanned"}
    assert [(gap.why, gap.subject) for gap in told.gaps] == [(Why.DENIED, f"{fleet.ecr.registry.host}/locked")]
    assert any("may not list images" in note for note in fleet.watcher.notes)


def test_a_registry_that_cannot_be_listed_is_a_gap_of_it(fleet: Fleet) -> None:
    fleet.places.append(MemoryRegistry(registry(region="us-east-1"), refuses={("repositories", "")}))
    fleet.ecr.push("open", built("b"), "v1")
    told = fleet.run()
    assert told.ends == {built("b").digest: "scanned"}
    assert [(gap.stage, gap.why, gap.subject) for gap in told.gaps] == [
        (Stage.DISCOVERY, Why.DENIED, fleet.places[1].registry.host)
    ]


def test_a_listing_that_breaks_off_keeps_what_it_gave_and_forgets_nothing(fleet: Fleet) -> None:
    first, second = fleet.ecr.push("web", built("a"), "v1"), fleet.ecr.push("web", built("b"), "v2")
    fleet.run()

    class Broken(MemoryRegistry):
        def images(self, repository: str) -> Iterator[ImageDetail]:
            yield next(super().images(repository))
            raise CloudDeniedError("the token expired", where=repository, code="ExpiredTokenException")

    fleet.places[0] = Broken(listed=fleet.ecr.listed, content=fleet.ecr.content, blobs=fleet.ecr.blobs)
    told = fleet.run()
    assert told.ends == {first: "scanned"}
    assert [gap.why for gap in told.gaps] == [Why.DENIED]
    fleet.places[0] = MemoryRegistry(listed=fleet.ecr.listed, content=fleet.ecr.content, blobs=fleet.ecr.blobs)
    assert fleet.run().ends == {first: "scanned", second: "scanned"}


def test_accounts_that_are_lost_or_passed_over_are_told(fleet: Fleet) -> None:
    closed = Account(id="222222222222", state="SUSPENDED")
    refusing = Account(id="333333333333")
    inactive = Gap(stage=Stage.DISCOVERY, why=Why.INACTIVE, subject=closed.id, detail="It is SUSPENDED.")
    denied = Gap(stage=Stage.DISCOVERY, why=Why.DENIED, subject=refusing.id, detail="AssumeRole was refused.")
    fleet.more = [Passed(account=closed, gap=inactive), Lost(account=refusing, gap=denied)]
    fleet.ecr.push("web", built("a"), "v1")
    told = fleet.run()
    assert {each.account.id: each.gaps for each in told.coverage} == {
        ACCOUNT.id: (),
        closed.id: (inactive,),
        refusing.id: (denied,),
    }
    assert fleet.watcher.notes == [f"{denied.subject}: AssumeRole was refused."]


def test_filters_settle_what_they_leave_out_with_their_name(fleet: Fleet) -> None:
    old = fleet.ecr.push("web", built("a"), "v1", pushed=NOW - timedelta(days=200))
    new = fleet.ecr.push("web", built("b"), "v2", pushed=NOW)
    fleet.ecr.push("cache", built("c"), "v1")
    told = fleet.run(Wishes(filters=Filters(max_age=90, exclude_repositories=("cache",))))
    assert told.ends == {old: "skipped filtered", new: "scanned"}
    assert told.row(old).settled.outcome.detail.startswith("--max-age 90")
    (gap,) = told.gaps
    assert (gap.why, gap.subject) == (Why.FILTERED, f"{fleet.ecr.registry.host}/cache")
    assert "--exclude-repository" in gap.detail
    assert fleet.ecr.asked["images"] == 1
    assert fleet.ecr.given.keys() == {new}


def test_the_newest_are_counted_without_signatures_and_parts_of_indexes(fleet: Fleet) -> None:
    signature = build_image([build_layer(b"{}", media_type="application/vnd.dev.cosign.simplesigning.v1+json")])
    parts = [built("x"), built("x", ARM)]
    days = [NOW - timedelta(days=number) for number in range(9)]
    for part in parts:
        fleet.ecr.push("web", part, pushed=days[3])
    index = fleet.ecr.push("web", build_index(parts), "v2", pushed=days[2])
    fleet.ecr.push("web", signature, f"sha256-{index.hex}.sig", pushed=days[1])
    odd = fleet.ecr.push("web", build_artifact("application/vnd.acme.rocket"), "odd", pushed=days[0])
    second = fleet.ecr.push("web", built("y"), "v1", pushed=days[4])
    third = fleet.ecr.push("web", built("z"), "v0", pushed=days[5])
    told = fleet.run(Wishes(filters=Filters(newest=2)))
    assert told.ends == {
        index: "scanned",
        parts[0].digest: "scanned",
        parts[1].digest: "scanned",
        signature.digest: "skipped not-an-image",
        odd: "skipped not-an-image",
        second: "scanned",
        third: "skipped filtered",
    }
    assert third not in fleet.ecr.given


def test_wanted_platforms_hold_for_images_without_an_index_too(fleet: Fleet) -> None:
    amd, arm = fleet.ecr.push("web", built("a"), "v1"), fleet.ecr.push("web", built("a", ARM), "v1-arm")
    wishes = Wishes(platforms=(ARM,))
    first = fleet.run(wishes)
    assert first.ends == {amd: "skipped filtered", arm: "scanned"}
    assert "--platform" in first.row(amd).settled.outcome.detail
    assert fleet.run(wishes).final() == first.final()
    assert fleet.run().ends == {amd: "scanned", arm: "scanned"}


def test_an_image_that_met_a_ceiling_is_looked_through_again_when_that_is_raised(fleet: Fleet) -> None:
    image = fleet.ecr.push("web", built("a"), "v1")
    fleet.lookers.gaps[image] = Gap(stage=Stage.IMAGE, why=Why.LIMIT, subject="layer", detail="Too large.")
    fleet.run(Wishes(limits=Limits(file_bytes=1)))
    fleet.run(Wishes(limits=Limits(file_bytes=1)))
    assert fleet.lookers.times[image] == 1
    fleet.lookers.gaps.clear()
    fleet.run(Wishes(limits=Limits(file_bytes=2)))
    fleet.run(Wishes(limits=Limits(file_bytes=3)))
    assert fleet.lookers.times[image] == 2


def test_what_is_deleted_while_the_repository_is_read_is_no_failure(fleet: Fleet) -> None:
    kept, gone = built("a"), build_index([built("b"), built("b", ARM)])
    fleet.ecr.push("web", kept, "v1")
    fleet.ecr.push("web", gone, "v2")
    fresh = built("c")

    def change(what: str, _name: str) -> None:
        if what == "manifests" and gone.digest in fleet.ecr.listed["web"]:
            for digest in gone.manifests:
                fleet.ecr.delete("web", digest)
            fleet.ecr.push("web", fresh, "v2")

    fleet.ecr.before = change
    assert fleet.run().ends == {kept.digest: "scanned", fresh.digest: "scanned"}


def test_what_is_archived_meanwhile_is_skipped(fleet: Fleet) -> None:
    image = built("a")
    fleet.ecr.push("web", image, "v1")

    def change(what: str, _name: str) -> None:
        if what == "manifests":
            fleet.ecr.push("web", image, status=ImageStatus.ARCHIVED)
            fleet.ecr.content.clear()

    fleet.ecr.before = change
    assert fleet.run().ends == {image.digest: "skipped archived"}


def test_what_stays_listed_and_is_not_there_fails(fleet: Fleet) -> None:
    image, index = built("a"), build_index([built("b"), built("c", ARM)])
    fleet.ecr.push("web", image, "v1")
    fleet.ecr.push("web", index, "v2")
    del fleet.ecr.content["web", image.digest]
    fleet.ecr.delete("web", built("c", ARM).digest)
    told = fleet.run()
    assert told.ends == {
        image.digest: "failed unreachable",
        built("b").digest: "scanned",
        index.digest: "failed unreachable",
    }
    assert "ImageNotFound" in told.row(image.digest).settled.outcome.detail
    assert str(built("c", ARM).digest) in told.row(index.digest).settled.outcome.detail


def test_a_repository_that_is_deleted_meanwhile_leaves_no_trace(fleet: Fleet) -> None:
    fleet.ecr.push("web", built("a"), "v1")
    fleet.ecr.push("gone", built("b"), "v1")

    def delete(what: str, name: str) -> None:
        if (what, name) == ("images", "gone"):
            del fleet.ecr.listed["gone"]

    fleet.ecr.before = delete
    told = fleet.run()
    assert told.ends == {built("a").digest: "scanned"}
    assert told.gaps == []


def test_a_tag_that_moves_between_two_pages_stands_where_it_was_seen_last(fleet: Fleet) -> None:
    old, new = built("a"), built("b")
    fleet.ecr.push("web", old, "latest")
    fleet.ecr.push("web", new, "v2")
    fleet.ecr.list("web", replace(fleet.ecr.listed["web"][new.digest], tags=("v2", "latest")))
    told = fleet.run()
    assert told.row(old.digest).detail.tags == ()
    assert told.row(new.digest).detail.tags == ("v2", "latest")


def test_an_image_that_an_index_takes_from_elsewhere_is_listed_from_then_on(fleet: Fleet) -> None:
    image = built("a")
    index = build_index([image])
    fleet.ecr.push("web", index, "v1")
    del fleet.ecr.listed["web"][image.digest]
    assert fleet.run().ends == {image.digest: "scanned", index.digest: "scanned"}


def test_a_store_that_fails_ends_the_run(tmp_path: Path) -> None:
    class Full(Store):
        def settle(self, run: int, repository: int, settled: Sequence[Settled]) -> None:  # noqa: ARG002 - the store's
            raise StoreError("the disk is full")

    with Full.open(str(tmp_path / "fleet.db")) as store:
        fleet = Fleet(store)
        fleet.ecr.push("web", built("a"), "v1")
        with pytest.raises(StoreError, match="the disk is full"):
            fleet.run()


def test_two_runs_at_once_are_refused(fleet: Fleet) -> None:
    with fleet.store.lock(), pytest.raises(StoreError):
        fleet.run()


def test_discovery_that_fails_ends_the_run_and_the_next_one_takes_it_up(fleet: Fleet) -> None:
    images = [fleet.ecr.push("web", built(name), name) for name in "abc"]

    def broken() -> Iterator[Found]:
        yield fleet.ecr.place
        raise CloudDeniedError("the accounts cannot be listed")

    with pytest.raises(CloudDeniedError):
        fleet.run(found=broken())
    told = fleet.run()
    assert fleet.store.run(told.number).continued
    assert told.ends == dict.fromkeys(images, "scanned")


def test_an_error_of_one_repository_leaves_the_others_alone(fleet: Fleet) -> None:
    fleet.ecr.push("odd", built("a"), "v1")
    fleet.ecr.push("web", built("b"), "v1")

    def fault(what: str, name: str) -> None:
        if (what, name) == ("manifests", "odd"):
            raise ZeroDivisionError

    fleet.ecr.before = fault
    told = fleet.run()
    assert told.ends == {built("b").digest: "scanned"}
    (gap,) = told.gaps
    assert "tidewaiter itself" in gap.detail
    assert gap.subject.endswith("/odd")


def test_hundreds_of_images_pass_with_few_under_way(fleet: Fleet) -> None:
    digests = {fleet.ecr.push("big", built(str(number)), f"v{number}") for number in range(250)}
    told = fleet.run(Wishes(workers=1))
    assert told.ends == dict.fromkeys(digests, "scanned")
    assert fleet.ecr.asked["manifests"] == 3
    for thing in ("registries", "repositories", "manifests", "images"):
        assert fleet.watcher.found[thing] == fleet.watcher.done[thing], thing
    assert fleet.watcher.found["images"] == 250


def test_progress_adds_up_with_indexes_filters_and_refusals(fleet: Fleet) -> None:
    fleet.ecr.push("web", build_index([built("a"), built("b", ARM), build_attestation(built("a"))]), "v1")
    fleet.ecr.push("web", built("c"), "dev")
    fleet.ecr.push("cache", built("c"), "dev")
    fleet.ecr.push("locked", built("c"), "dev")
    fleet.ecr.refuses = {("images", "locked")}
    fleet.run(Wishes(filters=Filters(exclude_tags=("dev",), exclude_repositories=("cache",))))
    assert fleet.watcher.found == fleet.watcher.done


def test_a_run_whose_filters_leave_nothing_says_so(fleet: Fleet) -> None:
    image = fleet.ecr.push("web", built("a"), "v1")
    assert fleet.run(Wishes(filters=Filters(tags=("typo",)))).ends == {image: "skipped filtered"}
    assert any("the filters leave nothing" in note for note in fleet.watcher.notes)
    fleet.watcher.notes.clear()
    assert fleet.run(Wishes(filters=Filters(repositories=("typo",)))).ends == {}
    assert any("the filters leave nothing" in note for note in fleet.watcher.notes)


def test_a_run_over_empty_registries_says_so(fleet: Fleet) -> None:
    fleet.run()
    assert any("no manifest was found in any registry (eu-west-1)" in note for note in fleet.watcher.notes)


def test_an_empty_registry_without_a_region_is_named_by_its_host(fleet: Fleet) -> None:
    fleet.ecr.registry = Registry(partition="", account="quay.io", region="", host="quay.io")
    fleet.run()
    assert any("no manifest was found in any registry (quay.io)" in note for note in fleet.watcher.notes)


def test_a_run_that_finds_no_registry_has_no_coverage_to_be_clean_by(fleet: Fleet) -> None:
    told = fleet.run(found=())
    assert list(told.coverage) == []
    assert any("no registry" in note for note in fleet.watcher.notes)


def test_a_run_that_all_refuse_is_not_told_to_check_its_filters(fleet: Fleet) -> None:
    denied = Gap(stage=Stage.IDENTITY, why=Why.DENIED, subject="account 1", detail="AssumeRole was refused.")
    fleet.run(found=[Lost(account=ACCOUNT, gap=denied)])
    assert fleet.watcher.notes == ["account 1: AssumeRole was refused."]
