"""Raise alerts and take them from state to state, over a database connection; ``states`` says what leads where.

Every change is an append-only ``alert_event``; the alert row is its sum. A change names the version it was decided on,
so that of two people acting at once the second hears what the first did.
"""

import datetime as dt
import uuid
from typing import Any, Literal

import msgspec
import psycopg

from dispatch.alerts import lookup
from dispatch.alerts.outcomes import OF_DEVICES, Outcome, OutcomeError, Particulars, complete
from dispatch.alerts.states import (
    ACTION_WORDS,
    CLOSED,
    TRANSITIONS,
    AlertAction,
    AlertChanged,
    LifecycleError,
    next_state,
)
from dispatch.channels import notifications
from dispatch.core.history import SYSTEM, Actor, append, happened
from dispatch.ladders import ladder
from dispatch.ladders.policy import HELD
from observability import metrics
from vocabulary.alert_state import OPEN, AlertState
from vocabulary.severity import RANK, Severity
from vocabulary.times import SHANGHAI


class NewAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as detection raises it."""

    id: uuid.UUID
    rule: str
    rule_version: int
    severity: str
    subject: str
    household_id: int
    resident_id: int | None
    onset: dt.datetime
    sensed_at: dt.datetime
    received_at: dt.datetime
    raised_at: dt.datetime
    reason_zh: str
    reason_en: str
    evidence: dict[str, Any]


def raise_alert(conn: psycopg.Connection[Any], alert: NewAlert) -> bool:
    """Write a new alert with its first event and its escalation policy; False where it is there already (the first
    insert wins)."""
    with conn.transaction():
        row = conn.execute(
            """
            INSERT INTO alert (id, rule, rule_version, severity, subject, household_id, resident_id, onset, sensed_at,
                               received_at, raised_at, reason_zh, reason_en, evidence)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)
            ON CONFLICT (id) DO NOTHING RETURNING id
            """,
            (
                alert.id,
                alert.rule,
                alert.rule_version,
                alert.severity,
                alert.subject,
                alert.household_id,
                alert.resident_id,
                alert.onset,
                alert.sensed_at,
                alert.received_at,
                alert.raised_at,
                alert.reason_zh,
                alert.reason_en,
                msgspec.json.encode(alert.evidence).decode(),
            ),
        ).fetchone()
        if row is None:
            return False
        append(conn, alert.id, alert.raised_at, "raise", None, "raised", SYSTEM)
        ladder.start(conn, alert.id, alert.severity, alert.household_id, alert.raised_at)
        return True


def update_alert(conn: psycopg.Connection[Any], alert: NewAlert) -> bool:
    """Set another severity of an open alert, with reason and evidence. False where nothing changed.

    A lead never becomes milder than the gravest alert that follows it; it rises with one that follows it.
    """
    with conn.transaction():
        found = lock(conn, alert.id)
        if found is None or found.state not in OPEN:
            return False
        severity = min((alert.severity, *found.followers), key=RANK.__getitem__)
        if severity == found.severity:
            return False
        conn.execute(
            """
            UPDATE alert SET severity = %s, reason_zh = %s, reason_en = %s, evidence = %s::jsonb, version = version + 1,
                             snoozed_until = NULL WHERE id = %s
            """,
            (severity, alert.reason_zh, alert.reason_en, msgspec.json.encode(alert.evidence).decode(), alert.id),
        )
        _tell_severity(conn, alert.id, found.state, alert)
        if found.lead is None:
            ladder.raise_severity(conn, alert.id, severity, alert.household_id, found.state, alert.raised_at)
            return True
        row = conn.execute(
            "UPDATE alert SET severity = %s, version = version + 1, snoozed_until = NULL"
            " WHERE id = %s AND severity_rank(severity) > severity_rank(%s) RETURNING household_id",
            (severity, found.lead, severity),
        ).fetchone()
        if row is not None:
            _tell_severity(conn, found.lead, found.state, alert)
            ladder.raise_severity(conn, found.lead, severity, row[0], found.state, alert.raised_at)
        return True


def _tell_severity(conn: psycopg.Connection[Any], alert_id: uuid.UUID, state: AlertState, alert: NewAlert) -> None:
    append(
        conn, alert_id, alert.raised_at, "escalate", state, state, SYSTEM, note=alert.reason_zh,
        note_en=alert.reason_en,
    )  # fmt: skip


class Locked(msgspec.Struct, frozen=True, kw_only=True):
    """An alert whose row, and whose lead's, is locked in the caller's transaction."""

    state: AlertState
    severity: Severity
    version: int
    lead: uuid.UUID | None
    """The alert that it is merged into."""
    followers: tuple[Severity, ...]
    """Severities of the alerts that are merged into it."""
    snoozed: bool


def lock(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> Locked | None:
    """Lock an alert, its lead before it: all of dispatch locks them in this order. None where there is none."""
    lead = lookup.lead_of(conn, alert_id)
    if lead != alert_id:
        conn.execute("SELECT FROM alert WHERE id = %s FOR UPDATE", (lead,))
    row = conn.execute(
        "SELECT state, severity, version, merged_into, snoozed_until IS NOT NULL FROM alert WHERE id = %s FOR UPDATE",
        (alert_id,),
    ).fetchone()
    if row is None:
        return None
    followers = conn.execute("SELECT severity FROM alert WHERE merged_into = %s", (alert_id,)).fetchall()
    return Locked(
        state=row[0], severity=row[1], version=row[2], lead=row[3], followers=tuple(one[0] for one in followers),
        snoozed=row[4],
    )  # fmt: skip


def follow_up(
    conn: psycopg.Connection[Any],
    alert_id: uuid.UUID,
    wanted: Literal["clear", "cancel", "end", "note", "again"],
    at: dt.datetime,
    note: str,
    note_en: str = "",
) -> bool:
    """Apply what the system learnt: ``clear`` (over by itself), ``cancel`` (by the resident), ``end`` (its cause is
    over, and only a person may close it), ``note``, or ``again`` (a further alarm of the same, for the desk to notice).

    Where the action is not possible any more, as for an alert that a person has or that is one of several merged, it
    becomes a note. The end is told to those who were told of the begin, but for technical alerts and merged ones. False
    where there is no such open alert.
    """
    with conn.transaction():
        found = lock(conn, alert_id)
        if found is None or found.state not in OPEN:
            return False
        merged = found.lead is not None or bool(found.followers)
        kept = wanted == "end" or (merged and wanted != "again") or found.state not in TRANSITIONS[wanted][0]
        if wanted == "clear" and found.severity != "technical" and happened(conn, alert_id, "reopen"):
            kept = True  # a person has said that it is not over
        action: AlertAction = wanted if wanted != "end" and not kept else "note"
        change(conn, alert_id, found.state, action, at, SYSTEM, note=note, note_en=note_en)
        if found.lead is not None:
            of_lead: AlertAction = "again" if wanted == "again" else "note"
            change(conn, found.lead, found.state, of_lead, at, SYSTEM, note=note, note_en=note_en)
        if wanted in ("clear", "end") and found.severity != "technical" and not merged:
            notifications.tell_end(conn, alert_id, at)
        return True


def act(
    conn: psycopg.Connection[Any],
    alert_id: uuid.UUID,
    action: AlertAction,
    actor: Actor,
    at: dt.datetime,
    *,
    expected_version: int,
    outcome: str | None = None,
    particulars: Particulars | None = None,
    note: str = "",
    note_en: str = "",
    own: bool = True,
) -> AlertState:
    """Apply a person's action; gives the new state. ``particulars``: of ``resolve``, besides the outcome. ``own``:
    whoever sets out or arrives becomes the owner, too; False: only where nobody is (they were sent by the owner).

    Raises AlertChanged where the alert is no longer at ``expected_version`` (the text says who acted, and when), and
    LifecycleError where the alert does not exist, the action is not possible, ``resolve`` lacks a known outcome, or it
    is merged into another, on which people act.
    """
    ending = None
    if action == "resolve":
        try:
            ending = complete(outcome, particulars)
        except OutcomeError as error:
            raise LifecycleError(zh=error.message_zh, en=error.message_en) from error
    with conn.transaction():
        found = find(conn, alert_id, expected_version, merged=action == "note")
        if ending is not None and found.severity == "technical" and ending[0].code not in OF_DEVICES:
            raise LifecycleError(
                zh="设备预警请选择设备的处置结果", en="a technical alert ends with what became of the device"
            )
        if ending is not None:
            _insert_particulars(conn, alert_id, *ending, actor, at)
        outcome_code = ending[0].code if ending else None
        state = change(
            conn, alert_id, found.state, action, at, actor, outcome=outcome_code, note=note, note_en=note_en
        )  # fmt: skip
        if action in ("acknowledge", "own"):
            set_owner(conn, alert_id, actor)
        elif action in ("respond", "arrive", "resolve"):
            set_owner(conn, alert_id, actor, others=own and action != "resolve")
        return state


def find(conn: psycopg.Connection[Any], alert_id: uuid.UUID, expected_version: int, *, merged: bool = False) -> Locked:
    """Lock an alert on which a person decided to act when it was at ``expected_version``.

    Raises AlertChanged where it is no longer, LifecycleError where there is none, or (but with ``merged``) it follows
    another.
    """
    found = lock(conn, alert_id)
    if found is None:
        raise LifecycleError(zh="没有这条预警", en="there is no such alert")
    if found.lead is not None and not merged:
        raise LifecycleError(
            zh="这条预警已合并，请在主预警上操作", en="this alert is merged into another: act on that one"
        )
    if found.version != expected_version:
        raise _change_error(conn, alert_id)
    return found


def set_owner(conn: psycopg.Connection[Any], alert_id: uuid.UUID, actor: Actor | None, *, others: bool = True) -> None:
    """Make somebody the owner of an alert and of those that follow it; None: nobody is. ``others`` False: only where
    nobody is yet."""
    conn.execute(
        """
        UPDATE alert SET owner_id = %(id)s, owner_zh = %(zh)s,
            owner_en = coalesce(nullif(%(en)s, ''), (SELECT name_en FROM account WHERE id = %(id)s), %(zh)s)
        WHERE (id = %(alert)s OR merged_into = %(alert)s) AND (%(others)s OR owner_zh = '')
        """,
        {
            "id": None if actor is None else actor.account_id,
            "zh": "" if actor is None else actor.name,
            "en": "" if actor is None else actor.name_en,
            "alert": alert_id,
            "others": others,
        },
    )


def lapse(conn: psycopg.Connection[Any], alert_id: uuid.UUID, at: dt.datetime, note: str, note_en: str = "") -> bool:
    """Call an alert out again that somebody took and nobody works on. False where nobody has it."""
    with conn.transaction():
        found = lock(conn, alert_id)
        if found is None or found.lead is not None or found.state not in TRANSITIONS["lapse"][0]:
            return False
        change(conn, alert_id, found.state, "lapse", at, SYSTEM, note=note, note_en=note_en)
        set_owner(conn, alert_id, None)
        ladder.start_next_round(conn, alert_id)
        return True


def take_over(
    conn: psycopg.Connection[Any], alert_id: uuid.UUID, actor: Actor, at: dt.datetime, note: str, note_en: str = ""
) -> bool:
    """Give an alert to the next shift: whoever accepts it owns it, unless nobody has taken it yet. False where it is
    closed meanwhile."""
    with conn.transaction():
        found = lock(conn, alert_id)
        if found is None or found.state not in OPEN:
            return False
        change(conn, alert_id, found.state, "take_over", at, actor, note=note, note_en=note_en)
        if found.state in HELD and found.lead is None:
            set_owner(conn, alert_id, actor)
        return True


def change(
    conn: psycopg.Connection[Any],
    alert_id: uuid.UUID,
    state: AlertState,
    action: AlertAction,
    at: dt.datetime,
    actor: Actor,
    *,
    to: AlertState | None = None,
    outcome: str | None = None,
    note: str,
    note_en: str = "",
) -> AlertState:
    """Write one change of a locked alert, with its event; the alerts that follow it come along. Gives the new state;
    ``to``: where the action alone does not say. The caller is in a transaction. Raises LifecycleError where the action
    is not possible."""
    target = to or next_state(state, action)
    values = {"to": target, "outcome": outcome, "at": at, "id": alert_id, "ends": target in CLOSED,
              "wakes": action not in ("note", "step", "snooze")}  # fmt: skip
    row = conn.execute(_CHANGE.replace("<which>", "id = %(id)s") + " RETURNING severity, raised_at", values).fetchone()
    if action == "acknowledge" and row is not None:
        metrics.answer_seconds.labels(row[0]).observe(max(0.0, (at - row[1]).total_seconds()))
    append(conn, alert_id, at, action, state, target, actor, outcome=outcome, note=note, note_en=note_en)
    if target != state:
        for (follower,) in conn.execute(
            _CHANGE.replace("<which>", "merged_into = %(id)s") + " RETURNING id", values
        ).fetchall():
            append(
                conn, follower, at, action, state, target, actor, outcome=outcome, note="随主预警",
                note_en="with its lead",
            )  # fmt: skip
    if target != state or actor is not SYSTEM:
        # A person's note is work on it, too: its deadline starts again.
        ladder.restart_patience(conn, alert_id, target, at)
    return target


_CHANGE = """
    UPDATE alert SET state = %(to)s, version = version + 1,
        outcome = CASE WHEN %(ends)s THEN coalesce(%(outcome)s, outcome) END,
        closed_at = CASE WHEN %(ends)s THEN %(at)s::timestamptz END,
        -- a rest that ends early leaves no ladder that waits for its end
        next_step_at = CASE WHEN %(wakes)s AND snoozed_until IS NOT NULL THEN clock_timestamp() ELSE next_step_at END,
        snoozed_until = CASE WHEN NOT %(wakes)s THEN snoozed_until END
    WHERE <which>
"""


def _insert_particulars(
    conn: psycopg.Connection[Any],
    alert_id: uuid.UUID,
    outcome: Outcome,
    particulars: Particulars,
    actor: Actor,
    at: dt.datetime,
) -> None:
    conn.execute(
        "INSERT INTO alert_finding (alert_id, at, verdict, cause, injury, hospital, actions, account_id)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
        # a second one at the same time fails by the state below; a second end after it was opened again replaces it
        " ON CONFLICT (alert_id) DO UPDATE SET at = excluded.at, verdict = excluded.verdict, cause = excluded.cause,"
        " injury = excluded.injury, hospital = excluded.hospital, actions = excluded.actions,"
        " account_id = excluded.account_id",
        (
            alert_id,
            at,
            outcome.verdict,
            particulars.cause,
            particulars.injury,
            particulars.hospital,
            list(particulars.actions),
            actor.account_id,
        ),
    )


def _change_error(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> AlertChanged:
    row = conn.execute(
        "SELECT at, actor, action FROM alert_event WHERE alert_id = %s ORDER BY id DESC LIMIT 1", (alert_id,)
    ).fetchone()
    assert row is not None  # noqa: S101 - an alert is born with an event
    at, actor, action = row
    zh, en = ACTION_WORDS.get(action, ("更新", "a change"))
    who_zh, who_en = ("系统", "the system") if actor == SYSTEM.name else (actor, actor)
    clock = at.astimezone(SHANGHAI).strftime("%H:%M:%S")
    return AlertChanged(
        zh=f"{who_zh}已于 {clock} 更新了这条预警（{zh}），请看最新状态后再操作",
        en=f"{who_en} changed this alert at {clock} ({en}); look at it again before you act",
    )
