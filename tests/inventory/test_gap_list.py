"""Gaps by the million are told in bounds."""

from tidewaiter.inventory.gap_list import GapList
from tidewaiter.model.gap import Gap, Stage, Why


def gaps(count: int) -> GapList:
    found = GapList()
    for number in range(count):
        found.add(Gap(stage=Stage.INVENTORY, why=Why.MALFORMED, subject=f"{number}", detail="it is broken."))
    return found


def test_a_thousand_gaps_are_all_told() -> None:
    assert [gap.subject for gap in gaps(1000).gaps()] == [f"{number}" for number in range(1000)]


def test_of_more_the_last_one_tells_the_number_and_the_first() -> None:
    told = gaps(1234).gaps()
    assert len(told) == 1001
    assert (told[-1].why, told[-1].subject) == (Why.MALFORMED, "1000")
    assert told[-1].detail == "234 more like it are not listed: it is broken."


def test_none_are_none() -> None:
    assert gaps(0).gaps() == ()
