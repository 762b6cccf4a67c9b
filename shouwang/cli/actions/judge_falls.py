"""``shouwang evaluate falls``: run the fall detector on recordings and print figures by trial, activity and age."""

import json
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from device_simulators.recordings import SISFALL_HZ, Motion, load_sisfall
from edge_agent.fall import FallDetector, FallEvent, train
from edge_agent.fall.augment import another_sensor
from edge_agent.fall.model import Model, Part, part_of
from edge_agent.fall.placement import Placement, carry
from shouwang.cli.actions.train_falls import as_model, collect_impacts, subject_files
from shouwang.evaluation.sisfall import course, is_fall
from shouwang.evaluation.trials import Trial, called_fall, summary

CHUNK = 20
"""Samples at SISFALL_HZ that are fed at once: a tenth of a second, as a pendant would send them."""


class Sensor(msgspec.Struct, frozen=True):
    """The sensor that the recordings are turned into before the detector hears them."""

    rate_hz: float = SISFALL_HZ
    range_g: float = 16.0
    placement: Placement | None = None
    """None: as recorded; otherwise another sensor, mounted at random, at this part of the body."""


class FallsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command; see the command's help."""

    data: Path
    subjects: list[str]
    sensor: Sensor
    cross_validate: bool
    seed: int
    report: Path | None
    plots: Path | None
    show_trials: bool


def run(request: FallsRequest) -> None:
    """Evaluate every trial and print the tables. Raises FileNotFoundError where there is no subject."""
    out = Console()
    files = subject_files(request.data, request.subjects)
    models: dict[str, Model | None] = {file.stem: None for file in files}
    if request.cross_validate:
        part = part_of(request.sensor.placement or "waist")
        models |= cross_validation_models(files, part, request.seed, out)
    jobs = [(file, models[file.stem], request.sensor) for file in files]
    trials: list[Trial] = []
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for found in track(pool.map(_evaluate_file, jobs), "subjects", total=len(jobs), console=out):
            trials += found
    _print(out, trials, request.show_trials)
    result = summary(trials)
    sensor = request.sensor
    where = "as recorded" if sensor.placement is None else f"{sensor.placement}, another sensor"
    where += f"; {sensor.rate_hz:g} Hz, ±{sensor.range_g:g} g"
    delay = result["suspected_after_impact_s"]
    out.print(f"suspected after the impact: median {delay['p50']} s, 99 % {delay['p99']} s; {where}")
    how = "cross-validated by subject" if request.cross_validate else "the installed model"
    out.print(f"{how}; suspected in {result['all']['suspected_per_hour']:.1f} places per hour of daily living")
    if request.plots:
        _draw(request.plots, files, trials)
    if request.report:
        document = {
            **result,
            **msgspec.structs.asdict(sensor),
            "cross_validated": request.cross_validate,
            "trials": [{**msgspec.structs.asdict(trial), "correct": trial.correct} for trial in trials],
        }
        request.report.write_text(json.dumps(document, indent=1) + "\n")


def cross_validation_models(files: Sequence[Path], part: Part, seed: int, out: Console) -> dict[str, Model | None]:
    """Train, for each subject, a model for ``part`` of the body on subjects of other folds only."""
    impacts = collect_impacts(files, seed, out).at(part)
    fold = train.fold_of([file.stem for file in files])
    result: dict[str, Model | None] = {}
    for number in track(range(train.FOLDS), "training", console=out):
        arrays = train.fit(impacts.of(name for name, own in fold.items() if own != number), seed)
        result |= {name: as_model(arrays) for name, own in fold.items() if own == number}
    return result


def _evaluate_file(job: tuple[Path, Model | None, Sensor]) -> list[Trial]:
    file, model, sensor = job
    return [
        evaluate(file.stem, name, measured(sensor, file.stem, name, motion), sensor, model)
        for name, motion in load_sisfall(file).items()
    ]


def measured(sensor: Sensor, subject: str, name: str, motion: Motion) -> Motion:
    """A trial as ``sensor`` would have measured it, still at SISFALL_HZ; the same for every model."""
    acc, gyro = motion
    if sensor.placement is not None:
        rng = np.random.default_rng(zlib.crc32(f"{subject}/{name}".encode()))
        carried = carry(acc, gyro, SISFALL_HZ, sensor.placement, course(name), is_fall(name), rng)
        acc = another_sensor(carried, rng).astype(np.float32)
    return np.clip(acc, -sensor.range_g, sensor.range_g), gyro


def _draw(folder: Path, files: Sequence[Path], trials: Sequence[Trial]) -> None:
    from shouwang.evaluation import fall_plots

    folder.mkdir(parents=True, exist_ok=True)
    fall_plots.by_activity(trials, folder / "fall-by-activity.png")
    fall_plots.calibration(trials, folder / "fall-confidence.png")
    wrong = [trial for trial in trials if not trial.correct]
    needed = {trial.subject for trial in wrong}
    motions = {
        (file.stem, name): motion
        for file in files
        if file.stem in needed
        for name, motion in load_sisfall(file).items()
    }
    for title, missed in (("Falls that were missed", True), ("Daily living taken for falls", False)):
        name = "fall-missed.png" if missed else "fall-false-alarms.png"
        fall_plots.signals(title, [trial for trial in wrong if trial.is_fall == missed], motions, folder / name)


def _print(out: Console, trials: Sequence[Trial], everything: bool) -> None:
    shown = [trial for trial in trials if everything or not trial.correct]
    each = Table("trial", "is", "events", "confidence", title="every trial" if everything else "trials that went wrong")
    for trial in shown:
        kind = "fall" if trial.is_fall else "daily living"
        each.add_row(f"{trial.subject} {trial.name}", kind, " ".join(trial.events) or "—", f"{trial.confidence:.2f}")
    out.print(each)
    result = summary(trials)
    table = Table("", "falls", "sensitivity", "daily living", "specificity", "false alarms/h")
    for name, row in {"all": result["all"], **result["by_group"], **result["by_activity"]}.items():
        table.add_row(
            name,
            str(row["falls"]),
            _percent(row["sensitivity"]),
            str(row["daily_living"]),
            _percent(row["specificity"]),
            "—" if row["false_alarms_per_hour"] is None else f"{row['false_alarms_per_hour']:.2f}",
        )
    out.print(table)


def evaluate(subject: str, name: str, motion: Motion, sensor: Sensor, model: Model | None = None) -> Trial:
    """Feed one trial in pieces of a tenth of a second, as a pendant would send it."""
    step = max(1, round(SISFALL_HZ / sensor.rate_hz))
    acc, gyro = (column[::step].astype(np.float32) for column in motion)
    rate = SISFALL_HZ / step
    detector = FallDetector(rate, model, sensor.placement or "waist")
    impact = int(np.linalg.norm(acc, axis=1).argmax())
    events: list[FallEvent] = []
    delay = None
    size = max(1, round(rate * CHUNK / SISFALL_HZ))
    for at in range(0, len(acc), size):
        piece = slice(at, at + size)
        for event in detector.feed(round(at * 1e6 / rate), acc[piece], gyro[piece]):
            events.append(event)
            if event.kind == "suspected" and delay is None:
                delay = (min(at + size, len(acc)) - impact) / rate
    events += detector.flush()
    kinds = [event.kind for event in events]
    confidence = events[-1].confidence if events else 0.0
    return Trial(
        subject=subject,
        name=name,
        is_fall=is_fall(name),
        called_fall=called_fall(kinds),
        events=kinds,
        confidence=confidence,
        suspected_after_impact_s=delay,
        seconds=len(acc) / rate,
    )


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:.2f} %"
