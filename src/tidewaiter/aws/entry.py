"""Entering an account: who one is there, which regions it has, which registries answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from tidewaiter.aws import hosts
from tidewaiter.aws.ecr import Ecr
from tidewaiter.aws.ecr_public import EcrPublic, public_registry
from tidewaiter.aws.gaps import gap_of
from tidewaiter.aws.principal import Principal
from tidewaiter.aws.regions import EnabledRegions, enabled_regions, is_optional
from tidewaiter.aws.registries import Found, Place
from tidewaiter.aws.steps import Step, Stepped
from tidewaiter.errors import CloudError
from tidewaiter.model.cloud import Account, Lost, Passed, Registry
from tidewaiter.model.gap import Gap, Stage, Why

UNKNOWN_THERE = frozenset(
    {"AuthFailure", "InvalidClientTokenId", "RegionDisabledException", "UnrecognizedClientException"}
)
"""How services refuse credentials in a region that the account has not enabled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to enter in an account: its enabled regions, of these only `regions`, if any, and none of `excluded`.

    With `asked`, the `regions` are entered without asking which are enabled. `public` adds its ECR Public.
    """

    partition: str
    regions: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    asked: bool = False
    public: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entry:
    """A way into an account: as `chain`."""

    account: Account
    chain: Principal
    wanted: Wanted

    def step(self) -> Step[Found]:
        """The first step: become somebody in the account. All others follow from it."""
        return Step(self, self._enter)

    def _enter(self) -> Stepped[Found]:
        try:
            self.chain.identity()
        except CloudError as error:
            return Stepped((self._lost(error, named(self.account), stage=Stage.IDENTITY),))
        if self.wanted.asked:
            return self._into(EnabledRegions(names=self.wanted.regions))
        return self._into(enabled_regions(self.chain, self.wanted.partition, preferred=self.wanted.regions))

    def _into(self, enabled: EnabledRegions) -> Stepped[Found]:
        """A step for each region, and what there is to say of those that none is for."""
        regions = [name for name in enabled.names if self._is_wanted(name)]
        sure = enabled.refusal is None
        steps = [Step(self, partial(self._region, name, enabled=sure)) for name in regions]
        if self.wanted.public:
            steps.append(Step(self, self._public))
        return Stepped(tuple(self._aside(enabled)), tuple(steps))

    def _is_wanted(self, region: str) -> bool:
        return region not in self.wanted.excluded and (not self.wanted.regions or region in self.wanted.regions)

    def _aside(self, enabled: EnabledRegions) -> Iterable[Found]:
        """The account's regions that are left out, that it has not enabled, or that it would not tell.

        Regions that were asked for by name are tried without its telling.
        """
        if enabled.refusal is not None:
            if not self.wanted.regions:
                yield self._untold(enabled.refusal)
            return
        filtered = [name for name in enabled.names if not self._is_wanted(name)]
        if filtered:
            yield self._passed(Why.FILTERED, filtered, "left out by the filter of regions")
        disabled = [name for name in self.wanted.regions if name not in enabled.names]
        if disabled:
            yield self._passed(Why.INACTIVE, disabled, "not enabled in this account")

    def _untold(self, error: CloudError) -> Lost:
        sentence = "its regions could not be listed, so those were tried that the installed boto3 knows, and no newer"
        gap = gap_of(error, f"regions of {named(self.account)}", before=f"{sentence}: ")
        return Lost(account=self.account, gap=gap)

    def _region(self, region: str, *, enabled: bool) -> Stepped[Found]:
        registry = private_registry(self.account.id, region, self.wanted.partition)
        api = Ecr(self.chain, registry)
        try:
            api.enter()
        except CloudError as error:
            if not enabled and self._is_probably_disabled(region, error):
                return Stepped((self._passed(Why.INACTIVE, [region], "probably not enabled in this account"),))
            return Stepped((self._lost(error, f"{named(self.account)} in {region}", region=region),))
        return Stepped((Place(account=self.account, api=api),))

    def _is_probably_disabled(self, region: str, error: CloudError) -> bool:
        """For an account that does not tell its regions, which is told as lost; never for one that was asked for."""
        asked_for = region in self.wanted.regions
        return not asked_for and error.code in UNKNOWN_THERE and is_optional(region, self.wanted.partition)

    def _public(self) -> Stepped[Found]:
        try:
            registry = public_registry(self.chain, self.account.id, self.wanted.partition)
        except CloudError as error:
            subject = f"ECR Public of {named(self.account)}"
            return Stepped((self._lost(error, subject, region=hosts.PUBLIC_REGION),))
        if registry is None:
            return Stepped()
        return Stepped((Place(account=self.account, api=EcrPublic(self.chain, registry)),))

    def _lost(self, error: CloudError, subject: str, *, region: str = "", stage: Stage = Stage.DISCOVERY) -> Lost:
        return Lost(account=self.account, region=region, gap=gap_of(error, subject, stage=stage))

    def _passed(self, why: Why, regions: Iterable[str], detail: str) -> Passed:
        subject = f"{named(self.account)} in {', '.join(regions)}"
        return Passed(account=self.account, gap=Gap(stage=Stage.DISCOVERY, why=why, subject=subject, detail=detail))


def private_registry(account: str, region: str, partition: str) -> Registry:
    """The private registry of an account in a region, under its usual host."""
    return Registry(partition=partition, account=account, region=region, host=hosts.registry_host(account, region))


def named(account: Account) -> str:
    """An account as people know it: its number, and its name where that is known."""
    return f"account {account.id} ({account.name})" if account.name else f"account {account.id}"
