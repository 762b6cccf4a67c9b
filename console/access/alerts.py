"""Load an alert for an account, and carry out the account's step on it."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

import psycopg
from fastapi import HTTPException

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from console.board.board import Board, notice_of
from console.shell.scope import scope_of
from dispatch.alerts import lookup
from dispatch.alerts.states import AlertAction
from dispatch.core import history
from dispatch.core.history import Actor
from dispatch.desk.steps import StepDetails, take_step

STEPS: Mapping[str, Action] = {
    **{
        action.value: action
        for action in (
            Action.ACKNOWLEDGE,
            Action.RESPOND,
            Action.ARRIVE,
            Action.RESOLVE,
            Action.CANCEL,
            Action.NOTE,
            Action.OWN,
            Action.MERGE,
            Action.SNOOZE,
            Action.REOPEN,
        )
    },
    "unmerge": Action.MERGE,
    "undo": Action.RESOLVE,
    "wake": Action.SNOOZE,
    "step": Action.NOTE,
}
"""The steps that people take, and the permission of each; the others are the system's."""

NOTHING_MORE = StepDetails()


def load_alert(
    conn: psycopg.Connection[Any],
    board: Board,
    account: Account,
    alert_id: uuid.UUID,
    origin: str,
    *,
    audited: bool = True,
) -> tuple[Any, list[dict[str, Any]]]:
    """An alert and its history; the look is in the audit, and committed, before anything else is done.

    Raises 404 for an alert that does not exist or that the account may not see. ``audited`` False: a page that was
    audited a moment ago looks again; a refusal is audited all the same.
    """
    row = lookup.load(conn, alert_id)
    if row is None:
        known, resident_id = lookup.known(conn, alert_id)  # another's is no row of this account's
        waiting = None if known else board.get(str(alert_id))  # raised, and still on its way to the database
        if known:
            _refused(conn, account, alert_id, resident_id, origin)
        scope = None if waiting is None else scope_of(conn, account, [waiting.household_id])
        conn.commit()
        if waiting is None or scope is None or not scope.sees(waiting):
            raise HTTPException(404)
        return waiting, []
    alert = notice_of(row)
    allowed = scope_of(conn, account, [alert.household_id]).sees(alert)
    events = history.events_of(conn, alert_id) if allowed else []
    if audited or not allowed:
        permissions.audit(
            conn, account, "view_alert" if allowed else "refused_alert", at=dt.datetime.now(dt.UTC),
            resident_id=alert.resident_id, origin=origin, detail={"alert": str(alert_id)},
        )  # fmt: skip
    conn.commit()
    if not allowed:
        raise HTTPException(404)
    return alert, events


def _refused(
    conn: psycopg.Connection[Any], account: Account, alert_id: uuid.UUID, resident_id: int | None, origin: str
) -> None:
    permissions.audit(
        conn, account, "refused_alert", at=dt.datetime.now(dt.UTC), resident_id=resident_id, origin=origin,
        detail={"alert": str(alert_id)},
    )  # fmt: skip


def act(
    conn: psycopg.Connection[Any],
    board: Board,
    account: Account,
    alert_id: uuid.UUID,
    step: AlertAction,
    version: int,
    details: StepDetails = NOTHING_MORE,
    *,
    origin: str,
) -> str:
    """Carry out a person's step, in a transaction of its own; returns the new state.

    Raises LifecycleError with a text for the person, 404 where the alert is not theirs to see. The route has asked for
    the permission.
    """
    load_alert(conn, board, account, alert_id, origin)
    actor = Actor(account.id, account.name_zh, origin, account.name_en)
    return take_step(
        conn, alert_id, step, actor, dt.datetime.now(dt.UTC), expected_version=version, details=details
    )  # fmt: skip
