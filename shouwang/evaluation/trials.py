"""Trials of the fall detector on recordings, and figures over them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

GROUPS = {"SA": "young adults", "SE": "elderly"}


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One recording and the events of the detector."""

    subject: str
    name: str
    is_fall: bool
    called_fall: bool
    events: Sequence[str]
    confidence: float
    """Of the last event; 0 without one."""
    suspected_after_impact_s: float | None
    """From the strongest acceleration to the end of the piece in which the first suspicion came."""
    seconds: float

    @property
    def correct(self) -> bool:
        return self.is_fall == self.called_fall


def called_fall(kinds: Sequence[str]) -> bool:
    """Whether a recording with these events counts as a fall."""
    return "confirmed" in kinds or kinds[-1:] == ["suspected"]


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
        "suspected_per_hour": sum(t.events.count("suspected") for t in living) / hours if hours else 0.0,
    }
