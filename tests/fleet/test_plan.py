"""What becomes of every manifest of a repository, and which documents must be read to tell it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from listing_samples import INDEX, MULTI_LISTED, NOW, OCI, child, digest, image, index, named
from tidewaiter.fleet.classify import Verdict
from tidewaiter.fleet.filters import Filters, Wishes
from tidewaiter.fleet.plan import Entry, Plan, end_of_index
from tidewaiter.image.limits import Limits
from tidewaiter.model.cloud import ImageDetail, ImageStatus
from tidewaiter.model.fleet import Kind, Outcome, State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Descriptor, Digest, Platform

SCANNED = Outcome(state=State.SCANNED)


class Reading:
    """A repository whose documents are read as a plan needs them; `read` are their names, in that order."""

    def __init__(
        self,
        details: Sequence[ImageDetail],
        indexes: Mapping[str, Sequence[Descriptor]] | None = None,
        filters: Filters | None = None,
        *,
        platforms: Sequence[str] = (),
        artifacts: Sequence[str] = (),
        known: Sequence[str] = (),
        limits: Limits | None = None,
    ) -> None:
        self.read: list[str] = []
        wishes = Wishes(
            filters=filters or Filters(),
            platforms=tuple(map(Platform.parse, platforms)),
            limits=limits or Limits(),
        )
        self.plan = Plan(details, wishes, now=NOW, known=map(digest, known))
        while needs := self.plan.needs():
            for each in needs:
                self.read.append(named(each))
                self._tell(each, indexes or {}, artifacts)
        self.entries = {named(entry.digest): entry for entry in self.plan.entries()}

    def _tell(self, each: Digest, indexes: Mapping[str, Sequence[Descriptor]], artifacts: Sequence[str]) -> None:
        if named(each) in indexes:
            self.plan.learn(each, Verdict(kind=Kind.INDEX), indexes[named(each)])
        elif named(each) in artifacts:
            outcome = Outcome(state=State.SKIPPED, why=Why.NOT_AN_IMAGE, detail="A rocket.")
            self.plan.learn(each, Verdict(kind=Kind.ARTIFACT, outcome=outcome))
        else:
            self.plan.learn(each, Verdict(kind=Kind.IMAGE))

    @property
    def due(self) -> set[str]:
        """Images that are to be looked at."""
        return {name for name, each in self.entries.items() if each.outcome is None and each.kind is not Kind.INDEX}

    @property
    def left_out(self) -> dict[str, str]:
        """The option by which each is left out."""
        return {
            name: each.outcome.detail.partition(":")[0]
            for name, each in self.entries.items()
            if each.outcome and each.outcome.why is Why.FILTERED
        }

    def __getitem__(self, name: str) -> Entry:
        return self.entries[name]


MULTI = {"multi": (child("amd"), child("arm", "linux/arm64/v8"), child("att", "unknown/unknown"))}


def test_images_are_due_without_anything_being_read() -> None:
    reading = Reading([image("a", "v1"), image("b")])
    assert reading.due == {"a", "b"}
    assert reading.read == []


def test_the_images_of_an_index_are_due_once_under_its_tags() -> None:
    reading = Reading(MULTI_LISTED, MULTI)
    assert reading.due == {"amd", "arm"}
    assert reading["arm"] == Entry(
        digest=digest("arm"),
        kind=Kind.IMAGE,
        platform=Platform("linux", "arm64", "v8"),
        indexes=(digest("multi"),),
        tags=("v1",),
    )
    assert reading.plan.children(digest("multi")) == (digest("amd"), digest("arm"), digest("att"))


def test_an_attestation_of_an_index_is_no_image_and_is_not_read() -> None:
    reading = Reading(MULTI_LISTED, MULTI)
    assert reading["att"].kind is Kind.ARTIFACT
    assert reading["att"].outcome
    assert reading["att"].outcome.why is Why.NOT_AN_IMAGE
    assert reading.read == ["multi"]


def test_a_tag_of_its_own_makes_what_an_index_calls_an_attestation_worth_a_look() -> None:
    listed = (*MULTI_LISTED[:-1], image("att", "latest", day=1))
    assert "att" in Reading(listed, MULTI).due


def test_an_image_in_several_indexes_has_the_tags_of_all_and_its_own() -> None:
    listed = [index("x", "v1"), index("y", "v2", "latest"), image("amd", "v1-amd64")]
    reading = Reading(listed, {"x": [child("amd")], "y": [child("amd")]})
    assert set(reading["amd"].indexes) == {digest("x"), digest("y")}
    assert set(reading["amd"].tags) == {"v1", "v2", "latest", "v1-amd64"}
    assert reading.due == {"amd"}


def test_indexes_in_indexes_are_opened_and_pass_on_their_tags_and_platform() -> None:
    listed = [index("outer", "v1", day=3), index("inner", day=2), image("amd", day=1)]
    indexes = {"outer": [child("inner", "linux/amd64", INDEX)], "inner": [child("amd", "")]}
    reading = Reading(listed, indexes)
    assert reading.due == {"amd"}
    assert reading["amd"].platform == Platform("linux", "amd64")
    assert reading["amd"].indexes == (digest("inner"), digest("outer"))
    assert reading["amd"].tags == ("v1",)


def test_what_only_an_index_names_is_due_too() -> None:
    reading = Reading([index("outer", "v1")], {"outer": [child("inner", "", INDEX)], "inner": [child("amd")]})
    assert reading.due == {"amd"}
    assert not reading["amd"].listed
    assert reading.read == ["outer", "inner"]


def test_only_wanted_platforms_of_an_index_are_due() -> None:
    reading = Reading(MULTI_LISTED, MULTI, platforms=["linux/amd64"])
    assert reading.due == {"amd"}
    assert reading.left_out == {"arm": "--platform"}


def test_the_variant_that_fits_best_is_taken_unless_another_has_a_tag_of_its_own() -> None:
    children = [child("six", "linux/arm/v6"), child("seven", "linux/arm/v7")]
    listed = [index("multi", "v1", day=2), image("six", day=1), image("seven", day=1)]
    reading = Reading(listed, {"multi": children}, platforms=["linux/arm"])
    assert reading.due == {"seven"}
    assert reading.left_out == {"six": "--platform"}
    listed[1] = image("six", "for-the-zero", day=1)
    assert Reading(listed, {"multi": children}, platforms=["linux/arm"]).due == {"six", "seven"}


def test_an_image_of_unknown_platform_is_due_whatever_is_wanted() -> None:
    reading = Reading([index("multi", "v1"), image("x")], {"multi": [child("x", "")]}, platforms=["linux/arm64"])
    assert reading.due == {"x"}


def test_what_the_listing_settles_is_settled_in_an_index_too() -> None:
    listed = (*MULTI_LISTED[:2], image("arm", day=1, status=ImageStatus.ARCHIVED), MULTI_LISTED[3])
    reading = Reading(listed, MULTI)
    assert reading.due == {"amd"}
    assert reading["arm"].outcome
    assert reading["arm"].outcome.why is Why.ARCHIVED


def test_an_archived_index_is_not_opened() -> None:
    reading = Reading([index("multi", "v1", status=ImageStatus.ARCHIVED)], MULTI)
    assert reading.read == []
    assert reading["multi"].outcome
    assert reading["multi"].outcome.why is Why.ARCHIVED


def test_what_has_no_media_type_is_read_before_it_is_due() -> None:
    listed = [image("a", media_type=""), image("multi", "v1", media_type=""), image("rocket", media_type="")]
    reading = Reading(listed, {"multi": [child("a")]}, artifacts=["rocket"])
    assert sorted(reading.read) == ["a", "multi", "rocket"]
    assert reading.due == {"a"}
    assert reading["a"].tags == ("v1",)
    assert reading["rocket"].kind is Kind.ARTIFACT


def test_an_index_that_lists_too_much_fails_and_its_images_stand_for_themselves() -> None:
    listed = [index("multi", "v1"), image("a"), image("b")]
    reading = Reading(listed, {"multi": [child("a"), child("b")]}, limits=Limits(index_manifests=1))
    outcome = reading["multi"].outcome
    assert outcome
    assert (outcome.state, outcome.why) == (State.FAILED, Why.LIMIT)
    assert "--limit index_manifests" in outcome.detail
    assert reading.due == {"a", "b"}


def test_so_does_one_whose_indexes_are_nested_too_deep() -> None:
    names = ["a", "b", "c", "d", "e", "f"]
    indexes = {name: [child(inner, "", INDEX)] for name, inner in pairwise(names)}
    indexes["f"] = [child("image")]
    listed = [index("a", "v1"), *(index(name) for name in names[1:]), image("image")]
    reading = Reading(listed, indexes)
    failed = {name for name, each in reading.entries.items() if each.outcome and each.outcome.why is Why.LIMIT}
    assert failed == {"a", "b"}
    assert reading.due == {"image"}


def test_the_newest_are_counted_by_what_a_user_calls_an_image() -> None:
    listed = [
        image("sig", f"sha256-{'a' * 64}.sig", day=9),
        index("m3", "v3", day=8),
        image("a3", day=7),
        image("b3", day=7),
        image("att3", day=7),
        image("rocket", "r", day=6, artifact_type="application/vnd.acme.rocket"),
        image("two", "v2", day=5),
        index("m1", "v1", day=4),
        image("a1", day=3),
        image("b1", day=3),
    ]
    indexes = {
        "m3": [child("a3"), child("b3", "linux/arm64"), child("att3", "unknown/unknown")],
        "m1": [child("a1"), child("b1", "linux/arm64")],
    }
    reading = Reading(listed, indexes, Filters(newest=2), artifacts=["rocket"])
    assert reading.due == {"a3", "b3", "two"}
    assert reading.left_out == dict.fromkeys(["m1", "a1", "b1"], "--newest 2")
    assert "m1" not in reading.read  # a pull of what is left out would look like its use
    assert reading["rocket"].kind is reading["att3"].kind is reading["sig"].kind is Kind.ARTIFACT


def test_a_part_that_was_pushed_after_its_index_is_not_counted_beside_it() -> None:
    listed = [image("late", day=9), index("multi", "v2", day=8), image("old", "v1", day=1), image("older", "v0")]
    reading = Reading(listed, {"multi": [child("late")]}, Filters(newest=2))
    assert reading.due == {"late", "old"}


def test_what_nobody_knows_the_age_of_may_be_the_newest() -> None:
    listed = [image("a", "v3", day=3), image("b", "v2", day=2)]
    unknown = [image(name, name, pushed=None) for name in ("x", "y")]
    assert Reading([*listed, *unknown], filters=Filters(newest=1)).due == {"a", "x", "y"}
    assert Reading(unknown, filters=Filters(newest=1)).due == {"x", "y"}


def test_an_image_that_is_known_is_not_read_to_be_counted() -> None:
    listed = [image("a", "v2", day=2), image("b", "v1", day=1)]
    assert Reading(listed, filters=Filters(newest=1)).read == ["a"]
    assert Reading(listed, filters=Filters(newest=1), known=["a"]).read == []


def test_other_filters_come_before_the_newest() -> None:
    listed = [image("c", "dev", day=3), image("b", "v2", day=2), image("a", "v1", day=1)]
    reading = Reading(listed, filters=Filters(newest=1, exclude_tags=("dev",)))
    assert reading.due == {"b"}
    assert reading.left_out == {"c": "--exclude-tag", "a": "--newest 1"}


def test_the_images_of_an_index_that_its_tags_leave_out_are_left_out_with_it() -> None:
    reading = Reading(MULTI_LISTED, MULTI, Filters(exclude_tags=("v*",)))
    assert reading.due == set()
    assert reading.left_out == dict.fromkeys(["multi", "amd", "arm", "att"], "--exclude-tag")


def test_unless_they_have_wanted_tags_or_another_index() -> None:
    listed = [
        index("dev", "dev", day=5),
        index("prod", "prod", day=5),
        image("both", day=1),
        image("tagged", "mine", day=1),
        image("devs", day=1),
    ]
    indexes = {"dev": [child("both"), child("tagged"), child("devs")], "prod": [child("both")]}
    reading = Reading(listed, indexes, Filters(exclude_tags=("dev",)))
    assert reading.due == {"both", "tagged"}
    assert reading.left_out == dict.fromkeys(["dev", "devs"], "--exclude-tag")


def test_an_index_that_is_left_out_is_read_only_where_images_without_tags_may_be_its() -> None:
    assert (
        Reading([index("dev", "dev", day=5), image("a", "v1")], {"dev": ()}, Filters(exclude_tags=("dev",))).read == []
    )
    older = [index("dev", "dev", day=1), image("a", day=2)]
    reading = Reading(older, {"dev": ()}, Filters(exclude_tags=("dev",)))
    assert reading.read == []
    assert reading.due == {"a"}


def test_an_old_image_of_a_new_index_is_wanted_with_it() -> None:
    listed = [index("multi", "v1", day=140), image("amd", day=1)]
    reading = Reading(listed, {"multi": [child("amd")]}, Filters(max_age=30))
    assert reading.due == {"amd"}


def test_a_child_that_is_pulled_is_in_use_whatever_its_index_is() -> None:
    used = NOW - timedelta(days=1)
    listed = [index("multi", "v1", day=2), image("amd", day=1, pulled=used), image("arm", day=1)]
    reading = Reading(listed, MULTI, Filters(pulled_within=7))
    assert reading.due == {"amd"}
    assert reading.left_out == dict.fromkeys(["multi", "arm"], "--pulled-within 7")


def test_every_listed_manifest_has_an_entry_and_each_is_due_settled_or_an_index() -> None:
    listed = [*MULTI_LISTED, image("x", day=50), image("y", "v0", day=100), image("z", status=ImageStatus.ARCHIVED)]
    for filters in (Filters(), Filters(newest=1), Filters(newest=2, exclude_tags=("v0",)), Filters(tags=("v1",))):
        reading = Reading(listed, MULTI, filters)
        assert reading.entries.keys() == {named(each.digest) for each in listed}


def outcome(state: State, why: Why | None = None) -> Outcome:
    return Outcome(state=state, why=why, detail="So it was.")


def test_an_index_ends_as_its_images_do() -> None:
    failed, artifact = outcome(State.FAILED, Why.DENIED), outcome(State.SKIPPED, Why.NOT_AN_IMAGE)
    archived, filtered = outcome(State.SKIPPED, Why.ARCHIVED), outcome(State.SKIPPED, Why.FILTERED)

    def end(*ends: Outcome) -> tuple[State, Why | None]:
        ended = end_of_index([(digest(str(number)), each) for number, each in enumerate(ends)])
        return ended.state, ended.why

    assert end(SCANNED, artifact) == (State.SCANNED, None)
    assert end(SCANNED, filtered, archived) == (State.SCANNED, None)
    assert end(SCANNED, failed) == (State.FAILED, Why.DENIED)
    assert end(filtered, artifact) == (State.SKIPPED, Why.FILTERED)
    assert end(archived, filtered) == (State.SKIPPED, Why.ARCHIVED)
    assert end(artifact) == end() == (State.SKIPPED, Why.NOT_AN_IMAGE)
    assert "1 of the 2" in end_of_index([(digest("a"), failed), (digest("b"), SCANNED)]).detail


@st.composite
def repositories(draw: st.DrawFn) -> tuple[list[ImageDetail], dict[str, list[Descriptor]]]:
    """Images and indexes of these and of each other, pushed in any order, with and without tags."""
    names = [f"n{number}" for number in range(draw(st.integers(1, 8)))]
    indexes: dict[str, list[Descriptor]] = {}
    details = []
    for number, name in enumerate(names):
        tags = draw(st.lists(st.sampled_from(["v1", "v2", "dev"]), max_size=1))
        day = draw(st.integers(0, 3))
        if number and draw(st.booleans()):
            below = draw(st.lists(st.sampled_from(names[:number]), max_size=3))
            platforms = st.sampled_from(["linux/amd64", "linux/arm64", "unknown/unknown", ""])
            indexes[name] = [child(each, draw(platforms), INDEX if each in indexes else OCI) for each in below]
            details.append(index(name, *tags, day=day))
        else:
            details.append(image(name, *tags, day=day))
    return details, indexes


_FILTERS = st.builds(
    Filters,
    tags=st.sampled_from([(), ("v*",)]),
    exclude_tags=st.sampled_from([(), ("dev",)]),
    newest=st.integers(0, 3),
    untagged=st.booleans(),
)


@given(repositories(), _FILTERS, st.sampled_from([(), ("linux/amd64",)]))
def test_whatever_a_repository_holds_every_manifest_comes_to_an_end(
    repository: tuple[list[ImageDetail], dict[str, list[Descriptor]]], filters: Filters, platforms: tuple[str, ...]
) -> None:
    details, indexes = repository
    reading = Reading(details, indexes, filters, platforms=platforms)
    assert len(reading.read) == len(set(reading.read))
    assert reading.entries.keys() == {named(each.digest) for each in details}
    for name, entry in reading.entries.items():
        opened = set(map(named, reading.plan.children(entry.digest)))
        if entry.outcome is None and entry.kind is Kind.INDEX:
            assert name in reading.read
            assert opened <= reading.entries.keys()
    options = {option.split()[0] for option in reading.left_out.values()}
    given: dict[str, object] = {"--platform": platforms, "--tag": filters.tags, "--exclude-tag": filters.exclude_tags}
    given |= {"--newest": filters.newest, "--no-untagged": not filters.untagged}
    assert options <= {option for option, value in given.items() if value}


@given(repositories())
def test_without_wishes_every_image_is_due_that_no_index_calls_something_else(
    repository: tuple[list[ImageDetail], dict[str, list[Descriptor]]],
) -> None:
    details, indexes = repository
    called = [line for lines in indexes.values() for line in lines]
    tagged = {named(detail.digest) for detail in details if detail.tags}
    for name, entry in Reading(details, indexes).entries.items():
        lines = [line.platform for line in called if named(line.digest) == name]
        other = bool(lines) and all(platform == Platform("unknown", "unknown") for platform in lines)
        if entry.kind is not Kind.INDEX and (name in tagged or not other):
            assert entry.outcome is None
