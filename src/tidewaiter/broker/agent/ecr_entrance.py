"""The private registries of an account of AWS: by a role that trusts the agent, or as the agent itself."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from tidewaiter.aws import hosts
from tidewaiter.aws.ecr import Ecr
from tidewaiter.aws.entry import Entry, private_registry
from tidewaiter.aws.principal import Principal
from tidewaiter.aws.regions import check_regions, enabled_regions
from tidewaiter.aws.registries import Found, Place, RegistryApi
from tidewaiter.aws.steps import walk
from tidewaiter.aws.targets import AccountRequest, entry_of
from tidewaiter.broker.agent.probes import probe, probe_listing
from tidewaiter.broker.agent.redaction import redaction
from tidewaiter.broker.messages import Credentials, Probe
from tidewaiter.errors import CloudError, TidewaiterError, UsageError
from tidewaiter.model.cloud import Identity, Lost, Registry, RoleHop

_LISTED = 10  # registries named in an error


class EcrEntrance:
    """The private registries of one account of AWS, by a role or as the agent's own identity."""

    def __init__(self, chain: Callable[[], Principal], credentials: Credentials, via: str) -> None:
        extra = credentials.extra
        regions = tuple(dict.fromkeys(filter(None, (extra.region, *extra.regions))))
        self._request = AccountRequest(role_arn=credentials.role_arn, external_id=extra.external_id, regions=regions)
        self._chain = chain
        self._via = via
        self.redact = redaction((extra.external_id,))
        self._lock = threading.Lock()
        self._entered: Entry | None = None
        self._apis: dict[str, RegistryApi] = {}

    def identity(self) -> Identity:
        """The agent's own identity and the role that it takes, which is not tried here."""
        identity = self._chain().identity()
        role = self._request.role_arn
        return replace(identity, hops=(RoleHop(role_arn=role),) if role else ())

    def prove(self) -> None:
        """Take the role, and list the first page of repositories in the first region that is wanted."""
        entry = self._entry()
        entry.chain.identity()
        for region in self._request.regions[:1]:
            self._ecr(region).enter()

    def found(self) -> Iterator[Found]:
        """All registries of the account in the regions that are wanted, else in those that it has enabled."""
        return walk((self._entry().step(),), done=_nothing)

    def registry(self, host: str) -> RegistryApi:
        """The registry at `host`, which must be the account's; without a host, the only one there is."""
        if host:
            return self._named(host)
        if len(self._request.regions) == 1:
            return self._at(self._request.regions[0])
        self._entry().chain.identity()  # refused, it tells more than what is lost by it
        found = tuple(self.found())
        places = [each.api.registry for each in found if isinstance(each, Place)]
        if len(places) == 1:
            return self._at(places[0].region)
        for lost in (each.region for each in found if isinstance(each, Lost) and each.region and not places):
            self._ecr(lost).enter()  # for what it says
        raise _not_one(places)

    def probes(self) -> Iterator[Probe]:
        """The identity, the role, and each registry with the first of its repositories."""
        own = probe("identity", lambda: f"it is {self._chain().identity().arn}")
        yield own
        taken = probe("role", lambda: f"it is {self._entry().chain.identity().arn}") if own.ok else own
        if taken.ok:
            if self._request.role_arn:
                yield taken
            for each in self.found():
                yield from self._probed(each)
        elif own.ok:
            yield taken

    def _probed(self, found: Found) -> Iterator[Probe]:
        match found:
            case Place():
                yield probe_listing(self._at(found.api.registry.region))
            case Lost(region=""):
                yield probe("regions", self._regions)
            case Lost():
                yield probe_listing(self._at(found.region))

    def _regions(self) -> str:
        """Raises why the account does not tell its regions."""
        entry = self._entry()
        enabled = enabled_regions(entry.chain, entry.wanted.partition)
        if enabled.refusal is not None:
            raise enabled.refusal
        return f"{len(enabled.names)} are enabled"

    def _entry(self) -> Entry:
        with self._lock:
            if self._entered is None:
                self._entered = entry_of(self._chain(), self._request)
            return self._entered

    def _named(self, host: str) -> RegistryApi:
        found = hosts.parse_host(host)
        if found is None:
            advice = "Its host has the form ACCOUNT.dkr.ecr.REGION.amazonaws.com."
            raise UsageError("is not a private registry of ECR", where=host[:300], advice=advice)
        if found.account != self._entry().account.id:
            raise UsageError("is not a registry of this connection's account", where=host)
        if self._request.regions and found.region not in self._request.regions:
            raise UsageError("is in a region that this connection does not open", where=host)
        return self._at(found.region)

    def _at(self, region: str) -> RegistryApi:
        with self._lock:
            known = self._apis.get(region)
        if known is None:
            known = self._ecr(region)
            with self._lock:
                known = self._apis.setdefault(region, known)
        return known

    def _ecr(self, region: str) -> Ecr:
        entry = self._entry()
        partition = entry.wanted.partition
        check_regions((region,), partition)
        registry = private_registry(entry.account.id, region, partition)
        return Ecr(entry.chain, replace(registry, via=self._via))


def _nothing() -> None:
    """Tell nobody."""


def _not_one(places: list[Registry]) -> TidewaiterError:
    """The error where one registry was to be asked, and there is none or there are several."""
    if places:
        names = ", ".join(sorted(registry.host for registry in places)[:_LISTED])
        return UsageError("the connection has several registries", advice=f"Name one by registry=HOST: {names}.")
    return CloudError("the connection has no registry in any region")
