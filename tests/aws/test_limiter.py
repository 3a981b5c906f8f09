"""A rate for each action of an account and region, which yields when AWS throttles. The clock is the test's."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tidewaiter.aws.limiter import PUBLISHED, Limiter

_HERE = ("111111111111", "eu-west-1", "DescribeImages")


class Time:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def limiter(time: Time) -> Limiter:
    return Limiter(clock=time.clock, sleep=time.sleep)


def _calls_within(limiter: Limiter, time: Time, seconds: float, where: tuple[str, str, str] = _HERE) -> int:
    end, calls = time.now + seconds, 0
    while True:
        limiter.wait(*where)
        if time.now > end:
            return calls
        calls += 1


def test_a_seconds_worth_of_calls_starts_at_once_and_then_they_are_spread(limiter: Limiter, time: Time) -> None:
    rate = limiter.per_second(*_HERE)
    assert _calls_within(limiter, time, 0) == int(rate)
    assert _calls_within(limiter, time, 0.9) == pytest.approx(rate * 0.9, abs=2)


@pytest.mark.parametrize("operation", PUBLISHED)
def test_a_published_quota_is_never_taken_by_more_than_half(limiter: Limiter, time: Time, operation: str) -> None:
    where = ("111111111111", "eu-west-1", operation)
    time.now += 3600
    assert limiter.per_second(*where) == PUBLISHED[operation] / 2
    calls = _calls_within(limiter, time, 10, where)
    assert calls <= PUBLISHED[operation] / 2 * 11


def test_an_unpublished_rate_feels_its_way_up_until_the_first_throttling(limiter: Limiter, time: Time) -> None:
    start = limiter.per_second(*_HERE)
    _calls_within(limiter, time, 10)
    risen = limiter.per_second(*_HERE)
    assert risen > 5 * start
    limiter.throttled(*_HERE)
    fallen = limiter.per_second(*_HERE)
    assert fallen == pytest.approx(0.7 * risen)
    _calls_within(limiter, time, 5)
    assert fallen < limiter.per_second(*_HERE) < 1.2 * fallen


def test_calls_that_were_throttled_together_slow_down_once(limiter: Limiter, time: Time) -> None:
    before = limiter.per_second(*_HERE)
    for _ in range(20):
        limiter.throttled(*_HERE)
    assert limiter.per_second(*_HERE) == pytest.approx(0.7 * before)
    time.now += 1.0
    limiter.throttled(*_HERE)
    assert limiter.per_second(*_HERE) < 0.6 * before


def test_it_never_comes_to_a_halt_nor_beyond_its_ceiling(limiter: Limiter, time: Time) -> None:
    for _ in range(100):
        time.now += 0.99
        limiter.throttled(*_HERE)
        time.now += 0.01
    assert limiter.per_second(*_HERE) >= 0.5
    time.now += 1e6
    limiter.wait(*_HERE)
    assert limiter.per_second(*_HERE) <= 1000


def test_accounts_regions_and_actions_have_rates_of_their_own(limiter: Limiter, time: Time) -> None:
    limiter.throttled(*_HERE)
    for other in (
        ("222222222222", *_HERE[1:]),
        (_HERE[0], "us-east-1", _HERE[2]),
        (*_HERE[:2], "DescribeRepositories"),
    ):
        assert limiter.per_second(*other) > limiter.per_second(*_HERE)
    assert _calls_within(limiter, time, 0, ("222222222222", *_HERE[1:])) > 0


def test_a_real_aws_that_allows_a_few_calls_a_second_is_met_within_seconds(limiter: Limiter, time: Time) -> None:
    """The server allows 8 calls a second, and says no to the rest."""
    allowed, refused, seconds = 0.0, [0] * 61, time.now
    last = time.now
    while time.now < seconds + 60:
        limiter.wait(*_HERE)
        allowed, last = min(8.0, allowed + (time.now - last) * 8), time.now
        if allowed >= 1:
            allowed -= 1
        else:
            refused[int(time.now - seconds)] += 1
            limiter.throttled(*_HERE)
    assert sum(refused[20:]) < 0.1 * 8 * 40


def test_threads_share_one_rate() -> None:
    waited: list[float] = []
    limiter = Limiter(clock=lambda: 0.0, sleep=waited.append)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: limiter.wait(*_HERE), range(100)))
    rate = limiter.per_second(*_HERE)
    assert max(waited) == pytest.approx((100 - rate) / rate)
