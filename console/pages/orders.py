"""Work orders on the console: one tap on an alert, the list, an order with its history. Role and area hold here."""

import datetime as dt
import uuid
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.catalogues.services import SERVICES
from care_network.matching.crew import URGENCIES
from care_network.matching.matching import Candidate
from console.pages.alerts import load_alert
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, origin_of, require
from console.shell.state import Console, console_of
from console.shell.views import language_of, page
from dispatch.alerts import lifecycle
from dispatch.alerts.lifecycle import LifecycleError
from dispatch.core.history import Actor
from dispatch.core.links import load_link_keys
from dispatch.orders import dispatch, messages, photos, ratings, store
from dispatch.orders.states import IN_HAND, LIVE, OrderError, offered_actions
from dispatch.orders.store import Order, OrderFilter

router = APIRouter()
Shared = Annotated[Console, Depends(console_of)]
Text = Annotated[str, Form(max_length=2000)]
VIEWS: dict[str, list[str]] = {
    "live": list(LIVE),
    "waiting": ["open", "offered"],
    "done": ["done"],
    "cancelled": ["cancelled"],
}


@router.get("/alerts/{alert_id}/dispatch")
def dispatch_page(
    request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID, service: str = ""
) -> Response:
    """The best three for an alert, with reasons; or why nobody fits."""
    require(account, Action.DISPATCH)
    return _suggestions(request, console, account, alert_id, service)


@router.post("/alerts/{alert_id}/dispatch")
def dispatch_alert(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    alert_id: uuid.UUID,
    service: Annotated[str, Form()] = "",
    staff: Annotated[str, Form()] = "",
) -> Response:
    """Send the chosen person, or the best."""
    require(account, Action.DISPATCH)
    alert, _ = load_alert(console, account, alert_id, origin_of(request))
    now = dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn, conn.transaction():
            order = dispatch.dispatch_alert(
                conn, console.crews, alert_id, _actor(request, account), now,
                service=service or None, staff_code=staff or None,
            )  # fmt: skip
            _audit(conn, request, account, "dispatch", alert.resident_id, order, staff=order.staff_code)
    except LifecycleError as error:
        message = pick(language_of(request, account), error.message_zh, error.message_en)
        return _suggestions(request, console, account, alert_id, service, message, 409)
    return RedirectResponse(f"/orders/{order.id}", 303)


@router.get("/orders")
def orders_page(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    view: str = "live",
    urgency: str = "",
    service: str = "",
    mine: bool = False,
) -> Response:
    require(account, Action.VIEW_ORDERS)
    if view not in VIEWS or (urgency and urgency not in URGENCIES) or (service and service not in SERVICES):
        raise HTTPException(422, "no such filter")
    with console.database() as conn:
        wanted = OrderFilter(
            states=VIEWS[view],
            urgency=urgency or None,
            service=service or None,
            staff_id=(_staff_id(conn, account) or -1) if mine else None,
            households=sorted(console.scope(account).households),
        )
        found = store.list_orders(conn, wanted)
        permissions.audit(
            conn, account, "view_orders", at=dt.datetime.now(dt.UTC), origin=origin_of(request),
            detail={"view": view, "orders": len(found)},
        )  # fmt: skip
    filters = {"view": view, "urgency": urgency, "service": service, "mine": mine}
    return page(
        request, "orders.html", account, orders=found, filters=filters, views=list(VIEWS), urgencies=URGENCIES,
        services=SERVICES,
    )  # fmt: skip


@router.get("/orders/{order_id}")
def order_page(request: Request, console: Shared, account: CurrentAccount, order_id: uuid.UUID) -> Response:
    require(account, Action.VIEW_ORDERS)
    return _order(request, console, account, order_id)


@router.post("/orders/{order_id}/phone")
def open_phone_page(request: Request, console: Shared, account: CurrentAccount, order_id: uuid.UUID) -> Response:
    """Whoever has the order and is logged in goes to the page that others reach by their message's link."""
    require(account, Action.VIEW_ORDERS)
    with console.database() as conn:
        order = _visible(conn, request, console, account, order_id)
        if order.staff_id is None or order.staff_id != _staff_id(conn, account) or order.staff_code is None:
            raise HTTPException(403, "this order is somebody else's")
    path = messages.page_path(
        load_link_keys(console.settings.link_key_file), order.id, order.staff_code, dt.datetime.now(dt.UTC)
    )
    return RedirectResponse(path, 303)


@router.post("/orders/{order_id}/{step}")
def change_order(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    order_id: uuid.UUID,
    step: str,
    version: Annotated[int, Form()],
    staff: Annotated[str, Form()] = "",
    note: Text = "",
) -> Response:
    """The dispatcher reassigns, cancels, or notes a step that the person told by telephone."""
    require(account, Action.DISPATCH)
    actor, now = _actor(request, account), dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn, conn.transaction():
            order = _visible(conn, request, console, account, order_id)
            if step == "reassign":
                dispatch.reassign(
                    conn, console.crews, order_id, actor, now,
                    expected_version=version, staff_code=staff or None, note=note,
                )  # fmt: skip
            elif step == "cancel":
                dispatch.cancel(conn, order_id, actor, now, expected_version=version, note=note)
            elif step in (*offered_actions(order.state), "note") and order.staff_id is not None:
                dispatch.act_as_person(
                    conn, console.crews, order_id, step, order.staff_id, actor, now,
                    expected_version=version, note=note,
                )  # fmt: skip
            else:
                raise OrderError(
                    zh="当前状态下不能执行该操作", en=f"{step} is not possible while the order is {order.state}"
                )
    except LifecycleError as error:
        message = pick(language_of(request, account), error.message_zh, error.message_en)
        return _order(request, console, account, order_id, message, 409)
    return RedirectResponse(f"/orders/{order_id}", 303)


@router.get("/orders/{order_id}/photos/{photo_id}")
def photo(request: Request, console: Shared, account: CurrentAccount, order_id: uuid.UUID, photo_id: int) -> Response:
    require(account, Action.VIEW_ORDERS)
    with console.database() as conn:
        _visible(conn, request, console, account, order_id)
        jpeg = photos.load(conn, order_id, photo_id) if 0 < photo_id < 2**63 else None
    if jpeg is None:
        raise HTTPException(404)
    return Response(jpeg, media_type="image/jpeg")


@router.post("/orders/{order_id}/by-family/rating")
def rate_as_family(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    order_id: uuid.UUID,
    stars: Annotated[int, Form()],
    words: Text = "",
) -> Response:
    require(account, Action.RATE_VISIT)
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn, conn.transaction():
        try:
            order = store.load(conn, order_id)
        except OrderError as error:
            raise HTTPException(404) from error
        if order.resident_id is None or not permissions.may_see(conn, account, order.resident_id):
            raise HTTPException(404)
        try:
            ratings.rate(conn, order_id, "family", stars, words, now, account.id)
        except OrderError as error:
            raise HTTPException(409, str(error)) from error
        _audit(conn, request, account, "rate_visit", order.resident_id, order, stars=stars)
    return RedirectResponse("/family", 303)


def _suggestions(
    request: Request,
    console: Console,
    account: Account,
    alert_id: uuid.UUID,
    service: str,
    message: str = "",
    status: int = 200,
) -> Response:
    alert, _ = load_alert(console, account, alert_id, origin_of(request))
    if service and service not in SERVICES:
        raise HTTPException(422, "no such service")
    with console.database() as conn:
        row = lifecycle.load(conn, alert_id)
        if row is None:
            raise HTTPException(503, "the alert is still on its way to the database")
        chosen, found = dispatch.suggest(conn, console.crews, row, service or None, dt.datetime.now(dt.UTC))
        live = store.list_orders(conn, OrderFilter(states=list(LIVE), alert_id=alert_id))
        permissions.audit(
            conn, account, "view_candidates", at=dt.datetime.now(dt.UTC), resident_id=alert.resident_id,
            origin=origin_of(request), detail={"alert": str(alert_id), "service": chosen},
        )  # fmt: skip
    return page(
        request, "candidates.html", account, status=status, alert=alert, match=found, service=chosen, services=SERVICES,
        message=message, live=live,
    )  # fmt: skip


def _order(
    request: Request, console: Console, account: Account, order_id: uuid.UUID, message: str = "", status: int = 200
) -> Response:
    with console.database() as conn:
        order = _visible(conn, request, console, account, order_id)
        context: dict[str, Any] = {
            "events": store.history(conn, order_id),
            "photos": photos.ids(conn, order_id),
            "ratings": ratings.of_order(conn, order_id),
            "mine": order.staff_id is not None and order.staff_id == _staff_id(conn, account),
        }
        others: tuple[Candidate, ...] = ()
        if permissions.may_do(account, Action.DISPATCH) and order.state in ("open", "offered", "accepted", "en_route"):
            others = dispatch.alternatives(conn, console.crews, order, dt.datetime.now(dt.UTC))
    return page(
        request, "order.html", account, status=status, order=order, message=message, services=SERVICES, others=others,
        steps=offered_actions(order.state) if order.state in IN_HAND else (), rating_words=ratings.WORDS, **context,
    )  # fmt: skip


def _visible(
    conn: psycopg.Connection[Any], request: Request, console: Console, account: Account, order_id: uuid.UUID
) -> Order:
    """An order of the account's area, audited. Raises 404; a refused look is in the audit, too."""
    try:
        order = store.load(conn, order_id)
    except OrderError as error:
        raise HTTPException(404) from error
    if order.household_id not in console.scope(account).households:
        with console.database() as other:  # this connection's transaction is about to be rolled back
            _audit(other, request, account, "refused_view_order", order.resident_id, order)
        raise HTTPException(404)
    _audit(conn, request, account, "view_order", order.resident_id, order)
    return order


def _audit(
    conn: psycopg.Connection[Any],
    request: Request,
    account: Account,
    action: str,
    resident_id: int | None,
    order: Order,
    **detail: Any,
) -> None:
    permissions.audit(
        conn, account, action, at=dt.datetime.now(dt.UTC), resident_id=resident_id, origin=origin_of(request),
        detail={"order": str(order.id), **detail},
    )  # fmt: skip


def _actor(request: Request, account: Account) -> Actor:
    return Actor(account.id, account.name_zh, origin_of(request))


def _staff_id(conn: psycopg.Connection[Any], account: Account) -> int | None:
    row = conn.execute("SELECT id FROM staff WHERE account_id = %s AND active", (account.id,)).fetchone()
    return None if row is None else int(row[0])
