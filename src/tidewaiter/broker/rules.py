"""Which requests go through the client: an allow-list in the reference's format. The first rule that fits counts.

Public rules are for what the agent sends out, private ones for what comes in. In a path `:name` stands for one segment
and `*` for anything, slashes too. What is matched is the canonical form of `broker/paths.py`, letter by letter.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from tidewaiter.broker.conditions import Condition, Part, hold
from tidewaiter.broker.login import Login
from tidewaiter.broker.messages import DONE_PATHS, RESULT_PATHS
from tidewaiter.broker.paths import IN_SEGMENT, Target
from tidewaiter.broker.patterns import Pattern, Token, Wild
from tidewaiter.broker.variables import filled
from tidewaiter.errors import UsageError

ANY: Final = "ANY"
"""The method of a rule that is for all of them."""

BODY_CEILING: Final = 1 << 20
"""The most bytes of a body that are read to see whether a rule's conditions hold."""

WILD: Final = re.compile(r"(:[A-Za-z_][A-Za-z0-9_]*|\*+)")
"""What stands for others in a rule's path."""

_CACHED: Final = 512
"""The most characters of a path whose rules are remembered."""

_ORIGIN: Final = re.compile(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Requests that may pass, and where to. `origin` is a base URL; it and `login` may hold `${VARIABLES}`."""

    method: str
    path: str
    origin: str = ""
    login: Login | None = None
    valid: tuple[Condition, ...] = ()

    @property
    def reads_body(self) -> bool:
        """Whether it takes the body to tell that the rule fits."""
        return any(condition.part is Part.BODY for condition in self.valid)

    def filled(self, variables: Mapping[str, str]) -> "Rule":
        """The rule with the values of its variables. Raises UsageError for one that is not among them."""
        where = f"rule {self.method} {self.path}"
        login = self.login.filled(variables, where=where) if self.login else None
        return replace(self, origin=self._origin(variables, where), login=login)

    def check(self, names: Collection[str]) -> None:
        """Raises UsageError where the rule has a variable that is not among these."""
        where, anything = f"rule {self.method} {self.path}", dict.fromkeys(names, "")
        filled(self.origin, anything, where=where)
        if self.login:
            self.login.filled(anything, where=where)

    def _origin(self, variables: Mapping[str, str], where: str) -> str:
        """The base URL without a slash at its end. In an error stands what was written, which holds no values."""
        url = filled(self.origin, variables, where=where)
        if url and not _ORIGIN.fullmatch(url):
            advice = "It has the form http://HOST:PORT; a user name and password belong into `auth`"
            raise UsageError(f"its origin {self.origin!r} is no base URL", where=where, advice=advice)
        return url.rstrip("/")


class RuleList:
    """Rules in their order."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: Final = tuple(rules)
        self._patterns = tuple((rule, _pattern(rule.path)) for rule in self.rules)
        self._candidates = lru_cache(maxsize=1024)(self._find_candidates)

    def find(self, method: str, target: Target, headers: Mapping[str, str], body: bytes = b"") -> Rule | None:
        """The first rule that fits. `headers` knows names in lower case, or in any as aiohttp's does."""
        for rule in self.candidates(method, target):
            if not rule.valid or hold(rule.valid, target, headers, body):
                return rule
        return None

    def reads_body(self, method: str, target: Target) -> bool:
        """Whether a rule that may fit has conditions on the body: then give it to `find`, up to BODY_CEILING bytes."""
        return any(rule.reads_body for rule in self.candidates(method, target))

    def candidates(self, method: str, target: Target) -> Sequence[Rule]:
        """The rules that fit method and path."""
        if len(target.path) > _CACHED:
            return self._find_candidates(method, target.path)
        return self._candidates(method, target.path)

    def filled(self, variables: Mapping[str, str]) -> "RuleList":
        """The same rules with the values of their variables. Raises UsageError for one that is not among them."""
        return RuleList(rule.filled(variables) for rule in self.rules)

    def check(self, names: Collection[str]) -> None:
        """Raises UsageError where a rule has a variable that is not among these."""
        for rule in self.rules:
            rule.check(names)

    def _find_candidates(self, method: str, path: str) -> tuple[Rule, ...]:
        return tuple(rule for rule, pattern in self._patterns if rule.method in {ANY, method} and pattern.fits(path))


@dataclass(frozen=True, slots=True)
class Rules:
    """What may go out (`public`) and come in (`private`)."""

    public: RuleList = field(default_factory=lambda: RuleList(()))
    private: RuleList = field(default_factory=lambda: RuleList(()))

    def filled(self, variables: Mapping[str, str]) -> "Rules":
        """The same rules with the values of their variables. Raises UsageError for one that is not among them."""
        return Rules(public=self.public.filled(variables), private=self.private.filled(variables))


def _pattern(path: str) -> Pattern:
    """A rule's path. Its own letters are written as those of the targets that it is compared with."""
    return Pattern(token for piece in WILD.split(path) for token in _tokens(piece))


def _tokens(piece: str) -> Iterable[Token]:
    if piece.startswith("*"):
        return (Wild.ANY,)
    if WILD.fullmatch(piece):
        return (Wild.ONE_IN_SEGMENT, Wild.IN_SEGMENT)
    return quote(unquote(piece), safe=IN_SEGMENT + "/")


AGENT_URL: Final = "CR_AGENT_URL"
"""The variable that stands for where the agent is; all rules may hold it."""

AGENT: Final = f"${{{AGENT_URL}}}"

DEFAULT_RULES: Final = Rules(
    public=RuleList(Rule(method="POST", path=path) for path in (*RESULT_PATHS, *DONE_PATHS)),
    private=RuleList(
        Rule(method=method, path=path, origin=AGENT)
        for method, path in (
            ("GET", "/healthcheck"),
            ("GET", "/validate-credentials"),
            ("GET", "/get-state-identifier"),
            ("GET", "/list"),
            ("GET", "/list/*"),
            ("GET", "/list-paginated"),
            ("GET", "/list-paginated/*"),
            ("GET", "/list-with-metadata/*"),
            ("GET", "/image-metadata/*"),
            ("POST", "/scan"),
            ("GET", "/scan/:job"),
            ("DELETE", "/scan/:job"),
            ("POST", "/discover"),
        )
    ),
)
"""The agent's paths, and the callbacks of its results."""
