"""In bed: a pause is believed unless the sensor doubts itself; who has just lain down is not missed."""

import numpy as np
import pytest

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.kit.columns import VitalColumns, lane_of
from alerting.detection.kit.context import District, Happened, Person, Source
from tests.support.sensors import FIRST, MINUTE, raised
from vocabulary.times import HOUR_US

DISTRICT = District([Person(id=1, code="R0001", household_id=7)], {}, {})


def motion_in(room: str) -> Source:
    return Source(
        gateway="gw-1", name="pir", model="test", household_id=7, person=None, heartbeat_s=1e9,
        label_zh="pir", label_en="pir", room=room, home=0,
    )  # fmt: skip


def run(step: int, moves: tuple[Happened, ...] = (), **series: list[tuple[float, float]]) -> list[Finding]:
    """Series of (minute, value) by channel; the clock moves every ``step`` minutes for three hours."""
    rows = [(lane_of(code), FIRST + int(m * MINUTE), value) for code, values in series.items() for m, value in values]
    column, time_us, value = (np.array(part) for part in zip(*rows, strict=True))
    engine, found = Engine(DISTRICT, FIRST), []
    for now_us in range(FIRST + step * MINUTE, FIRST + 3 * HOUR_US + 1, step * MINUTE):
        here = (time_us >= now_us - step * MINUTE) & (time_us < now_us)
        zeros = np.zeros(int(here.sum()), np.int32)
        for move in moves:
            if now_us - step * MINUTE <= move.time_us < now_us:
                found += engine.event(move)
        engine.readings(
            VitalColumns(zeros, column[here].astype(np.int16), time_us[here], value[here].astype(np.float32))
        )
        found += engine.advance(now_us)
    return found


def breaths(*stretches: tuple[int, int, float]) -> list[tuple[float, float]]:
    return [(m + s / 4 + 0.01, rate) for begin, end, rate in stretches for m in range(begin, end) for s in range(4)]


BED = [(float(minute), 1.0) for minute in range(180)]


@pytest.mark.parametrize("step", [1, 60])
@pytest.mark.parametrize(("quality", "told"), [(None, True), (80.0, True), (10.0, False)])
def test_a_pause_that_the_sensor_doubts_is_not_told(step: int, quality: float | None, told: bool) -> None:
    series = {"in_bed": BED, "respiration_rate": breaths((0, 20, 15), (20, 22, 2), (22, 40, 15))}
    if quality is not None:
        series["signal_quality"] = [(float(minute), quality) for minute in range(180)]
    found = [f for f in run(step, **series) if f.evidence.get("kind") == "breathing"]
    assert bool(found) is told


@pytest.mark.parametrize(("quality", "minutes"), [(None, 30), (5.0, 60)])
def test_nothing_measured_in_bed_takes_longer_when_the_signal_is_poor(quality: float | None, minutes: int) -> None:
    series = {"in_bed": BED, "heart_rate": breaths((0, 20, 60))}
    if quality is not None:
        series["signal_quality"] = [(float(minute), quality) for minute in range(180)]
    found = [f for f in run(60, **series) if f.rule == "no_vital_sign"]
    assert raised(found) == [("open", "no_vital_sign", "urgent")]
    assert f"在床但 {minutes} 分钟未测到" in found[0].reason_zh
    assert ("信号质量 5%" in found[0].reason_zh) is (quality is not None)


@pytest.mark.parametrize("step", [1, 60])
def test_who_lies_down_hours_after_the_last_measurement_has_an_hour(step: int) -> None:
    bed = [(float(minute), 1.0 if minute < 20 or minute >= 90 else 0.0) for minute in range(180)]
    found = [f for f in run(step, in_bed=bed, heart_rate=breaths((0, 20, 60))) if f.rule == "no_vital_sign"]
    assert [f.action for f in found] == ["open"]
    assert found[0].sensed_us - FIRST >= 149 * MINUTE


@pytest.mark.parametrize("step", [1, 60])
@pytest.mark.parametrize(("since", "told_at"), [(21, 140), (30, 50)], ids=["about since it is gone", "a few signs"])
def test_a_taken_bed_is_doubted_while_somebody_is_about(step: int, since: int, told_at: int) -> None:
    kitchen = motion_in("kitchen")
    moves = tuple(Happened(kitchen, "motion_began", FIRST + m * MINUTE, {}) for m in range(since, 48, 4))
    found = [f for f in run(step, moves, in_bed=BED, heart_rate=breaths((0, 20, 60))) if f.rule == "no_vital_sign"]
    assert [f.action for f in found] == ["open"]
    assert round((found[0].sensed_us - FIRST) / MINUTE) == told_at
