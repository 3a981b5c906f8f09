"""Manifests in repositories: as they are listed, how they ended, and their tags over time."""

from dataclasses import replace

from store_samples import (
    AMD64,
    LATER,
    NOW,
    REGISTRY,
    begun,
    detail,
    digest,
    ended,
    finished,
    repository,
    scanned,
)
from tidewaiter.model.cloud import ImageDetail, ImageStatus
from tidewaiter.model.fleet import Kind, Outcome, State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Descriptor, Platform
from tidewaiter.store.records import ManifestRow, MovedTag, Settled
from tidewaiter.store.store import Store

APP = f"{REGISTRY.host}/app"


def listed(store: Store, run: int) -> dict[str, ManifestRow]:
    return {row.detail.digest.hex: row for row in store.manifests(run)}


def seen(store: Store, *details: ImageDetail) -> int:
    """A run of its own that sees these in the one repository, and finishes."""
    run = begun(store)
    store.saw_manifests(run, repository(store, run), details, complete=True)
    finished(store, run)
    return run


def test_a_manifest_comes_back_as_it_was_listed_and_settled(store: Store) -> None:
    run = begun(store)
    place = repository(store, run)
    full = ImageDetail(
        digest=digest(1),
        tags=("1.0", "latest"),
        size=1 << 40,
        pushed=NOW,
        pulled=LATER,
        media_type="application/vnd.oci.image.manifest.v1+json",
        artifact_type="application/vnd.oci.image.config.v1+json",
        subject=digest(2),
        status=ImageStatus.ARCHIVED,
    )
    settled = Settled(
        digest=digest(1),
        kind=Kind.ARTIFACT,
        outcome=Outcome(state=State.SKIPPED, why=Why.ARCHIVED, detail="Restore it."),
        platform=Platform("linux", "arm64", "v8"),
        image=digest(1),
        indexes=(digest(3), digest(4)),
        tags=("1.0", "latest", "of-index"),
    )
    store.saw_manifests(run, place, [full], complete=True)
    store.settle(run, place, [settled])
    assert list(store.manifests(run)) == [
        ManifestRow(registry=REGISTRY, repository="app", detail=full, settled=settled)
    ]


def test_a_manifest_that_was_not_come_to_is_pending(store: Store) -> None:
    run = begun(store)
    store.saw_manifests(run, repository(store, run), [detail(1, "a")], complete=True)
    (row,) = store.manifests(run)
    pending = Outcome(state=State.PENDING)
    assert row.settled == Settled(digest=digest(1), kind=Kind.UNKNOWN, outcome=pending, tags=("a",))


def test_a_manifest_that_an_earlier_run_settled_is_pending_but_its_kind_is_known(store: Store) -> None:
    run = begun(store)
    store.settle(run, repository(store, run), [scanned(1, "old")])
    later = begun(store)
    store.saw_manifests(later, repository(store, later), [detail(1, "new")], complete=True)
    (row,) = store.manifests(later)
    pending = Outcome(state=State.PENDING)
    assert row.settled == Settled(digest=digest(1), kind=Kind.IMAGE, outcome=pending, platform=AMD64, tags=("new",))


def test_an_image_that_is_settled_without_being_listed_is_listed(store: Store) -> None:
    run = begun(store)
    store.settle(run, repository(store, run), [scanned("child")])
    (row,) = store.manifests(run)
    assert row.detail == ImageDetail(digest=digest("child"))
    assert row.settled == scanned("child")


def test_to_settle_again_replaces_how_it_ended(store: Store) -> None:
    run = begun(store)
    place = repository(store, run)
    store.settle(run, place, [ended(1, State.FAILED, Why.MALFORMED)])
    store.settle(run, place, [scanned(1), scanned(2), scanned(1)])
    assert {row.settled.outcome.state for row in store.manifests(run)} == {State.SCANNED}


def test_one_digest_in_two_repositories_ends_in_each_on_its_own(store: Store) -> None:
    run = begun(store)
    store.settle(run, repository(store, run, "app"), [scanned(1)])
    store.settle(run, repository(store, run, "web"), [ended(1, State.SKIPPED, Why.FILTERED)])
    assert {row.repository: row.settled.outcome.state for row in store.manifests(run)} == {
        "app": State.SCANNED,
        "web": State.SKIPPED,
    }


def test_what_a_complete_listing_does_not_name_is_gone(store: Store) -> None:
    seen(store, detail(1, "a"), detail(2))
    run = seen(store, detail(2))
    assert listed(store, run).keys() == {digest(2).hex}


def test_what_is_gone_may_come_again(store: Store) -> None:
    seen(store, detail(1, "a"))
    seen(store)
    run = seen(store, detail(1, "b"))
    assert listed(store, run)[digest(1).hex].detail.tags == ("b",)


def test_what_an_incomplete_listing_does_not_name_is_not_gone(store: Store) -> None:
    seen(store, detail(1, "a"))
    run = begun(store)
    place = repository(store, run)
    store.saw_manifests(run, place, [detail(2)], complete=False)
    assert listed(store, run).keys() == {digest(2).hex}
    store.saw_manifests(run, place, [detail(3, "a")], complete=False)
    assert store.moved(run) == [MovedTag(APP, "a", digest(1), digest(3))]


def test_a_list_can_be_given_in_parts(store: Store) -> None:
    seen(store, detail(0), detail(1), detail(2))
    run = begun(store)
    place = repository(store, run)
    store.saw_manifests(run, place, [detail(1)], complete=False)
    store.saw_manifests(run, place, [detail(2)], complete=True)
    assert listed(store, run).keys() == {digest(1).hex, digest(2).hex}


def test_a_digest_that_is_listed_twice_is_one(store: Store) -> None:
    run = seen(store, detail(1, "a"), replace(detail(1, "a", "b"), size=7))
    (row,) = store.manifests(run)
    assert (row.detail.tags, row.detail.size) == (("a", "b"), 7)


def test_a_list_longer_than_one_statement_names_is_kept_whole(store: Store) -> None:
    run = seen(store, *(detail(number, f"v{number}") for number in range(1234)))
    assert {row.detail for row in store.manifests(run)} == {detail(number, f"v{number}") for number in range(1234)}
    later = seen(store, *(detail(number + 1, f"v{number}") for number in range(1234)))
    assert len(store.moved(later)) == 1234


def test_new_tags_have_not_moved(store: Store) -> None:
    run = seen(store, detail(1, "a"))
    assert store.moved(run) == []


def test_a_tag_that_names_another_manifest_has_moved(store: Store) -> None:
    seen(store, detail(1, "a", "b"))
    run = seen(store, detail(1, "b"), detail(2, "a"))
    assert store.moved(run) == [MovedTag(APP, "a", digest(1), digest(2))]


def test_moved_tags_are_told_by_repository_and_tag(store: Store) -> None:
    for number in (1, 2):
        run = begun(store)
        for name in ("web", "app"):
            store.saw_manifests(run, repository(store, run, name), [detail(number, "b", "a")], complete=True)
        finished(store, run)
    assert [(row.repository, row.tag) for row in store.moved(run)] == [
        (APP, "a"),
        (APP, "b"),
        (f"{REGISTRY.host}/web", "a"),
        (f"{REGISTRY.host}/web", "b"),
    ]


def test_a_tag_that_was_seen_at_its_place_has_not_moved(store: Store) -> None:
    seen(store, detail(1, "a"))
    seen(store, detail(2, "a"))
    assert store.moved(seen(store, detail(2, "a"))) == []


def test_a_tag_that_was_gone_for_a_run_has_not_moved(store: Store) -> None:
    seen(store, detail(1, "a"))
    seen(store, detail(1))
    assert store.moved(seen(store, detail(2, "a"))) == []


def test_a_run_that_takes_up_another_tells_what_moved_in_that_one_too(store: Store) -> None:
    seen(store, detail(1, "a"))
    cut_off = begun(store)
    store.saw_manifests(cut_off, repository(store, cut_off), [detail(2, "a")], complete=True)
    run = seen(store, detail(2, "a"))
    assert store.moved(run) == [MovedTag(APP, "a", digest(1), digest(2))]


def test_a_tag_that_moved_twice_has_moved_once(store: Store) -> None:
    seen(store, detail(1, "a"))
    cut_off = begun(store)
    store.saw_manifests(cut_off, repository(store, cut_off), [detail(2, "a")], complete=True)
    assert store.moved(seen(store, detail(3, "a"))) == [MovedTag(APP, "a", digest(1), digest(3))]


def test_a_tag_that_moved_there_and_back_has_not_moved(store: Store) -> None:
    seen(store, detail(1, "a"))
    cut_off = begun(store)
    store.saw_manifests(cut_off, repository(store, cut_off), [detail(2, "a")], complete=True)
    assert store.moved(seen(store, detail(1, "a"))) == []


def test_what_indexes_list_is_remembered(store: Store) -> None:
    child = Descriptor(
        media_type="application/vnd.oci.image.manifest.v1+json",
        digest=digest("child"),
        size=5,
        platform=Platform("linux", "arm64", "v8"),
        annotations=(("a", "b"),),
        urls=("https://example.org",),
        artifact_type="x/y",
    )
    plain = Descriptor(media_type="m", digest=digest("plain"), size=6)
    store.keep_children(digest("index"), "application/vnd.oci.image.index.v1+json", [child, plain])
    store.keep_children(digest("empty"), "application/vnd.oci.image.index.v1+json", [])
    known = store.children([digest("index"), digest("empty"), digest("unknown")])
    assert known == {digest("index"): (child, plain), digest("empty"): ()}


def test_a_manifest_that_was_only_listed_has_no_known_children(store: Store) -> None:
    seen(store, detail(1))
    assert store.children([digest(1)]) == {}


def test_text_that_a_database_cannot_hold_is_kept_as_near_as_can_be(store: Store) -> None:
    run = begun(store)
    outcome = Outcome(state=State.FAILED, why=Why.MALFORMED, detail="a\0b\udc80c☃\U0001f30a")
    store.settle(run, repository(store, run), [Settled(digest=digest(1), kind=Kind.IMAGE, outcome=outcome)])
    (row,) = store.manifests(run)
    assert row.settled.outcome.detail == "a\ufffdb\ufffdc☃\U0001f30a"
