"""What is doubted before any detector looks, with a control for each kind that must be believed."""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import pytest

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.kit.columns import STEP_US, VitalColumns
from alerting.detection.kit.context import COLUMN, NO_PULSE, District, Person, Source
from alerting.detection.kit.detector import CompleteSteps, Detector
from alerting.detection.kit.sources.doubt import DOUBLED, EXERCISE, JUMPED, NOBODY, SWAPPED
from tests.support.sensors import FIRST, MINUTE

Scene = list[tuple[str, float, float]]  # channel, minute, value


class Recorder(Detector):
    """Keeps why each reading was doubted."""

    rules: ClassVar = {}
    said: ClassVar[list[tuple[int, int, int]]] = []

    def look(self, steps: CompleteSteps) -> Iterable[Finding]:
        bins = steps.sources.bins
        self.said.extend(zip(bins.column.tolist(), bins.step.tolist(), steps.sources.doubt.tolist(), strict=True))
        return ()


def doubts(scene: Scene, *, code: str, minutes: int, continuous: bool = True, trust: int = 2) -> list[int]:
    """Reasons of a channel's readings, in the order of time; the clock moves by ``minutes``."""
    device = Source(
        gateway="gw-1",
        name="sensor",
        model="test",
        household_id=7,
        person=0,
        heartbeat_s=1e9,
        label_zh="传感器",
        label_en="sensor",
        room="bedroom",
        home=0,
        continuous=continuous,
        trust=trust,
    )
    district = District([Person(id=1, code="R0001", household_id=7)], {device.id: device}, {"gw-1": 7})
    engine, said = Engine(district, FIRST, {"recorder": Recorder}), Recorder.said
    said.clear()
    last = max(minute for _, minute, _ in scene)
    for now in range(0, int(last) + minutes + 1, minutes):
        for channel, minute, value in scene:
            if now <= minute < now + minutes:
                lane = engine.seats.lane(device, channel)
                assert lane is not None
                one = np.array([lane[0]], np.int32), np.array([lane[1]], np.int16)
                at_us = np.array([FIRST + int(minute * MINUTE)])
                engine.readings(VitalColumns(*one, at_us, np.array([value], np.float32)))
        engine.advance(FIRST + (now + minutes) * MINUTE + 2 * STEP_US)
    columns = {COLUMN[code], NO_PULSE} if code == "heart_rate" else {COLUMN[code]}
    return [reason for column, _, reason in sorted(said, key=lambda s: s[1]) if column in columns]


def stream(code: str, *parts: tuple[int, float]) -> Scene:
    """One reading a minute: so many of each value."""
    values = [value for n, value in parts for _ in range(n)]
    return [(code, float(minute), value) for minute, value in enumerate(values)]


def jittered(code: str, *parts: tuple[int, float]) -> Scene:
    """The same at intervals that grow to 70 s."""
    return [(code, minute * 7 / 6, value) for _, minute, value in stream(code, *parts)]


CALM = stream("spo2", (60, 97))
RUNS = [("step_count", float(minute), 30.0 * minute) for minute in range(12)]
EMPTY, TAKEN = ([("in_bed", float(minute), value) for minute in range(40)] for value in (0.0, 1.0))
NOBODY_SEEN = [("presence", float(minute), 0.0) for minute in range(40)]


@pytest.mark.parametrize("minutes", [1, 60])
@pytest.mark.parametrize(
    ("scene", "code", "wanted"),
    [
        pytest.param([("systolic_bp", 0, 80), ("diastolic_bp", 0, 130)], "systolic_bp", [SWAPPED], id="swapped"),
        pytest.param([("systolic_bp", 0, 130), ("diastolic_bp", 0, 80)], "systolic_bp", [0], id="pressure"),
        pytest.param([("systolic_bp", 0, 80), ("diastolic_bp", 5, 130)], "systolic_bp", [0], id="two measurements"),
        pytest.param(
            stream("body_temperature", (9, 36.6), (3, 31), (2, 36.5)),
            "body_temperature",
            [0] * 9 + [JUMPED] * 3 + [0] * 2,
            id="probe off",
        ),
        pytest.param(
            stream("body_temperature", (9, 36.6), (2, 37.4), (2, 38.2), (3, 39)),
            "body_temperature",
            [0] * 16,
            id="fever",
        ),
        pytest.param(
            [*CALM, *stream("heart_rate", (9, 70), (14, 140), (2, 71))],
            "heart_rate",
            [0] * 9 + [DOUBLED] * 10 + [0] * 6,
            id="doubled for ten minutes",
        ),
        pytest.param(
            [*CALM, *jittered("heart_rate", (9, 56), (4, 28), (2, 57))],
            "heart_rate",
            [0] * 9 + [DOUBLED] * 4 + [0] * 2,
            id="halved, intervals of more than a minute",
        ),
        pytest.param(
            [*CALM, *stream("heart_rate", (9, 70), (3, 140), (1, 122), (9, 140), (2, 71), (2, 142))],
            "heart_rate",
            [0] * 9 + [DOUBLED] * 3 + [0] * 12 + [DOUBLED] * 2,
            id="neither twice nor usual: the heart races",
        ),
        pytest.param(
            [*stream("spo2", (200, 97)), *stream("heart_rate", *((12, 70), (3, 140)) * 6)],
            "heart_rate",
            ([0] * 12 + [DOUBLED] * 3) * 3 + [0] * 45,
            id="again and again",
        ),
        pytest.param(
            [*stream("spo2", (250, 97)), *stream("heart_rate", *((50, 70), (3, 140)) * 4)],
            "heart_rate",
            ([0] * 50 + [DOUBLED] * 3) * 4,
            id="now and then",
        ),
        pytest.param(
            [*CALM, *stream("heart_rate", (9, 80), (3, 40), (2, 80))],
            "heart_rate",
            [0] * 9 + [DOUBLED] * 3 + [0] * 2,
            id="halved",
        ),
        pytest.param(
            [*stream("spo2", (9, 97), (9, 85)), *stream("heart_rate", (9, 70), (9, 140))],
            "heart_rate",
            [0] * 18,
            id="another sign is bad, too",
        ),
        pytest.param(stream("heart_rate", (9, 70), (9, 140)), "heart_rate", [0] * 18, id="no other sign"),
        pytest.param(
            [*CALM, *stream("heart_rate", (9, 70), (1, 112), (9, 140))], "heart_rate", [0] * 10 + [0] * 9, id="a climb"
        ),
        pytest.param(
            [*RUNS, *stream("heart_rate", (3, 80), (9, 125))], "heart_rate", [0] * 3 + [EXERCISE] * 9, id="exercise"
        ),
        pytest.param([*RUNS, *stream("heart_rate", (3, 80), (9, 185))], "heart_rate", [0] * 12, id="no exercise"),
        pytest.param(
            [*RUNS[:1], *stream("heart_rate", (3, 80), (9, 125))], "heart_rate", [0] * 12, id="a step counter at rest"
        ),
        pytest.param([*EMPTY, *stream("respiration_rate", (9, 0))], "respiration_rate", [NOBODY] * 9, id="empty bed"),
        pytest.param([*NOBODY_SEEN, *stream("heart_rate", (9, 0))], "heart_rate", [NOBODY] * 9, id="empty room"),
        pytest.param([*TAKEN, *stream("respiration_rate", (9, 0))], "respiration_rate", [0] * 9, id="taken bed"),
        pytest.param([*EMPTY, *stream("respiration_rate", (9, 14))], "respiration_rate", [0] * 9, id="breath"),
        pytest.param(stream("respiration_rate", (9, 0)), "respiration_rate", [0] * 9, id="nothing known of the bed"),
    ],
)
def test_what_is_doubted(scene: Scene, code: str, wanted: list[int], minutes: int) -> None:
    assert doubts(scene, code=code, minutes=minutes) == wanted


@pytest.mark.parametrize("minutes", [1, 60])
def test_what_a_person_measured_is_not_doubted_for_its_rate(minutes: int) -> None:
    scene: Scene = [("heart_rate", 0, 70), ("spo2", 0, 97), ("heart_rate", 0.5, 140)]
    assert doubts(scene, code="heart_rate", minutes=minutes, continuous=False) == [0, 0]
    assert doubts(scene, code="heart_rate", minutes=minutes) == [0, DOUBLED]


def test_a_medical_device_on_the_body_is_believed() -> None:
    scene = [*CALM, *stream("heart_rate", (9, 70), (9, 140))]
    assert doubts(scene, code="heart_rate", minutes=1, trust=3) == [0] * 18
