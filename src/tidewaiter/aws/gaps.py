"""What AWS refuses, or does not answer, as the gap that reports print."""

from tidewaiter.errors import CloudDeniedError, CloudError
from tidewaiter.model.gap import Gap, Stage, Why


def gap_of(error: CloudError, subject: str, *, stage: Stage = Stage.DISCOVERY, before: str = "") -> Gap:
    """The gap that an error leaves; `subject` is what could not be looked at, `before` begins its sentence."""
    why = Why.DENIED if isinstance(error, CloudDeniedError) else Why.UNREACHABLE
    return Gap(stage=stage, why=why, subject=subject, detail=f"{before}{error}")
