"""What the listing alone tells of a repository."""

from listing_samples import MULTI_LISTED, NOW, image, index, named
from tidewaiter.fleet.filters import Filters
from tidewaiter.fleet.forecast import foreseen


def test_the_listing_alone_foresees_what_would_be_looked_at() -> None:
    listed = [*MULTI_LISTED, image("chart", "1.0", artifact_type="application/vnd.cncf.helm.config.v1+json")]
    verdicts = {named(detail.digest): verdict for detail, verdict in foreseen(listed, Filters(), NOW)}
    assert {name for name, verdict in verdicts.items() if verdict.outcome is None} == {"multi", "amd", "arm", "att"}


def test_the_newest_that_are_foreseen_bring_the_images_that_may_be_theirs() -> None:
    listed = [
        index("m2", "v2", day=8),
        image("a2", day=7),
        image("sig", f"sha256-{'a' * 64}.sig", day=6),
        index("m1", "v1", day=5),
        image("a1", day=4),
    ]
    verdicts = {named(detail.digest): verdict for detail, verdict in foreseen(listed, Filters(newest=1), NOW)}
    assert {name for name, verdict in verdicts.items() if verdict.outcome is None} == {"m2", "a2"}
    plain = [image("b", day=2), image("a", day=1)]
    kept = [named(detail.digest) for detail, each in foreseen(plain, Filters(newest=1), NOW) if not each.outcome]
    assert kept == ["b"]
