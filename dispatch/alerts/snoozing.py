"""Let a technical alert rest until a time; it comes back by itself. Alerts about people never rest."""

import datetime as dt
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import psycopg

from dispatch.alerts import lifecycle
from dispatch.alerts.states import LifecycleError
from dispatch.core.history import SYSTEM, Actor
from dispatch.ladders import ladder
from vocabulary.alert_state import OPEN, AlertState
from vocabulary.times import SHANGHAI

Span = Literal["1h", "8h", "morning"]
SPANS: Mapping[Span, tuple[str, str]] = MappingProxyType(
    {"1h": ("1 小时", "1 hour"), "8h": ("8 小时", "8 hours"), "morning": ("到明早 8:00", "until 8:00 tomorrow")}
)
"""Spans in Chinese and English."""
MORNING = dt.time(8)


def end_of(span: str, now: dt.datetime) -> dt.datetime:
    """The time at which a span that begins now is over. Pure. Raises LifecycleError for one that is none of SPANS."""
    if span == "morning":
        tomorrow = now.astimezone(SHANGHAI).date() + dt.timedelta(days=1)
        return dt.datetime.combine(tomorrow, MORNING, SHANGHAI).astimezone(dt.UTC)
    if span not in SPANS:
        raise LifecycleError(zh="请选择暂缓时间", en=f"choose how long: {', '.join(SPANS)}")
    return now + dt.timedelta(hours=int(span.removesuffix("h")))


def snooze(
    conn: psycopg.Connection[Any],
    alert_id: uuid.UUID,
    span: str,
    actor: Actor,
    at: dt.datetime,
    *,
    expected_version: int,
    note: str = "",
) -> AlertState:
    """Let a technical alert rest: out of the queue's face, and nobody is called, until the span is over.

    Raises AlertChanged, and LifecycleError for an alert of another severity or one that is closed or merged.
    """
    until = end_of(span, at)
    with conn.transaction():
        found = lifecycle.find(conn, alert_id, expected_version)
        if found.severity != "technical":
            raise LifecycleError(zh="只有设备预警可以暂缓", en="only technical alerts can rest")
        zh, en = f"暂缓至 {_clock(until)}", f"rests until {_clock(until)}"
        state = lifecycle.change(
            conn, alert_id, found.state, "snooze", at, actor, note=f"{zh}：{note}" if note else zh,
            note_en=f"{en}: {note}" if note else en,
        )  # fmt: skip
        conn.execute("UPDATE alert SET snoozed_until = %s WHERE id = %s", (until, alert_id))
        ladder.rest_until(conn, alert_id, at, until)
        return state


def wake_early(
    conn: psycopg.Connection[Any], alert_id: uuid.UUID, actor: Actor, at: dt.datetime, *, expected_version: int
) -> AlertState:
    """End the rest of an alert at a person's wish: it stands in the queue again, and its ladder goes on.

    Raises AlertChanged, and LifecycleError for an alert that does not rest.
    """
    with conn.transaction():
        found = lifecycle.find(conn, alert_id, expected_version)
        if not found.snoozed:
            raise LifecycleError(zh="这条预警没有暂缓", en="this alert does not rest")
        lifecycle.change(conn, alert_id, found.state, "wake", at, actor, note="提前结束", note_en="before its time")
        _call_again(conn, alert_id, found.state, at)
        return found.state


def wake(conn: psycopg.Connection[Any], alert_id: uuid.UUID, at: dt.datetime) -> bool:
    """End the rest of an alert whose time is over: its ladder goes on. False where it rests no longer."""
    with conn.transaction():
        found = lifecycle.lock(conn, alert_id)
        if found is None or not found.snoozed or found.state not in OPEN:
            return False
        lifecycle.change(
            conn, alert_id, found.state, "wake", at, SYSTEM, note="暂缓时间已到", note_en="its rest is over"
        )  # fmt: skip
        _call_again(conn, alert_id, found.state, at)
        return True


def _call_again(conn: psycopg.Connection[Any], alert_id: uuid.UUID, state: AlertState, at: dt.datetime) -> None:
    row = conn.execute("SELECT severity, household_id FROM alert WHERE id = %s", (alert_id,)).fetchone()
    assert row is not None  # noqa: S101 - it is locked
    ladder.begin_again(conn, alert_id, row[0], row[1], state, at)


def _clock(moment: dt.datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
