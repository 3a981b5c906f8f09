"""Whether a row of an advisory speaks of a version. https://ossf.github.io/osv-schema/#evaluation."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.advisories import affected, events
from tidewaiter.match.affected import Answer, Doubt, Verdict, judge
from tidewaiter.match.keys import Lookup
from tidewaiter.match.order import Order
from tidewaiter.model.advisory import Affected, Event, EventKind, Range, RangeType, Status
from tidewaiter.model.finding import MatchKind


def ask(row: Affected, version: str, scheme: str = "semver", *, any_epoch: bool = False) -> Answer:
    lookup = Lookup("npm", "thing", version, scheme, MatchKind.NAME, any_epoch=any_epoch)
    return judge(row, lookup, Order())


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        ("introduced 0, fixed 1.5", "0.0.1 1.4.9 1.5.0-rc.1", "1.5 2.0"),
        ("introduced 0", "0.0.0 99.0", ""),
        ("introduced 1.0, fixed 1.5", "1.0 1.4", "0.9 1.5"),
        ("introduced 1.0, last_affected 1.5", "1.0 1.5", "0.9 1.5.1"),
        ("introduced 1.5, last_affected 1.5", "1.5", "1.4.9 1.5.1"),
        ("introduced 0, fixed 1.5, introduced 2.0, fixed 2.3", "1.4 2.0 2.2", "1.5 1.9 2.3 3.0"),
        ("introduced 2.0, fixed 2.3, introduced 0, fixed 1.5", "1.4 2.0 2.2", "1.5 1.9 2.3"),  # in any order
        ("introduced 0, fixed 3.1.1, introduced 3.2.0, fixed 3.2.2, introduced 3.1.1, fixed 3.1.3", "3.1.1", "3.1.3"),
        ("introduced 0, fixed 2.4.50, introduced 2.4.50, fixed 2.4.51", "2.4.49 2.4.50", "2.4.51"),
        ("introduced 0, fixed 3.5.4, introduced 2026.1.0, fixed 2026.1.0", "3.5.3", "2026.1.0 2026.2.0"),
        ("introduced 0, fixed 1.5, fixed 1.4", "1.3", "1.4 1.5"),
        ("introduced 0, fixed 0", "", "0 0.0.1 1.0"),
        ("introduced 0, limit 1.5", "1.4", "1.5 2.0"),
        ("introduced 0, limit 1.5, limit 2.5", "1.4 2.4", "2.5"),
        ("introduced 0, limit *", "1.4 99.0", ""),
        ("introduced 0, last_affected 1.5, introduced 2.0, fixed 2.1", "1.5 2.0", "1.6 2.1"),
    ],
)
def test_the_events_of_a_range_are_walked_in_the_order_of_versions(events: str, inside: str, outside: str) -> None:
    row = affected("npm", "thing", events, type=RangeType.SEMVER)
    assert [version for version in inside.split() if ask(row, version).verdict is not Verdict.YES] == []
    assert [version for version in outside.split() if ask(row, version).verdict is not Verdict.NO] == []


def test_introduced_0_is_before_every_version_even_one_before_0() -> None:
    row = affected("Debian:12", "thing", "introduced 0, fixed 1.0")
    assert ask(row, "0~rc1", "deb").verdict is Verdict.YES


def test_several_ranges_and_listed_versions_are_alternatives() -> None:
    row = affected("npm", "thing", "introduced 1.0, fixed 1.5", "introduced 2.0, fixed 2.3", versions=("3.0", "3.1"))
    yes = [v for v in ("1.2", "1.6", "2.2", "2.4", "3.0", "3.1", "3.2") if ask(row, v).verdict is Verdict.YES]
    assert yes == ["1.2", "2.2", "3.0", "3.1"]


def test_listed_versions_are_compared_as_versions_not_as_text() -> None:
    row = affected("PyPI", "thing", versions=("1.0",))
    assert ask(row, "1.0.0", "pep440").verdict is Verdict.YES
    assert ask(row, "1.0.1", "pep440").verdict is Verdict.NO


def test_a_listed_version_matches_as_text_where_the_scheme_refuses_it() -> None:
    row = affected("PyPI", "thing", versions=("2004d",))
    assert ask(row, "2004d", "pep440").verdict is Verdict.YES


def test_a_version_that_the_scheme_refuses_may_be_listed_in_another_spelling() -> None:
    answer = ask(affected("PyPI", "thing", versions=("0.2.0",)), "0.2.0a19.1", "pep440")
    assert (answer.verdict, answer.doubt) == (Verdict.CANNOT_TELL, Doubt.INSTALLED_VERSION)


def test_semver_ignores_build_metadata() -> None:
    row = affected("Go", "thing", "introduced 0, fixed 2.0.0", type=RangeType.SEMVER)
    assert ask(row, "2.0.0+incompatible").verdict is Verdict.NO
    assert ask(row, "1.9.9+incompatible").verdict is Verdict.YES


def test_a_range_of_commits_alone_can_not_be_told() -> None:
    answer = ask(affected("npm", "thing", "introduced 0", type=RangeType.GIT), "1.0")
    assert (answer.verdict, answer.doubt) == (Verdict.CANNOT_TELL, Doubt.COMMITS)


def test_commits_beside_a_range_of_versions_or_a_list_do_not_matter() -> None:
    git = Range(type=RangeType.GIT, events=events("introduced deadbeef"))
    plain = Range(type=RangeType.SEMVER, events=events("introduced 1.0, fixed 1.5"))
    both = Affected(ecosystem="npm", name="thing", ranges=(git, plain))
    assert [ask(both, version).verdict for version in ("1.2", "1.5")] == [Verdict.YES, Verdict.NO]
    listed = Affected(ecosystem="npm", name="thing", ranges=(git,), versions=("1.2",))
    assert [ask(listed, version).verdict for version in ("1.2", "1.5")] == [Verdict.YES, Verdict.NO]


def test_a_row_that_names_nothing_can_not_be_told() -> None:
    assert ask(affected("npm", "thing"), "1.0").doubt is Doubt.NOTHING_NAMED


@pytest.mark.parametrize("status", [Status.AFFECTED, Status.DEFERRED, Status.WONT_FIX])
def test_a_row_without_versions_that_is_said_to_be_affected_is_so_in_all_versions(status: Status) -> None:
    assert ask(affected("npm", "thing", status=status), "1.0").verdict is Verdict.YES


def test_the_publishers_not_affected_is_a_veto_and_unknown_a_doubt_whatever_the_ranges_say() -> None:
    assert ask(affected("npm", "a", "introduced 0", status=Status.NOT_AFFECTED), "1.0").verdict is Verdict.VETO
    answer = ask(affected("npm", "a", "introduced 0", status=Status.UNKNOWN, note="end of life"), "1.0")
    assert (answer.verdict, answer.doubt, answer.detail) == (Verdict.CANNOT_TELL, Doubt.PUBLISHER, "end of life")


def test_a_version_that_the_scheme_refuses_is_a_doubt_about_the_side_that_has_it() -> None:
    row = affected("PyPI", "thing", "introduced 0, fixed 1.0")
    assert ask(row, "not a version", "pep440").doubt is Doubt.INSTALLED_VERSION
    broken = affected("PyPI", "thing", "introduced 0, fixed one")
    answer = ask(broken, "1.0", "pep440")
    assert answer.doubt is Doubt.ADVISORY_VERSION
    assert "one" in answer.detail


def test_all_versions_are_affected_even_one_that_the_scheme_refuses() -> None:
    assert ask(affected("PyPI", "thing", "introduced 0"), "not a version", "pep440").verdict is Verdict.YES


def test_a_range_that_can_be_read_answers_beside_one_that_can_not() -> None:
    row = affected("PyPI", "thing", "introduced 0, fixed one", "introduced 0, fixed 2.0")
    assert ask(row, "1.0", "pep440").verdict is Verdict.YES
    assert ask(row, "3.0", "pep440").verdict is Verdict.CANNOT_TELL


def test_the_fixes_are_all_ends_above_the_installed_version() -> None:
    row = affected("npm", "thing", "introduced 0, fixed 1.5, introduced 2.0, fixed 2.3, introduced 3.0, fixed 3.1")
    assert ask(row, "1.2").fixes == ("1.5", "2.3", "3.1")
    assert ask(row, "2.0").fixes == ("2.3", "3.1")


@pytest.mark.parametrize(
    ("ranges", "version", "said"),
    [
        ("introduced 0, fixed 1.5", "1.0", "< 1.5"),
        ("introduced 1.0, fixed 1.5", "1.0", ">= 1.0, < 1.5"),
        ("introduced 1.0, last_affected 1.5", "1.0", ">= 1.0, <= 1.5"),
        ("introduced 0", "1.0", "all versions"),
        ("introduced 1.0", "1.0", ">= 1.0"),
    ],
)
def test_the_answer_names_the_range_that_met(ranges: str, version: str, said: str) -> None:
    assert ask(affected("npm", "thing", ranges), version).range == said


@pytest.mark.parametrize(
    ("installed", "fixed", "verdict"),
    [
        ("5.26.3-419.el8", "4:5.26.3-419.el8", Verdict.NO),
        ("5.26.3-419.el8", "4:5.26.3-420.el8", Verdict.YES),
        ("4:5.26.3-419.el8", "5.26.3-420.el8", Verdict.YES),
        ("4:5.26.3-420.el8", "5.26.3-420.el8", Verdict.NO),
        ("1:5.26.3-420.el8", "2:1.0-1.el8", Verdict.YES),  # both name one: it counts
    ],
)
def test_through_the_source_epochs_are_ignored_if_one_side_lacks_one(
    installed: str, fixed: str, verdict: Verdict
) -> None:
    row = affected("Red Hat:enterprise_linux:8", "perl", f"introduced 0, fixed {fixed}")
    assert ask(row, installed, "rpm", any_epoch=True).verdict is verdict


def test_of_the_package_itself_a_missing_epoch_is_0() -> None:
    row = affected("Red Hat:enterprise_linux:8", "perl-Errno", "introduced 0, fixed 4:1.0-1.el8")
    assert ask(row, "1.28-419.el8", "rpm").verdict is Verdict.YES
    zero = affected("Rocky Linux:9", "bcel", "introduced 0, fixed 0:6.4.1-9.el9_1")
    assert ask(zero, "6.4.1-9.el9_1", "rpm").verdict is Verdict.NO


def _model(history: list[Event], version: int) -> bool:
    """The state after stepping through every version one by one, as the schema's pseudocode does with `>=` and `>`."""
    limits = [int(event.version) for event in history if event.kind is EventKind.LIMIT]
    if limits and version >= max(limits):
        return False
    vulnerable = False
    for step in range(version + 1):
        here = {event.kind for event in history if int(event.version) == step}
        before = {event.kind for event in history if int(event.version) == step - 1}
        if EventKind.LAST_AFFECTED in before:
            vulnerable = False
        if (EventKind.INTRODUCED in here) != (EventKind.FIXED in here):
            vulnerable = EventKind.INTRODUCED in here
    return vulnerable


@given(
    st.lists(st.tuples(st.sampled_from(list(EventKind)), st.integers(1, 9)), min_size=1, max_size=8),
    st.integers(1, 11),
    st.permutations(range(8)),
)
def test_the_walk_equals_stepping_through_all_versions(
    pairs: list[tuple[EventKind, int]], version: int, order: list[int]
) -> None:
    history = [Event(kind, str(number)) for kind, number in pairs]
    shuffled = tuple(history[place] for place in order if place < len(history))
    row = Affected(ecosystem="npm", name="thing", ranges=(Range(type=RangeType.ECOSYSTEM, events=shuffled),))
    assert (ask(row, str(version)).verdict is Verdict.YES) is _model(history, version)


@given(st.lists(st.integers(1, 20), min_size=2, max_size=8, unique=True), st.integers(1, 21))
def test_several_pairs_in_one_range_equal_one_range_a_pair(bounds: list[int], version: int) -> None:
    spans = [(low, high) for low, high in list(pairwise(sorted(bounds)))[::2]]
    texts = [f"introduced {low}, fixed {high}" for low, high in spans]
    together = affected("npm", "thing", ", ".join(texts))
    apart = affected("npm", "thing", *texts)
    expected = any(low <= version < high for low, high in spans)
    assert (ask(together, str(version)).verdict is Verdict.YES) is expected
    assert (ask(apart, str(version)).verdict is Verdict.YES) is expected
