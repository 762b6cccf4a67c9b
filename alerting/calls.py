"""Attempts to call somebody about an alert, recorded in seconds, and the report that an inspector asks for.

26 TAC § 279.79 (emergency response services): a call is answered within 60 s, the response time is recorded in seconds,
one tries to reach the person before a responder is sent, and for each call the name, the times received and called, the
responder, the incident and its resolution are documented.
"""

import datetime as dt
import uuid
from typing import Any, Literal

import msgspec
import psycopg
from psycopg.rows import class_row

from alerting.escalation import ladder
from alerting.lifecycle import OPEN, Actor, LifecycleError

Result = Literal["answered", "no_answer", "busy", "unreachable", "declined"]
Kind = Literal["resident", "staff", "contact", "organisation", "service"]


class Attempt(msgspec.Struct, frozen=True):
    """One call. ``key`` as in the care network: a resident's or staff member's code, 'R0001/0755-…', '120'."""

    kind: Kind
    key: str
    started_at: dt.datetime
    ended_at: dt.datetime
    result: Result
    answered_at: dt.datetime | None = None
    note: str = ""


class Recorded(msgspec.Struct, frozen=True):
    """An attempt as it stands in the record; the spans in seconds."""

    called_kind: str
    called_key: str
    started_at: dt.datetime
    result: str
    actor: str
    note: str
    after_s: float
    """From the alert to the dialling."""
    rang_s: float
    """From the dialling to the answer, or to giving up."""
    talked_s: float


class Report(msgspec.Struct, frozen=True):
    """What has to be documented of each alert."""

    name: str
    incident: str
    received_at: dt.datetime
    response_s: float | None
    """From the alert to the first who took it or called about it; None: nobody yet."""
    responder: str | None
    resolution: str | None
    """The outcome's code."""
    attempts: tuple[Recorded, ...]


def record(conn: psycopg.Connection[Any], alert_id: uuid.UUID, attempt: Attempt, actor: Actor) -> int:
    """Add an attempt; gives its number. It is work on the alert: the time of whoever has it begins anew.

    Raises LifecycleError for an alert that is not there or closed, and for times that can not be.
    """
    if attempt.ended_at < attempt.started_at or not (
        attempt.answered_at is None or attempt.started_at <= attempt.answered_at <= attempt.ended_at
    ):
        raise LifecycleError("通话时间先后有误", "a call is answered after it starts and before it ends")
    if attempt.result == "answered" and attempt.answered_at is None:
        raise LifecycleError("请填写接通时间", "say when the call was answered")
    if not attempt.key.strip():
        raise LifecycleError("请填写呼叫对象", "say who was called")
    with conn.transaction():
        row = conn.execute("SELECT state FROM alert WHERE id = %s FOR UPDATE", (alert_id,)).fetchone()
        if row is None or row[0] not in OPEN:
            raise LifecycleError("预警不存在或已结束", "there is no such open alert")
        number = conn.execute(
            """
            INSERT INTO call_attempt (alert_id, called_kind, called_key, started_at, answered_at, ended_at, result,
                                      account_id, actor, origin, note)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
            """,
            (
                alert_id,
                attempt.kind,
                attempt.key,
                attempt.started_at,
                attempt.answered_at,
                attempt.ended_at,
                attempt.result,
                actor.account_id,
                actor.name,
                actor.origin,
                attempt.note,
            ),
        ).fetchone()
        ladder.changed(conn, alert_id, row[0], attempt.ended_at)
        assert number is not None  # noqa: S101 - RETURNING of one row
        return int(number[0])


def of_alert(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> tuple[Recorded, ...]:
    """Every attempt, in order."""
    with conn.cursor(row_factory=class_row(Recorded)) as cursor:
        return tuple(
            cursor.execute(
                """
                SELECT c.called_kind, c.called_key, c.started_at, c.result, c.actor, c.note,
                       extract(epoch FROM c.started_at - a.raised_at)::float8 AS after_s,
                       extract(epoch FROM coalesce(c.answered_at, c.ended_at) - c.started_at)::float8 AS rang_s,
                       coalesce(extract(epoch FROM c.ended_at - c.answered_at), 0)::float8 AS talked_s
                FROM call_attempt c JOIN alert a ON a.id = c.alert_id
                WHERE c.alert_id = %s ORDER BY c.started_at, c.id
                """,
                (alert_id,),
            ).fetchall()
        )


def report(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> Report | None:
    """The report of one alert; None where there is none."""
    row = conn.execute(
        """
        SELECT coalesce(r.name_zh, h.code), a.reason_zh, a.raised_at, a.outcome, first.at, first.actor
        FROM alert a JOIN household h ON h.id = a.household_id LEFT JOIN resident r ON r.id = a.resident_id
        LEFT JOIN LATERAL (
            SELECT at, actor FROM (
                SELECT at, actor FROM alert_event
                WHERE alert_id = a.id AND action IN ('acknowledge', 'respond', 'arrive')
                UNION ALL SELECT started_at, actor FROM call_attempt WHERE alert_id = a.id
            ) answers ORDER BY at LIMIT 1
        ) first ON true
        WHERE a.id = %s
        """,
        (alert_id,),
    ).fetchone()
    if row is None:
        return None
    name, incident, received, outcome, at, actor = row
    response = None if at is None else (at - received).total_seconds()
    return Report(name, incident, received, response, actor, outcome, of_alert(conn, alert_id))
