"""The ladder of one alert in its row: begun, stopped and begun anew in the transaction of what happened.

Every deadline is reckoned by the database's clock, so that a jump of another machine's clock moves none of them.
"""

import datetime as dt
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import structlog

from dispatch.channels import notifications
from dispatch.ladders.policy import Move, Policy, PolicyError, begin, decode, encode, holds, patience
from dispatch.ladders.store import policy_of_home

log = structlog.get_logger(__name__)

DUE = "escalation_due"
"""The NOTIFY channel by which the climbers hear that a step is due at once."""
CLOSED = ("resolved", "cancelled", "cleared")


class DirectCalls(msgspec.Struct, frozen=True):
    """Who has been told the first step already, without the database."""

    recipients: tuple[notifications.Recipient, ...]
    at: dt.datetime


def start(conn: psycopg.Connection[Any], alert_id: UUID, severity: str, household_id: int, at: dt.datetime) -> None:
    """A new alert: copy its policy, and make its first step due."""
    policy = policy_of_home(conn, severity, household_id, at)
    set_next_step(conn, alert_id, begin(policy), policy)


def record_direct_calls(conn: psycopg.Connection[Any], alert_id: UUID, told: DirectCalls) -> None:
    """These people heard of the first step without the outbox: when it comes to that step, it leaves them out."""
    row = conn.execute("SELECT round FROM alert WHERE id = %s", (alert_id,)).fetchone()
    if row is None:
        return
    ids = notifications.enqueue(
        conn, alert_id=alert_id, step=1, round=row[0], recipients=told.recipients, reason="escalation", at=told.at
    )
    conn.execute("UPDATE notification SET state = 'sent', settled_at = %s WHERE id = ANY(%s)", (told.at, ids))


def raise_severity(
    conn: psycopg.Connection[Any], alert_id: UUID, severity: str, household_id: int, state: str, at: dt.datetime
) -> None:
    """The severity has risen: from now on the policy of the new one. Nobody has it yet: a new round begins at once;
    somebody has it: they have as much time as the new policy gives."""
    policy = policy_of_home(conn, severity, household_id, at)
    row = conn.execute("SELECT round, policy IS NULL FROM alert WHERE id = %s", (alert_id,)).fetchone()
    assert row is not None  # noqa: S101 - the caller has just updated it
    if holds(policy, state):
        conn.execute(
            """
            UPDATE alert SET policy = %s::jsonb, next_step_at = least(next_step_at, clock_timestamp()
                                                                      + make_interval(secs => %s)) WHERE id = %s
            """,
            (encode(policy), patience(policy, state), alert_id),
        )
    else:
        set_next_step(conn, alert_id, begin(policy, row[0] + 1), policy)


def restart_patience(conn: psycopg.Connection[Any], alert_id: UUID, state: str, at: dt.datetime) -> None:
    """The alert has reached ``state`` by what somebody did, or a person has worked on it in that state.

    Closed: nothing more is due, and what is not sent yet is not sent. Held: the same, until the policy's patience is
    over. Else the ladder goes on as it was.
    """
    if state in CLOSED:
        notifications.cancel(conn, alert_id, at)
        conn.execute("UPDATE alert SET next_step_at = NULL WHERE id = %s", (alert_id,))
        return
    policy = load_policy(conn, alert_id)
    if not holds(policy, state):
        return
    notifications.cancel(conn, alert_id, at)
    conn.execute(
        "UPDATE alert SET next_step_at = clock_timestamp() + make_interval(secs => %s) WHERE id = %s",
        (patience(policy, state), alert_id),
    )


def start_next_round(conn: psycopg.Connection[Any], alert_id: UUID) -> None:
    """Nobody works on it: the ladder begins again, now."""
    policy = load_policy(conn, alert_id)
    row = conn.execute("SELECT round FROM alert WHERE id = %s", (alert_id,)).fetchone()
    assert row is not None  # noqa: S101
    set_next_step(conn, alert_id, msgspec.structs.replace(begin(policy, row[0] + 1), delay_s=0.0))


def set_next_step(conn: psycopg.Connection[Any], alert_id: UUID, move: Move, policy: Policy | None = None) -> None:
    """Where the ladder goes next, seen from now; by another policy where one is given."""
    conn.execute(
        """
        UPDATE alert SET step = %s, round = %s, policy = coalesce(%s::jsonb, policy),
                         next_step_at = clock_timestamp() + make_interval(secs => %s) WHERE id = %s
        """,
        (move.step, move.round, None if policy is None else encode(policy), move.delay_s, alert_id),
    )
    if move.delay_s == 0:
        conn.execute("SELECT pg_notify(%s, '')", (DUE,))


def load_policy(conn: psycopg.Connection[Any], alert_id: UUID) -> Policy:
    """The alert's own copy; where it has none that can be read, today's, of which it gets a copy."""
    row = conn.execute(
        "SELECT policy, severity, household_id, clock_timestamp() FROM alert WHERE id = %s", (alert_id,)
    ).fetchone()
    assert row is not None  # noqa: S101 - the caller holds its row
    value, severity, household, now = row
    if value is not None:
        try:
            return decode(value)
        except PolicyError as error:
            log.error("the alert's policy is replaced", alert_id=str(alert_id), error=str(error))
    policy = policy_of_home(conn, severity, household, now)
    conn.execute("UPDATE alert SET policy = %s::jsonb WHERE id = %s", (encode(policy), alert_id))
    return policy
