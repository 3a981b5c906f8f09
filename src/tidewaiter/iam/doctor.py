"""Whether what is granted works: a walk over the way of a scan, with real calls that read and change nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from tidewaiter.aws.assumed import utc_now
from tidewaiter.aws.chain import Chain
from tidewaiter.aws.steps import walk
from tidewaiter.aws.targets import AccountRequest, OrganizationRequest, Progress
from tidewaiter.iam.checks import credentials, endpoints
from tidewaiter.iam.checks.endpoints import Reach, reached
from tidewaiter.iam.checks.findings import Counted, Finding, Unread, unread
from tidewaiter.iam.checks.merging import merged
from tidewaiter.iam.checks.visits import Visit
from tidewaiter.iam.rounds import Round, of_accounts, of_organization
from tidewaiter.model.cloud import Registry
from tidewaiter.model.diagnosis import Check, Diagnosis, Health, Topic

_TOPICS = tuple(Topic)


def diagnose(
    chain: Chain,
    requests: Sequence[AccountRequest] | OrganizationRequest,
    *,
    public: bool = False,
    repositories: Sequence[str] = (),
    command: str = "",
    progress: Progress | None = None,
    now: Callable[[], datetime] = utc_now,
    reach: Reach = reached,
) -> Diagnosis:
    """What works of a scan of these accounts, or of this organization, and what does not.

    Nothing is pulled and nothing is changed. `repositories` are patterns of those that a scan is to look at, none for
    all. `reach` connects to hosts. Raises UsageError for a request that cannot be, as a scan does.
    """
    started = now()
    found: list[Finding] = list(credentials.identified(chain, now))
    identity = chain.identity() if _is_right(found[0]) else None
    if identity is not None:
        planned = _round(chain, requests, public=public, repositories=tuple(repositories))
        found += planned.findings
        found += _visited(planned.visits, planned.count, progress)
        found += walk(endpoints.steps(chain, _registries(found), reach), done=lambda: None)
    return Diagnosis(
        command=command,
        started=started,
        finished=now(),
        identity=identity,
        checks=tuple(_checks(found)),
        registries=tuple(sorted(_counts(found).items())),
    )


def _round(
    chain: Chain,
    requests: Sequence[AccountRequest] | OrganizationRequest,
    *,
    public: bool,
    repositories: tuple[str, ...],
) -> Round:
    if isinstance(requests, OrganizationRequest):
        return of_organization(chain, requests, public=public, repositories=repositories)
    return of_accounts(chain, requests, public=public, repositories=repositories)


def _visited(visits: Iterator[Visit], count: int, progress: Progress | None) -> Iterator[Finding]:
    """What is found in all accounts, in parallel."""
    if progress:
        progress.count("accounts", found=count)

    def done() -> None:
        if progress:
            progress.count("accounts", done=1)

    return walk((visit.step() for visit in visits), done=done)


def _is_right(finding: Finding) -> bool:
    return isinstance(finding, Check) and finding.health is Health.RIGHT


def _counts(found: Iterable[Finding]) -> dict[Registry, int]:
    """How many repositories each registry has: several ways may lead to one."""
    return {each.registry: each.repositories for each in found if isinstance(each, Counted)}


def _registries(found: Iterable[Finding]) -> list[Registry]:
    return sorted(_counts(found))


def _checks(found: Iterable[Finding]) -> list[Check]:
    """The checks, each once: those about everything first, then by account and region."""
    found = list(found)
    checks = merged({each for each in found if isinstance(each, Check)})
    lines = unread(each for each in found if isinstance(each, Unread))
    told = (replace(each, says=f"{each.says.rstrip('.')}.") for each in (*checks, *lines))
    return sorted(told, key=lambda each: (each.account, each.region, _TOPICS.index(each.topic), each.says))
