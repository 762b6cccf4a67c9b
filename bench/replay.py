"""Measure replay: simulated months through the engine as ``shouwang evaluate alerts`` plays them, a year of one
resident, and a day of a district that is judged again with another parameter. Processor time of one core."""

import time

from alerting.replay import what_if
from alerting.replay.alerts import collect
from alerting.replay.recording import Recording
from alerting.replay.run import replay
from bench.figures import Figure, quick
from device_simulators.month.month import MonthOptions, simulate
from shouwang.evaluation.month_recording import recording_of

GOAL, YEAR_S, DAY_S = 1_500_000, 10.0, 600.0
DISTRICT, HOMES = 7198, 10
"""Homes of a district, and of the month: as many as ``evaluate alerts`` plays together."""
OTHER = {"baseline.sudden_minutes": 15.0}


def run() -> list[Figure]:
    """Measure readings and events a second of a month, seconds of a day and night of a district, and of a year."""
    days = 8 if quick() else 30
    month = _of(HOMES, days)
    spent, _ = _played(month)
    again, _ = _played(what_if.tuned(month, OTHER))
    figures = [
        Figure(
            name="replay of a simulated month, ten homes",
            value=len(month) / spent,
            unit="readings and events/s",
            reference=GOAL,
            reference_name="goal",
            note=f"{len(month):,} of {days} days",
        ),
        Figure(
            name="a district's day and night judged again with another parameter",
            value=again / days / HOMES * DISTRICT,
            unit="s",
            reference=DAY_S,
            reference_name="limit",
            note=f"{DISTRICT:,} homes, from {HOMES} in {days} days, on one core",
        ),
    ]
    if quick():
        return figures
    year = _of(1, 365)
    whole, alerts = _played(year)
    return [
        *figures,
        Figure(
            name="replay of a year of one resident",
            value=whole,
            unit="s",
            reference=YEAR_S,
            reference_name="limit",
            note=f"{len(year):,} readings and events, {alerts} alerts",
        ),
    ]


def _of(homes: int, days: int) -> Recording:
    return recording_of([simulate(number, MonthOptions(days=days)) for number in range(homes)])


def _played(recording: Recording) -> tuple[float, int]:
    """Measure (seconds of the processor, number of alerts) of a replay."""
    before = time.process_time()
    alerts = len(collect(replay(recording)))
    return time.process_time() - before, alerts
