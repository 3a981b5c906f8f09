"""Why an image or a layer could not be looked at, as the gap that reports print."""

from dataclasses import fields

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
from tidewaiter.image.limits import Limits
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
_SETTABLE = frozenset(field.name for field in fields(Limits))


def failure(error: Exception, subject: str) -> Gap:
    """The gap that an error leaves; `subject` is what could not be looked at."""
    known = ((stage, why) for kind, stage, why in _REASONS if isinstance(error, kind))
    stage, why = next(known, (Stage.IMAGE, Why.MALFORMED))
    return Gap(stage=stage, why=why, subject=subject, detail=_told(error).removeprefix(f"{subject}: "))


def _told(error: Exception) -> str:
    match error:
        case LimitError() if error.limit in _SETTABLE and not error.advice:
            return f"{error}. Raise the ceiling with --limit {error.limit}=…"
        case TidewaiterError():
            return str(error)
        case MemoryError():
            return "there is not enough memory for it. Use fewer --workers"
    return f"an error of tidewaiter itself: {type(error).__name__}: {error}. Please report it"
