"""A visit to an account, in steps: becoming somebody there, its regions, the registry in each."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from threading import Event

from tidewaiter.aws.entry import Wanted
from tidewaiter.aws.regions import EnabledRegions, enabled_regions
from tidewaiter.aws.steps import Step, Stepped
from tidewaiter.iam.checks import public_registry, pull_time, rights, roles, trust
from tidewaiter.iam.checks.findings import Counted, Finding, Unread, refused
from tidewaiter.iam.checks.own_role import is_role
from tidewaiter.iam.checks.registries import PrivateRegistry
from tidewaiter.iam.checks.ways import Way
from tidewaiter.model.diagnosis import Check, Health, Topic


def met(way: Way) -> Iterator[Finding]:
    """The role of a way: whether it can be taken, and if so, whom else it lets in and what else it may do."""
    findings = list(roles.taken(way))
    yield from findings
    if all(each.health is Health.RIGHT for each in findings):
        yield from trust.tried(way)
        yield from itself(way)


def itself(way: Way) -> Iterator[Finding]:
    """What whoever reads on this way says of itself, where that is a role."""
    if is_role(way.principal):
        yield from trust.read(way)
        yield from rights.read(way)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Visit:
    """An account to be looked at, on a way. `wanted` is as in a scan, `repositories` are patterns, none for all.

    `known`: the role of the way has been looked at before.
    """

    way: Way
    wanted: Wanted
    repositories: tuple[str, ...] = ()
    known: bool = False
    _mute: Event = field(default_factory=Event)

    def step(self) -> Step[Finding]:
        """The first step. All others follow from it."""
        return Step(self, self._enter)

    def _enter(self) -> Stepped[Finding]:
        findings = tuple(roles.taken(self.way))
        if any(each.health is not Health.RIGHT for each in findings):
            return Stepped(findings)
        if self.known or self.way.hop is None:
            return self._onward(())
        aside: Step[Finding] = Step(self, lambda: Stepped((*trust.tried(self.way), *itself(self.way))))
        onward = self._onward(findings)
        return Stepped(onward.found, (aside, *onward.steps))

    def _onward(self, found: tuple[Finding, ...]) -> Stepped[Finding]:
        enabled = self._enabled()
        names = [name for name in enabled.names if self._is_wanted(name)]
        steps = [Step(self, partial(self._region, name, sure=enabled.refusal is None)) for name in names]
        if self.wanted.public:
            steps.append(Step(self, self._public))
        return Stepped((*found, *self._regions(enabled, names)), tuple(steps))

    def _enabled(self) -> EnabledRegions:
        if self.wanted.asked:
            return EnabledRegions(names=self.wanted.regions)
        return enabled_regions(self.way.reader, self.wanted.partition, preferred=self.wanted.regions)

    def _is_wanted(self, region: str) -> bool:
        return region not in self.wanted.excluded and (not self.wanted.regions or region in self.wanted.regions)

    def _regions(self, enabled: EnabledRegions, names: list[str]) -> Iterator[Check]:
        """What there is to say of the regions: those that were asked for by name can be tried without being told."""
        account = self.way.account.id
        if self.wanted.asked:
            return
        if enabled.refusal is not None:
            yield refused(
                enabled.refusal,
                topic=Topic.REGIONS,
                says="its regions cannot be listed, so all that boto3 knows are tried",
                account=account,
                health=Health.POORER,
                counts=not self.wanted.regions,
            )
            return
        disabled = [name for name in self.wanted.regions if name not in enabled.names]
        without = f"; not enabled: {', '.join(disabled)}" if disabled else ""
        says = f"{len(enabled.names)} regions are enabled, {len(names)} are looked at{without}"
        yield Check(account=account, topic=Topic.REGIONS, health=Health.RIGHT, says=says)

    def _region(self, region: str, *, sure: bool) -> Stepped[Finding]:
        registry = PrivateRegistry(
            way=self.way, region=region, partition=self.wanted.partition, wanted=self.repositories, sure=sure
        )
        found = tuple(registry.findings())
        counted = [each.repositories for each in found if isinstance(each, Counted)]
        return Stepped((*found, *self._pull_time(region, empty=not counted[0])) if counted else found)

    def _pull_time(self, region: str, *, empty: bool) -> Iterator[Finding]:
        """Not asked again where the role may not ask it: each region would take a client more, and say the same."""
        if self._mute.is_set():
            return
        found = pull_time.excluded(self.way, region, empty=empty)
        if isinstance(found, Unread):
            self._mute.set()
        if found:
            yield found

    def _public(self) -> Stepped[Finding]:
        return Stepped(tuple(public_registry.findings(self.way, self.wanted.partition, self.repositories)))
