"""One alert: who and why, how far its ladder has come, what people do about it. Scope is enforced, looks audited."""

import datetime as dt
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.catalogues.services import SERVICES
from console.access import medical_notes as medical_note
from console.board.board import notice_of
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, origin_of, require
from console.shell.state import Console, console_of
from console.shell.views import language_of, page
from dispatch.alerts import lifecycle
from dispatch.alerts.outcomes import Particulars
from dispatch.core import history
from dispatch.core.history import Actor
from dispatch.desk import calls
from dispatch.desk.progress import progress
from dispatch.orders import store as work_orders
from dispatch.orders.store import OrderFilter

router = APIRouter()
Shared = Annotated[Console, Depends(console_of)]


@router.get("/alerts/{alert_id}")
def alert_page(request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID) -> Response:
    return _show(request, console, account, alert_id)


@router.get("/alerts/{alert_id}/progress")
def alert_progress(request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID) -> Response:
    """Ladder, calls and history alone, for the live page to put in place; the page itself was audited."""
    alert, events = load_alert(console, account, alert_id, origin_of(request), audited=False)
    return page(request, "_progress.html", account, alert=alert, events=events, **_course(console, account, alert_id))


@router.post("/alerts/{alert_id}/medical-note")
def show_medical_note(request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID) -> Response:
    """Opened by a press of a button, because the look is recorded."""
    require(account, Action.VIEW_MEDICAL_NOTE)
    alert, _ = load_alert(console, account, alert_id, origin_of(request))
    if alert.resident_code is None:
        raise HTTPException(404)
    note, why_not = medical_note.look(
        console, account, alert.resident_code, dt.datetime.now(dt.UTC), origin_of(request),
        language_of(request, account),
    )  # fmt: skip
    return _show(request, console, account, alert_id, note=note, why_not=why_not)


@router.post("/alerts/{alert_id}/{action}")
def act_on_alert(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    alert_id: uuid.UUID,
    action: str,
    version: Annotated[int, Form()],
    outcome: Annotated[str, Form()] = "",
    cause: Annotated[str, Form()] = "unknown",
    injury: Annotated[str, Form()] = "unknown",
    hospital: Annotated[str, Form()] = "unknown",
    actions: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    particulars = Particulars(cause, injury, hospital, tuple(actions))
    try:
        act(console, account, alert_id, action, version, outcome, particulars, note, origin=origin_of(request))
    except lifecycle.LifecycleError as error:
        message = pick(language_of(request, account), error.message_zh, error.message_en)
        return _show(request, console, account, alert_id, status=409, message=message)
    return RedirectResponse(f"/alerts/{alert_id}", 303)


def act(
    console: Console,
    account: Account,
    alert_id: uuid.UUID,
    action: str,
    version: int,
    outcome: str = "",
    particulars: Particulars | None = None,
    note: str = "",
    *,
    origin: str,
) -> str:
    """Carry out a person's step; returns the new state. Raises LifecycleError with a text for the person, 403 or 404
    where it is not theirs to do."""
    steps: dict[str, lifecycle.AlertAction] = {
        a: a for a in ("acknowledge", "respond", "arrive", "resolve", "cancel", "note")
    }
    if action not in steps:
        raise HTTPException(404)
    require(account, action)
    load_alert(console, account, alert_id, origin)
    actor = Actor(account.id, account.name_zh, origin)
    with console.database() as conn:
        return lifecycle.act(
            conn,
            alert_id,
            steps[action],
            actor,
            dt.datetime.now(dt.UTC),
            expected_version=version,
            outcome=outcome or None,
            particulars=particulars,
            note=note,
        )


def load_alert(
    console: Console, account: Account, alert_id: uuid.UUID, origin: str, *, audited: bool = True
) -> tuple[Any, list[dict[str, Any]]]:
    """An alert and its history. Raises 404 for one that does not exist or is not theirs to see. ``audited`` False: a
    page that was audited already looks again; a refusal is audited all the same."""
    with console.database() as conn:
        row = lifecycle.load(conn, alert_id)
        scope = console.scope(account)
        if row is None:
            waiting = console.board.get(str(alert_id))  # raised, and still on its way to the database
            if waiting is None or not scope.sees(waiting):
                raise HTTPException(404)
            return waiting, []
        alert = notice_of(row)
        allowed = scope.sees(alert)
        if audited or not allowed:
            permissions.audit(
                conn, account, "view_alert" if allowed else "refused_alert", at=dt.datetime.now(dt.UTC),
                resident_id=alert.resident_id, origin=origin, detail={"alert": str(alert_id)},
            )  # fmt: skip
        if not allowed:
            conn.commit()
            raise HTTPException(404)
        return alert, history.events_of(conn, alert_id)


def _show(
    request: Request,
    console: Console,
    account: Account,
    alert_id: uuid.UUID,
    status: int = 200,
    **context: Any,
) -> Response:
    alert, events = load_alert(console, account, alert_id, origin_of(request))
    return page(
        request, "alerts.html", account, status=status, alert=alert, events=events,
        **_course(console, account, alert_id), **context,
    )  # fmt: skip


def _course(console: Console, account: Account, alert_id: uuid.UUID) -> dict[str, Any]:
    """What staff see of an alert's course beside its history; the family sees the history alone."""
    staff = permissions.may_do(account, Action.VIEW_NETWORK)
    with console.database() as conn:
        return {
            "ladder": progress(conn, alert_id) if staff else None,
            "attempts": calls.of_alert(conn, alert_id) if staff else (),
            "callables": calls.callees(conn, alert_id, dt.datetime.now(dt.UTC))
            if permissions.may_do(account, Action.NOTE)
            else (),
            "results": calls.RESULTS,
            "orders": work_orders.list_orders(conn, OrderFilter(alert_id=alert_id))
            if permissions.may_do(account, Action.VIEW_ORDERS)
            else [],
            "services": SERVICES,
            "channel_names": console.channels.names,
        }
