"""Hand every open alert over from shift to shift: offer, accept, take back."""

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from console.shell.errors import message_of
from console.shell.scope import scope_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page
from dispatch.alerts.states import LifecycleError
from dispatch.desk import handover
from dispatch.desk.watchlist import watch_list

router = page_router()


class OfferBody(BaseModel):
    """A note to the next shift."""

    note: str = Field(default="", max_length=2000)


@router.get("/handovers", dependencies=[needs(Action.HAND_OVER)])
def handover_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Show the open alerts, and the last hand-overs with those that wait."""
    return _handovers(request, console, account)


@router.post("/handovers", dependencies=[needs(Action.HAND_OVER)])
def offer_on_page(
    request: Request, console: Shared, account: CurrentAccount, note: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    return _on_page(request, console, account, lambda: _offer(request, console, account, note))


@router.post("/handovers/{number}/accept", dependencies=[needs(Action.HAND_OVER)])
def accept_on_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    return _on_page(request, console, account, lambda: _accept(request, console, account, number))


@router.post("/handovers/{number}/withdraw", dependencies=[needs(Action.HAND_OVER)])
def withdraw_on_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    return _on_page(request, console, account, lambda: _withdraw(request, console, account, number))


@router.get("/api/handovers", dependencies=[needs(Action.HAND_OVER)])
def handovers(console: Shared, account: CurrentAccount) -> Response:
    """List the hand-overs that wait for somebody to accept them, with their alerts."""
    with console.database() as conn:
        return _json(handover.waiting(conn, account.area_path))


@router.post("/api/handovers", dependencies=[needs(Action.HAND_OVER)])
def offer(request: Request, console: Shared, account: CurrentAccount, words: OfferBody) -> Response:
    """Hand every open alert of one's area to the next shift."""
    return _json(_offer(request, console, account, words.note))


@router.post("/api/handovers/{number}/accept", dependencies=[needs(Action.HAND_OVER)])
def accept(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Take a hand-over."""
    return _json(_accept(request, console, account, number))


@router.post("/api/handovers/{number}/withdraw", dependencies=[needs(Action.HAND_OVER)])
def withdraw(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Take back one's own offer, unless somebody has accepted it."""
    return _json(_withdraw(request, console, account, number))


def _on_page(request: Request, console: Console, account: Account, step: Callable[[], handover.Handover]) -> Response:
    try:
        step()
    except LifecycleError as error:
        return _handovers(request, console, account, error)
    return RedirectResponse("/handovers", 303)


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


def _handovers(request: Request, console: Console, account: Account, error: LifecycleError | None = None) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        alerts = [one for one in console.board.open_alerts(scope_of(conn, account).sees) if one.merged_into is None]
        latest = handover.latest(conn, str(account.area_path))
        watch = watch_list(conn, str(account.area_path), now)
    message = "" if error is None else message_of(request, error, account)
    return page(
        request, "handovers.html", account, status=200 if error is None else 409, alerts=alerts, handovers=latest,
        message=message, watch=watch,
    )  # fmt: skip


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
