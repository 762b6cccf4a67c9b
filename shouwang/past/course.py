"""The course of one past alert, minute by minute: who was called, who took it, when somebody was there. Pure."""

import datetime as dt
from typing import Literal

import msgspec
from numpy.random import Generator

from dispatch.sla.clock import TARGETS_S, HistoryEntry, Milestone, Story, measure
from shouwang.past.stories import Incident

TAKEN_S = {"emergency": (24.0, 0.55), "urgent": (62.0, 0.6), "attention": (480.0, 0.75), "technical": (3000.0, 0.9)}
"""Median (s) and spread (of the logarithm) of the time until somebody takes an alert: some 4 to 8 % are too late."""
THERE_S = {"emergency": (510.0, 0.35), "urgent": (1300.0, 0.4), "attention": (2700.0, 0.4), "technical": (9000.0, 0.5)}
RANG = dt.timedelta(seconds=8)
FIRST_S, STEP_S = 0.2, 20.0
"""From the alert to the first call of the ladder, and the pause between two."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody did; ``by``: whose account or name stands beside it."""

    at: dt.datetime
    action: Literal["raise", "call_out", "acknowledge", "respond", "arrive", "resolve", "clear", "cancel"]
    by: Literal["system", "desk", "carer", "resident"]


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """``steps``: in the order of their times; ``called_at``: when the resident was called; ``answered``: by them."""

    steps: tuple[Step, ...]
    called_at: dt.datetime | None = None
    answered: bool = False
    late: tuple[tuple[Milestone, float], ...] = ()
    """(milestone, target in s) of those that were missed or met too late."""

    @property
    def talked_at(self) -> dt.datetime | None:
        """When the resident took the call."""
        return self.called_at + RANG if self.called_at is not None and self.answered else None

    @property
    def closed_at(self) -> dt.datetime:
        return self.steps[-1].at

    def at(self, action: str) -> dt.datetime | None:
        """When it was first done; None: never."""
        return next((step.at for step in self.steps if step.action == action), None)


def course_of(incident: Incident, rng: Generator) -> Course:
    """Tell how an alert went."""
    severity, ending, begin = incident.kind.severity, incident.ending, incident.at
    told: list[Step] = [Step(at=begin, action="raise", by="system")]
    if ending.outcome is None:
        wait = incident.lasts or dt.timedelta(seconds=float(rng.uniform(25, 100 if ending.cancelled else 900)))
        taken = begin + wait
    else:
        taken = begin + _about(TAKEN_S[severity], rng, TARGETS_S[severity]["acknowledged"] * 2.5)
    grave = severity in ("emergency", "urgent")
    calls = min(4, 1 + int(((taken - begin).total_seconds() - FIRST_S) // STEP_S)) if grave else 1
    told += [
        Step(at=begin + dt.timedelta(seconds=FIRST_S + STEP_S * step), action="call_out", by="system")
        for step in range(calls)
    ]
    if ending.outcome is None:
        told.append(Step(at=taken, action="cancel" if ending.cancelled else "clear",
                         by="resident" if ending.cancelled else "system"))  # fmt: skip
        return _judged(severity, told, None, False)
    told.append(Step(at=taken, action="acknowledge", by="desk"))
    called = taken + dt.timedelta(seconds=float(rng.uniform(6, 25))) if grave or "phone" in ending.actions else None
    answered = called is not None and ("phone" in ending.actions or bool(rng.random() < 0.5))
    last = taken + dt.timedelta(minutes=float(rng.uniform(4, 20)))
    if ending.visit:
        out = taken + dt.timedelta(seconds=float(rng.uniform(40, 110)))
        there = max(begin + _about(THERE_S[severity], rng, 20_000), out + dt.timedelta(minutes=2))
        if incident.lasts is not None:  # they come, and then it is heard again
            there = max(out + dt.timedelta(minutes=2), begin + incident.lasts - dt.timedelta(minutes=15))
        told += [Step(at=out, action="respond", by="carer"), Step(at=there, action="arrive", by="carer")]
        last = there + dt.timedelta(minutes=float(rng.uniform(12, 50)))
    elif incident.lasts is not None:
        last = max(last, begin + incident.lasts)
    told.append(Step(at=last, action="resolve", by="desk"))
    return _judged(severity, told, called, answered)


def _judged(severity: str, steps: list[Step], called: dt.datetime | None, answered: bool) -> Course:
    course = Course(steps=tuple(sorted(steps, key=lambda step: step.at)), called_at=called, answered=answered)
    history = [HistoryEntry(step.at, step.action) for step in course.steps]
    if course.talked_at is not None:
        history.append(HistoryEntry(course.talked_at, "call", "answered"))
    story = Story(alert_id="", severity=severity, raised_at=course.steps[0].at, history=tuple(history))
    measured = [measure(story, milestone, course.closed_at) for milestone in TARGETS_S[severity]]
    late = [(one.milestone, one.target_s or 0.0) for one in measured if one.verdict in ("late", "missed")]
    return msgspec.structs.replace(course, late=tuple(late))


def _about(about: tuple[float, float], rng: Generator, most_s: float) -> dt.timedelta:
    median, spread = about
    return dt.timedelta(seconds=min(most_s, median * float(rng.lognormal(0, spread))))
