"""Who measures again, and finds it as bad or worse, never makes an alert later or milder."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.kit.columns import VitalColumns
from alerting.detection.kit.context import District, Person, Source
from tests.support.sensors import FIRST, MINUTE
from vocabulary.severity import RANK, Severity

DEVICE = Source(
    gateway="gw-1",
    name="monitor",
    model="test",
    household_id=7,
    person=0,
    heartbeat_s=1e9,
    label_zh="监护仪",
    label_en="monitor",
    home=0,
)
DISTRICT = District([Person(id=1, code="R0001", household_id=7)], {DEVICE.id: DEVICE}, {"gw-1": 7})
WORSE = {
    "heart_rate": (72.0, 95.0, 115.0, 133.0, 155.0),
    "spo2": (98.0, 95.0, 93.0, 91.0, 88.0, 84.0),
    "respiration_rate": (16.0, 22.0, 25.0, 28.0, 34.0),
    "systolic_bp": (124.0, 108.0, 96.0, 86.0, 76.0),
    "body_temperature": (36.8, 38.4, 39.3, 40.4),
    "glucose": (6.0, 3.6, 2.8, 1.8),
}
"""Values of each channel, each worse than the one before."""
GAPS = st.sampled_from((2, 3, 8, 12, 40))
Reading = tuple[int, str, int]  # minute, channel, place in WORSE
EPISODES = {"news2", *(f"limit_{code}" for code in WORSE)}


@st.composite
def measured(draw: st.DrawFn) -> tuple[list[Reading], Reading]:
    """A few measurements by hand, and one more that is as bad as, or worse than, the one before of its channel."""
    codes = draw(st.lists(st.sampled_from(sorted(WORSE)), min_size=1, max_size=2, unique=True))
    minute, readings = 0, []
    for _ in range(draw(st.integers(1, 6))):
        minute += draw(GAPS)
        code = draw(st.sampled_from(codes))
        readings.append((minute, code, draw(st.integers(0, len(WORSE[code]) - 1))))
    at = draw(st.integers(0, len(readings) - 1))
    before, code, place = readings[at]
    after = [minute for minute, other, _ in readings[at + 1 :] if other == code]
    latest = min([before + 20, *(minute - 1 for minute in after)])
    again = draw(st.integers(min(before + 1, latest), latest))
    return readings, (again, code, draw(st.integers(place, len(WORSE[code]) - 1)))


def first_told(readings: list[Reading]) -> dict[Severity, int]:
    """When an alert first was at least so severe, in minutes."""
    engine, found = Engine(DISTRICT, FIRST), list[Finding]()
    for now in range(max(minute for minute, _, _ in readings) + 40):
        for minute, code, place in readings:
            if minute == now:
                lane = engine.seats.lane(DEVICE, code)
                assert lane is not None
                one = np.array([lane[0]], np.int32), np.array([lane[1]], np.int16)
                value = np.array([WORSE[code][place]], np.float32)
                engine.readings(VitalColumns(*one, np.array([FIRST + now * MINUTE]), value))
        found += engine.advance(FIRST + now * MINUTE + MINUTE // 2)
    told: dict[Severity, int] = {}
    for finding in found:
        if finding.rule in EPISODES and finding.action in ("open", "update"):
            for severity in ("attention", "urgent", "emergency"):
                if RANK[finding.severity] <= RANK[severity]:
                    told.setdefault(severity, (finding.sensed_us - FIRST) // MINUTE)
    return told


@settings(max_examples=60)
@given(measured())
def test_a_reading_as_bad_or_worse_never_makes_an_alert_later_or_milder(case: tuple[list[Reading], Reading]) -> None:
    readings, again = case
    if any(minute == again[0] and code == again[1] for minute, code, _ in readings):
        return
    before, after = first_told(readings), first_told(sorted([*readings, again]))
    assert all(severity in after and after[severity] <= at for severity, at in before.items()), (before, after)
