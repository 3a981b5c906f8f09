"""From a connection's credentials to its registries: each connection is entered as its own identity, and no other's."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

import msgspec

from tidewaiter.aws import hosts
from tidewaiter.aws.ecr import Ecr
from tidewaiter.aws.entry import Entry, private_registry
from tidewaiter.aws.principal import Principal
from tidewaiter.aws.regions import check_regions
from tidewaiter.aws.registries import Found, Place, RegistryApi
from tidewaiter.aws.steps import walk
from tidewaiter.aws.targets import AccountRequest, entry_of
from tidewaiter.broker.agent.redaction import Redact, redaction
from tidewaiter.broker.credentials import ECR
from tidewaiter.broker.messages import Credentials, Probe
from tidewaiter.broker.secrets import Secrets
from tidewaiter.errors import CloudDeniedError, CloudError, TidewaiterError, UsageError
from tidewaiter.model.cloud import Account, Identity, Lost, Registry, RoleHop

_MOST = 1_000  # connections that are remembered; one more only has to sign in again
_LISTED = 10  # registries named in an error


class Entrance(Protocol):
    """A connection, entered as one identity. Thread-safe.

    Its methods block, and raise CloudError, CloudDeniedError and UsageError.
    """

    @property
    def redact(self) -> Redact:
        """Takes what must never be shown out of a text."""
        ...

    def identity(self) -> Identity:
        """Who asks, without any external ID."""
        ...

    def prove(self) -> None:
        """Raise an error where the credentials do not open anything."""
        ...

    def found(self) -> Iterator[Found]:
        """All registries of the connection, and what could not be entered, as they are come upon."""
        ...

    def registry(self, host: str) -> RegistryApi:
        """The registry at `host`; without one, the only one there is. Nothing is asked of one that is named."""
        ...

    def probes(self) -> Iterator[Probe]:
        """What works and what does not, each thing really tried."""
        ...


class Entrances:
    """The ways into connections' registries; the latest are remembered, with their sessions. Thread-safe.

    `chain` gives the agent's own identity; it may block. `told` are the secrets that the journal takes out of its
    lines: those of connections are added.
    """

    def __init__(self, chain: Callable[[], Principal], *, told: Secrets | None = None) -> None:
        self._chain = chain
        self._told = told or Secrets()
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Entrance] = OrderedDict()

    def enter(self, connection: str, credentials: Credentials) -> Entrance:
        """The way in of a connection with these credentials. Nothing is asked yet. Raises UsageError."""
        via = f"{connection}#{_hash(credentials)}"
        with self._lock:
            entrance = self._known.pop(via, None)
            if entrance is None:
                entrance = self._new(credentials, via)
                self._told.add(credentials.extra.external_id, credentials.password, credentials.token)
            self._known[via] = entrance
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
            return entrance

    def base(self) -> Principal:
        """The agent's own identity. Raises UsageError, as for a profile that is not there."""
        return self._chain()

    def _new(self, credentials: Credentials, via: str) -> Entrance:
        if credentials.type == ECR:
            return EcrEntrance(self._chain, credentials, via)
        raise UsageError(f"registries of type {credentials.type} cannot be entered")


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
        found = tuple(self.found())
        places = [each.api.registry for each in found if isinstance(each, Place)]
        if len(places) == 1:
            return self._at(places[0].region)
        raise _not_one(places, [each for each in found if isinstance(each, Lost)])

    def probes(self) -> Iterator[Probe]:
        """The identity, the role, and each registry with the first of its repositories."""
        yield probe("identity", lambda: f"it is {self._chain().identity().arn}")
        entry = self._entry()
        if self._request.role_arn:
            taken = probe("role", lambda: f"it is {entry.chain.identity().arn}")
            yield taken
            if not taken.ok:
                return
        for each in self.found():
            match each:
                case Place():
                    yield probe_listing(self._at(each.api.registry.region))
                case Lost(region=""):
                    yield Probe(name="regions", ok=False, detail=each.gap.detail)
                case Lost():
                    yield probe_listing(self._at(each.region))

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


def account_of(api: RegistryApi) -> Account:
    """The account that a registry belongs to, as far as the registry itself tells."""
    return Account(id=api.registry.account)


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

    def attempt() -> str:
        first = next(iter(api.repositories()), None)
        if first is None:
            return "it lists its repositories, of which there are none"
        next(iter(api.images(first)), None)
        return f"it lists its repositories and the images of {first}"

    return probe(f"registry {api.registry.host}", attempt)


def _hash(credentials: Credentials) -> str:
    return hashlib.sha256(msgspec.json.encode(credentials)).hexdigest()[:32]


def _nothing() -> None:
    """Tell nobody."""


def _not_one(places: list[Registry], lost: list[Lost]) -> TidewaiterError:
    """The error where one registry was to be asked, and there is none or there are several."""
    if places:
        names = ", ".join(sorted(registry.host for registry in places)[:_LISTED])
        return UsageError("the connection has several registries", advice=f"Name one by registry=HOST: {names}.")
    if lost:
        return CloudError(lost[0].gap.detail.rstrip("."), code="AccessDenied" if lost[0].gap.why == "denied" else "")
    return CloudError("the connection has no registry in any region")
