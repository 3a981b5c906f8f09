"""Whether an account's private registry in a region can be listed and pulled from, without pulling anything.

Manifests and layers are asked for by a digest that nothing has: AWS looks at permissions first, so that "there is none"
proves that it would have given one, and no pull time moves.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Final

from tidewaiter.aws.ecr import Ecr
from tidewaiter.aws.entry import UNKNOWN_THERE, private_registry
from tidewaiter.aws.permissions import statement
from tidewaiter.aws.regions import is_optional
from tidewaiter.errors import CloudError
from tidewaiter.iam.checks.findings import Counted, Finding, helped, refused, remedy_of
from tidewaiter.iam.checks.simulation import explained
from tidewaiter.iam.checks.ways import Way
from tidewaiter.model.cloud import Registry
from tidewaiter.model.diagnosis import Check, Health, Remedy, Topic
from tidewaiter.model.image import Digest

NO_DIGEST: Final = Digest.parse("sha256:" + "0" * 64)
"""That of nothing that anybody has ever seen."""

PROVING: Final = frozenset(
    {
        "RepositoryNotFoundException",
        "ImageNotFoundException",
        "LayersNotFoundException",
        "LayerInaccessibleException",
    }
)
"""Answers that only somebody gets who may ask."""

_NO_NAME = "tidewaiter-doctor-asks-for-nothing"
_IMAGES = "ecr:DescribeImages"


@dataclass(frozen=True, slots=True)
class Listed:
    """How many repositories a registry has, and those that are tried: one for each pattern that is wanted."""

    count: int
    tried: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateRegistry:
    """The registry of a way's account in a region. `wanted` are patterns of repositories, none for all.

    `sure`: the account has told that the region is enabled.
    """

    way: Way
    region: str
    partition: str
    wanted: tuple[str, ...] = ()
    sure: bool = True

    def findings(self) -> Iterator[Finding]:
        """What was found, the number of its repositories among it."""
        try:
            listed = pick(self._api.repositories(), self.wanted)
        except CloudError as error:
            yield from self._unlisted(error)
            return
        yield Counted(self._registry, listed.count)
        troubles = list(self._listing_troubles(listed.tried))
        yield from troubles or [self._right(Topic.LISTING, _listable(listed.count))]
        yield from self._pulling(listed.tried)

    @property
    def _registry(self) -> Registry:
        return private_registry(self.way.account.id, self.region, self.partition)

    @property
    def _api(self) -> Ecr:
        return Ecr(self.way.reader, self._registry)

    def _unlisted(self, error: CloudError) -> Iterator[Check]:
        """Where the listing alone is refused, the rest is tried too, so that all of it is told at once."""
        if not self.sure and error.code in UNKNOWN_THERE and is_optional(self.region, self.partition):
            return
        yield self._refused(error, Topic.LISTING, "its repositories cannot be listed")
        remedy = remedy_of(error)
        if remedy and remedy.document.startswith("identity policy"):
            tried = pick((), self.wanted).tried
            yield from self._listing_troubles(tried)
            yield from self._pulling(tried)

    def _listing_troubles(self, tried: Sequence[str]) -> Iterator[Check]:
        for repository in tried:
            yield from self._trouble(partial(self._describe, repository), Topic.LISTING, "its images cannot be listed")

    def _pulling(self, tried: Sequence[str]) -> Iterator[Check]:
        troubles = [trouble for repository in tried for trouble in self._pulling_troubles(repository)]
        yield from troubles or [self._right(Topic.PULLING, "manifests and layers can be pulled")]
        yield from self._trouble(
            self._api.authorization,
            Topic.PULLING,
            "what only the Docker API gives cannot be pulled",
            health=Health.POORER,
        )

    def _pulling_troubles(self, repository: str) -> Iterator[Check]:
        yield from self._trouble(
            lambda: self._api.manifests(repository, [NO_DIGEST]), Topic.PULLING, "its manifests cannot be read"
        )
        yield from self._trouble(
            lambda: self._api.download(repository, NO_DIGEST), Topic.PULLING, "its layers cannot be read"
        )

    def _describe(self, repository: str) -> object:
        asked = {"registryId": self.way.account.id, "repositoryName": repository, "maxResults": 1}
        return self.way.reader.call("ecr", self.region, _IMAGES, asked, resource=self._arn(repository))

    def _trouble(
        self, ask: Callable[[], object], topic: Topic, says: str, *, health: Health = Health.WRONG
    ) -> Iterator[Check]:
        try:
            ask()
        except CloudError as error:
            if error.code not in PROVING:
                yield self._refused(error, topic, says, health=health)

    def _refused(self, error: CloudError, topic: Topic, says: str, *, health: Health = Health.WRONG) -> Check:
        account, region = self.way.account.id, self.region
        remedy = remedy_of(error)
        if remedy is None:
            return refused(error, topic=topic, says=says, account=account, region=region, health=health)
        why = explained(self.way.doctor, self.way.principal, remedy)
        says = f"{says} ({why})" if why else says
        check = refused(error, topic=topic, says=says, account=account, region=region, health=health)
        return helped(check, self._widened(remedy))

    def _widened(self, remedy: Remedy) -> Remedy:
        """The remedy for all repositories that are wanted: the one that was tried only stands for them."""
        _, found, name = remedy.resource.partition(":repository/")
        if not found:
            return remedy
        pattern = next((each for each in self.wanted if name == "*" or fnmatchcase(name, each)), "*")
        resource = self._arn("*" if name == "*" else pattern)
        allowed = json.dumps(statement([remedy.action], [resource]), separators=(", ", ": "))
        return replace(remedy, resource=resource, statement=allowed if remedy.statement else "")

    def _arn(self, name: str) -> str:
        return f"arn:{self.partition}:ecr:{self.region}:{self.way.account.id}:repository/{name}"

    def _right(self, topic: Topic, says: str) -> Check:
        return Check(account=self.way.account.id, region=self.region, topic=topic, health=Health.RIGHT, says=says)


def pick(names: Iterator[str] | tuple[str, ...], wanted: Sequence[str]) -> Listed:
    """Counts the repositories, and keeps the first one that is like each wanted pattern.

    Where there is none, the name of one that nobody has, and that is like the pattern.
    """
    patterns = tuple(wanted) or ("*",)
    first: dict[str, str] = {}
    count = 0
    for name in names:
        count += 1
        for pattern in patterns:
            if pattern not in first and fnmatchcase(name, pattern):
                first[pattern] = name
    return Listed(count, tuple(dict.fromkeys(first.get(each) or _nameless(each) for each in patterns)))


def _nameless(pattern: str) -> str:
    return pattern.replace("*", _NO_NAME).replace("?", "x")


def _listable(count: int) -> str:
    if not count:
        return "the registry can be listed, and is empty"
    return f"{count} {'repository' if count == 1 else 'repositories'} can be listed, and what is in them"
