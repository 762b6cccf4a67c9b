"""Every detector gives the same findings however the readings are cut, mixed up or repeated, and across a restart."""

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.engine.memory import decode_memory
from alerting.detection.kit.columns import VitalColumns, lane_of
from alerting.detection.kit.context import COLUMN, District, Happened, Person, Source
from vocabulary.times import HOUR_US, MINUTE_US

START = 1_800_000_000_000_000 // HOUR_US * HOUR_US
DAYS = 8
DAY = 86_400_000_000
BED = Source(
    gateway="gw-1",
    name="bed",
    model="emfit",
    household_id=7,
    person=0,
    heartbeat_s=1e9,
    label_zh="床垫",
    label_en="bed sensor",
    room="bedroom",
    home=0,
)
DOOR = Source(
    gateway="gw-1",
    name="door",
    model="door",
    household_id=7,
    person=0,
    heartbeat_s=1e9,
    label_zh="门磁",
    label_en="door",
    room="hall",
    home=0,
)
DISTRICT = District(
    [Person(id=1, code="R0001", household_id=7), Person(id=2, code="R0002", household_id=8)],
    {("gw-1", "bed"): BED, ("gw-1", "door"): DOOR},
    {},
)


@cache
def troubled_days() -> VitalColumns:
    """Two people for some days, one reading a minute: circadian vital signs, noise, and a bit of everything that
    detectors look for."""
    rng = np.random.default_rng(7)
    minutes = np.arange(DAYS * 1440)
    time = START + minutes * 60_000_000
    hour = ((time // HOUR_US) + 8) % 24
    night = (hour >= 22) | (hour < 6)
    parts = []
    for row in range(2):
        heart = 72 - 10 * night + rng.normal(0, 3, len(minutes))
        breath = 16 - 2 * night + rng.normal(0, 1, len(minutes))
        spo2 = 97 + rng.normal(0, 0.7, len(minutes))
        room = 24 + rng.normal(0, 0.1, len(minutes))
        if row == 0:
            heart[6 * 1440 + 600 : 6 * 1440 + 640] += 60  # sudden
            heart[7 * 1440 : 7 * 1440 + 700] += 16  # shift
            breath[5 * 1440 + 500 : 5 * 1440 + 510] = 1  # pause, in bed
            spo2[4 * 1440 : 4 * 1440 + 60] = 86  # limit, NEWS2
            room[3 * 1440 + 300 : 3 * 1440 + 500] = 36.5
        else:
            heart[2 * 1440 : 2 * 1440 + 120] = 70  # stuck
            breath[3 * 1440 : 3 * 1440 + 180 : 2] += 30  # erratic
            heart[6 * 1440 + 1000 : 6 * 1440 + 1060] = np.nan
            breath[6 * 1440 + 1000 : 6 * 1440 + 1060] = np.nan  # nothing measured, while in bed
        bed = night | ((minutes >= 6 * 1440 + 900) & (minutes < 6 * 1440 + 1100))
        values = {
            "heart_rate": heart,
            "respiration_rate": breath,
            "spo2": spo2,
            "room_temperature": room,
            "in_bed": bed.astype(float),
        }
        for code, value in values.items():
            good = np.isfinite(value)
            n = int(good.sum())
            offset = 1_000 * COLUMN[code]
            parts.append(
                VitalColumns(
                    np.full(n, row, np.int32),
                    np.full(n, lane_of(code), np.int16),
                    time[good] + offset,
                    value[good].astype(np.float32),
                )
            )
        weigh = np.arange(DAYS)
        kg = 60 + 0.2 * rng.normal(size=DAYS) + (weigh >= 5) * 2.2
        parts.append(
            VitalColumns(
                np.full(DAYS, row, np.int32),
                np.full(DAYS, lane_of("weight"), np.int16),
                START + weigh * DAY + 3_000_000_000,
                kg.astype(np.float32),
            )
        )
    columns = VitalColumns.join(parts)
    return columns.take(np.argsort(columns.time_us, kind="stable"))


def events() -> list[Happened]:
    said = [("door_opened", DOOR), ("door_closed", DOOR), ("bed_exit", BED), ("bed_enter", BED)]
    return [
        Happened(source, kind, START + day * DAY + (i * 7 + 2) * HOUR_US + 30_000_123, {})
        for day in range(DAYS)
        for i, (kind, source) in enumerate(said)
    ]


def run(cuts: list[int], *, seed: int = 0, restart_at: int = -1) -> list[Finding]:
    """Feed all, cut at these indices; events come in their time; optionally mixed up within batches, with repeats."""
    columns = troubled_days()
    rng = np.random.default_rng(seed)
    engine = Engine(DISTRICT, START)
    found: list[Finding] = []
    waiting = events()
    for number, (begin, end) in enumerate(itertools.pairwise([0, *sorted(set(cuts)), len(columns)])):
        batch = columns.take(np.arange(begin, end))
        if not len(batch):
            continue
        now_us = int(batch.time_us[-1])
        while waiting and waiting[0].time_us <= now_us:
            found += engine.event(waiting.pop(0))
        if seed:
            order = rng.permutation(np.concatenate((np.arange(len(batch)), rng.integers(0, len(batch), 5))))
            batch = batch.take(order)
        engine.readings(batch)
        found += engine.advance(now_us)
        if number == restart_at:
            memory = decode_memory(engine.memory())
            engine = Engine(DISTRICT, now_us)
            assert engine.recall(memory) == []
    found += engine.advance(int(columns.time_us[-1]) + 3 * HOUR_US)
    return [f for f in found if f.rule not in ("gateway_silent", "device_silent")]


@cache
def expected() -> tuple[Finding, ...]:
    """One batch for each hour."""
    hours = np.searchsorted(troubled_days().time_us, START + np.arange(1, DAYS * 24) * HOUR_US)
    return tuple(run(hours.tolist()))


def test_there_is_something_to_find() -> None:
    rules = {f.evidence.get("part", {}).get("rule", f.rule) for f in expected()}
    assert {"limit_spo2", "sudden_heart_rate", "heat", "weight_gain", "stuck_heart_rate", "no_vital_sign"} <= rules
    assert {"erratic_respiration_rate", "breathing_pause", "news2", "shift_heart_rate"} <= rules


@settings(deadline=None, max_examples=4)
@given(st.lists(st.integers(0, len(troubled_days())), max_size=40), st.integers(0, 3))
def test_the_batches_do_not_matter(cuts: list[int], seed: int) -> None:
    assert run(cuts, seed=seed) == list(expected())


@pytest.mark.parametrize("restart_at", [3, 57, 130, 171])
def test_a_restart_changes_nothing(restart_at: int) -> None:
    hours = np.searchsorted(troubled_days().time_us, START + np.arange(1, DAYS * 24) * HOUR_US)
    assert run(hours.tolist(), restart_at=restart_at) == list(expected())


def test_small_steps_give_the_same() -> None:
    """Minute by minute where something goes wrong, hour by hour between."""
    troubles = ((2, 0, 3), (3, 0, 9), (4, 0, 2), (5, 8, 10), (6, 9, 22), (7, 0, 12))  # day, from hour, to hour
    minutes = [np.arange(day * 1440 + since * 60, day * 1440 + until * 60) for day, since, until in troubles]
    times = START + np.concatenate((np.arange(1, DAYS * 24) * 60, *minutes)) * MINUTE_US
    assert run(np.searchsorted(troubled_days().time_us, times).tolist()) == list(expected())
