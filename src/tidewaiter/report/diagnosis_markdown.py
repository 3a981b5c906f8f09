"""A diagnosis in Markdown, for a ticket or a wiki page."""

import re

from tidewaiter.model.diagnosis import Check, Diagnosis, Health
from tidewaiter.report.ailments import Ailment, ailments, spelled
from tidewaiter.report.diagnosis_table import verdict_of
from tidewaiter.report.layout import clean

_PLACES_SHOWN = 20
_SPECIAL = re.compile(r"([\\`*_\[\]<>|])")


def render(diagnosis: Diagnosis) -> str:
    """The diagnosis as a Markdown document."""
    identity = diagnosis.identity
    asked = f"Asked by `{clean(identity.arn)}`, {diagnosis.started:%Y-%m-%d %H:%M} UTC." if identity else ""
    lines = ["# Diagnosis", "", f"`{clean(diagnosis.command)}`", "", *([asked, ""] if asked else [])]
    lines += [f"**{verdict_of(diagnosis)[1]}**", ""]
    if found := ailments(diagnosis.checks):
        lines += ["## Good to know" if diagnosis.healthy else "## What is not right", ""]
        lines += [line for each in found for line in _ailment(each)]
    lines += ["## Checked", "", "| account | region | right | not right |", "|---|---|---|---|", *_rows(diagnosis), ""]
    lines += ["## Registries", "", "| registry | repositories |", "|---|---|"]
    lines += [f"| `{clean(registry.host)}` | {count:,} |" for registry, count in diagnosis.registries]
    return "\n".join(lines) + "\n"


def _ailment(ailment: Ailment) -> list[str]:
    check = ailment.first
    where = spelled(ailment.places, _PLACES_SHOWN)
    lines = [
        f"### {check.health}: {check.topic}" + (f" ({_plain(where)})" if where else ""),
        "",
        _plain(check.says),
        "",
    ]
    if statement := ailment.statement:
        lines += [f"Add to the {_plain(check.document) or 'policy'}:", "", "```json", clean_lines(statement), "```", ""]
    return lines + ([_plain(check.advice), ""] if check.advice else [])


def clean_lines(text: str) -> str:
    """The text with each line cleaned."""
    return "\n".join(map(clean, text.splitlines()))


def _rows(diagnosis: Diagnosis) -> list[str]:
    places: dict[tuple[str, str], list[Check]] = {}
    for check in diagnosis.checks:
        places.setdefault((check.account, check.region), []).append(check)
    return [f"| {' | '.join(_cells(*place, checks))} |" for place, checks in places.items()]


def _cells(account: str, region: str, checks: list[Check]) -> tuple[str, str, str, str]:
    return _plain(account) or "all", _plain(region), _topics(checks, right=True), _topics(checks, right=False)


def _topics(checks: list[Check], *, right: bool) -> str:
    named = (
        str(check.topic) if right else f"{check.topic} {check.health}"
        for check in checks
        if (check.health is Health.RIGHT) is right
    )
    return ", ".join(dict.fromkeys(named))


def _plain(text: str) -> str:
    """The text without anything that Markdown would read as its own."""
    return _SPECIAL.sub(r"\\\1", clean(text))
