"""What was tried for a health check, and what came of it."""

from collections.abc import Callable

from tidewaiter.aws.registries import RegistryApi
from tidewaiter.broker.messages import Probe
from tidewaiter.errors import CloudDeniedError, TidewaiterError


def probe(name: str, attempt: Callable[[], str]) -> Probe:
    """What came of an attempt, which says how it went."""
    try:
        return Probe(name=name, ok=True, detail=attempt())
    except TidewaiterError as error:
        return failed_probe(name, error)


def failed_probe(name: str, error: TidewaiterError) -> Probe:
    """An attempt that failed, with what would allow it where AWS refused."""
    remedy = error.remedy if isinstance(error, CloudDeniedError) else None
    what = f"{error.where}: {error.what}" if error.where else error.what
    if remedy is None:
        return Probe(name=name, ok=False, detail=what, advice=error.advice)
    return Probe(
        name=name,
        ok=False,
        detail=what,
        action=remedy.action,
        resource=remedy.resource,
        statement=remedy.statement,
        document=remedy.document,
        advice=error.advice,
    )


def probe_listing(api: RegistryApi) -> Probe:
    """Whether a registry lists its repositories, and the images of the first one."""
    return probe(f"registry {api.registry.host}", lambda: list_first(api))


def list_first(api: RegistryApi) -> str:
    """Lists the first repository and its images, and says so. Raises CloudError."""
    first = next(iter(api.repositories()), None)
    if first is None:
        return "it lists its repositories, of which there are none"
    next(iter(api.images(first)), None)
    return f"it lists its repositories and the images of {first}"
