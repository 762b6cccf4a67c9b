"""Frames that are heard together say what they would say one by one."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.engine.memory import decode_memory
from alerting.detection.kit.context import District, Person, Source
from alerting.service.receiving.hearing import Hearing
from alerting.service.receiving.messages import HomeMessage
from firmware_profiles import wire
from vocabulary.times import DAY_US, HOUR_US, MINUTE_US, SECOND_US

NOW = 1_800_000_000_000_000
DEVICES = {"radar": "seeed-mr60bha2", "oximeter": "nonin-3230", "door": "aqara-mccgq11lm", "pir": "aqara-rtcgq11lm"}
CHANNELS = ("heart_rate", "spo2", "motion", "door_open", "presence", "battery", "no_such_channel")
HOMES = 3


def source(home: int, name: str, model: str) -> Source:
    return Source(
        gateway=f"gw-{home}", name=name, model=model, household_id=home + 1, person=home, heartbeat_s=60,
        label_zh=name, label_en=name, room="bedroom", home=home,
    )  # fmt: skip


PEOPLE = [Person(id=home + 1, code=f"R{home:04}", household_id=home + 1) for home in range(HOMES)]
SOURCES = {(f"gw-{home}", name): source(home, name, model) for home in range(HOMES) for name, model in DEVICES.items()}
DISTRICT = District(PEOPLE, SOURCES, {f"gw-{home}": home + 1 for home in range(HOMES)})
LATE_US = st.sampled_from([0, 0, 0, SECOND_US, -30 * SECOND_US, -HOUR_US, 20 * MINUTE_US, HOUR_US, 40 * DAY_US])
SERIES = st.tuples(
    st.sampled_from([*DEVICES, "stranger"]),
    st.sampled_from(CHANNELS),
    st.lists(st.sampled_from([0.0, 1.0, 30.0, 72.0, 97.0, float("nan"), float("inf")]), min_size=1, max_size=4),
)
FRAME = st.tuples(
    st.integers(0, HOMES),  # one of them is no home of the district
    st.sampled_from(["live", "live", "live", "backfill", "exchange"]),
    LATE_US,
    st.lists(SERIES, min_size=1, max_size=4),
)


def message(frame: tuple[int, str, int, list[tuple[str, str, list[float]]]], now_us: int, number: int) -> HomeMessage:
    home, stream, late_us, parts = frame
    base = now_us - late_us - 4 * SECOND_US
    series = [
        wire.make_series(
            device, channel, base, base + np.arange(len(values), dtype=np.int64) * SECOND_US,
            np.array(values, np.float32),
        )
        for device, channel, values in parts
    ]  # fmt: skip
    by_exchange = stream == "exchange"
    body = wire.Frame(
        1, f"gw-{home}", wire.EXCHANGE_EPOCH if by_exchange else 5, 6,
        "backfill" if stream == "backfill" else "live", number, base, series,
    )  # fmt: skip
    return HomeMessage(f"gw-{home}", body, by_exchange=by_exchange)


def words(findings: list[Finding]) -> list[bytes]:
    return sorted(msgspec.msgpack.encode(finding) for finding in findings)


def state(engine: Engine) -> tuple[object, ...]:
    """What an engine knows, whatever the order in which it came to know it."""
    memory = decode_memory(engine.memory())
    detectors = {name: msgspec.msgpack.decode(state) for name, (_, state) in memory.detectors.items()}
    return sorted(memory.switches), detectors, memory.value.tobytes(), memory.source_value.tobytes()


@settings(max_examples=60)
@given(st.lists(st.lists(FRAME, min_size=1, max_size=6), min_size=1, max_size=8), st.integers(1, 90))
def test_they_say_what_they_would_say_one_by_one(
    turns: list[list[tuple[int, str, int, list[tuple[str, str, list[float]]]]]], pause_s: int
) -> None:
    engines = [Engine(DISTRICT, NOW - HOUR_US) for _ in range(2)]
    together, singly = (Hearing(engine, lambda: None, lambda _: None) for engine in engines)
    now_us, number = NOW, 0
    for frames in turns:
        messages = [message(frame, now_us, number + place) for place, frame in enumerate(frames)]
        number += len(frames)
        refused: list[str] = []

        def refuse(_: HomeMessage, error: Exception, refused: list[str] = refused) -> None:
            refused.append(str(error))

        found = together.hear_frames(messages, now_us, refuse)
        expected, not_heard = [], []
        for one in messages:
            try:
                expected += singly.hear(one, now_us)
            except Exception as error:
                not_heard.append(str(error))
        assert words(found) == words(expected)
        assert sorted(refused) == sorted(not_heard)
        now_us += pause_s * SECOND_US
        assert words(engines[0].advance(now_us)) == words(engines[1].advance(now_us))
    for engine in engines:
        engine.advance(now_us + HOUR_US)
    assert state(engines[0]) == state(engines[1])


def test_a_frame_that_fails_leaves_the_others_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(DISTRICT, NOW)
    heard: list[str] = []

    def hear(gateway: str, _device: str | None, _now_us: int) -> list[Finding]:
        if gateway == "gw-1":
            raise ZeroDivisionError("a fault")
        heard.append(gateway)
        return []

    monkeypatch.setattr(engine, "heard", hear)
    frames = [message((home, "live", 0, [("radar", "heart_rate", [72.0])]), NOW, 1) for home in range(HOMES)]
    refused: list[str] = []
    Hearing(engine, lambda: None, lambda _: None).hear_frames(frames, NOW, lambda one, _: refused.append(one.gateway))
    assert (heard, refused) == (["gw-0", "gw-2"], ["gw-1"])
