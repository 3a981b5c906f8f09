"""How bad a vulnerability is, by the word of the one whose word counts most.

Every rating stays with its advisory; here one is chosen: the matched distribution's own, then GitHub's where GitHub
has an advisory, then NVD's, then the highest of the rest. Of one publisher the newest version of CVSS counts.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from tidewaiter.model.advisory import Rating
from tidewaiter.model.finding import Severity

# What publishers call it: Debian, Ubuntu, Red Hat, Alma, Rocky, SUSE, Amazon, GitHub, Bitnami. No word means two
# things.
_LABELS = {
    "none": Severity.NEGLIGIBLE,
    "negligible": Severity.NEGLIGIBLE,
    "unimportant": Severity.NEGLIGIBLE,
    "low": Severity.LOW,
    "minor": Severity.LOW,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "critical": Severity.CRITICAL,
}
_CVSS_STEPS = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))
_CVSS_VERSIONS = (("CVSS_V2",), ("CVSS_V3", "CVSS:3"), ("CVSS_V4", "CVSS:4"))
_GITHUB = "ghsa"
_NVD = "nvd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """A rating, and how specific it is.

    `own` marks the word of the distribution whose package it is. `specific` counts: a rating of this very package (2)
    outweighs one of an advisory on one vulnerability (1), and that one of an advisory on many (0), which gives their
    worst.
    """

    rating: Rating
    own: bool = False
    specific: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The severity chosen, the one who gave it ("" if none did), and the CVSS score it was read from, if it was."""

    severity: Severity = Severity.UNKNOWN
    source: str = ""
    score: float | None = None


def choose(opinions: Collection[Opinion]) -> Choice:
    """The severity by the first of those, in the order above, who gave one that says anything."""
    for group in filter(None, _by_weight(opinions)):
        best = _best(group)
        if best.severity is not Severity.UNKNOWN:
            return best
    return Choice()


def _by_weight(opinions: Collection[Opinion]) -> Iterable[list[Opinion]]:
    own = [opinion for opinion in opinions if opinion.own]
    for specific in (2, 1, 0):
        yield [each for each in own if each.specific == specific and each.rating.label]
    for specific in (2, 1, 0):
        yield [each for each in own if each.specific == specific]
    for source in (_GITHUB, _NVD):
        given = [each for each in opinions if each.rating.source == source]
        yield [each for each in given if each.rating.label]
        yield given
    yield list(opinions)


def _best(opinions: Iterable[Opinion]) -> Choice:
    """The worst of what the publishers say; of each one, of its last way to say it."""
    said = [
        (each.rating, choice) for each in opinions if (choice := read(each.rating)).severity is not Severity.UNKNOWN
    ]
    last: dict[str, int] = {}
    for rating, _ in said:
        last[rating.source] = max(last.get(rating.source, 0), _order(rating))
    choices = [choice for rating, choice in said if _order(rating) == last[rating.source]]
    return max(choices, key=lambda choice: (choice.severity.value, choice.score or 0.0), default=Choice())


def _order(rating: Rating) -> int:
    """Each version of CVSS replaces the one before, and a word of the publisher's own outweighs any."""
    if rating.label.strip():
        return len(_CVSS_VERSIONS)
    return next(
        (place for place, marks in enumerate(_CVSS_VERSIONS) if (rating.system or rating.vector).startswith(marks)), 0
    )


def read(rating: Rating) -> Choice:
    """What one rating says: by its label, else its score, else its vector; UNKNOWN if none of them can be read."""
    label = _LABELS.get(rating.label.strip().rstrip("*").lower())
    if label is not None:
        return Choice(severity=label, source=rating.source, score=rating.score)
    score = rating.score if rating.score is not None else score_of(rating.vector)
    if score is None:
        return Choice()
    version_2 = rating.system == "CVSS_V2" or (not rating.system and not rating.vector.startswith("CVSS:"))
    return Choice(severity=of_score(score, version_2=version_2), source=rating.source, score=score)


def of_score(score: float, *, version_2: bool) -> Severity:
    """The severity of a CVSS base score. Version 2 knows no critical.

    https://nvd.nist.gov/vuln-metrics/cvss
    """
    for least, severity in _CVSS_STEPS:
        if score >= least:
            return Severity.HIGH if version_2 and severity is Severity.CRITICAL else severity
    return Severity.LOW if version_2 else Severity.NEGLIGIBLE


@lru_cache(maxsize=4096)
def score_of(vector: str) -> float | None:
    """The base score of a CVSS vector of version 2, 3 or 4; None for what is none of them."""
    if not vector:
        return None
    # Imported only when a vector has to decide: it costs more than judging a small image.
    from cvss import CVSS2, CVSS3, CVSS4
    from cvss.exceptions import CVSSError

    text = vector.strip().strip("()")
    kind = CVSS4 if text.startswith("CVSS:4") else CVSS3 if text.startswith("CVSS:3") else CVSS2
    try:
        return float(kind(text).base_score)
    except CVSSError:
        return None
