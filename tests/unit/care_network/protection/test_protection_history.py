"""How long somebody was blind: across the edges of a month, with gaps of the observer as unknown."""

import datetime as dt

from care_network.protection.functions import Level
from care_network.protection.history import durations

SINCE, UNTIL = dt.datetime(2026, 11, 1, tzinfo=dt.UTC), dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
DAY = 86_400.0


def at(hour: float) -> dt.datetime:
    return SINCE + dt.timedelta(hours=hour)


def test_before_the_first_look_nothing_is_known() -> None:
    assert durations([], [], SINCE, UNTIL) == ([0, 0, DAY, 0], 0)
    assert durations([(at(6), Level.COVERED)], [], SINCE, UNTIL) == ([DAY * 3 / 4, 0, DAY / 4, 0], 0)


def test_what_began_before_holds_and_what_begins_within_is_counted() -> None:
    changes = [(at(-100), Level.BLIND), (at(2), Level.COVERED), (at(20), Level.BLIND), (at(22), Level.WEAK)]
    assert durations(changes, [], SINCE, UNTIL) == ([18 * 3600, 2 * 3600, 0, 4 * 3600], 1)


def test_times_without_an_observer_are_unknown_whatever_held() -> None:
    gaps = [(at(-5), at(1)), (at(10), at(12)), (at(23), at(40))]
    changes = [(at(-9), Level.COVERED), (at(11), Level.BLIND)]
    assert durations(changes, gaps, SINCE, UNTIL) == ([9 * 3600, 0, 4 * 3600, 11 * 3600], 1)
