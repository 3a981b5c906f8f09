from datetime import UTC, datetime, timedelta

import pytest

from tidewaiter.iam.checks.clock import compared
from tidewaiter.model.diagnosis import Health

THEIRS = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ANSWER = {"ResponseMetadata": {"HTTPHeaders": {"date": "Sun, 01 Mar 2026 12:00:00 GMT"}}}


@pytest.mark.parametrize(
    ("seconds", "health", "word"),
    [
        (0, Health.RIGHT, "within 60 seconds"),
        (-59, Health.RIGHT, "within 60 seconds"),
        (60, Health.POORER, "60 seconds fast"),
        (-299, Health.POORER, "299 seconds slow"),
        (300, Health.WRONG, "300 seconds fast; AWS refuses"),
        (-86400, Health.WRONG, "86400 seconds slow; AWS refuses"),
    ],
)
def test_clocks_are_compared_by_the_date_of_an_answer(seconds: int, health: Health, word: str) -> None:
    (check,) = compared(ANSWER, THEIRS + timedelta(seconds=seconds))
    assert check.health is health
    assert word in check.says


@pytest.mark.parametrize(
    "headers", [{}, {"date": ""}, {"date": "yesterday"}, {"date": "Sun, 01 Mar 2026 12:00:00 -0000"}]
)
def test_without_a_date_that_can_be_read_nothing_is_said(headers: dict[str, str]) -> None:
    assert list(compared({"ResponseMetadata": {"HTTPHeaders": headers}}, THEIRS)) == []
