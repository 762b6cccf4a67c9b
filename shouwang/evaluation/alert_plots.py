"""Draw an episode: the readings of the sensors and the moments of the alerts."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from alerting.detection.kit.context import MEASURED, Happened, Source
from alerting.detection.kit.switches import BINARY
from alerting.replay.alerts import Alert
from alerting.replay.recording import Recording, SwitchReadings
from firmware_profiles.channels import CHANNELS
from vocabulary.times import DAY_US, HOUR_US, SHANGHAI

mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
INK, ALERT, EPISODE, QUIET = "#33404a", "#c1452f", "#f0d9a8", "#7a8791"
MARGIN_US = 3 * HOUR_US
MOST_MARKS = 12


def episode_picture(
    recording: Recording, row: int, alerts: Sequence[Alert], begin_us: int, end_us: int, title: str, file: Path
) -> None:
    """Write a PNG: the person of ``row`` from three hours before ``begin_us`` to three hours after ``end_us``. One
    panel for each measured channel, one with the 0/1 sensors of the home, and a line where an alert was told."""
    since_us, until_us = begin_us - MARGIN_US, end_us + MARGIN_US
    person = recording.district.people[row]
    vitals = recording.vitals
    here = (vitals.row == row) & (vitals.time_us >= since_us) & (vitals.time_us < until_us)
    columns = [c for c in np.unique(vitals.column[here]).tolist() if MEASURED[c] != "in_bed"]
    switches = [s for s in recording.switches if s.source.home == row and s.channel in BINARY]
    happened = [
        arrived.happened
        for arrived in recording.events
        if arrived.happened.source.household_id == person.household_id
        and since_us <= arrived.happened.time_us < until_us
    ]
    lines = len(switches) + len({h.source.name for h in happened})
    figure = Figure(figsize=(11, 1.6 * len(columns) + 0.28 * lines + 2.2), layout="constrained")
    heights = [1.6] * len(columns) + [0.28 * lines + 0.5]
    panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, column in zip(panels, columns, strict=False):
        mine = here & (vitals.column == column)
        order = np.argsort(vitals.time_us[mine])
        times, values = vitals.time_us[mine][order], vitals.value[mine][order]
        axes.plot(_dates(times), values, ".", ms=2.5, color=INK)
        channel = CHANNELS[MEASURED[column]]
        axes.set_ylabel(f"{channel.en}\n{channel.unit}", fontsize=7)
    _switches(panels[-1], switches, happened, since_us, until_us)
    told = [a for a in alerts if a.household_id == person.household_id and since_us <= a.told_us < until_us]
    for axes in panels:
        axes.axvspan(*_dates(np.array([begin_us, end_us])), color=EPISODE, alpha=0.6, lw=0)
        for alert in told[:MOST_MARKS]:
            axes.axvline(_dates(np.array([alert.told_us]))[0], color=ALERT, lw=1)
    for alert in told[:MOST_MARKS]:
        at = _dates(np.array([alert.told_us]))[0]
        panels[0].annotate(
            alert.rule, (at, 1), xycoords=("data", "axes fraction"), rotation=60, fontsize=7, color=ALERT
        )
    panels[-1].set_xlim(*_dates(np.array([since_us, until_us])))
    panels[-1].xaxis.set_major_locator(mdates.AutoDateLocator(tz=SHANGHAI, maxticks=9))  # type: ignore[no-untyped-call]
    formatter = mdates.DateFormatter("%m-%d\n%H:%M", tz=SHANGHAI)  # type: ignore[no-untyped-call]
    panels[-1].xaxis.set_major_formatter(formatter)
    words = [f"{a.rule}: {a.reason_en}" for a in told[:3]]
    figure.suptitle("\n".join([title, *words]), fontsize=8, x=0.01, ha="left")
    figure.savefig(file, dpi=100)


def _switches(
    axes: Axes, switches: Sequence[SwitchReadings], happened: Sequence[Happened], since_us: int, until_us: int
) -> None:
    """Draw a bar while a 0/1 sensor is on, and a mark for each event of a device."""
    names = [f"{_plain(s.source)} {s.channel}" for s in switches]
    for height, switched in enumerate(switches):
        order = np.argsort(switched.time_us, kind="stable")
        times, on = switched.time_us[order], switched.value[order] >= 0.5
        changes = np.flatnonzero(np.concatenate(([True], on[1:] != on[:-1])))
        ends = np.append(times[changes[1:]], until_us)
        shown = on[changes] & (ends > since_us) & (times[changes] < until_us)
        for begin, end in zip(times[changes][shown], ends[shown], strict=True):
            axes.plot(_dates(np.array([max(begin, since_us), min(end, until_us)])), [height, height], color=QUIET, lw=5)
    for source in {h.source.name: h.source for h in happened}.values():
        at = [h for h in happened if h.source.name == source.name]
        axes.plot(_dates(np.array([h.time_us for h in at])), [len(names)] * len(at), "|", ms=9, mew=1.5, color=INK)
        names.append(f"{_plain(source)} {', '.join(sorted({h.kind for h in at})[:3])}")
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_ylim(-0.7, max(len(names), 1) - 0.3)


def _plain(source: Source) -> str:
    """Return the device's own name: in a replay of a file the resident's code stands before it."""
    return source.name.rpartition(".")[2]


def _dates(times_us: NDArray[np.int64]) -> NDArray[np.float64]:
    """Days since 1970, as matplotlib counts them."""
    return times_us / DAY_US
