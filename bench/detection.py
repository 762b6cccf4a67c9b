"""Measure the detection core: readings a second through every detector on one core, and the state of a resident.

The peers are river's streaming detectors, each scoring and learning with every reading. Our personal baseline is
compared with the three detectors of river that answer its questions, for each resident and channel: is the reading far
from this hour's usual (an absolute deviation from the median, one for each of the 24 hours), has it shifted (Page and
Hinkley's test), does it drift (ADWIN). All our detectors together are compared with river's general detector of
anomalies, half-space trees over all vital signs of a moment, one for each resident. The simplest of river, one Gaussian
for each channel, is there for comparison.
"""

import time
from collections.abc import Mapping

import numpy as np

from alerting.detection.detectors import all_detectors
from alerting.detection.detectors.baseline import Baseline
from alerting.detection.engine.engine import LATENESS_US, Engine
from alerting.detection.kit.columns import STEP_US, VitalColumns, lane_of
from alerting.detection.kit.context import COLUMN, District, Person
from alerting.detection.kit.detector import Detector
from bench.figures import Figure, quick

START_US = 1_800_000_000_000_000
CHANNELS = {"heart_rate": (70, 6), "respiration_rate": (16, 2)}
"""Two continuous channels at 1 Hz: 20,000 readings/s from 10,000 residents; twice as many of two devices each."""
GOAL, STATE_GOAL, PEER_GOAL = 8_000_000, 6144, 50
WARM_UP = 2
"""Steps not counted, as the peers' first readings are not: they touch memory for the first time."""


def run() -> list[Figure]:
    every = all_detectors()
    baseline = {name: kind for name, kind in every.items() if kind is Baseline}
    if quick():
        small, _ = _ours(10_000, 12, every)
        return [
            Figure(
                name="detection, 10,000 residents, two devices for each sign",
                value=small,
                unit="readings/s",
                reference=GOAL,
                reference_name="goal",
            )
        ]
    small, state = _ours(10_000, 60, every)
    large, _ = _ours(100_000, 12, every)
    single, _ = _ours(10_000, 60, every, devices=1)
    alone, _ = _ours(10_000, 60, baseline, devices=1)
    figures = [
        Figure(
            name="detection, 10,000 residents, two devices for each sign",
            value=small,
            unit="readings/s",
            reference=GOAL,
            reference_name="goal",
        ),
        Figure(
            name="detection, 100,000 residents",
            value=large,
            unit="readings/s",
            reference=small,
            reference_name="10,000 residents",
            note="flat: about 1",
        ),
        Figure(
            name="detection, 10,000 residents, one device for each sign",
            value=single,
            unit="readings/s",
            reference=GOAL,
            reference_name="goal",
        ),
        Figure(
            name="detection, state of a resident",
            value=state,
            unit="bytes",
            reference=STATE_GOAL,
            reference_name="limit",
        ),
    ]
    river = _river()
    for what, ours, peer, note in (
        ("the baseline alone, as its three questions in river", alone, "three questions", f"goal: {PEER_GOAL} times"),
        ("every detector, as one half-space forest in river", small, "HalfSpaceTrees", f"goal: {PEER_GOAL} times"),
        ("every detector, as its three questions in river", small, "three questions", "for comparison"),
        ("every detector, as one Gaussian in river", small, "GaussianScorer", "for comparison"),
    ):
        if peer in river:
            figures.append(
                Figure(
                    name=what,
                    value=ours,
                    unit="readings/s",
                    reference=river[peer],
                    reference_name=f"river: {peer}",
                    note=note,
                )
            )
    return figures


def _step(residents: int, step: int, rng: np.random.Generator, devices: int = 1) -> VitalColumns:
    """Make five seconds of every resident in the order of frames: homes in any order, then devices and channels, then
    time."""
    seconds = STEP_US // 1_000_000
    n = residents * devices * len(CHANNELS) * seconds
    level = np.tile(np.repeat([mean for mean, _ in CHANNELS.values()], seconds), devices)
    spread = np.tile(np.repeat([spread for _, spread in CHANNELS.values()], seconds), devices)
    lane = np.repeat([lane_of(code, seat) for seat in range(devices) for code in CHANNELS], seconds)
    second = np.tile(np.arange(seconds), devices * len(CHANNELS)) * 1_000_000
    return VitalColumns(
        np.repeat(rng.permutation(residents).astype(np.int32), len(lane)),
        np.tile(lane, residents).astype(np.int16),
        START_US + step * STEP_US + np.tile(second, residents) + rng.integers(0, 900_000, n),
        (np.tile(level, residents) + np.tile(spread, residents) * rng.normal(size=n)).astype(np.float32),
    )


def _ours(residents: int, steps: int, detectors: Mapping[str, type[Detector]], devices: int = 2) -> tuple[float, float]:
    """Measure (readings a second of processor time, bytes of state of a resident) with these detectors; of two devices
    the first is the more trusted, as an oximeter beside a radar."""
    rng = np.random.default_rng(1)
    district = District([Person(id=i, code=f"R{i:06d}", household_id=i) for i in range(residents)], {}, {})
    engine = Engine(district, START_US, dict(detectors))
    for code in CHANNELS:
        for seat in range(devices):
            engine.seats.state.device[:, COLUMN[code], seat] = seat + 1
            engine.seats.state.rank[:, COLUMN[code], seat] = 2 * seat - 3
    readings, spent = 0, 0.0
    for step in range(steps):
        columns = _step(residents, step, rng, devices)
        before = time.process_time()
        engine.readings(columns)
        engine.advance(START_US + (step + 1) * STEP_US + LATENESS_US)
        if step >= WARM_UP:
            spent += time.process_time() - before
            readings += len(columns)
    return readings / spent, engine.state_bytes / residents


def _river() -> dict[str, float]:
    """Measure readings a second of each detector of river; empty where it is not installed (``make bench`` does it)."""
    try:
        from river import anomaly, drift, stats
    except ImportError:
        return {}

    class Gauss:
        def __init__(self) -> None:
            self.scorer = anomaly.GaussianScorer(grace_period=1)

        def __call__(self, value: float) -> None:
            self.scorer.score_one(None, value)
            self.scorer.learn_one(None, value)

    class Questions:
        def __init__(self) -> None:
            self.hours = [anomaly.StandardAbsoluteDeviation(sub_stat=stats.Quantile(0.5)) for _ in range(24)]
            self.shift, self.drift = drift.PageHinkley(), drift.ADWIN()

        def __call__(self, value: float) -> None:
            usual = self.hours[0]  # the bench's seconds all lie in one hour
            usual.learn_one(None, value)  # learns first: it has no median before its first value
            usual.score_one(None, value)
            self.shift.update(value)
            self.drift.update(value)

    class Trees:
        """One for each resident: scores all channels of a second at once."""

        def __init__(self) -> None:
            self.trees = anomaly.HalfSpaceTrees(seed=1)
            self.features: dict[str, float] = {}

        def __call__(self, value: float) -> None:
            names = tuple(CHANNELS)
            self.features[names[len(self.features)]] = value / 300  # it wants values between 0 and 1
            if len(self.features) == len(names):
                self.trees.score_one(self.features)
                self.trees.learn_one(self.features)
                self.features = {}

    return {
        "three questions": _rate(Questions, 1000, 100_000),
        "GaussianScorer": _rate(Gauss, 1000, 100_000),
        "HalfSpaceTrees": _rate(Trees, 100, 10_000, of_resident=True),
    }


def _rate(kind: type, residents: int, readings: int, *, of_resident: bool = False) -> float:
    """Measure readings a second with one detector for each resident and channel, or for each resident."""
    columns = _step(residents, 0, np.random.default_rng(1))
    columns = columns.take(np.lexsort((columns.lane, columns.time_us // 1_000_000, columns.row)))
    keys = [
        (row, 0 if of_resident else column)
        for row, column in zip(columns.row.tolist(), columns.lane.tolist(), strict=True)
    ]
    detectors = {key: kind() for key in set(keys)}
    values, done, spent = columns.value.tolist(), 0, 0.0
    for key, value in zip(keys, values, strict=True):
        detectors[key](value)  # the set-up with the first value is not counted
    while done < readings:
        before = time.process_time()
        for key, value in zip(keys, values, strict=True):
            detectors[key](value)
        spent += time.process_time() - before
        done += len(values)
    return done / spent
