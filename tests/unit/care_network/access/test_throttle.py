"""The wait after wrong passwords."""

import datetime as dt

import pytest

from care_network.access.throttle import Allowance, Failures, longest_wait_s, wait_s

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
FIVE = Allowance(free=5, longest=dt.timedelta(minutes=15))


@pytest.mark.parametrize(
    ("count", "wait"), [(0, 0), (4, 0), (5, 2), (6, 4), (7, 8), (13, 512), (14, 900), (100, 900), (10**6, 900)]
)
def test_the_wait_doubles_up_to_the_longest(count: int, wait: int) -> None:
    assert wait_s(Failures(count, NOW), FIVE, NOW) == wait


def test_the_wait_runs_down_from_the_last_failure() -> None:
    failures = Failures(8, NOW - dt.timedelta(seconds=10.5))
    assert wait_s(failures, FIVE, NOW) == 6
    assert wait_s(failures, FIVE, NOW + dt.timedelta(seconds=6)) == 0


def test_the_strictest_count_decides() -> None:
    assert longest_wait_s([(Failures(5, NOW), FIVE), (Failures(6, NOW), FIVE), (Failures(0, None), FIVE)], NOW) == 4
    assert longest_wait_s([], NOW) == 0
