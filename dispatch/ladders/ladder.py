"""Start, rest and restart the ladder of one alert, in its row and in the transaction of the change that causes it.

Deadlines follow the database's clock, so that a jump of another machine's clock moves none of them.
"""

import datetime as dt
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import structlog

from dispatch.channels import notifications
from dispatch.ladders.by_grade import Chosen
from dispatch.ladders.policy import Move, Policy, PolicyError, begin, decode, encode, holds, patience
from dispatch.ladders.store import chosen

log = structlog.get_logger(__name__)

DUE = "escalation_due"
"""The NOTIFY channel that wakes the sweepers when a step is due at once."""
CLOSED = ("resolved", "cancelled", "cleared")


class DirectCalls(msgspec.Struct, frozen=True):
    """People who were called on the first step already, without the database."""

    recipients: tuple[notifications.Recipient, ...]
    at: dt.datetime


def start(conn: psycopg.Connection[Any], alert_id: UUID, severity: str, household_id: int, at: dt.datetime) -> None:
    """Copy the policy of a new alert into its row, and make its first step due."""
    found = _chosen(conn, alert_id, severity, household_id, at)
    set_next_step(conn, alert_id, begin(found.policy), found)


def record_direct_calls(conn: psycopg.Connection[Any], alert_id: UUID, calls: DirectCalls) -> None:
    """Store these people as notified of the first step, so that the sweeper leaves them out there."""
    row = conn.execute("SELECT round FROM alert WHERE id = %s", (alert_id,)).fetchone()
    if row is None:
        return
    ids = notifications.enqueue(
        conn, alert_id=alert_id, step=1, round=row[0], recipients=calls.recipients, reason="escalation", at=calls.at
    )
    conn.execute("UPDATE notification SET state = 'sent', settled_at = %s WHERE id = ANY(%s)", (calls.at, ids))


def raise_severity(
    conn: psycopg.Connection[Any], alert_id: UUID, severity: str, household_id: int, state: str, at: dt.datetime
) -> None:
    """Go on by the policy of a higher severity: where nobody has the alert, a new round begins at once; where somebody
    has it, the new policy's patience is an upper limit of their time."""
    found = _chosen(conn, alert_id, severity, household_id, at)
    policy = found.policy
    row = conn.execute("SELECT round, policy IS NULL FROM alert WHERE id = %s", (alert_id,)).fetchone()
    assert row is not None  # noqa: S101 - the caller has just updated it
    if holds(policy, state):
        conn.execute(
            """
            UPDATE alert SET policy = %s::jsonb, ladder_choice = %s::jsonb,
                             next_step_at = least(next_step_at, clock_timestamp() + make_interval(secs => %s))
            WHERE id = %s
            """,
            (encode(policy), found.noted(), patience(policy, state), alert_id),
        )
    else:
        set_next_step(conn, alert_id, begin(policy, row[0] + 1), found, anew=True)


def restart_patience(conn: psycopg.Connection[Any], alert_id: UUID, state: str, at: dt.datetime) -> None:
    """Adapt the ladder to an alert that has come to ``state``, or that a person has worked on in that state.

    A closed alert has no further step, and its waiting notifications are withdrawn. One that somebody has is treated
    the same until the policy's patience, counted from now, is over. Any other goes on as before.
    """
    if state in CLOSED:
        notifications.cancel(conn, alert_id, at)
        conn.execute("UPDATE alert SET next_step_at = NULL WHERE id = %s", (alert_id,))
        return
    policy = load_policy(conn, alert_id)
    if not holds(policy, state):
        return
    notifications.cancel(conn, alert_id, at)
    # One that rests until a time keeps that time; one that follows another has no deadline of its own.
    conn.execute(
        """
        UPDATE alert SET next_step_at = clock_timestamp() + make_interval(secs => %s), calls_paused_until = NULL
        WHERE id = %s AND merged_into IS NULL AND snoozed_until IS NULL
        """,
        (patience(policy, state), alert_id),
    )


def follow(conn: psycopg.Connection[Any], alert_id: UUID, at: dt.datetime) -> None:
    """Stop the ladder of an alert that follows another from now on; what still waits to be sent is withdrawn."""
    notifications.cancel(conn, alert_id, at)
    conn.execute("UPDATE alert SET next_step_at = NULL WHERE id = %s", (alert_id,))


def rest_until(conn: psycopg.Connection[Any], alert_id: UUID, at: dt.datetime, until: dt.datetime) -> None:
    """Call nobody before ``until``; then it is due."""
    notifications.cancel(conn, alert_id, at)
    conn.execute("UPDATE alert SET next_step_at = %s WHERE id = %s", (until, alert_id))


def begin_again(
    conn: psycopg.Connection[Any], alert_id: UUID, severity: str, household_id: int, state: str, at: dt.datetime
) -> None:
    """Start the ladder of an alert that is open again by today's policy: a new round, or the time of its owner."""
    found = _chosen(conn, alert_id, severity, household_id, at)
    row = conn.execute("SELECT round FROM alert WHERE id = %s", (alert_id,)).fetchone()
    assert row is not None  # noqa: S101 - the caller has just updated it
    set_next_step(conn, alert_id, begin(found.policy, row[0] + 1), found, anew=True)
    restart_patience(conn, alert_id, state, at)


def start_next_round(conn: psycopg.Connection[Any], alert_id: UUID) -> None:
    """Begin the next round now."""
    policy = load_policy(conn, alert_id)
    row = conn.execute("SELECT round FROM alert WHERE id = %s", (alert_id,)).fetchone()
    assert row is not None  # noqa: S101
    set_next_step(conn, alert_id, msgspec.structs.replace(begin(policy, row[0] + 1), delay_s=0.0))


def pause_calls(conn: psycopg.Connection[Any], alert_id: UUID, seconds: float) -> dt.datetime | None:
    """Let a ladder that climbs call nobody for so long from now; its next step is not due before. Gives the end of the
    pause; None where it does not climb."""
    row = conn.execute(
        """
        UPDATE alert SET calls_paused_until = clock_timestamp() + make_interval(secs => %(s)s),
                         next_step_at = greatest(next_step_at, clock_timestamp() + make_interval(secs => %(s)s))
        WHERE id = %(id)s AND state = 'raised' AND next_step_at IS NOT NULL AND snoozed_until IS NULL
        RETURNING calls_paused_until
        """,
        {"s": seconds, "id": alert_id},
    ).fetchone()
    return None if row is None else row[0]


def go_on(conn: psycopg.Connection[Any], alert_id: UUID) -> None:
    """Let a ladder that is paused, or has come to its end, climb on at once: there is news that nobody has answered."""
    row = conn.execute(
        "SELECT next_step_at IS NULL, calls_paused_until > clock_timestamp() FROM alert WHERE id = %s", (alert_id,)
    ).fetchone()
    assert row is not None  # noqa: S101 - the caller holds its row
    ended, paused = row
    if ended:
        policy = load_policy(conn, alert_id)
        number = conn.execute("SELECT round FROM alert WHERE id = %s", (alert_id,)).fetchone()
        assert number is not None  # noqa: S101
        set_next_step(conn, alert_id, msgspec.structs.replace(begin(policy, number[0] + 1), delay_s=0.0), anew=True)
    elif paused:
        end_pause(conn, alert_id)


def end_pause(conn: psycopg.Connection[Any], alert_id: UUID) -> bool:
    """Call others at once where calls are paused; whether they were."""
    done = conn.execute(
        "UPDATE alert SET calls_paused_until = NULL, next_step_at = clock_timestamp()"
        " WHERE id = %s AND calls_paused_until > clock_timestamp() AND state = 'raised' AND merged_into IS NULL",
        (alert_id,),
    )
    if done.rowcount:
        conn.execute("SELECT pg_notify(%s, '')", (DUE,))
    return done.rowcount > 0


def set_next_step(
    conn: psycopg.Connection[Any], alert_id: UUID, move: Move, found: Chosen | None = None, *, anew: bool = False
) -> None:
    """Store the next step, its delay counted from now; with ``found`` where the policy changes. ``anew``: rounds count
    from this one."""
    policy = None if found is None else encode(found.policy)
    conn.execute(
        """
        UPDATE alert SET step = %(step)s, round = %(round)s, policy = coalesce(%(policy)s::jsonb, policy),
                         ladder_choice = CASE WHEN %(policy)s::jsonb IS NULL THEN ladder_choice ELSE %(why)s::jsonb END,
                         calls_paused_until = NULL,
                         first_round = CASE WHEN %(anew)s THEN %(round)s ELSE first_round END,
                         next_step_at = clock_timestamp() + make_interval(secs => %(delay)s)
        WHERE id = %(id)s AND merged_into IS NULL
        """,
        {"step": move.step, "round": move.round, "policy": policy, "why": None if found is None else found.noted(),
         "anew": anew, "delay": move.delay_s, "id": alert_id},
    )  # fmt: skip
    if move.delay_s == 0:
        conn.execute("SELECT pg_notify(%s, '')", (DUE,))


def load_policy(conn: psycopg.Connection[Any], alert_id: UUID) -> Policy:
    """Read the alert's copy of its policy; where it has none that can be read, it gets a copy of today's."""
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
    found = _chosen(conn, alert_id, severity, household, now)
    conn.execute(
        "UPDATE alert SET policy = %s::jsonb, ladder_choice = %s::jsonb WHERE id = %s",
        (encode(found.policy), found.noted(), alert_id),
    )
    return found.policy


def _chosen(conn: psycopg.Connection[Any], alert_id: UUID, severity: str, household_id: int, at: dt.datetime) -> Chosen:
    """Today's choice for an alert; what it climbs already stays a copy of its own, whatever becomes of the grade."""
    row = conn.execute("SELECT resident_id FROM alert WHERE id = %s", (alert_id,)).fetchone()
    return chosen(conn, severity, household_id, at, row[0] if row else None)
