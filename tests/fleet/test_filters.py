"""Which images a user wants, and what is said of the others."""

from datetime import UTC, datetime, timedelta

import pytest

from tidewaiter.fleet.filters import Filters, Wishes
from tidewaiter.model.cloud import ImageDetail
from tidewaiter.model.fleet import State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest, Platform

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
A = Digest("sha256", "a" * 64)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def image(*tags: str, pushed: datetime | None = None, pulled: datetime | None = None) -> ImageDetail:
    return ImageDetail(digest=A, tags=tags, pushed=pushed, pulled=pulled)


def why(filters: Filters, detail: ImageDetail) -> str:
    """The sentence on what is left out, "" for what is wanted."""
    outcome = filters.of_image(detail, NOW)
    if outcome is None:
        return ""
    assert (outcome.state, outcome.why) == (State.SKIPPED, Why.FILTERED)
    return outcome.detail


def test_without_filters_everything_is_wanted() -> None:
    for detail in (image(), image("v1"), image(pushed=ago(4000)), image("v1", pushed=ago(1), pulled=ago(900))):
        assert why(Filters(), detail) == ""
    assert Filters().of_repository("any/thing") is None


@pytest.mark.parametrize(
    ("filters", "name", "said"),
    [
        (Filters(repositories=("shop/*",)), "shop/web", ""),
        (Filters(repositories=("shop/*",)), "shop/a/b", ""),
        (Filters(repositories=("shop/*",)), "other", "--repository: 'shop/*' does not name it."),
        (Filters(repositories=("a", "b")), "b", ""),
        (Filters(repositories=("a", "b")), "B", "--repository: 'a' or 'b' does not name it."),
        (Filters(exclude_repositories=("*cache*",)), "buildcache/x", "--exclude-repository: '*cache*' names it."),
        (Filters(repositories=("a*",), exclude_repositories=("ab",)), "ab", "--exclude-repository: 'ab' names it."),
        (Filters(repositories=("a*",), exclude_repositories=("ab",)), "ac", ""),
    ],
)
def test_a_repository_must_be_named_and_not_excluded(filters: Filters, name: str, said: str) -> None:
    outcome = filters.of_repository(name)
    assert (outcome.detail if outcome else "") == said


@pytest.mark.parametrize(
    ("filters", "tags", "said"),
    [
        (Filters(tags=("v*",)), ("latest", "v1"), ""),
        (Filters(tags=("v*",)), ("latest",), "--tag: none of its tags is like 'v*'."),
        (Filters(tags=("v*",)), (), "--tag: it has no tag."),
        (Filters(exclude_tags=("*-dev",)), ("v1-dev",), "--exclude-tag: '*-dev' takes the tags it is wanted for."),
        (Filters(exclude_tags=("*-dev",)), ("v1-dev", "v1"), ""),
        (Filters(exclude_tags=("*-dev",)), (), ""),
        (
            Filters(tags=("v*",), exclude_tags=("*-dev",)),
            ("v1-dev", "latest"),
            "--exclude-tag: '*-dev' takes the tags it is wanted for.",
        ),
        (Filters(tags=("v*",), exclude_tags=("*-dev",)), ("v1-dev", "v2"), ""),
        (Filters(untagged=False), (), "--no-untagged: it has no tag."),
        (Filters(untagged=False), ("x",), ""),
    ],
)
def test_one_tag_that_is_wanted_is_enough(filters: Filters, tags: tuple[str, ...], said: str) -> None:
    assert why(filters, image(*tags)) == said


def test_an_image_is_too_old_when_more_days_went_by_since_its_push() -> None:
    filters = Filters(max_age=90)
    assert why(filters, image(pushed=ago(90))) == ""
    assert why(filters, image(pushed=ago(90.001))) == "--max-age 90: it was pushed on 2026-03-03."
    assert why(filters, image(pushed=None)) == ""


def test_no_recorded_pull_is_no_pull() -> None:
    filters = Filters(pulled_within=30)
    assert why(filters, image(pulled=ago(30))) == ""
    assert why(filters, image(pulled=ago(31))) == "--pulled-within 30: it was last pulled on 2026-05-01."
    assert why(filters, image(pushed=ago(1))) == "--pulled-within 30: no pull of it is recorded."


@pytest.mark.parametrize(
    ("wanted", "platform", "said"),
    [
        ((), "linux/arm64", ""),
        (("linux/amd64",), "linux/amd64", ""),
        (("linux/amd64",), "linux/arm64/v8", "--platform: it is for linux/arm64/v8, not for linux/amd64."),
        (("linux/amd64", "linux/arm64"), "linux/arm64/v8", ""),
        (("linux/arm/v7",), "linux/arm", ""),
        (("linux/arm/v6",), "linux/arm", "--platform: it is for linux/arm, not for linux/arm/v6."),
    ],
)
def test_an_image_for_another_platform_is_left_out(wanted: tuple[str, ...], platform: str, said: str) -> None:
    wishes = Wishes(platforms=tuple(map(Platform.parse, wanted)))
    outcome = wishes.of_platform(Platform.parse(platform))
    assert (outcome.detail if outcome else "") == said
    assert wishes.of_platform(None) is None
