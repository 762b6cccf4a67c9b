"""Open an alert again that was closed: by a person with a reason, or at once by the one who closed it by mistake."""

import datetime as dt
import uuid
from typing import Any

import psycopg

from dispatch.alerts import lifecycle
from dispatch.alerts.states import CLOSED, LifecycleError, next_state
from dispatch.core.history import Actor
from dispatch.ladders import ladder
from vocabulary.alert_state import AlertState

REOPEN_WITHIN = dt.timedelta(hours=24)
"""An older end is history: what happens now is a new alert."""
UNDO_WITHIN = dt.timedelta(seconds=10)
LATE = dt.timedelta(seconds=3)
"""Granted beyond it, for the way of the request."""


def reopen(
    conn: psycopg.Connection[Any],
    alert_id: uuid.UUID,
    actor: Actor,
    at: dt.datetime,
    *,
    expected_version: int,
    reason: str,
) -> AlertState:
    """Open a closed alert again; it calls by its ladder as a new one does, and nobody owns it. Those that are merged
    into it come along; one that was itself merged is an alert of its own again.

    Raises AlertChanged, and LifecycleError without a reason, for an open alert and after REOPEN_WITHIN.
    """
    if not reason.strip():
        raise LifecycleError(zh="请填写重新打开的原因", en="say why it is opened again")
    with conn.transaction():
        found = lifecycle.find(conn, alert_id, expected_version, merged=True)
        next_state(found.state, "reopen")
        row = conn.execute(
            "SELECT coalesce(closed_at, raised_at), severity, household_id FROM alert WHERE id = %s", (alert_id,)
        ).fetchone()
        assert row is not None  # noqa: S101 - it is locked
        closed_at, severity, household = row
        if at - closed_at > REOPEN_WITHIN:
            raise LifecycleError(
                zh="办结已超过 24 小时，不能重新打开", en="it ended more than 24 hours ago and cannot be opened again"
            )
        conn.execute("UPDATE alert SET merged_into = NULL WHERE id = %s", (alert_id,))
        lifecycle.change(conn, alert_id, found.state, "reopen", at, actor, note=reason.strip())
        lifecycle.set_owner(conn, alert_id, None)
        ladder.begin_again(conn, alert_id, severity, household, "raised", at)
        return "raised"


def undo(
    conn: psycopg.Connection[Any], alert_id: uuid.UUID, actor: Actor, at: dt.datetime, *, expected_version: int
) -> AlertState:
    """Take one's own ``resolve`` of a moment ago back: the alert is where it was, with the same owner.

    Raises AlertChanged, and LifecycleError where somebody else resolved it or UNDO_WITHIN is over.
    """
    with conn.transaction():
        found = lifecycle.find(conn, alert_id, expected_version)
        next_state(found.state, "undo")
        row = conn.execute(
            "SELECT e.at, e.from_state, e.account_id, e.actor, a.severity, a.household_id FROM alert_event e"
            " JOIN alert a ON a.id = e.alert_id WHERE e.alert_id = %s AND e.action = 'resolve'"
            " ORDER BY e.id DESC LIMIT 1",
            (alert_id,),
        ).fetchone()
        assert row is not None  # noqa: S101 - it is resolved
        resolved_at, before, account_id, name, severity, household = row
        if (account_id, name) != (actor.account_id, actor.name):
            raise LifecycleError(
                zh=f"只有办结人 {name} 可以撤销办结", en=f"only {name}, who resolved it, can take that back"
            )
        if at - resolved_at > UNDO_WITHIN + LATE:
            raise LifecycleError(
                zh="已超过 10 秒，请改用“重新打开”", en="more than 10 seconds ago: open it again with a reason"
            )
        lifecycle.change(conn, alert_id, found.state, "undo", at, actor, to=before, note="")
        if before == "raised":  # it was resolved by somebody who never took it
            lifecycle.set_owner(conn, alert_id, None)
        ladder.begin_again(conn, alert_id, severity, household, before, at)
        return before  # type: ignore[no-any-return]


def may_reopen(alert: dict[str, Any], now: dt.datetime) -> bool:
    """Whether a row of :func:`dispatch.alerts.lookup.load` can still be opened again. Pure."""
    closed_at = alert["closed_at"]
    return alert["state"] in CLOSED and closed_at is not None and now - closed_at <= REOPEN_WITHIN
