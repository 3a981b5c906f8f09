"""One check for one fault: what is refused alike in many regions of an account is told once."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from tidewaiter.model.diagnosis import Check, Health

_REGIONAL: Final = re.compile(r"(arn:[a-z-]+:ecr:)[a-z0-9-]+:")


def merged(checks: Iterable[Check]) -> Iterator[Check]:
    """The checks, where those of one fault in several regions are one without a region, which names them."""
    by_fault: dict[Check, list[Check]] = {}
    for check in checks:
        by_fault.setdefault(_everywhere(check) if check.health is not Health.RIGHT else check, []).append(check)
    for fault, alike in by_fault.items():
        yield alike[0] if len(alike) == 1 else _in_regions(fault, sorted(each.region for each in alike))


def _in_regions(fault: Check, regions: list[str]) -> Check:
    return replace(fault, says=f"{fault.says} (in {len(regions)} regions: {', '.join(regions)})")


def _everywhere(check: Check) -> Check:
    """The check as if it were about all regions: a statement for a role is best written so."""
    resource, statement = (_REGIONAL.sub(r"\1*:", text) for text in (check.resource, check.statement))
    return replace(check, region="", resource=resource, statement=statement)
