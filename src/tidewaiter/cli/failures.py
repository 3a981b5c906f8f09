"""A target that fails becomes an inventory that says so, and the others go on."""

from tidewaiter.cli.streams import confess, say
from tidewaiter.errors import LimitError, RegistryError, SourceError, TidewaiterError, UnsupportedError, UsageError
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import ImageIdentity
from tidewaiter.model.package import Inventory
from tidewaiter.scan.failures import advised, reason


def failed(identity: ImageIdentity, error: Exception) -> Inventory:
    """An inventory that holds nothing but the failure, which is told on stderr too."""
    match error:
        case LimitError():
            told: TidewaiterError = advised(error)
        case RegistryError() if _is_bare_word(identity.reference):
            advice = f"{error.advice} If a file or folder was meant: there is none of this name.".lstrip()
            told = type(error)(error.what, where=error.where, advice=advice, retry=error.retry)
        case TidewaiterError():
            told = error
        case OSError():
            told = SourceError(f"cannot be read: {error.strerror or error}", where=str(error.filename or ""))
        case _:
            confess(error)
            what = f"an error of tidewaiter itself: {type(error).__name__}: {error}"
            told = UnsupportedError(what, advice="Please report it.")
    if isinstance(error, TidewaiterError | OSError):
        say(_named(told, identity.reference))
    stage, why = _reason(told, error)
    detail = str(told).removeprefix(f"{identity.reference}: ")
    return Inventory(image=identity, gaps=(Gap(stage=stage, why=why, subject=identity.reference, detail=detail),))


def _is_bare_word(target: str) -> bool:
    """Whether it may be a misspelt file as well as an image of Docker Hub."""
    return not {":", "/", "@"}.intersection(target)


def _named(error: TidewaiterError, target: str) -> str:
    """The message, with the target before it unless it names it (an image without a layer's digest, a registry)."""
    return str(error) if target in str(error) else f"{target}: {error}"


def _reason(told: TidewaiterError, error: Exception) -> tuple[Stage, Why]:
    if isinstance(error, PermissionError) or isinstance(error.__cause__, PermissionError):
        return Stage.SOURCE, Why.DENIED
    return (Stage.SOURCE, Why.NOT_AN_IMAGE) if isinstance(told, UsageError) else reason(told)
