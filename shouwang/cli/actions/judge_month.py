"""``shouwang evaluate alerts``: simulates cohorts of residents, replays and judges them, and prints the figures."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from alerting.replay import what_if
from alerting.replay.alerts import Alert, collect
from alerting.replay.recording import Recording
from alerting.replay.run import replay
from device_simulators.month.month import MonthOptions, simulate
from shouwang.evaluation.month_recording import recording_of
from shouwang.evaluation.scoring import Judged, figures, judge
from vocabulary.times import LOCAL_US

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


class MonthRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command; see the command's help."""

    residents: int
    days: int
    seed: int
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
    numbers = list(range(request.residents))
    todo = [Job(numbers[at : at + COHORT], options, parameters) for at in range(0, request.residents, COHORT)]
    total = Done(Judged(), 0, 0.0)
    bars = (TextColumn("simulated residents"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bars, TimeRemainingColumn(), console=out) as progress:
        task = progress.add_task("", total=request.residents)
        for job, done in zip(todo, _run_all(todo, request.jobs), strict=True):
            total.judged.add(done.judged)
            total.readings += done.readings
            total.seconds += done.seconds
            progress.advance(task, len(job.numbers))
    result = {
        "seed": request.seed,
        "days": request.days,
        "rate_s": request.rate_s,
        "parameters": parameters,
        **figures(total.judged),
        "readings": total.readings,
        "engine_seconds": round(total.seconds, 1),
        "seconds": round(time.perf_counter() - began, 1),
    }
    if request.as_json:
        print(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        _print(out, result)
    if request.list_false:
        _list(out, total.judged)
    if request.plot is not None:
        _draw(request.plot, total.judged, options, parameters, request.show, out)
    return not result["missed"] and result["false_medical_per_resident_week"] <= LIMIT


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
    for person, month in zip(recording.district.people, months, strict=True):
        judged.add(judge(person.code, by_home.get(person.household_id, []), month.truth, job.options.days))
    return Done(judged, len(recording), seconds)


def _print(out: Console, result: dict[str, Any]) -> None:
    kinds = Table("episode", "found", "delay, median", "longest", title="true episodes")
    for kind, row in result["by_kind"].items():
        style = "red" if row["found"] < row["injected"] else ""
        longest = _span(row["delay_max_s"])
        kinds.add_row(kind, f"{row['found']} of {row['injected']}", _span(row["delay_median_s"]), longest, style=style)
    out.print(kinds)
    false = Table("rule", "", "alerts", "per resident-week", title="false alerts")
    for name in ("medical", "technical"):
        for rule, row in result[f"false_{name}_by_rule"].items():
            false.add_row(rule, name, str(row["alerts"]), f"{row['per_resident_week']:.4f}")
    out.print(false)
    rate = result["false_medical_per_resident_week"]
    out.print(
        f"false medical alerts: [{'red' if rate > LIMIT else 'green'}]{rate:.3f} per resident-week[/], "
        f"limit {LIMIT:g}; {result['resident_weeks']:.0f} resident-weeks, seed {result['seed']}"
    )
    out.print(f"episodes: {result['injected']} injected, {result['missed']} missed")
    speed = result["readings"] / max(result["engine_seconds"], 1e-9)
    out.print(f"{result['readings']:,} readings and events in {result['seconds']:.0f} s; engine {speed:,.0f} /s")


def _list(out: Console, judged: Judged) -> None:
    for resident, alert in judged.false:
        if alert.severity != "technical":
            out.print(f"false  {resident} {_clock(alert.told_us)} {alert.rule}: {alert.reason_en}", highlight=False)
    for episode in judged.missed:
        out.print(
            f"missed {episode.resident} {_clock(episode.begin_us)} {episode.kind}: {episode.must}", highlight=False
        )


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
        (resident, alert.onset_us, alert.told_us, alert.rule, "false")
        for resident, alert in judged.false
        if wanted(resident, alert.severity != "technical")
    ]
    folder.mkdir(parents=True, exist_ok=True)
    homes: dict[str, tuple[Recording, list[Alert]]] = {}
    for resident, begin_us, end_us, name, what in sorted(marks[:MOST_PLOTS]):
        if resident not in homes:
            month = simulate(int(resident[1:]), options)
            recording = what_if.tuned(recording_of([month]), parameters)
            homes = {resident: (recording, collect(replay(recording)))}
        recording, found = homes[resident]
        file = folder / f"{what}-{resident}-{name}-{_clock(begin_us, '%m%d-%H%M')}.png"
        episode_picture(recording, 0, found, begin_us, end_us, f"{resident}: {name} ({what})", file)
    out.print(f"{min(len(marks), MOST_PLOTS)} of {len(marks)} pictures in {folder}")


def _clock(us: int, form: str = "%d %H:%M") -> str:
    """Shanghai time."""
    return time.strftime(form, time.gmtime((us + LOCAL_US) / 1e6))


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "—"
    if abs(seconds) < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if abs(seconds) < 7200 else f"{seconds / 3600:.1f} h"
