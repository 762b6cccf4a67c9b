"""Record attempts to call somebody about an alert, in seconds, and report them as an inspector asks.

26 TAC § 279.79 (emergency response services): a call is answered within 60 s, the response time is recorded in seconds,
one tries to reach the person before a responder is sent, and for each call the name, the times received and called, the
responder, the incident and its resolution are documented.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import msgspec
import psycopg
from psycopg.rows import class_row

from care_network.records.contacts import family_of
from dispatch.alerts import lifecycle, lookup
from dispatch.alerts.outcomes import Code
from dispatch.alerts.states import LifecycleError
from dispatch.core import history
from dispatch.core.history import Actor
from dispatch.desk import procedures
from dispatch.ladders import ladder
from vocabulary.alert_state import OPEN

Result = Literal["answered", "no_answer", "busy", "unreachable", "declined"]
Answer = Literal["clear", "unclear", "help"]
CalleeKind = Literal["resident", "staff", "contact", "organisation", "service"]
AMBULANCE: Literal["120"] = "120"
CLOCKS = dt.timedelta(minutes=2)
"""How far the clock of a browser may be off."""
PAUSE_S = 120.0
"""Seconds for which nobody else is called after the resident answered and is well."""
ANSWERS: Mapping[Answer, Code] = MappingProxyType(
    {
        "clear": Code("老人应答，清楚", "answered, clear"),
        "unclear": Code("老人应答，说不清", "answered, not clear"),
        "help": Code("老人求助", "asks for help"),
    }
)
RESULTS: Mapping[Result, Code] = MappingProxyType(
    {
        "answered": Code("已接通", "answered"),
        "no_answer": Code("无人接听", "no answer"),
        "busy": Code("占线", "busy"),
        "unreachable": Code("无法接通", "cannot be reached"),
        "declined": Code("拒接", "declined"),
    }
)


class CallAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """A call to record. ``key`` as in the care network: a resident's or staff member's code, 'R0001/0755-…', '120'."""

    kind: CalleeKind
    key: str
    started_at: dt.datetime
    ended_at: dt.datetime
    result: Result
    answered_at: dt.datetime | None = None
    note: str = ""
    answer: Answer | None = None
    """How the resident sounded who answered; of calls to the resident only."""


class Callee(msgspec.Struct, frozen=True):
    """Somebody whom a dispatcher may call about an alert."""

    kind: CalleeKind
    key: str
    name_zh: str
    name_en: str
    phone: str


class RecordedCall(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as it is stored; spans in seconds."""

    called_kind: str
    called_key: str
    started_at: dt.datetime
    result: str
    actor: str
    note: str
    answer: str | None
    after_s: float
    """From the alert to the dialling."""
    rang_s: float
    """From the dialling to the answer, or to giving up."""
    talked_s: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Documentation of one alert, as 26 TAC § 279.79 asks for."""

    resident_id: int | None

    name: str
    incident: str
    received_at: dt.datetime
    response_s: float | None
    """From the alert to the first answer or call about it; None: none yet."""
    responder: str | None
    resolution: str | None
    """The outcome's code."""
    attempts: tuple[RecordedCall, ...]


def callees(conn: psycopg.Connection[Any], alert_id: uuid.UUID, at: dt.datetime) -> list[Callee]:
    """List the people to call, in the order of the alert's procedure card, which may leave some out: the resident, the
    family with consent, those who were notified until now, 120. Empty for an alert that is not there.
    """
    row = conn.execute("SELECT rule, severity FROM alert WHERE id = %s", (alert_id,)).fetchone()
    return [] if row is None else in_order(_everybody(conn, alert_id, at), procedures.card(*row).calls)


def in_order(people: Sequence[Callee], groups: Sequence[procedures.CallGroup]) -> list[Callee]:
    """Sort people by the groups of a card, leaving out whoever is in none. Pure."""
    place = {group: number for number, group in enumerate(groups)}
    return sorted((one for one in people if _group(one) in place), key=lambda one: place[_group(one)])


def _group(callee: Callee) -> procedures.CallGroup:
    return AMBULANCE if callee.kind == "service" else callee.kind


def _everybody(conn: psycopg.Connection[Any], alert_id: uuid.UUID, at: dt.datetime) -> list[Callee]:
    home = conn.execute(
        """
        SELECT h.id, h.code, h.phone, a.resident_id, r.code, r.name_zh, r.name_en
        FROM alert a JOIN household h ON h.id = a.household_id LEFT JOIN resident r ON r.id = a.resident_id
        WHERE a.id = %s
        """,
        (alert_id,),
    ).fetchone()
    if home is None:
        return []
    household, code, phone, resident_id, resident, name_zh, name_en = home
    people = [Callee("resident", resident or code, name_zh or "家里", name_en or "the home", phone)]
    family = family_of(conn, household, resident_id, at)
    people += [Callee("contact", one.key, one.name_zh, one.name_en, one.phone) for one in family]
    with conn.cursor(row_factory=class_row(Callee)) as cursor:
        people += cursor.execute(
            """
            SELECT n.recipient_kind AS kind, n.recipient_key AS key, coalesce(s.name_zh, o.name_zh) AS name_zh,
                   coalesce(s.name_en, o.name_en) AS name_en, coalesce(s.phone, o.phone) AS phone
            FROM notification n
            LEFT JOIN staff s ON n.recipient_kind = 'staff' AND s.code = n.recipient_key
            LEFT JOIN organisation o ON n.recipient_kind = 'organisation' AND o.code = n.recipient_key
            WHERE n.alert_id = %s AND coalesce(s.phone, o.phone, '') <> ''
            GROUP BY 1, 2, 3, 4, 5 ORDER BY min(n.id)
            """,
            (alert_id,),
        ).fetchall()
    return [*people, Callee("service", AMBULANCE, "120 急救", "120 ambulance", AMBULANCE)]


def record(
    conn: psycopg.Connection[Any], alert_id: uuid.UUID, attempt: CallAttempt, actor: Actor, now: dt.datetime
) -> int:
    """Store an attempt; gives its number. It is work on the alert: the deadline of the person who has it starts again.

    The same attempt again, of a page that did not hear the answer, is the one that is there.

    Raises LifecycleError for an alert that is not there or closed, for somebody who is none of its :func:`callees`, and
    for times that cannot be: before the alert, after ``now`` (by CLOCKS, as browsers' clocks are), or out of order.
    """
    if attempt.ended_at < attempt.started_at or not (
        attempt.answered_at is None or attempt.started_at <= attempt.answered_at <= attempt.ended_at
    ):
        raise LifecycleError(zh="通话时间先后有误", en="a call is answered after it starts and before it ends")
    if attempt.result == "answered" and attempt.answered_at is None:
        raise LifecycleError(zh="请填写接通时间", en="say when the call was answered")
    if attempt.answer is not None and (attempt.result != "answered" or attempt.kind != "resident"):
        raise LifecycleError(
            zh="只有已接通老人的电话才有应答情况", en="only a call that the resident answered says how they sounded"
        )
    if attempt.ended_at > now + CLOCKS:
        raise LifecycleError(zh="通话时间晚于现在", en="a call does not end in the future")
    with conn.transaction():
        lifecycle.lock(conn, alert_id)  # its lead before it, as everywhere
        row = conn.execute("SELECT state, raised_at FROM alert WHERE id = %s", (alert_id,)).fetchone()
        again = conn.execute(
            "SELECT id FROM call_attempt WHERE alert_id = %s AND called_kind = %s AND called_key = %s"
            " AND started_at = %s AND account_id IS NOT DISTINCT FROM %s",
            (alert_id, attempt.kind, attempt.key, attempt.started_at, actor.account_id),
        ).fetchone()
        if again is not None:
            return int(again[0])
        if row is None or row[0] not in OPEN:
            raise LifecycleError(zh="预警不存在或已结束", en="there is no such open alert")
        if attempt.started_at < row[1] - CLOCKS:
            raise LifecycleError(zh="通话时间早于预警", en="a call about an alert does not begin before it")
        if not any((one.kind, one.key) == (attempt.kind, attempt.key) for one in _everybody(conn, alert_id, now)):
            raise LifecycleError(
                zh="该对象不在此预警的可呼叫名单中", en="this person is not among those to call about it"
            )
        number = conn.execute(
            """
            INSERT INTO call_attempt (alert_id, called_kind, called_key, started_at, answered_at, ended_at, result,
                                      account_id, actor, origin, note, answer)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
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
                attempt.answer,
            ),
        ).fetchone()
        lead = lookup.lead_of(conn, alert_id)
        ladder.restart_patience(conn, lead, row[0], attempt.ended_at)
        if attempt.answer is not None:
            _tell_answer(conn, lead, attempt.answer, now)
        assert number is not None  # noqa: S101 - RETURNING of one row
        return int(number[0])


def _tell_answer(conn: psycopg.Connection[Any], alert_id: uuid.UUID, answer: Answer, now: dt.datetime) -> None:
    """Note in the history how the resident sounded; who is well gives the desk some time before others are called."""
    zh, en = ANSWERS[answer].zh, ANSWERS[answer].en
    if answer == "clear" and ladder.pause_calls(conn, alert_id, PAUSE_S) is not None:
        zh += f"：逐级呼叫暂停 {PAUSE_S / 60:g} 分钟"
        en += f": nobody else is called for {PAUSE_S / 60:g} minutes"
    elif answer != "clear" and ladder.end_pause(conn, alert_id):
        zh += "：逐级呼叫立即继续"
        en += ": others are called at once"
    history.record(conn, [alert_id], now, "spoken", zh, en)


def of_alert(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> tuple[RecordedCall, ...]:
    """List every attempt in order."""
    with conn.cursor(row_factory=class_row(RecordedCall)) as cursor:
        return tuple(
            cursor.execute(
                """
                SELECT c.called_kind, c.called_key, c.started_at, c.result, c.actor, c.note, c.answer,
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
    """Make the report of one alert; None where there is no such alert."""
    row = conn.execute(
        """
        SELECT coalesce(r.name_zh, h.code), a.reason_zh, a.raised_at, a.outcome, first.at, first.actor, a.resident_id
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
    name, incident, received, outcome, at, actor, resident_id = row
    return Report(
        resident_id=resident_id,
        name=name,
        incident=incident,
        received_at=received,
        response_s=None if at is None else (at - received).total_seconds(),
        responder=actor,
        resolution=outcome,
        attempts=of_alert(conn, alert_id),
    )
