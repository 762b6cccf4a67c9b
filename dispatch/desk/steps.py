"""Carry out a step that a person takes on an alert, whichever it is: what the console's routes and commands call."""

import datetime as dt
import uuid
from typing import Any

import msgspec
import psycopg

from dispatch.alerts import lifecycle, reopening, snoozing
from dispatch.alerts.outcomes import Particulars
from dispatch.alerts.states import AlertAction, LifecycleError
from dispatch.core.history import Actor
from dispatch.desk import merging, procedures
from vocabulary.alert_state import AlertState


class StepDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Facts that a step needs besides the alert: each only some of them."""

    outcome: str = ""
    """Of ``resolve``."""
    particulars: Particulars | None = None
    """Of ``resolve``."""
    note: str = ""
    """Of every step; ``note`` and ``reopen`` ask for it."""
    other: str = ""
    """Of ``merge``: the id of one of its offers."""
    span: str = ""
    """Of ``snooze``: of ``snoozing.SPANS``."""
    number: int = 0
    """Of ``step``: the step of the procedure card, from 1."""


def take_step(
    conn: psycopg.Connection[Any],
    alert_id: uuid.UUID,
    step: AlertAction,
    actor: Actor,
    at: dt.datetime,
    *,
    expected_version: int,
    details: StepDetails,
) -> AlertState:
    """Carry out a person's step; gives the alert's new state.

    Raises AlertChanged where somebody else acted in the meantime, LifecycleError where it is not possible.
    """
    match step:
        case "merge":
            merging.merge(conn, alert_id, _id(details.other), actor, at, expected_version=expected_version)
            return _state(conn, alert_id)
        case "unmerge":
            return merging.unmerge(conn, alert_id, actor, at, expected_version=expected_version)
        case "snooze":
            return snoozing.snooze(
                conn, alert_id, details.span, actor, at, expected_version=expected_version, note=details.note
            )  # fmt: skip
        case "wake":
            return snoozing.wake_early(conn, alert_id, actor, at, expected_version=expected_version)
        case "reopen":
            return reopening.reopen(
                conn, alert_id, actor, at, expected_version=expected_version, reason=details.note
            )  # fmt: skip
        case "step":
            return procedures.check_step(
                conn, alert_id, details.number, actor, at, expected_version=expected_version
            )  # fmt: skip
        case "undo":
            return reopening.undo(conn, alert_id, actor, at, expected_version=expected_version)
        case "note" if not details.note.strip():
            raise LifecycleError(zh="请填写备注", en="write the note")
        case _:
            return lifecycle.act(
                conn, alert_id, step, actor, at, expected_version=expected_version, outcome=details.outcome or None,
                particulars=details.particulars, note=details.note,
            )  # fmt: skip


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise LifecycleError(zh="请选择要合并的预警", en="choose the alert to merge with") from None


def _state(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> AlertState:
    row = conn.execute("SELECT state FROM alert WHERE id = %s", (alert_id,)).fetchone()
    assert row is not None  # noqa: S101 - it was merged a moment ago
    return row[0]  # type: ignore[no-any-return]
