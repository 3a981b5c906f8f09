"""Of each account and region: how many manifests were found, and how they ended."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tidewaiter.model.cloud import Registry
from tidewaiter.model.fleet import AccountCoverage, RegistryCoverage
from tidewaiter.model.gap import Gap, Why
from tidewaiter.report.fleet_gaps import LEFT_OUT
from tidewaiter.report.layout import Cell, Style, clean
from tidewaiter.report.page import Page, Row, titled

_TITLES = titled("Account", "Region", "Repos", "Found", "Scanned", "Skipped", "Failed", right=(2, 3, 4))
_FORESEEN = titled("Account", "Region", "Repos", "Found", "To scan", "Skipped", "Failed", right=(2, 3, 4))
_PASSED_TOGETHER = 4  # accounts that are passed over for one reason, and share a row
_LEAST = (12, 14, 5, 5, 7, 14, 9)


def foreseen_lines(accounts: Sequence[AccountCoverage], page: Page) -> list[str]:
    """The same before a run: those that are pending are to be scanned."""
    foreseen = [
        replace(each, registries=tuple(replace(one, scanned=one.pending, pending=0) for one in each.registries))
        for each in accounts
    ]
    return _lines(_FORESEEN, foreseen, page)


def coverage_lines(accounts: Sequence[AccountCoverage], page: Page) -> list[str]:
    """A row a registry, below its account, and one for all of them together. Empty regions share one."""
    return _lines(_TITLES, accounts, page)


def _lines(titles: Row, accounts: Sequence[AccountCoverage], page: Page) -> list[str]:
    passed = Counter(why for account in accounts if (why := _passed_by(account)))
    rows = [row for account in accounts if passed[_passed_by(account)] < _PASSED_TOGETHER for row in _account(account)]
    rows += [_passed(why, count) for why, count in passed.items() if count >= _PASSED_TOGETHER]
    registries = [registry for account in accounts for registry in account.registries]
    if len(registries) > 1:
        rows.append(_sum(registries))
    return page.columns(titles, rows, _LEAST) if rows else ["  nothing was found"]


def _passed_by(coverage: AccountCoverage) -> str:
    """Why an account was not entered on purpose, "" where it was, or should have been."""
    reasons = {gap.why for gap in coverage.gaps}
    return next(iter(reasons)) if len(reasons) == 1 and reasons <= LEFT_OUT and not coverage.registries else ""


def _passed(why: str, count: int) -> Row:
    """One row for many accounts: their names stand among what was left out."""
    empty = Cell("")
    skipped = Cell(f"not entered: {why}", Style.DIM)
    return (Cell(f"{count:,} accounts", Style.BOLD), empty, empty, empty, empty, skipped, empty)


def _account(coverage: AccountCoverage) -> Iterator[Row]:
    lead = Cell(account_name(coverage), Style.BOLD)
    empty = [registry for registry in coverage.registries if not registry.repositories and not registry.gaps]
    for registry in coverage.registries:
        if registry not in empty or len(empty) == 1:
            yield (lead, Cell(_region(registry.registry)), *_counts(registry))
            lead = Cell("")
    if len(empty) > 1:
        yield (lead, Cell(f"{len(empty)} empty"), _number(0), *(Cell("") for _ in _TITLES[3:]))
        lead = Cell("")
    if coverage.gaps:
        region = "other regions" if coverage.registries else ""
        skipped, failed = _gap_words(coverage.gaps, "not entered")
        yield (lead, Cell(region), Cell(""), Cell(""), Cell(""), skipped, failed)
    elif not coverage.registries:
        yield (lead, Cell("no registries"), *(Cell("") for _ in _TITLES[2:]))


def account_name(coverage: AccountCoverage) -> str:
    """The account's number, its name, and whether it manages the organization."""
    account = coverage.account
    return clean(" ".join(filter(None, (account.id, account.name, "(management)" if account.management else ""))))


def _region(registry: Registry) -> str:
    return "public" if registry.public else clean(registry.region)


def _counts(coverage: RegistryCoverage) -> Row:
    unlisted_skips, unlisted = _gap_words(coverage.gaps, "not listed")
    return (
        _number(coverage.repositories),
        _number(coverage.manifests),
        _number(coverage.scanned),
        Cell(_words([_reasons(coverage.skipped), unlisted_skips.text]), Style.DIM),
        Cell(_words([_reasons(coverage.failed), _pending(coverage.pending), unlisted.text]), Style.WARNING),
    )


def _sum(registries: Sequence[RegistryCoverage]) -> Row:
    skipped: Counter[Why] = Counter()
    failed: Counter[Why] = Counter()
    for registry in registries:
        skipped.update(dict(registry.skipped))
        failed.update(dict(registry.failed))
    return (
        Cell("in all", Style.BOLD),
        Cell(""),
        _number(sum(registry.repositories for registry in registries)),
        _number(sum(registry.manifests for registry in registries)),
        _number(sum(registry.scanned for registry in registries)),
        Cell(_reasons(skipped.most_common()), Style.DIM),
        Cell(
            _words([_reasons(failed.most_common()), _pending(sum(registry.pending for registry in registries))]),
            Style.WARNING,
        ),
    )


def _number(count: int) -> Cell:
    return Cell(f"{count:,}", right=True)


def _reasons(counts: Iterable[tuple[Why, int]]) -> str:
    return ", ".join(f"{count:,} {why}" for why, count in counts if count)


def _pending(count: int) -> str:
    return f"{count:,} not come to" if count else ""


def _gap_words(gaps: Sequence[Gap], what: str) -> tuple[Cell, Cell]:
    """What was passed over, and what should have been looked at: `2 not listed: denied`."""
    reasons = Counter(gap.why for gap in gaps)
    words = {why: f"{count:,} {what}: {why}" if count > 1 else f"{what}: {why}" for why, count in reasons.items()}
    return (
        Cell(", ".join(word for why, word in words.items() if why in LEFT_OUT), Style.DIM),
        Cell(", ".join(word for why, word in words.items() if why not in LEFT_OUT), Style.WARNING),
    )


def _words(parts: Iterable[str]) -> str:
    return ", ".join(filter(None, parts))
