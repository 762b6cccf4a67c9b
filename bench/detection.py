"""The detection core: readings a second through every detector on one core, and what a resident's state takes.

The peers are river's streaming detectors, one for each resident and channel, asked and taught with every reading. The
comparable one asks what our personal baseline asks: is it far from this hour's usual (an absolute deviation from the
median, for each of the 24 hours), has it shifted (Page and Hinkley's test), does it drift (ADWIN). Beside it the least
that river has, one Gaussian for the whole life, and its general detector of anomalies, half-space trees. Ours does all
of ``alerting.detection`` at once: baseline, NEWS2 and its trend, limits, breathing, sensor health and the rest.
"""

import time

import numpy as np

from alerting.detection.columns import STEP_US, VitalColumns
from alerting.detection.context import COLUMN, District, Person
from alerting.detection.engine import LATENESS_US, Engine
from bench.figures import Figure

COMMAND = "python -m bench detection"
START_US = 1_800_000_000_000_000
CHANNELS = {"heart_rate": (70, 6), "respiration_rate": (16, 2)}
"""Two continuous channels at 1 Hz: 20,000 readings/s from 10,000 residents."""
GOAL, STATE_GOAL, PEER_GOAL = 2_000_000, 4096, 50
COMPARABLE = "the baseline's three questions"


def run() -> list[Figure]:
    rates, state = {}, 0.0
    for residents, steps in ((10_000, 60), (100_000, 8)):
        rates[residents], state = _ours(residents, steps)
    figures = [
        Figure("detection, 10,000 residents", rates[10_000], "readings/s", GOAL, "goal", COMMAND),
        Figure(
            "detection, 100,000 residents",
            rates[100_000],
            "readings/s",
            rates[10_000],
            "10,000 residents",
            COMMAND,
            "flat: a ratio of about 1",
        ),
        Figure("detection, state of a resident", state, "bytes", STATE_GOAL, "limit", COMMAND),
    ]
    for name, peer in _river().items():
        note = f"goal: {PEER_GOAL} times" if name == COMPARABLE else "for comparison"
        figures.append(
            Figure(f"detection against river, {name}", rates[10_000], "readings/s", peer, name, COMMAND, note)
        )
    return figures


def _step(residents: int, step: int, rng: np.random.Generator) -> VitalColumns:
    """Five seconds of every resident, as frames bring them: homes in any order, of each its channels, by time."""
    seconds = STEP_US // 1_000_000
    n = residents * len(CHANNELS) * seconds
    level = np.repeat([mean for mean, _ in CHANNELS.values()], seconds)
    spread = np.repeat([spread for _, spread in CHANNELS.values()], seconds)
    column = np.repeat([COLUMN[code] for code in CHANNELS], seconds)
    second = np.tile(np.arange(seconds), len(CHANNELS)) * 1_000_000
    return VitalColumns(
        np.repeat(rng.permutation(residents).astype(np.int32), len(column)),
        np.tile(column, residents).astype(np.int16),
        START_US + step * STEP_US + np.tile(second, residents) + rng.integers(0, 900_000, n),
        (np.tile(level, residents) + np.tile(spread, residents) * rng.normal(size=n)).astype(np.float32),
    )


def _ours(residents: int, steps: int) -> tuple[float, float]:
    """(readings a second of processor time, bytes of state of a resident), with every detector."""
    rng = np.random.default_rng(1)
    district = District([Person(i, f"R{i:06d}", i) for i in range(residents)], {}, {})
    engine = Engine(district, START_US)
    readings, spent = 0, 0.0
    for step in range(steps):
        columns = _step(residents, step, rng)
        before = time.process_time()
        engine.readings(columns)
        engine.advance(START_US + (step + 1) * STEP_US + LATENESS_US)
        spent += time.process_time() - before
        readings += len(columns)
    return readings / spent, engine.state_bytes / residents


def _river() -> dict[str, float]:
    """Readings a second of each detector of river; nothing where it is not installed (``make bench`` installs it)."""
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

    class Baseline:
        def __init__(self) -> None:
            self.hours = [anomaly.StandardAbsoluteDeviation(sub_stat=stats.Quantile(0.5)) for _ in range(24)]
            self.shift, self.drift = drift.PageHinkley(), drift.ADWIN()

        def __call__(self, value: float) -> None:
            usual = self.hours[0]  # the bench's seconds all lie in one hour
            usual.score_one(None, value)
            usual.learn_one(None, value)
            self.shift.update(value)
            self.drift.update(value)

    class Trees:
        def __init__(self) -> None:
            self.trees = anomaly.HalfSpaceTrees(seed=1)

        def __call__(self, value: float) -> None:
            features = {"value": value / 300}  # it wants values between 0 and 1
            self.trees.score_one(features)
            self.trees.learn_one(features)

    peers: dict[str, tuple[type, int, int]] = {
        COMPARABLE: (Baseline, 1000, 100_000),
        "one GaussianScorer": (Gauss, 1000, 100_000),
        "HalfSpaceTrees": (Trees, 100, 10_000),
    }
    return {name: _rate(*peer) for name, peer in peers.items()}


def _rate(kind: type, residents: int, readings: int) -> float:
    columns = _step(residents, 0, np.random.default_rng(1))
    detectors = {(row, column): kind() for row in range(residents) for column in set(columns.column.tolist())}
    keys = list(zip(columns.row.tolist(), columns.column.tolist(), strict=True))
    values, done, spent = columns.value.tolist(), 0, 0.0
    for key, value in zip(keys, values, strict=True):
        detectors[key](value)  # what they set up with their first value is not counted
    while done < readings:
        before = time.process_time()
        for key, value in zip(keys, values, strict=True):
            detectors[key](value)
        spent += time.process_time() - before
        done += len(values)
    return done / spent
