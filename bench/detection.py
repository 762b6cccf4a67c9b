"""The detection core: readings a second through every detector on one core, and what a resident's state takes.

The peer is river's streaming Gaussian scorer, one for each resident and channel, asked and taught with every reading:
the least that a streaming baseline does. Ours does that, NEWS2, limits, breathing, sensor health and the rest.
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
PEER_READINGS = 100_000


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
    peer = _river()
    if peer is None:
        return [*figures, Figure("detection against river", 0, "", command=COMMAND, note="river is not installed")]
    note = f"goal: {PEER_GOAL} times"
    return [*figures, Figure("detection against river", rates[10_000], "readings/s", peer, "river", COMMAND, note)]


def _step(residents: int, step: int, rng: np.random.Generator) -> VitalColumns:
    """Five seconds of every resident, as frames bring them: by resident, channel and time."""
    seconds = STEP_US // 1_000_000
    n = residents * len(CHANNELS) * seconds
    level = np.repeat([mean for mean, _ in CHANNELS.values()], seconds)
    spread = np.repeat([spread for _, spread in CHANNELS.values()], seconds)
    column = np.repeat([COLUMN[code] for code in CHANNELS], seconds)
    second = np.tile(np.arange(seconds), len(CHANNELS)) * 1_000_000
    return VitalColumns(
        np.repeat(np.arange(residents, dtype=np.int32), len(column)),
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


def _river() -> float | None:
    """Readings a second of river; None where it is not installed."""
    try:
        from river import anomaly
    except ImportError:
        return None
    rng = np.random.default_rng(1)
    columns = _step(1000, 0, rng)
    scorers = {key: anomaly.GaussianScorer(grace_period=1) for key in {(r, c) for r in range(1000) for c in (0, 1)}}
    names = (columns.column == COLUMN["respiration_rate"]).astype(int).tolist()
    rows, values = columns.row.tolist(), columns.value.tolist()
    readings, spent = 0, 0.0
    while readings < PEER_READINGS:
        before = time.process_time()
        for row, name, value in zip(rows, names, values, strict=True):
            scorer = scorers[row, name]
            scorer.score_one(None, value)
            scorer.learn_one(None, value)
        spent += time.process_time() - before
        readings += len(rows)
    return readings / spent
