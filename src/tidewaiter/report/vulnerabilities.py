"""Findings as CycloneDX vulnerabilities: one a vulnerability, with all components that have it.

There is no analysis: nobody has judged whether it can be exploited.
https://cyclonedx.org/docs/1.6/json/#vulnerabilities
"""

from collections.abc import Iterable, Mapping, Sequence

from tidewaiter.model.finding import Finding, FixState, Severity
from tidewaiter.model.package import Package
from tidewaiter.report.bom import (
    AffectedVersion,
    Affects,
    Link,
    Named,
    Property,
    Rating,
    Reference,
    Vulnerability,
)

_SEVERITIES = {severity: str(severity) for severity in Severity} | {Severity.NEGLIGIBLE: "info"}
_FIXES = {
    FixState.NOT_FIXED: "has no fix yet",
    FixState.WONT_FIX: "will not be fixed",
    FixState.DEFERRED: "has its fix deferred",
    FixState.PRO_ONLY: "is fixed for paying subscribers only",
}


def vulnerabilities(findings: Iterable[Finding], refs: Mapping[Package, str]) -> list[Vulnerability]:
    """The findings by vulnerability, in their own order; `refs` names the packages within the document."""
    grouped: dict[str, list[Finding]] = {}
    for finding in findings:
        grouped.setdefault(finding.vulnerability, []).append(finding)
    return [_vulnerability(id_, group, refs) for id_, group in grouped.items()]


def _vulnerability(id_: str, findings: Sequence[Finding], refs: Mapping[Package, str]) -> Vulnerability:
    feeds = dict.fromkeys((match.feed, match.advisory) for finding in findings for match in finding.matches)
    links = dict.fromkeys(link for finding in findings for link in finding.references)
    return Vulnerability(
        id=id_,
        source=next((Named(name=feed) for feed, _ in feeds), None),
        references=[Reference(id=advisory, source=Named(name=feed)) for feed, advisory in feeds if advisory != id_],
        ratings=_ratings(findings),
        description=next((finding.summary for finding in findings if finding.summary), ""),
        recommendation=" ".join(dict.fromkeys(filter(None, map(_recommendation, findings)))),
        advisories=[Link(url=link) for link in links],
        affects=list(
            {refs[finding.package]: _affects(finding, refs[finding.package]) for finding in findings}.values()
        ),
        properties=_properties(findings, {advisory for _, advisory in feeds}),
    )


def _ratings(findings: Sequence[Finding]) -> list[Rating]:
    words = dict.fromkeys((finding.severity_source, finding.score, finding.severity) for finding in findings)
    return [
        Rating(source=Named(name=source) if source else None, score=score, severity=_SEVERITIES[severity])
        for source, score, severity in words
    ]


def _recommendation(finding: Finding) -> str:
    name, fix = finding.package.name, finding.fix
    if fix.state is FixState.FIXED:
        return f"Upgrade {name} to {' or '.join(fix.versions) or 'a newer version'}."
    return f"{name} {_FIXES[fix.state]}." if fix.state in _FIXES else ""


def _affects(finding: Finding, ref: str) -> Affects:
    installed = AffectedVersion(version=finding.package.version, status="affected")
    safe = finding.fix.versions if finding.fix.state is FixState.FIXED else ()
    return Affects(ref=ref, versions=[installed, *(AffectedVersion(version=v, status="unaffected") for v in safe)])


def _properties(findings: Sequence[Finding], named: set[str]) -> list[Property]:
    aliases = dict.fromkeys(alias for finding in findings for alias in finding.aliases if alias not in named)
    threat = findings[0].threat
    pairs = [("alias", alias) for alias in aliases]
    pairs += [("kev", str(threat.kev).lower())] if threat.kev is not None else []
    pairs += [("epss", str(threat.epss))] if threat.epss is not None else []
    return [Property(name=f"tidewaiter:{name}", value=value) for name, value in pairs]
