"""Which vulnerabilities an advisory speaks of, by the name all publishers share.

The name is the CVE if there is one. `aliases` are the same vulnerability, both ways and all along the chain;
`upstream` are those that an advisory passes on, and there may be many. Two CVEs are never one, whoever lists them
together. https://ossf.github.io/osv-schema/#aliases-field
"""

import re
from collections.abc import Iterable, Mapping

from tidewaiter.model.advisory import Advisory

_PUBLISHED_AS = re.compile(r"[A-Z]+-(CVE-\d{4}-\d{4,}|TEMP-.+)")
_REGRESSION = re.compile(r"(D[SL]A-\d+)-(?:[2-9]|\d{2,})")

# Publishers that name the CVEs of an erratum in `related` alone.
_ERRATA = re.compile(r"(RH[SBE]A|RLSA|RXSA|ALSA|SUSE-[SRO]U|openSUSE-[SRO]U|USN|LSN|ELSA|ALAS\w*|MGASA|UBUNTU)-")


def names(advisories: Iterable[Advisory]) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """For each advisory, by `(feed, id)`, the vulnerabilities it speaks of, sorted: at least one."""
    given = list(advisories)
    web = _Aliases(given)
    found = {(each.feed, each.id): tuple(sorted(web.names(each))) for each in given}
    first_editions = {each.id: found[each.feed, each.id] for each in given}
    for each in given:
        inherited = _inherited(each, first_editions)
        if inherited:
            found[each.feed, each.id] = inherited
    return found


def _inherited(advisory: Advisory, editions: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """A Debian regression update (`DSA-1234-2`) often lists no CVE: it speaks of those of the first edition."""
    regression = _REGRESSION.fullmatch(advisory.id)
    if regression is None or advisory.aliases or advisory.upstream:
        return ()
    return editions.get(f"{regression[1]}-1", ())


class _Aliases:
    """Sets of ids that are the same vulnerability, joined through all but CVEs, and the CVEs of each set."""

    def __init__(self, advisories: list[Advisory]) -> None:
        self._parents: dict[str, str] = {}
        for advisory in advisories:
            for alias in advisory.aliases:
                if not is_cve(alias) and not is_cve(advisory.id):
                    self._join(advisory.id, alias)
        self._cves: dict[str, set[str]] = {}
        self._members: dict[str, set[str]] = {}
        for advisory in advisories:
            root = self._root(advisory.id)
            self._members.setdefault(root, set()).update(self._same(advisory))
            self._cves.setdefault(root, set()).update(filter(is_cve, (advisory.id, *advisory.aliases)))

    @staticmethod
    def _same(advisory: Advisory) -> list[str]:
        return [each for each in (advisory.id, *advisory.aliases) if not is_cve(each)]

    def names(self, advisory: Advisory) -> set[str]:
        cves = set(filter(is_cve, (advisory.id, *advisory.aliases, *advisory.upstream)))
        for each in advisory.upstream:
            cves |= self._known(each)
        if not cves and _ERRATA.match(advisory.id):
            cves = set(filter(is_cve, advisory.related))
        return cves or self._known(advisory.id) or self._without_cve(advisory)

    def _known(self, name: str) -> set[str]:
        """The CVEs that an id stands for: by its aliases, or because it spells one (`DEBIAN-CVE-2024-0001`)."""
        published = _PUBLISHED_AS.fullmatch(name)
        if published:
            return {published[1]}
        return self._cves.get(self._root(name), set())

    def _without_cve(self, advisory: Advisory) -> set[str]:
        if advisory.upstream:
            return {self._first(each) for each in advisory.upstream}
        return {self._first(advisory.id)}

    def _first(self, name: str) -> str:
        """The best known name of a set: GitHub's if there is one."""
        members = self._members.get(self._root(name), {name})
        return min(members, key=lambda each: (not each.startswith("GHSA-"), each))

    def _root(self, name: str) -> str:
        while (parent := self._parents.get(name, name)) != name:
            name = parent
        return name

    def _join(self, one: str, other: str) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        if first != second:
            self._parents[second] = first


def is_cve(name: str) -> bool:
    """Whether this is the id of a CVE."""
    return name.startswith("CVE-")
