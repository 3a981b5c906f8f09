"""Why an image or a layer could not be looked at, as the gap that reports print."""

from tidewaiter.errors import (
    CloudDeniedError,
    CloudError,
    LimitError,
    MalformedError,
    RegistryDeniedError,
    RegistryError,
    SourceError,
    TidewaiterError,
    UnsupportedError,
)
from tidewaiter.image.limits import how_to_raise
from tidewaiter.model.gap import Gap, Stage, Why

_REASONS: tuple[tuple[type[Exception], Stage, Why], ...] = (
    (CloudDeniedError, Stage.REGISTRY, Why.DENIED),
    (CloudError, Stage.REGISTRY, Why.UNREACHABLE),
    (RegistryDeniedError, Stage.REGISTRY, Why.DENIED),
    (RegistryError, Stage.REGISTRY, Why.UNREACHABLE),
    (LimitError, Stage.IMAGE, Why.LIMIT),
    (MalformedError, Stage.IMAGE, Why.MALFORMED),
    (UnsupportedError, Stage.IMAGE, Why.UNSUPPORTED),
    (SourceError, Stage.SOURCE, Why.NOT_AN_IMAGE),
    (MemoryError, Stage.IMAGE, Why.LIMIT),
)


def failure(error: Exception, subject: str) -> Gap:
    """The gap that an error leaves; `subject` is what could not be looked at."""
    stage, why = reason(error)
    return Gap(stage=stage, why=why, subject=subject, detail=_told(error).removeprefix(f"{subject}: "))


def reason(error: Exception) -> tuple[Stage, Why]:
    """Where on the way the error happened, and which kind of gap it is."""
    known = ((stage, why) for kind, stage, why in _REASONS if isinstance(error, kind))
    return next(known, (Stage.IMAGE, Why.MALFORMED))


def advised(error: LimitError) -> LimitError:
    """The error with advice on how to raise its ceiling, unless it has other advice or nobody can raise it."""
    advice = error.advice or how_to_raise(error.limit)
    return LimitError(error.what, limit=error.limit, where=error.where, advice=advice)


def _told(error: Exception) -> str:
    match error:
        case LimitError():
            return str(advised(error))
        case TidewaiterError():
            return str(error)
        case MemoryError():
            return "there is not enough memory for it. Use fewer --workers"
    return f"an error of tidewaiter itself: {type(error).__name__}: {error}. Please report it"
