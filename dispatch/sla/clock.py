"""Measure milestones of alerts (acknowledged, contacted, on scene, resolved) against targets per severity. Pure.

An emergency is acknowledged within 60 s (the alarm receiving centres of TSA/TEC Quality answer 97.5 % of calls within
60 s) and somebody is at the door within 15 min, as a home-care-bed carer is. Every duration counts from the moment the
alert was raised, by its present severity. A district may set other targets: :mod:`dispatch.sla.targets`.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Literal

import msgspec
import numpy as np

from vocabulary.times import SHANGHAI

Milestone = Literal["acknowledged", "contacted", "on_scene", "resolved"]
MILESTONES: tuple[Milestone, ...] = ("acknowledged", "contacted", "on_scene", "resolved")
WORDS: Mapping[str, tuple[str, str]] = {
    "acknowledged": ("接警", "acknowledged"),
    "contacted": ("联系到老人", "resident contacted"),
    "on_scene": ("到达", "on scene"),
    "resolved": ("办结", "resolved"),
}

TARGETS_S: Mapping[str, Mapping[Milestone, float]] = {
    "emergency": {"acknowledged": 60, "contacted": 120, "on_scene": 15 * 60, "resolved": 2 * 3600},
    "urgent": {"acknowledged": 180, "contacted": 600, "on_scene": 45 * 60, "resolved": 4 * 3600},
    "attention": {"acknowledged": 1800, "contacted": 4 * 3600, "resolved": 24 * 3600},
    "technical": {"acknowledged": 8 * 3600, "resolved": 72 * 3600},
}
"""Seconds from raised, where the district has set no others; a severity without an entry for a milestone has no
target."""
SHARE_WANTED = 0.975
"""Share of the alerts of a severity that should meet their target."""

_REACHED_BY: Mapping[str, frozenset[str]] = {
    # An answer of any sort is an acknowledgement; arriving at the door is contact.
    "acknowledged": frozenset({"acknowledge", "respond", "arrive", "resolve"}),
    "contacted": frozenset({"contact", "arrive"}),
    "on_scene": frozenset({"arrive"}),
    "resolved": frozenset({"resolve", "cancel", "clear"}),
}
_CLOSED_BY = frozenset({"resolve", "cancel", "clear"})
_OPENED_BY = frozenset({"reopen", "undo"})


class HistoryEntry(msgspec.Struct, frozen=True):
    """An ``alert_event``, or a ``call`` to the resident with its result as the outcome."""

    at: dt.datetime
    action: str
    outcome: str | None = None


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """An alert with its history; ``organisation`` and ``shift``: those responsible when it was raised."""

    alert_id: str
    severity: str
    raised_at: dt.datetime
    history: tuple[HistoryEntry, ...]
    organisation: str = ""
    shift: str = ""
    targets: Mapping[Milestone, float] | None = None
    """Seconds, as they were in force when it was raised; None: TARGETS_S."""

    def target(self, milestone: Milestone) -> float | None:
        """Seconds in which the milestone should be reached; None: no target."""
        targets = TARGETS_S.get(self.severity, {}) if self.targets is None else self.targets
        return targets.get(milestone)


class Shift(msgspec.Struct, frozen=True):
    """Working hours by Shanghai's clock; an end not after the start lies on the next day."""

    code: str
    starts: dt.time
    ends: dt.time


MilestoneVerdict = Literal["met", "late", "missed", "pending", "not_needed"]


class Measurement(msgspec.Struct, frozen=True):
    """One milestone of one alert. ``elapsed_s``: seconds from raised; None: not reached.

    ``late``: reached after the target; ``missed``: not reached, and the target is over; ``pending``: it still may be;
    ``not_needed``: the alert ended before its target without it, or there is no target.
    """

    milestone: Milestone
    target_s: float | None
    elapsed_s: float | None
    verdict: MilestoneVerdict


class ReportLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the report. ``met_share``: of the alerts whose target is over or met; None: no such alert. Percentiles
    in seconds, of the milestones reached."""

    organisation: str
    shift: str
    severity: str
    milestone: Milestone
    target_s: float
    alerts: int
    met: int
    late: int
    missed: int
    pending: int
    met_share: float | None
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None


def reached_at(story: Story, milestone: Milestone) -> dt.datetime | None:
    """Time at which the milestone was first reached; None: not yet."""
    history = story.history
    if milestone == "resolved":  # an end that was taken back was none
        opened = [place for place, entry in enumerate(history) if entry.action in _OPENED_BY]
        history = history[opened[-1] :] if opened else history
    times = [entry.at for entry in history if _reaches(entry, milestone)]
    return min(times) if times else None


def measure(story: Story, milestone: Milestone, now: dt.datetime) -> Measurement:
    """Measure one milestone of one alert."""
    target = story.target(milestone)
    reached = reached_at(story, milestone)
    # A gateway's clock may be ahead of ours: no duration is negative.
    elapsed = None if reached is None else max(0.0, (reached - story.raised_at).total_seconds())
    if target is None:
        return Measurement(milestone, None, elapsed, "not_needed")
    if elapsed is not None:
        return Measurement(milestone, target, elapsed, "met" if elapsed <= target else "late")
    closed = reached_at(story, "resolved")
    end = closed or now
    over = (end - story.raised_at).total_seconds() > target
    return Measurement(milestone, target, None, "missed" if over else "not_needed" if closed else "pending")


def find_breaches(story: Story, now: dt.datetime) -> list[Measurement]:
    """Measure the milestones of an open alert that were missed."""
    return [one for one in (measure(story, milestone, now) for milestone in MILESTONES) if one.verdict == "missed"]


def shift_at(shifts: Sequence[Shift], at: dt.datetime) -> str:
    """The code of the organisation's shift at that time; of two the one that began last, '' for none."""
    local = at.astimezone(SHANGHAI).time()
    running = [shift for shift in shifts if _within(shift, local)]
    if not running:
        return ""
    return min(running, key=lambda shift: ((_minutes(local) - _minutes(shift.starts)) % 1440, shift.code)).code


def report(stories: Iterable[Story], now: dt.datetime, *, by_shift: bool = True) -> list[ReportLine]:
    """Count alerts that met their target, with percentiles, per organisation, shift (unless not wanted), severity,
    milestone and target (a district may have changed it)."""
    rows = []
    for story in stories:
        for milestone in MILESTONES:
            measured = measure(story, milestone, now)
            if measured.target_s is not None:
                shift = story.shift if by_shift else ""
                rank = _rank(story.severity)
                key = (story.organisation, shift, rank, MILESTONES.index(milestone), measured.target_s)
                rows.append((key, story.severity, measured))
    rows.sort(key=lambda row: row[0])
    return [_line(key, [(severity, m) for _, severity, m in group]) for key, group in groupby(rows, lambda row: row[0])]


def _line(key: tuple[str, str, int, int, float], group: Sequence[tuple[str, Measurement]]) -> ReportLine:
    measured = [one for _, one in group]
    counts = {verdict: sum(one.verdict == verdict for one in measured) for verdict in ("met", "late", "missed")}
    had_to = sum(counts.values())
    elapsed = [one.elapsed_s for one in measured if one.elapsed_s is not None]
    p50, p90, p99 = np.percentile(elapsed, (50, 90, 99)).tolist() if elapsed else (None, None, None)
    return ReportLine(
        organisation=key[0],
        shift=key[1],
        severity=group[0][0],
        milestone=measured[0].milestone,
        target_s=float(key[4]),
        alerts=len(measured),
        **counts,
        pending=sum(one.verdict == "pending" for one in measured),
        met_share=counts["met"] / had_to if had_to else None,
        p50_s=p50,
        p90_s=p90,
        p99_s=p99,
    )


def _reaches(entry: HistoryEntry, milestone: Milestone) -> bool:
    if milestone == "contacted" and entry.action == "call":
        return entry.outcome == "answered"
    return entry.action in _REACHED_BY[milestone]


def _rank(severity: str) -> int:
    return list(TARGETS_S).index(severity)


def _minutes(time: dt.time) -> int:
    return time.hour * 60 + time.minute


def _within(shift: Shift, local: dt.time) -> bool:
    if shift.starts < shift.ends:
        return shift.starts <= local < shift.ends
    return local >= shift.starts or local < shift.ends
