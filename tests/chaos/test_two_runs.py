"""Two runs on one store at the same time: the second one goes away, and the first one does not notice."""

from fakes.holds import HeldCalls
from fleet_commands import Ended, Fleet


def test_the_second_says_who_has_the_store_and_breaks_nothing(fleet: Fleet, undisturbed: Ended) -> None:
    hold = HeldCalls.of(fleet.cloud).hold("ecr:BatchGetImage", after=3)
    first = fleet.started()
    hold.wait(lambda: first.is_alive)
    second = fleet.scanned()
    assert (second.code, second.out) == (3, "")
    (line,) = second.err.splitlines()
    assert line.startswith(f"tidewaiter: {fleet.store}: is in use by another run (process {first.process.pid} on ")
    assert "--store" in line
    hold.release()
    ended = first.ended()
    assert ended.lasting == undisturbed.lasting
    assert not ended.report["run"]["continued"]
    assert fleet.runs() == [1]


def test_a_store_is_free_again_after_its_holder_was_killed(fleet: Fleet) -> None:
    hold = HeldCalls.of(fleet.cloud).hold("ecr:DescribeImages", after=2)
    first = fleet.started()
    hold.wait(lambda: first.is_alive)
    first.process.kill()
    first.ended()
    hold.release()
    assert fleet.scanned("--repository", "none/of/them").code == 2
