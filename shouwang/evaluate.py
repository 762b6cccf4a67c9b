"""``shouwang evaluate falls``: the fall detector on recordings, trial by trial, in sum, by activity and by age."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from device_simulators.recordings import SISFALL_HZ, Motion, load_sisfall
from edge_agent.fall import FallDetector

app = typer.Typer(help="Measure detectors on recordings.", no_args_is_help=True)
CHUNK = 20
GROUPS = {"SA": "young adults", "SE": "elderly"}


class Trial(msgspec.Struct, frozen=True):
    """One recording and what the detector said."""

    subject: str
    name: str
    is_fall: bool
    called_fall: bool
    suspected: bool
    suspected_after_impact_s: float | None
    """From the strongest acceleration to the end of the piece in which the suspicion came."""
    seconds: float


@app.callback()
def _group() -> None:
    """Measure detectors on recordings."""


@app.command()
def falls(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder with SisFall's <subject>.npz.")],
    subjects: Annotated[str, typer.Option(help="Only these, e.g. SA01,SE04.")] = "",
    rate: Annotated[float, typer.Option(help="Evaluate at this sample rate (Hz), by decimation.")] = SISFALL_HZ,
    report: Annotated[Path | None, typer.Option(help="Write the figures (JSON) here.")] = None,
) -> None:
    """Sensitivity, specificity, delay and false alarms per hour of daily living.

    The rules have no trained parameters; a recording counts as a fall when it holds a confirmed event or ends with a
    suspicion that was not taken back.
    """
    out = Console()
    files = sorted(data.glob("S*.npz"))
    if subjects:
        files = [file for file in files if file.stem in subjects.split(",")]
    if not files:
        typer.secho(f"no subject's file in {data}", err=True, fg="red")
        raise typer.Exit(2)
    trials: list[Trial] = []
    for file in track(files, description="subjects", console=out):
        trials += [evaluate(file.stem, name, motion, rate) for name, motion in load_sisfall(file).items()]
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
    delay = result["suspected_after_impact_s"]
    out.print(f"suspected after the impact: median {delay['p50']} s, 99 % {delay['p99']} s; rate {rate:g} Hz")
    if report:
        document = {**result, "rate_hz": rate, "trials": msgspec.to_builtins(trials)}
        report.write_text(json.dumps(document, indent=1) + "\n")


def evaluate(subject: str, name: str, motion: Motion, rate_hz: float) -> Trial:
    """Feed one trial in pieces of a tenth of a second, as a pendant would send it."""
    step = max(1, round(SISFALL_HZ / rate_hz))
    acc, gyro = (column[::step].astype(np.float32) for column in motion)
    rate = SISFALL_HZ / step
    detector = FallDetector(rate)
    impact = int(np.linalg.norm(acc, axis=1).argmax())
    kinds: list[str] = []
    delay = None
    size = max(1, round(rate * CHUNK / SISFALL_HZ))
    for at in range(0, len(acc), size):
        piece = slice(at, at + size)
        for event in detector.feed(round(at * 1e6 / rate), acc[piece], gyro[piece]):
            kinds.append(event.kind)
            if event.kind == "suspected" and delay is None:
                delay = (min(at + size, len(acc)) - impact) / rate
    kinds += [event.kind for event in detector.flush()]
    called = "confirmed" in kinds or (bool(kinds) and kinds[-1] == "suspected")
    return Trial(subject, name, name.startswith("F"), called, "suspected" in kinds, delay, len(acc) / rate)


def summary(trials: Iterable[Trial]) -> dict[str, Any]:
    """Figures over all trials, by age group and by activity."""
    trials = list(trials)
    activities, groups = defaultdict(list), defaultdict(list)
    for trial in trials:
        activities[trial.name.split("_")[0]].append(trial)
        groups[GROUPS.get(trial.subject[:2], trial.subject[:2])].append(trial)
    delays = [t.suspected_after_impact_s for t in trials if t.is_fall and t.suspected_after_impact_s is not None]
    p50, p99 = np.percentile(delays, [50, 99]).round(2).tolist() if delays else (None, None)
    return {
        "all": _figures(trials),
        "by_group": {name: _figures(found) for name, found in sorted(groups.items())},
        "by_activity": {name: _figures(found) for name, found in sorted(activities.items())},
        "suspected_after_impact_s": {"p50": p50, "p99": p99},
    }


def _figures(trials: list[Trial]) -> dict[str, Any]:
    falls_, living = [t for t in trials if t.is_fall], [t for t in trials if not t.is_fall]
    hours = sum(t.seconds for t in living) / 3600
    return {
        "falls": len(falls_),
        "sensitivity": sum(t.called_fall for t in falls_) / len(falls_) if falls_ else None,
        "daily_living": len(living),
        "specificity": sum(not t.called_fall for t in living) / len(living) if living else None,
        "false_alarms_per_hour": sum(t.called_fall for t in living) / hours if hours else None,
    }


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:.2f} %"
