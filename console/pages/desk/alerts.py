"""One alert: who and why, how far its ladder has come, and the steps that people take. Each look is audited."""

import datetime as dt
import uuid
from typing import Annotated, Any

import psycopg
from fastapi import Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, Role
from console.access.alerts import STEPS, act, load_alert
from console.access.medical_notes import show_medical_note
from console.pages.desk.detail import IN_PLACE, detail_of
from console.shell.errors import message_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.steps import STEP_OF_ROUTE, on_every_step
from console.shell.text import page_router
from console.shell.views import language_of, page
from dispatch.alerts.outcomes import Particulars
from dispatch.alerts.states import AlertAction, LifecycleError
from dispatch.desk.steps import StepDetails
from dispatch.desk.trace import trace_alert

router = page_router()


def _not_for_family(account: Account) -> None:
    """Hide what names staff by their codes and others by their telephone numbers; the family has a page of its own."""
    if account.role == Role.FAMILY:
        raise HTTPException(404)


@router.get("/alerts/{alert_id}", dependencies=[needs(Action.VIEW_ALERTS)])
def alert_page(request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID) -> Response:
    """One alert as a page of its own, to share and to print."""
    with console.database() as conn:
        if account.role == Role.FAMILY:  # their page has no codes, no telephone numbers of others
            alert, _ = load_alert(conn, console.board, account, alert_id, origin_of(request))
            return RedirectResponse(f"/family/{alert.resident_code}/alerts/{alert_id}", 303)
        return _show(conn, request, console, account, alert_id)


@router.get("/alerts/{alert_id}/detail", dependencies=[needs(Action.VIEW_ALERTS)])
def alert_detail(request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID) -> Response:
    """The alert alone, to be put beside the queue."""
    _not_for_family(account)
    with console.database() as conn:
        return _show(conn, request, console, account, alert_id, template="_detail.html")


@router.get("/alerts/{alert_id}/progress", dependencies=[needs(Action.VIEW_ALERTS)])
def alert_progress(request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID) -> Response:
    """The same for the live page, which asks again and again and takes the parts that changed: one look in five
    minutes."""
    _not_for_family(account)
    look = (account.id, request.url.path, "")
    new = console.looks.is_new(look, dt.datetime.now(dt.UTC))
    with console.database() as conn:
        try:
            return _show(conn, request, console, account, alert_id, template="_detail.html", audited=new)
        except psycopg.Error:
            console.looks.forget(look)  # it could not be recorded
            raise


@router.get("/alerts/{alert_id}/trace", dependencies=[needs(Action.VIEW_NETWORK)])
def alert_trace(request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID) -> Response:
    """Every stamp of the alert, from the sensor to the person who came."""
    with console.database() as conn:
        alert, _ = load_alert(conn, console.board, account, alert_id, origin_of(request))
        found = trace_alert(conn, alert_id)
    if found is None:  # raised, and still on its way to the database
        raise HTTPException(404)
    return page(request, "trace.html", account, alert=alert, trace=found)


@router.post("/alerts/{alert_id}/medical-note", dependencies=[needs(Action.VIEW_MEDICAL_NOTE)])
def medical_note(request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID) -> Response:
    """Show the medical note; by a press of a button, because the look is recorded."""
    with console.database() as conn:
        alert, _ = load_alert(conn, console.board, account, alert_id, origin_of(request))
        if alert.resident_code is None:
            raise HTTPException(404)
        note, why_not = show_medical_note(
            conn, console.settings.medical_key_file, account, alert.resident_code, dt.datetime.now(dt.UTC),
            origin_of(request), language_of(request, account),
        )  # fmt: skip
        return _show(conn, request, console, account, alert_id, template=_template(request), note=note, why_not=why_not)


@on_every_step(router, "/alerts/{alert_id}", STEPS)
def act_on_alert(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    alert_id: uuid.UUID,
    step: Annotated[AlertAction, STEP_OF_ROUTE],
    version: Annotated[int, Form()],
    outcome: Annotated[str, Form()] = "",
    cause: Annotated[str, Form()] = "unknown",
    injury: Annotated[str, Form()] = "unknown",
    hospital: Annotated[str, Form()] = "unknown",
    actions: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
    note: Annotated[str, Form(max_length=2000)] = "",
    other: Annotated[str, Form(max_length=36)] = "",
    span: Annotated[str, Form(max_length=10)] = "",
    number: Annotated[int, Form()] = 0,
) -> Response:
    particulars = Particulars(cause, injury, hospital, tuple(actions))
    details = StepDetails(outcome=outcome, particulars=particulars, note=note, other=other, span=span, number=number)
    with console.database() as conn:
        try:
            act(conn, console.board, account, alert_id, step, version, details, origin=origin_of(request))
        except LifecycleError as error:
            message = message_of(request, error, account)
            return _show(
                conn, request, console, account, alert_id, template=_template(request), status=409, message=message
            )
        if _in_place(request):
            return _show(conn, request, console, account, alert_id, template="_detail.html", audited=False)
    return RedirectResponse(f"/alerts/{alert_id}", 303)


def _in_place(request: Request) -> bool:
    """Whether the page's script asks, which puts the answer in place."""
    return IN_PLACE in request.headers


def _template(request: Request) -> str:
    return "_detail.html" if _in_place(request) else "alerts.html"


def _show(
    conn: psycopg.Connection[Any],
    request: Request,
    console: Console,
    account: Account,
    alert_id: uuid.UUID,
    *,
    template: str = "alerts.html",
    status: int = 200,
    audited: bool = True,
    **context: Any,
) -> Response:
    found = detail_of(conn, request, console, account, alert_id, audited=audited)
    return page(request, template, account, status=status, **found, **context)
