from tidewaiter.iam.checks.registries import Listed, pick

NAMES = ("other/b", "team/a", "team/b")
NOTHING = "tidewaiter-doctor-asks-for-nothing"


def test_without_patterns_the_first_repository_is_tried() -> None:
    assert pick(iter(NAMES), ()) == Listed(3, ("other/b",))


def test_the_first_one_like_each_pattern_is_tried() -> None:
    assert pick(iter(NAMES), ("team/*", "*/b")) == Listed(3, ("team/a", "other/b"))


def test_a_repository_that_is_like_two_patterns_is_tried_once() -> None:
    assert pick(iter(NAMES), ("team/*", "team/a")).tried == ("team/a",)


def test_where_there_is_none_a_name_is_tried_that_nobody_has() -> None:
    assert pick((), ()).tried == (NOTHING,)
    assert pick(iter(NAMES), ("new/*", "v?")).tried == (f"new/{NOTHING}", "vx")
