"""The service-level clock of an alert: four segments for a bar, and the nearest clock for a line of the queue.

The state of each segment is decided by pure functions; the clocks of a whole queue are loaded by one query.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import dict_row

from dispatch.desk.progress import target_words
from dispatch.ladders.policy import HELD, Step
from dispatch.sla import clock as sla
from dispatch.sla.clock import MILESTONES, HistoryEntry, Milestone, Story
from dispatch.sla.report import targets
from vocabulary.alert_state import OPEN

SegmentState = Literal["done", "late", "running", "missed", "not_begun", "not_needed"]
WORDS: Mapping[Milestone, tuple[str, str]] = MappingProxyType(
    {
        "acknowledged": ("接警", "acknowledged"),
        "contacted": ("联系", "contacted"),
        "on_scene": ("到达", "on scene"),
        "resolved": ("办结", "resolved"),
    }
)


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A milestone of an alert as a part of the bar."""

    milestone: Milestone
    zh: str
    en: str
    state: SegmentState
    """``done`` in time or ``late``; ``running``: the next one, its target is not over; ``missed``: its target is over
    and it is not reached; ``not_begun``: after the next one; ``not_needed``: it has no target, or the alert ended
    without it."""
    target_s: float | None
    """Seconds from raised; None: no target."""
    due_at: dt.datetime | None
    done_at: dt.datetime | None


class RunningClock(msgspec.Struct, frozen=True, kw_only=True):
    """A moment to which a line of the queue counts, or that it counts beyond."""

    kind: Literal["milestone", "call", "call_again"]
    """``call``: the ladder's next step; ``call_again``: whoever has the alert makes no progress until then."""
    zh: str
    """The milestone, or the people who are called."""
    en: str
    at: dt.datetime
    over: bool
    """Whether it is past: a target that was missed."""
    span_s: float | None = None
    """Seconds of the whole span, of which the last third is told by colour; None: not known."""


class AlertClock(msgspec.Struct, frozen=True, kw_only=True):
    """Every clock of an open alert."""

    segments: tuple[Segment, ...]
    target: RunningClock | None
    """The next milestone; None: none is left."""
    call: RunningClock | None
    """The ladder's next step; None: nothing is due."""

    @property
    def nearest(self) -> RunningClock | None:
        """The clock for the line: a missed target first, else whichever is due first."""
        clocks = [one for one in (self.target, self.call) if one is not None]
        return min(clocks, key=lambda one: (not one.over, one.at), default=None)


def segments(story: Story, now: dt.datetime) -> tuple[Segment, ...]:
    """The four segments of an alert, in order. Pure."""
    parts: list[Segment] = []
    begun = False
    for milestone in MILESTONES:
        measured = sla.measure(story, milestone, now)
        target = measured.target_s
        state: SegmentState
        if measured.elapsed_s is not None:
            state = "late" if measured.verdict == "late" else "done"
        elif measured.verdict == "pending":
            state, begun = ("not_begun" if begun else "running"), True
        elif measured.verdict == "missed":
            state = "missed"
        else:
            state = "not_needed"
        zh, en = WORDS[milestone]
        parts.append(
            Segment(
                milestone=milestone,
                zh=zh,
                en=en,
                state=state,
                target_s=target,
                due_at=None if target is None else story.raised_at + dt.timedelta(seconds=target),
                done_at=sla.reached_at(story, milestone),
            )
        )
    return tuple(parts)


def next_target(parts: Sequence[Segment]) -> RunningClock | None:
    """The first milestone that is not reached: the clock that runs, or runs over. Pure."""
    for part in parts:
        if part.state in ("running", "missed") and part.due_at is not None:
            return RunningClock(
                kind="milestone", zh=part.zh, en=part.en, at=part.due_at, over=part.state == "missed",
                span_s=part.target_s,
            )  # fmt: skip
    return None


def next_call(state: str, stop_at: str, step: Step | None, at: dt.datetime | None, number: int) -> RunningClock | None:
    """The ladder's next step as a clock. Pure; ``number`` from 1."""
    if at is None or state not in OPEN:
        return None
    if state in HELD and HELD.index(state) >= HELD.index(stop_at):
        return RunningClock(kind="call_again", zh="重新呼叫", en="called again", at=at, over=False)
    words = [] if step is None else [target_words(target) for target in step.targets]
    zh = "、".join(one for one, _ in words) or f"第 {number} 级"
    en = ", ".join(one for _, one in words) or f"step {number}"
    return RunningClock(kind="call", zh=zh, en=en, at=at, over=False, span_s=None if step is None else step.after_s)


def clock_of(conn: psycopg.Connection[Any], alert_id: UUID, now: dt.datetime) -> AlertClock | None:
    """The clocks of one alert, open or closed; None where there is none."""
    return _load(conn, now, "a.id = %(id)s", {"id": alert_id}).get(str(alert_id))


def clocks(
    conn: psycopg.Connection[Any], now: dt.datetime, ids: Collection[str] | None = None
) -> dict[str, AlertClock]:
    """The clocks of every open alert of people that is not merged into another, by id; ``ids``: of these only."""
    which = "alert_is_open(a.state) AND a.merged_into IS NULL"
    if ids is not None:
        return _load(conn, now, f"{which} AND a.id = ANY(%(ids)s::uuid[])", {"ids": list(ids)})
    return _load(conn, now, which, {})


def _load(conn: psycopg.Connection[Any], now: dt.datetime, which: str, values: dict[str, Any]) -> dict[str, AlertClock]:
    in_force = targets(conn)
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_CLOCKS.replace("<which>", which), values).fetchall()
    found = {}
    for row in rows:
        story = Story(
            alert_id=str(row["id"]),
            severity=row["severity"],
            raised_at=row["raised_at"],
            history=tuple(
                HistoryEntry(at, action, "answered" if action == "call" else None)
                for at, action in sorted(zip(row["times"] or (), row["actions"] or (), strict=True))
            ),
            targets=in_force.at(row["raised_at"]).seconds.get(row["severity"]),
        )
        parts = segments(story, now)
        step = _step(row["next"])
        found[story.alert_id] = AlertClock(
            segments=parts,
            target=next_target(parts) if row["state"] in OPEN else None,
            call=next_call(row["state"], row["stop_at"], step, row["next_step_at"], row["step"] + 1),
        )
    return found


def _step(value: Any) -> Step | None:
    try:
        return None if value is None else msgspec.convert(value, Step)
    except msgspec.ValidationError:
        return None  # the sweeper replaces such a policy, and says so in its log


_CLOCKS = """
    SELECT a.id, a.severity, a.raised_at, a.state, a.step, a.next_step_at,
           a.policy -> 'steps' -> a.step AS next, coalesce(a.policy ->> 'stop_at', 'acknowledged') AS stop_at,
           e.times, e.actions
    FROM alert a JOIN household h ON h.id = a.household_id
    LEFT JOIN LATERAL (
        SELECT array_agg(at) AS times, array_agg(action) AS actions FROM (
            SELECT at, action FROM alert_event WHERE alert_id = a.id AND action IN (
                'acknowledge', 'respond', 'arrive', 'contact', 'resolve', 'cancel', 'clear', 'reopen', 'undo')
            UNION ALL
            SELECT answered_at, 'call' FROM call_attempt
            WHERE alert_id = a.id AND called_kind = 'resident' AND answered_at IS NOT NULL
        ) happened
    ) e ON true
    WHERE <which> AND NOT h.synthetic
"""
