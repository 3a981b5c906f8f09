"""How much of each place a run looked at, counted."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, case, func, select

from tidewaiter.model.cloud import Account, Registry
from tidewaiter.model.fleet import AccountCoverage, RegistryCoverage, State
from tidewaiter.model.gap import Gap, Why
from tidewaiter.store.encoding import read_gaps
from tidewaiter.store.schema import account, listing, registry, repository


def coverage(connection: Connection, run: int) -> Sequence[AccountCoverage]:
    """The accounts that the run came upon, by number, each with its registries by region."""
    tallies = _tallies(connection, run)
    registries: dict[str, list[RegistryCoverage]] = defaultdict(list)
    query = select(registry).where(registry.c.run == run).order_by(registry.c.region, registry.c.host)
    for row in connection.execute(query):
        registries[row.account].append(tallies[row.id].covered(registry_of(row), read_gaps(row.gaps)))
    rows = connection.execute(select(account).where(account.c.run == run).order_by(account.c.id))
    return [
        AccountCoverage(
            account=_account(row), registries=tuple(registries[row.id]), gaps=tuple(sorted(read_gaps(row.gaps)))
        )
        for row in rows
    ]


def registry_of(row: "Row[*tuple[Any, ...]]") -> Registry:
    """The registry of a row that has its columns."""
    return Registry(partition=row.partition, account=row.account, region=row.region, host=row.host, public=row.public)


def _account(row: "Row[*tuple[Any, ...]]") -> Account:
    return Account(id=row.id, name=row.name, ou_path=row.ou_path, state=row.state, management=row.management)


@dataclass(slots=True)
class _Tally:
    """What was counted of one registry."""

    repositories: int = 0
    states: Counter[State] = field(default_factory=Counter)
    reasons: dict[State, Counter[Why]] = field(default_factory=lambda: defaultdict(Counter))
    gaps: list[Gap] = field(default_factory=list)

    def covered(self, place: Registry, gaps: Sequence[Gap]) -> RegistryCoverage:
        """The count, with the registry's own gaps before those of its repositories."""
        return RegistryCoverage(
            registry=place,
            repositories=self.repositories,
            manifests=self.states.total(),
            scanned=self.states[State.SCANNED],
            pending=self.states[State.PENDING],
            skipped=_ranked(self.reasons[State.SKIPPED]),
            failed=_ranked(self.reasons[State.FAILED]),
            gaps=(*gaps, *self.gaps),
        )


def _ranked(reasons: Counter[Why]) -> tuple[tuple[Why, int], ...]:
    return tuple(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])))


def _tallies(connection: Connection, run: int) -> Mapping[int, _Tally]:
    tallies: dict[int, _Tally] = defaultdict(_Tally)
    repositories = select(repository.c.registry, repository.c.gaps).where(repository.c.run == run)
    for row in connection.execute(repositories.order_by(repository.c.name)):
        tallies[row.registry].repositories += 1
        tallies[row.registry].gaps += read_gaps(row.gaps)
    for row in connection.execute(_counts(run)):
        state = State(row.state)
        tallies[row.registry].states[state] += row.number
        if row.why is not None:
            tallies[row.registry].reasons[state][Why(row.why)] += row.number
    return tallies


def _counts(run: int) -> Any:
    settled = listing.c.settled == run
    state = case((settled, listing.c.state), else_=State.PENDING.value).label("state")
    why = case((settled, listing.c.why)).label("why")
    return (
        select(repository.c.registry, state, why, func.count().label("number"))
        .join(repository, repository.c.id == listing.c.repository)
        .where(listing.c.run == run, ~listing.c.gone)
        .group_by(repository.c.registry, state, why)
    )
