"""Plots of an evaluation of the fall detector: errors by activity, calibration, and signals of wrong trials."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from device_simulators.recordings import SISFALL_HZ, Motion
from shouwang.evaluation.trials import Trial

mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
GOOD, BAD, INK = "#2f7d6b", "#c1452f", "#33404a"
ACTIVITIES = {
    "D01": "walking slowly",
    "D02": "walking quickly",
    "D03": "jogging slowly",
    "D04": "jogging quickly",
    "D05": "stairs slowly",
    "D06": "stairs quickly",
    "D07": "chair slowly",
    "D08": "chair quickly",
    "D09": "low chair slowly",
    "D10": "low chair quickly",
    "D11": "collapse into a chair",
    "D12": "lying down slowly",
    "D13": "lying down quickly",
    "D14": "turning in bed",
    "D15": "bending",
    "D16": "bending, knees straight",
    "D17": "in and out of a car",
    "D18": "stumbling",
    "D19": "jumping",
    "F01": "slip, forward",
    "F02": "slip, backward",
    "F03": "slip, sideways",
    "F04": "trip, walking",
    "F05": "trip, jogging",
    "F06": "faint while walking",
    "F07": "faint, hands on a table",
    "F08": "getting up, forward",
    "F09": "getting up, sideways",
    "F10": "sitting down, forward",
    "F11": "sitting down, backward",
    "F12": "sitting down, sideways",
    "F13": "seated faint, forward",
    "F14": "seated faint, backward",
    "F15": "seated faint, sideways",
}
"""SisFall's activities (Sensors 2017, 17(1):198, tables 2 and 3), shortened."""
PANELS = 9


def by_activity(trials: Sequence[Trial], file: Path) -> None:
    """Plot the share of wrong trials of each activity."""
    counts: dict[str, list[bool]] = defaultdict(list)
    for trial in trials:
        counts[trial.name.split("_")[0]].append(trial.correct)
    figure = Figure(figsize=(8, 7), layout="constrained")
    axes: Axes = figure.subplots()
    names = sorted(counts, reverse=True)
    wrong = [100 * (1 - float(np.mean(counts[name]))) for name in names]
    bars = axes.barh([f"{ACTIVITIES.get(n, '')}  {n}" for n in names], wrong, color=BAD)
    axes.bar_label(bars, [f"{counts[n].count(False)} of {len(counts[n])}" for n in names], padding=3, color=INK)
    axes.set_xlim(0, max(5.0, max(wrong) * 1.25))
    axes.set_xlabel("trials taken for the other thing, %")
    axes.set_title("Falls (F) missed and daily living (D) taken for falls", loc="left")
    figure.savefig(file, dpi=110)


def calibration(trials: Sequence[Trial], file: Path) -> None:
    """Plot the last confidence of each suspicion against the share of falls, and the delays of suspicions."""
    spoken = [trial for trial in trials if trial.events]
    confidence = np.array([trial.confidence for trial in spoken])
    truth = np.array([trial.is_fall for trial in spoken])
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    edges = np.array([0, 0.05, 0.2, 0.5, 0.8, 0.95, 1.0001])
    bins = np.digitize(confidence, edges) - 1
    used = [b for b in range(len(edges) - 1) if (bins == b).any()]
    x = [confidence[bins == b].mean() for b in used]
    y = [truth[bins == b].mean() for b in used]
    left.plot([0, 1], [0, 1], color="#c8ced3", lw=1)
    left.plot(x, y, "o-", color=GOOD)
    for b, at, up in zip(used, x, y, strict=True):
        left.annotate(str(int((bins == b).sum())), (at, up), textcoords="offset points", xytext=(5, -10), color=INK)
    left.set_xlabel("confidence of the last event (mean of its class)")
    left.set_ylabel("share that were falls")
    delays = [t.suspected_after_impact_s for t in trials if t.is_fall and t.suspected_after_impact_s is not None]
    right.hist(np.clip(delays, 0, 2), bins=np.arange(0, 2.01, 0.05).tolist(), color=GOOD)
    right.axvline(1, color=BAD, lw=1)
    right.set_xlabel("suspected after the strongest acceleration, s")
    right.set_ylabel("falls")
    figure.savefig(file, dpi=110)


def signals(title: str, chosen: Sequence[Trial], motions: Mapping[tuple[str, str], Motion], file: Path) -> None:
    """Plot magnitude and direction of the trunk in up to PANELS trials, with the detector's events in each title."""
    chosen = chosen[:PANELS]
    if not chosen:
        return
    wide = min(3, len(chosen))
    rows = -(-len(chosen) // wide)
    figure = Figure(figsize=(1 + 3.2 * wide, 2.3 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, wide, squeeze=False, sharey=True)
    for axes in grid.flat[len(chosen) :]:
        axes.axis("off")
    for axes, trial in zip(grid.flat, chosen, strict=False):
        acc = motions[trial.subject, trial.name][0]
        seconds = np.arange(len(acc)) / SISFALL_HZ
        axes.plot(seconds, np.linalg.norm(acc, axis=1), color=INK, lw=0.7)
        window = round(SISFALL_HZ / 2)
        direction = np.stack([np.convolve(axis, np.ones(window) / window, "same") for axis in acc.T], axis=1)
        start = direction[window : 2 * window].mean(axis=0)
        cosine = direction @ start / (np.linalg.norm(direction, axis=1) * np.linalg.norm(start) + 1e-9)
        turned = axes.twinx()
        turned.plot(seconds, np.degrees(np.arccos(np.clip(cosine, -1, 1))), color=GOOD, lw=0.9)
        turned.set_ylim(0, 180)
        turned.set_yticks([0, 90, 180])
        activity = trial.name.split("_")[0]
        said = " → ".join(trial.events) or "nothing said"
        axes.set_title(f"{trial.subject} {trial.name}: {ACTIVITIES.get(activity, '')}\n{said}", fontsize=8, loc="left")
        axes.set_ylim(0, 6)
    figure.supxlabel(
        f"{title}. Seconds; black: magnitude, g (left)\ngreen: turned since the start, ° (right)", fontsize=8
    )
    figure.savefig(file, dpi=110)
