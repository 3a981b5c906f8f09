"""What was used lately stays, as far as there is room."""

from tidewaiter.fleet.recent import Recent
from tidewaiter.simulator.images import sha256

A, B, C = (sha256(name) for name in (b"a", b"b", b"c"))


def test_what_was_not_used_for_the_longest_time_makes_room() -> None:
    recent = Recent(10)
    recent.put(A, b"1234")
    recent.put(B, b"1234")
    assert recent.get(A) == b"1234"
    recent.put(C, b"1234")
    assert (recent.get(A), recent.get(B), recent.get(C)) == (b"1234", None, b"1234")


def test_what_is_put_twice_takes_its_room_once() -> None:
    recent = Recent(10)
    for _ in range(5):
        recent.put(A, b"1234")
    recent.put(B, b"123456")
    assert recent.get(A) == b"1234"


def test_what_is_larger_than_all_the_room_drives_nothing_out() -> None:
    recent = Recent(10)
    recent.put(A, b"1234")
    recent.put(B, bytes(11))
    assert (recent.get(A), recent.get(B)) == (b"1234", None)
