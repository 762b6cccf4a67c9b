"""NEWS2 in the engine: one odd reading, a measurement by hand, and a score that rises."""

import numpy as np
import pytest

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.kit.columns import VitalColumns, lane_of
from alerting.detection.kit.context import District, Person
from tests.support.sensors import FIRST, MINUTE, raised

Reading = tuple[str, float, float]  # channel, minute, value


def run(readings: list[Reading], step: int = 60, **person: object) -> list[Finding]:
    district = District([Person(id=1, code="R0001", household_id=7, **person)], {}, {})  # type: ignore[arg-type]
    engine, found = Engine(district, FIRST), []
    minutes = np.array([minute for _, minute, _ in readings])
    for now in range(0, int(minutes.max()) + step + 1, step):
        here = [readings[i] for i in np.flatnonzero((minutes >= now) & (minutes < now + step))]
        time_us = np.array([FIRST + int(minute * MINUTE) for _, minute, _ in here], np.int64)
        column = np.array([lane_of(code) for code, _, _ in here], np.int16)
        value = np.array([value for _, _, value in here], np.float32)
        engine.readings(VitalColumns(np.zeros(len(here), np.int32), column, time_us, value))
        found += engine.advance(FIRST + (now + step) * MINUTE)
    return [f for f in found if f.rule.startswith("news2")]


def oxygen(*stretches: tuple[int, int, float]) -> list[Reading]:
    return [("spo2", float(minute), value) for begin, end, value in stretches for minute in range(begin, end)]


@pytest.mark.parametrize("step", [1, 60])
def test_dips_are_nothing_and_five_minutes_are_told(step: int) -> None:
    assert run(oxygen((0, 20, 97), (20, 22, 85), (22, 40, 97), (40, 44, 91), (44, 60, 97)), step) == []
    (found,) = run(oxygen((0, 20, 97), (20, 40, 91)), step)
    assert found.onset_us == FIRST + 20 * MINUTE
    assert found.sensed_us == FIRST + 25 * MINUTE + 5_000_000
    assert found.evidence["parts"][1] == {"channel": "spo2", "state": "fresh", "value": 91, "age_s": 5, "points": 3}


def test_scale_2_and_oxygen_are_the_resident_s() -> None:
    assert run(oxygen((0, 40, 88)), spo2_scale=2) == []
    on_oxygen = run(oxygen((0, 40, 97)), spo2_scale=2, on_oxygen=True)
    assert raised(on_oxygen) == [("open", "news2", "urgent")]
    assert on_oxygen[0].evidence["total"] == 5  # 3 for too much, 2 for the oxygen itself


def test_what_somebody_measured_counts_at_once() -> None:
    (found,) = run([("systolic_bp", 5, 84.0)])
    assert raised([found]) == [("open", "news2", "urgent")]
    assert "生命体征异常（NEWS2 3 分）：收缩压 84 mmHg（3 分）；评分不完整，缺" in found.reason_zh
    assert found.evidence["complete"] is False


def test_a_score_that_rises_is_told_before_it_is_high_and_a_night_with_more_sensors_is_no_rise() -> None:
    calm = [("respiration_rate", float(m), 16.0) for m in range(0, 600, 2)]
    ill = [("respiration_rate", float(m), 22.0) for m in range(600, 900, 2)]
    pulse = [("heart_rate", float(m), 75.0 if m < 600 else 100.0) for m in range(0, 900, 2)]
    found = run([*calm, *ill, *pulse])
    assert raised(found) == [("open", "news2_trend", "attention")]
    assert "呼吸频率 0→2 分、心率 0→1 分" in found[0].reason_zh
    assert "升高 3 分" in found[0].reason_zh
    worn = [("spo2", float(m), 92.0) for m in range(600, 900, 2)]
    assert run([("heart_rate", float(m), 75.0) for m in range(0, 900, 2)] + worn) == []


@pytest.mark.parametrize("step", [1, 60])
def test_a_single_measurement_counts_whatever_others_send_meanwhile(step: int) -> None:
    district = District([Person(id=n, code=f"R000{n}", household_id=n) for n in (1, 2)], {}, {})
    readings = [(0, "spo2", minute, 97.0) for minute in range(30)] + [(1, "consciousness", 17, 1.0)]
    engine, found = Engine(district, FIRST), []
    for now in range(0, 60, step):
        here = [reading for reading in readings if now <= reading[2] < now + step]
        engine.readings(
            VitalColumns(
                np.array([row for row, *_ in here], np.int32),
                np.array([lane_of(code) for _, code, *_ in here], np.int16),
                np.array([FIRST + minute * MINUTE for *_, minute, _ in here], np.int64),
                np.array([value for *_, value in here], np.float32),
            )
        )
        found += engine.advance(FIRST + (now + step) * MINUTE)
    assert [(f.resident_id, f.rule, f.severity) for f in found] == [(2, "news2", "urgent")]
