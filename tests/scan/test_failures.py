"""What an error becomes in a report: why, and what to do about it."""

import pytest

from tidewaiter.errors import (
    CloudDeniedError,
    CloudError,
    LimitError,
    MalformedError,
    RegistryDeniedError,
    RegistryError,
    SourceError,
    StoreError,
    UnsupportedError,
)
from tidewaiter.image.assembly import NotAnImageError
from tidewaiter.model.gap import Stage, Why
from tidewaiter.scan.failures import failure


@pytest.mark.parametrize(
    ("error", "stage", "why"),
    [
        (CloudDeniedError("no"), Stage.REGISTRY, Why.DENIED),
        (CloudError("no"), Stage.REGISTRY, Why.UNREACHABLE),
        (RegistryDeniedError("no"), Stage.REGISTRY, Why.DENIED),
        (RegistryError("no"), Stage.REGISTRY, Why.UNREACHABLE),
        (LimitError("no", limit="layers"), Stage.IMAGE, Why.LIMIT),
        (MalformedError("no"), Stage.IMAGE, Why.MALFORMED),
        (UnsupportedError("no"), Stage.IMAGE, Why.UNSUPPORTED),
        (SourceError("no"), Stage.SOURCE, Why.NOT_AN_IMAGE),
        (NotAnImageError("no"), Stage.SOURCE, Why.NOT_AN_IMAGE),
        (StoreError("no"), Stage.IMAGE, Why.MALFORMED),
        (MemoryError(), Stage.IMAGE, Why.LIMIT),
        (ZeroDivisionError("no"), Stage.IMAGE, Why.MALFORMED),
    ],
)
def test_the_reason_follows_from_the_kind_of_error(error: Exception, stage: Stage, why: Why) -> None:
    gap = failure(error, "an image")
    assert (gap.stage, gap.why, gap.subject) == (stage, why, "an image")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MalformedError("it is broken", where="an image", advice="Push it again."), "it is broken. Push it again."),
        (MalformedError("it is broken", where="a layer"), "a layer: it is broken"),
        (LimitError("too many", limit="layers"), "too many. Raise the ceiling with --limit layers=…"),
        (LimitError("too many", limit="layers", advice="Do so."), "too many. Do so."),
        (LimitError("too many", limit="hands"), "too many"),
        (MemoryError(), "there is not enough memory for it. Use fewer --workers"),
        (KeyError("x"), "an error of tidewaiter itself: KeyError: 'x'. Please report it"),
    ],
)
def test_the_gap_tells_what_to_do_and_not_twice_what_it_is_about(error: Exception, told: str) -> None:
    assert failure(error, "an image").detail == told
