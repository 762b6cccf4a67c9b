"""Inactivity in a real home: seven days to learn, seven to be quiet, and a stop that is found within two hours."""

from functools import cache

import pytest

from alerting.core.finding import Finding
from alerting.detection.detectors import all_detectors
from alerting.detection.engine.engine import LATENESS_US, Engine
from alerting.detection.kit.context import Happened
from alerting.detection.kit.routine.whereabouts import Whereabouts
from tests.support import ordonez

HOUR = 3_600_000_000


@cache
def ordinary() -> list[Happened]:
    return ordonez.events()


def found(events: list[Happened], until_us: int) -> list[Finding]:
    kinds = {name: kind for name, kind in all_detectors().items() if name.startswith("inactivity.")}
    engine = Engine(ordonez.district(), events[0].time_us, kinds)
    told = []
    for happened in events:
        told += engine.event(happened)
        told += engine.advance(happened.time_us)
    return [*told, *engine.advance(until_us + LATENESS_US + 5_000_000)]


def at_home_and_awake(time_us: int) -> bool:
    home = Whereabouts()
    for happened in ordinary():
        if happened.time_us <= time_us:
            home.take(happened)
    return not home.away and not home.in_bed


def test_no_inactivity_on_ordinary_days() -> None:
    events = ordinary()
    assert found(events, events[-1].time_us) == []


@pytest.mark.parametrize("day", range(5, 12))
def test_a_stop_of_all_activity_is_found_within_two_hours(day: int) -> None:
    moments = [ordonez.local(f"2011-12-{day:02d} {hour:02d}:20:00") for hour in range(10, 24, 2)]
    moments = [moment for moment in moments if at_home_and_awake(moment)]
    assert len(moments) >= 2
    for moment in moments:
        told = found(ordonez.events(moment), moment + 2 * HOUR)
        assert [(f.action, f.rule) for f in told][:1] == [("open", "inactivity")]
        assert moment < told[0].sensed_us <= moment + 2 * HOUR
