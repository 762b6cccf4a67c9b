"""The detection core: the same input gives the same alerts, however it is cut; one odd value wakes nobody."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.kit.columns import VitalColumns, lane_of
from alerting.detection.kit.context import District, Happened, Person, Source

START = 1_800_000_000_000_000
SOURCE = Source(
    gateway="gw-1",
    name="pendant",
    model="mbientlab-metamotions",
    household_id=7,
    person=0,
    heartbeat_s=60,
    label_zh="吊坠",
    label_en="pendant",
)
RADAR = Source(
    gateway="gw-1",
    name="radar",
    model="seeed-mr60bha2",
    household_id=7,
    person=0,
    heartbeat_s=60,
    label_zh="雷达",
    label_en="radar",
)
DISTRICT = District(
    [
        Person(id=1, code="R0001", household_id=7),
        Person(id=2, code="R0002", household_id=8, limits={"heart_rate": (50.0, 100.0)}),
    ],
    {("gw-1", "pendant"): SOURCE, ("gw-1", "radar"): RADAR},
    {"gw-1": 7},
)
Reading = tuple[int, str, int, float]  # row, channel, time, value


def columns(readings: list[Reading]) -> VitalColumns:
    return VitalColumns(
        np.array([r[0] for r in readings], np.int32),
        np.array([lane_of(r[1]) for r in readings], np.int16),
        np.array([r[2] for r in readings], np.int64),
        np.array([r[3] for r in readings], np.float32),
    )


def run(readings: list[Reading], cuts: list[int] | None = None) -> list[Finding]:
    """Feed the readings cut at ``cuts`` into batches; the clock follows the data."""
    engine = Engine(DISTRICT, START)
    found: list[Finding] = []
    edges = [0, *sorted(cuts or []), len(readings)]
    for begin, end in itertools.pairwise(edges):
        batch = readings[begin:end]
        if batch:
            engine.readings(columns(batch))
            found += engine.advance(batch[-1][2])
    end_us = readings[-1][2] + 30_000_000 if readings else START
    return [f for f in [*found, *engine.advance(end_us)] if f.severity != "technical"]


def decline(minutes: int = 15) -> list[Reading]:
    """Respiration, SpO2 and pulse get worse over some minutes."""
    readings: list[Reading] = []
    for second in range(0, minutes * 60, 5):
        share, at = second / (minutes * 60), START + second * 1_000_000
        readings += [
            (0, "respiration_rate", at, 15 + 12 * share),
            (0, "spo2", at + 1000, 97 - 8 * share),
            (0, "heart_rate", at + 2000, 75 + 50 * share),
        ]
    return readings


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, len(decline())), max_size=12))
def test_the_same_alerts_whatever_the_batches(cuts: list[int]) -> None:
    whole = run(decline())
    assert whole
    assert run(decline(), cuts) == whole


def test_a_deterioration_is_one_alert_that_grows() -> None:
    found = [f for f in run(decline()) if f.rule == "news2"]
    assert [f.action for f in found] == ["open", "update"]
    assert [f.severity for f in found] == ["urgent", "emergency"]
    assert found[0].alert_id == found[1].alert_id
    assert found[0].evidence["complete"] is False
    missing = {part["channel"] for part in found[0].evidence["parts"] if part["state"] == "missing"}
    assert missing == {"systolic_bp", "body_temperature", "consciousness"}
    assert "评分不完整" in found[0].reason_zh
    assert "incomplete" in found[0].reason_en


def test_one_odd_value_at_night_wakes_nobody() -> None:
    calm: list[Reading] = [(0, "heart_rate", START + s * 1_000_000, 60.0) for s in range(0, 600, 5)]
    calm[40] = (0, "heart_rate", calm[40][2], 190.0)
    assert run(calm) == []


def test_a_residents_own_limit_counts_and_tells_its_numbers() -> None:
    fast: list[Reading] = [(1, "heart_rate", START + s * 1_000_000, 104.0) for s in range(0, 200, 5)]
    (found,) = run(fast)
    assert found.rule == "limit_heart_rate"
    assert found.subject == "resident:R0002"
    assert found.onset_us == START
    assert "104" in found.reason_zh
    assert "100" in found.reason_zh


def test_a_late_reading_changes_nothing_that_is_newer() -> None:
    calm: list[Reading] = [(0, "heart_rate", START + s * 1_000_000, 60.0) for s in range(0, 300, 5)]
    late: list[Reading] = [(0, "heart_rate", START - 3_600_000_000 + s * 1_000_000, 190.0) for s in range(0, 300, 5)]
    assert run([*calm, *late, (0, "heart_rate", START + 400_000_000, 60.0)], [len(calm)]) == []


def happened(kind: str, at: int = START) -> Happened:
    return Happened(SOURCE, kind, at, {"confidence": 0.9, "peak_g": 3.2}, b"")


def test_one_fall_is_one_alert() -> None:
    engine = Engine(DISTRICT, START)
    (suspected,) = engine.event(happened("fall_suspected"))
    confirmed = engine.event(happened("fall_confirmed"))
    (recovered,) = engine.event(happened("fall_recovered"))
    assert suspected.severity == "urgent"
    assert {f.severity for f in confirmed} == {"emergency"}
    assert recovered.action == "clear"
    assert len({f.alert_id for f in (suspected, *confirmed, recovered)}) == 1
    assert suspected.evidence["features"]["peak_g"] == 3.2


def test_a_panicked_second_press_is_not_a_second_alert() -> None:
    engine = Engine(DISTRICT, START)
    presses = [START, START + 5_000_000, START + 60_000_000, START + 600_000_000]
    found = [f for at in presses for f in engine.event(happened("sos_pressed", at))]
    assert [f.onset_us for f in found if f.action == "open"] == [START, START + 600_000_000]
    assert {f.onset_us for f in found if f.action == "note"} == {START}


def test_a_silent_gateway_explains_its_silent_devices() -> None:
    engine = Engine(DISTRICT, START)
    found: list[Finding] = []
    for second in range(0, 1000, 5):
        found += engine.advance(START + second * 1_000_000)
    assert [f.rule for f in found] == ["gateway_silent"]
    back = engine.heard("gw-1", "pendant", START + 1_000_000_000)
    assert [(f.rule, f.action) for f in back] == [("gateway_silent", "clear")]


def test_a_silent_device_is_told_once_and_taken_back() -> None:
    engine = Engine(DISTRICT, START)
    found: list[Finding] = []
    for second in range(0, 600, 5):
        now = START + second * 1_000_000
        engine.heard("gw-1", "pendant", now)
        found += engine.advance(now)
    assert [(f.rule, f.subject) for f in found] == [("device_silent", "device:gw-1/radar")]
    (back,) = engine.heard("gw-1", "radar", START + 600_000_000)
    assert back.action == "clear"
    assert back.alert_id == found[0].alert_id


@pytest.mark.parametrize("kind", ["smoke_detected", "gas_detected"])
def test_hazards_are_emergencies(kind: str) -> None:
    (found,) = Engine(DISTRICT, START).event(happened(kind))
    assert found.severity == "emergency"
