"""``shouwang evaluate alerts``: simulates cohorts of residents, replays and judges them, and prints the figures."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from alerting.replay import what_if
from alerting.replay.alerts import Alert, collect
from alerting.replay.recording import Recording
from alerting.replay.run import replay
from device_simulators.month.month import MonthOptions, simulate
from shouwang.cli.actions.month_tables import clock, print_figures, print_wrong, wrong
from shouwang.evaluation.month_recording import recording_of
from shouwang.evaluation.score_figures import figures, summary
from shouwang.evaluation.scoring import Judged, judge

COHORT = 10
"""Residents that share one engine: alerts do not depend on it, memory does."""
LIMIT = 0.1
"""False medical alerts per resident-week that a district can live with."""
MOST_PLOTS = 40


class Job(msgspec.Struct, frozen=True):
    numbers: list[int]
    options: MonthOptions
    parameters: dict[str, float]


class Done(msgspec.Struct):
    judged: Judged
    readings: int
    seconds: float
    """Of the engine alone."""


Series = Literal["both", "usual", "outside"]
"""Which homes: the usual ones, those of the scenes that were met outside, or as many of each."""


class MonthRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command; see the command's help."""

    residents: int
    days: int
    seed: int
    series: Series
    rate_s: float
    false_falls: float
    settings: list[str]
    jobs: int
    as_json: bool
    plot: Path | None
    show: str
    list_false: bool


def run(request: MonthRequest) -> bool:
    """Judge the month and print the figures; whether every episode was found and false alerts are within LIMIT.

    Raises ValueError for a parameter that is not there or out of its limits.
    """
    out = Console(stderr=request.as_json)
    parameters = what_if.parse(request.settings)
    options = MonthOptions(seed=request.seed, days=request.days, rate_s=request.rate_s, false_falls=request.false_falls)
    began = time.perf_counter()
    todo = _jobs(request, options, parameters)
    total = Done(Judged(), 0, 0.0)
    series = {name: Judged() for name in ("usual", "outside") if request.series in ("both", name)}
    bars = (TextColumn("simulated residents"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bars, TimeRemainingColumn(), console=out) as progress:
        task = progress.add_task("", total=request.residents)
        for job, done in zip(todo, _run_all(todo, request.jobs), strict=True):
            total.judged.add(done.judged)
            series["outside" if job.options.outside else "usual"].add(done.judged)
            total.readings += done.readings
            total.seconds += done.seconds
            progress.advance(task, len(job.numbers))
    result = {
        "seed": request.seed,
        "days": request.days,
        "rate_s": request.rate_s,
        "parameters": parameters,
        **figures(total.judged),
        "series": {name: summary(judged) for name, judged in series.items()},
        "readings": total.readings,
        "engine_seconds": round(total.seconds, 1),
        "seconds": round(time.perf_counter() - began, 1),
    }
    if request.as_json:
        print(json.dumps(result | wrong(total.judged), indent=1, ensure_ascii=False))
    else:
        print_figures(out, result, LIMIT)
    if request.list_false:
        print_wrong(out, total.judged)
    if request.plot is not None:
        _draw(request.plot, total.judged, options, parameters, request.show, out)
    return not result["missed"] and result["false_medical_per_resident_week"] <= LIMIT


def _jobs(request: MonthRequest, options: MonthOptions, parameters: dict[str, float]) -> list[Job]:
    """Cohorts of the usual homes, then of the outside's."""
    outside = {"usual": 0, "outside": request.residents, "both": request.residents // 2}[request.series]
    jobs = []
    for there, homes in ((False, request.residents - outside), (True, outside)):
        there_options = msgspec.structs.replace(options, outside=there)
        jobs += [
            Job(list(range(at, min(at + COHORT, homes))), there_options, parameters) for at in range(0, homes, COHORT)
        ]
    return jobs


def _run_all(todo: Sequence[Job], jobs: int) -> Iterator[Done]:
    if jobs == 1:
        yield from map(run_job, todo)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run_job, todo)


def run_job(job: Job) -> Done:
    """Simulate, replay and judge one cohort."""
    months = [simulate(number, job.options) for number in job.numbers]
    recording = what_if.tuned(recording_of(months), job.parameters)
    began = time.perf_counter()
    told = replay(recording)
    seconds = time.perf_counter() - began
    by_home: dict[int, list[Alert]] = {}
    for alert in collect(told):
        by_home.setdefault(alert.household_id, []).append(alert)
    judged = Judged()
    for month in months:
        alerts = by_home.get(recording.district.gateways[month.gateway], [])
        resident = month.resident
        home = "two people" if resident.spouse else resident.trait
        judged.add(judge(resident.code, alerts, month.truth, job.options.days, home))
    return Done(judged, len(recording), seconds)


def _draw(
    folder: Path, judged: Judged, options: MonthOptions, parameters: dict[str, float], show: str, out: Console
) -> None:
    from shouwang.evaluation.alert_plots import episode_picture

    def wanted(resident: str, wrong: bool) -> bool:
        return resident == show if show else wrong

    marks = [
        (f.episode.resident, f.episode.begin_us, f.episode.end_us, f.episode.kind, "episode" if f.told_us else "missed")
        for f in judged.found
        if wanted(f.episode.resident, f.told_us is None)
    ]
    marks += [
        (one.resident, one.alert.onset_us, one.alert.told_us, one.alert.rule, "false")
        for one in judged.false
        if wanted(one.resident, one.medical)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    homes: dict[str, tuple[Recording, list[Alert]]] = {}
    for resident, begin_us, end_us, name, what in sorted(marks[:MOST_PLOTS]):
        if resident not in homes:
            outside = resident.startswith("X")
            month = simulate(int(resident[1:5]), msgspec.structs.replace(options, outside=outside))
            recording = what_if.tuned(recording_of([month]), parameters)
            homes = {resident: (recording, collect(replay(recording)))}
        recording, found = homes[resident]
        file = folder / f"{what}-{resident}-{name}-{clock(begin_us, '%m%d-%H%M')}.png"
        episode_picture(recording, 0, found, begin_us, end_us, f"{resident}: {name} ({what})", file)
    out.print(f"{min(len(marks), MOST_PLOTS)} of {len(marks)} pictures in {folder}")
