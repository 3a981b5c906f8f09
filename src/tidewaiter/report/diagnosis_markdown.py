"""A diagnosis in Markdown, for a ticket or a wiki page."""

import re

from tidewaiter.model.diagnosis import Diagnosis
from tidewaiter.report.ailments import Ailment, ailing_topics, ailments, by_place, right_topics, spelled
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
        lines += [
            f"Add to the {_plain(check.document) or 'policy'}:",
            "",
            "```json",
            _clean_lines(statement),
            "```",
            "",
        ]
    return lines + ([_plain(check.advice), ""] if check.advice else [])


def _clean_lines(text: str) -> str:
    return "\n".join(map(clean, text.splitlines()))


def _rows(diagnosis: Diagnosis) -> list[str]:
    return [
        f"| {_plain(account) or 'all'} | {_plain(region)} | {right_topics(checks)} | {ailing_topics(checks)} |"
        for (account, region), checks in by_place(diagnosis.checks).items()
    ]


def _plain(text: str) -> str:
    """The text without anything that Markdown would read as its own."""
    return _SPECIAL.sub(r"\\\1", clean(text))
