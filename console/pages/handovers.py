"""What dispatchers record besides the steps of an alert: calls by telephone, hand-over from shift to shift."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Form, HTTPException, Request
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import JSONResponse, RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, NotPermittedError
from console.pages.alerts import load_alert
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, origin_of, require
from console.shell.state import Console, console_of
from console.shell.views import language_of, page
from dispatch.alerts import lifecycle
from dispatch.core.history import Actor
from dispatch.desk import calls, handover

router = APIRouter()
Shared = Annotated[Console, Depends(console_of)]


class Call(BaseModel):
    """A call that somebody made; times with a zone."""

    kind: Literal["resident", "staff", "contact", "organisation", "service"]
    key: str = Field(min_length=1, max_length=100)
    started_at: AwareDatetime
    ended_at: AwareDatetime
    answered_at: AwareDatetime | None = None
    result: Literal["answered", "no_answer", "busy", "unreachable", "declined"]
    note: str = Field(default="", max_length=2000)


class Offer(BaseModel):
    """What the next shift should know."""

    note: str = Field(default="", max_length=2000)


@router.post("/api/alerts/{alert_id}/calls")
def record_call(
    request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID, call: Call
) -> Response:
    """Record an attempt to call somebody about an alert; gives all of them."""
    require(account, Action.NOTE)
    load_alert(console, account, alert_id, origin_of(request))
    attempt = calls.CallAttempt(
        kind=call.kind,
        key=call.key,
        started_at=call.started_at,
        ended_at=call.ended_at,
        result=call.result,
        answered_at=call.answered_at,
        note=call.note,
    )
    try:
        with console.database() as conn:
            calls.record(conn, alert_id, attempt, _actor(request, account))
            return _json(calls.of_alert(conn, alert_id))
    except lifecycle.LifecycleError as error:
        return _refused(error)


@router.get("/handovers")
def handover_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """What is open now, what waits to be taken over, and the last hand-overs."""
    return _handovers(request, console, account)


@router.post("/handovers")
def offer_on_page(
    request: Request, console: Shared, account: CurrentAccount, note: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    return _on_page(request, console, account, lambda: _offer(request, console, account, note))


@router.post("/handovers/{number}/accept")
def accept_on_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    return _on_page(request, console, account, lambda: _accept(request, console, account, number))


@router.post("/handovers/{number}/withdraw")
def withdraw_on_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    return _on_page(request, console, account, lambda: _withdraw(request, console, account, number))


@router.get("/api/handovers")
def handovers(console: Shared, account: CurrentAccount) -> Response:
    """Those that wait for somebody to accept them, with their alerts."""
    require(account, Action.HAND_OVER)
    with console.database() as conn:
        return _json(handover.waiting(conn, account.area_path))


@router.post("/api/handovers")
def offer(request: Request, console: Shared, account: CurrentAccount, words: Offer) -> Response:
    """Hand every open alert of one's area to the next shift."""
    return _in_api(lambda: _offer(request, console, account, words.note))


@router.post("/api/handovers/{number}/accept")
def accept(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Take it over."""
    return _in_api(lambda: _accept(request, console, account, number))


@router.post("/api/handovers/{number}/withdraw")
def withdraw(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Take back what one has offered, unless somebody has accepted it."""
    return _in_api(lambda: _withdraw(request, console, account, number))


def _on_page(request: Request, console: Console, account: Account, step: Callable[[], handover.Handover]) -> Response:
    try:
        step()
    except NotPermittedError as error:
        raise HTTPException(403) from error
    except NotFoundError as error:
        raise HTTPException(404) from error
    except lifecycle.LifecycleError as error:
        return _handovers(request, console, account, error)
    return RedirectResponse("/handovers", 303)


def _in_api(step: Callable[[], handover.Handover]) -> Response:
    try:
        return _json(step())
    except NotPermittedError as error:
        raise HTTPException(403) from error
    except NotFoundError as error:
        raise HTTPException(404) from error
    except lifecycle.LifecycleError as error:
        return _refused(error)


def _offer(request: Request, console: Console, account: Account, note: str) -> handover.Handover:
    with console.database() as conn:
        now = dt.datetime.now(dt.UTC)
        return handover.offer(conn, str(account.area_path), account, now, origin_of(request), note)


def _accept(request: Request, console: Console, account: Account, number: int) -> handover.Handover:
    with console.database() as conn:
        return handover.accept(conn, number, account, dt.datetime.now(dt.UTC), origin_of(request))


def _withdraw(request: Request, console: Console, account: Account, number: int) -> handover.Handover:
    with console.database() as conn:
        return handover.withdraw(conn, number, account, dt.datetime.now(dt.UTC), origin_of(request))


def _handovers(
    request: Request, console: Console, account: Account, error: lifecycle.LifecycleError | None = None
) -> Response:
    require(account, Action.HAND_OVER)
    alerts = console.board.open_alerts(console.scope(account).sees)
    with console.database() as conn:
        found = handover.latest(conn, str(account.area_path))
    message = "" if error is None else pick(language_of(request, account), error.message_zh, error.message_en)
    return page(
        request, "handovers.html", account, status=200 if error is None else 409, alerts=alerts, handovers=found,
        message=message,
    )  # fmt: skip


def _actor(request: Request, account: Account) -> Actor:
    return Actor(account.id, account.name_zh, origin_of(request))


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _refused(error: lifecycle.LifecycleError) -> Response:
    return JSONResponse({"message_zh": error.message_zh, "message_en": error.message_en}, 409)
