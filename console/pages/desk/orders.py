"""Work orders: the best people for an alert, the list, one order with its history and steps. Each look is audited."""

import datetime as dt
import uuid
from typing import Annotated, Any

import psycopg
from fastapi import Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.access.visible import may_see
from care_network.catalogues.services import SERVICES
from care_network.matching.crew import URGENCIES
from care_network.matching.matching import Candidate
from care_services.time_bank.running import alarms
from console.access.alerts import load_alert
from console.access.orders import audit_order, load_order
from console.pages.desk.detail import IN_PLACE, detail_of
from console.shell.errors import message_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.steps import STEP_OF_ROUTE, on_every_step
from console.shell.text import page_router
from console.shell.views import page
from dispatch.alerts import lookup
from dispatch.alerts.states import LifecycleError
from dispatch.core.history import Actor
from dispatch.core.links import load_link_keys
from dispatch.orders import assigning, messages, photos, ratings, store
from dispatch.orders.people import staff_of_account
from dispatch.orders.states import BY_PERSON, IN_HAND, LIVE, OrderAction, OrderError, offered_actions
from dispatch.orders.store import OrderFilter

router = page_router()
Text = Annotated[str, Form(max_length=2000)]
VIEWS: dict[str, list[str]] = {
    "live": list(LIVE),
    "waiting": ["open", "offered"],
    "done": ["done"],
    "cancelled": ["cancelled"],
}


@router.get("/alerts/{alert_id}/dispatch", dependencies=[needs(Action.DISPATCH)])
def dispatch_page(
    request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID, service: str = ""
) -> Response:
    """Show the best three people for an alert, with reasons; or why nobody fits."""
    with console.database() as conn:
        return _suggestions(conn, request, console, account, alert_id, service)


@router.get("/alerts/{alert_id}/candidates", dependencies=[needs(Action.DISPATCH)])
def candidates(request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID) -> Response:
    """The best three people alone, to be put into the alert's screen."""
    with console.database() as conn:
        return _suggestions(conn, request, console, account, alert_id, "", template="_candidates.html")


@router.post("/alerts/{alert_id}/dispatch", dependencies=[needs(Action.DISPATCH)])
def dispatch_alert(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    alert_id: uuid.UUID,
    service: Annotated[str, Form()] = "",
    staff: Annotated[str, Form()] = "",
) -> Response:
    """Send the chosen person, or the best."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        alert, _ = load_alert(conn, console.board, account, alert_id, origin_of(request))
        try:
            with conn.transaction():
                order = assigning.dispatch_alert(
                    conn, console.crews, alert_id, _actor(request, account), now,
                    service=service or None, staff_code=staff or None,
                )  # fmt: skip
                permissions.audit(
                    conn, account, "dispatch", at=now, resident_id=alert.resident_id, origin=origin_of(request),
                    detail={"order": str(order.id), "staff": order.staff_code},
                )  # fmt: skip
        except LifecycleError as error:
            message = message_of(request, error, account)
            if IN_PLACE in request.headers:
                found = detail_of(conn, request, console, account, alert_id, audited=False)
                return page(request, "_detail.html", account, status=409, message=message, **found)
            return _suggestions(conn, request, console, account, alert_id, service, message, 409)
        if IN_PLACE in request.headers:
            found = detail_of(conn, request, console, account, alert_id, audited=False)
            return page(request, "_detail.html", account, **found)
    return RedirectResponse(f"/orders/{order.id}", 303)


@router.get("/orders", dependencies=[needs(Action.VIEW_ORDERS)])
def orders_page(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    view: str = "live",
    urgency: str = "",
    service: str = "",
    mine: bool = False,
) -> Response:
    if view not in VIEWS or (urgency and urgency not in URGENCIES) or (service and service not in SERVICES):
        raise HTTPException(422, "no such filter")
    with console.database() as conn:
        wanted = OrderFilter(
            states=VIEWS[view],
            urgency=urgency or None,
            service=service or None,
            staff_id=(staff_of_account(conn, account.id) or -1) if mine else None,
            seen_by=account.id,
        )
        orders = store.list_orders(conn, wanted)
        permissions.audit(
            conn, account, "view_orders", at=dt.datetime.now(dt.UTC), origin=origin_of(request),
            detail={"view": view, "orders": len(orders)},
        )  # fmt: skip
    filters = {"view": view, "urgency": urgency, "service": service, "mine": mine}
    return page(
        request, "orders.html", account, orders=orders, filters=filters, views=list(VIEWS), urgencies=URGENCIES,
        services=SERVICES,
    )  # fmt: skip


@router.get("/orders/{order_id}", dependencies=[needs(Action.VIEW_ORDERS)])
def order_page(request: Request, console: Shared, account: CurrentAccount, order_id: uuid.UUID) -> Response:
    with console.database() as conn:
        return _order(conn, request, console, account, order_id)


@router.post("/orders/{order_id}/phone", dependencies=[needs(Action.VIEW_ORDERS)])
def open_phone_page(request: Request, console: Shared, account: CurrentAccount, order_id: uuid.UUID) -> Response:
    """Lead the person who has the order to the page that others reach by their message's link."""
    with console.database() as conn:
        order = load_order(conn, account, order_id, origin_of(request))
        if order.staff_id is None or order.staff_id != staff_of_account(conn, account.id) or order.staff_code is None:
            raise HTTPException(403, "this order is somebody else's")
    path = messages.page_path(
        load_link_keys(console.settings.link_key_file), order.id, order.staff_code, dt.datetime.now(dt.UTC)
    )
    return RedirectResponse(path, 303)


@on_every_step(router, "/orders/{order_id}", dict.fromkeys((*BY_PERSON, "reassign", "cancel"), Action.DISPATCH))
def change_order(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    order_id: uuid.UUID,
    step: Annotated[OrderAction, STEP_OF_ROUTE],
    version: Annotated[int, Form()],
    staff: Annotated[str, Form()] = "",
    note: Text = "",
) -> Response:
    """Reassign or cancel an order, or record a step that the person reported by telephone."""
    actor, now = _actor(request, account), dt.datetime.now(dt.UTC)
    with console.database() as conn:
        order = load_order(conn, account, order_id, origin_of(request))
        try:
            if step == "reassign":
                assigning.reassign(
                    conn, console.crews, order_id, actor, now,
                    expected_version=version, staff_code=staff or None, note=note,
                )  # fmt: skip
            elif step == "cancel":
                assigning.cancel(conn, order_id, actor, now, expected_version=version, note=note)
            elif step in (*offered_actions(order.state), "note") and order.staff_id is not None:
                assigning.act_as_person(
                    conn, console.crews, order_id, step, order.staff_id, actor, now,
                    expected_version=version, note=note,
                )  # fmt: skip
            else:
                raise OrderError(
                    zh="当前状态下不能执行该操作", en=f"{step} is not possible while the order is {order.state}"
                )
        except LifecycleError as error:
            message = message_of(request, error, account)
            return _order(conn, request, console, account, order_id, message, 409)
    return RedirectResponse(f"/orders/{order_id}", 303)


@router.get("/orders/{order_id}/photos/{photo_id}", dependencies=[needs(Action.VIEW_ORDERS)])
def photo(request: Request, console: Shared, account: CurrentAccount, order_id: uuid.UUID, photo_id: int) -> Response:
    with console.database() as conn:
        load_order(conn, account, order_id, origin_of(request))
        jpeg = photos.load(conn, order_id, photo_id) if 0 < photo_id < 2**63 else None
    if jpeg is None:
        raise HTTPException(404)
    return Response(jpeg, media_type="image/jpeg")


@router.post("/orders/{order_id}/by-family/rating", dependencies=[needs(Action.RATE_VISIT)])
def rate_as_family(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    order_id: uuid.UUID,
    stars: Annotated[int, Form()],
    words: Text = "",
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn, conn.transaction():
        try:
            order = store.load(conn, order_id)
        except OrderError as error:
            raise HTTPException(404) from error
        if order.resident_id is None or not may_see(conn, account, order.resident_id):
            raise HTTPException(404)
        ratings.rate(conn, order_id, "family", stars, words, now, account.id)
        audit_order(conn, account, "rate_visit", order, origin_of(request), stars=stars)
    return RedirectResponse("/family", 303)


def _suggestions(
    conn: psycopg.Connection[Any],
    request: Request,
    console: Console,
    account: Account,
    alert_id: uuid.UUID,
    service: str,
    message: str = "",
    status: int = 200,
    template: str = "candidates.html",
) -> Response:
    alert, _ = load_alert(conn, console.board, account, alert_id, origin_of(request))
    if service and service not in SERVICES:
        raise HTTPException(422, "no such service")
    row = lookup.load(conn, alert_id)
    if row is None:
        raise HTTPException(503, "the alert is still on its way to the database")
    chosen, match = assigning.suggest(conn, console.crews, row, service or None, dt.datetime.now(dt.UTC))
    live = store.list_orders(conn, OrderFilter(states=list(LIVE), alert_id=alert_id))
    permissions.audit(
        conn, account, "view_candidates", at=dt.datetime.now(dt.UTC), resident_id=alert.resident_id,
        origin=origin_of(request), detail={"alert": str(alert_id), "service": chosen},
    )  # fmt: skip
    return page(
        request, template, account, status=status, alert=alert, match=match, service=chosen,
        services=SERVICES, message=message, live=live,
        neighbours=alarms.neighbours(conn, [one.staff_id for one in match.candidates]),
    )  # fmt: skip


def _order(
    conn: psycopg.Connection[Any],
    request: Request,
    console: Console,
    account: Account,
    order_id: uuid.UUID,
    message: str = "",
    status: int = 200,
) -> Response:
    order = load_order(conn, account, order_id, origin_of(request))
    context: dict[str, Any] = {
        "events": store.history(conn, order_id),
        "photos": photos.ids(conn, order_id),
        "ratings": ratings.of_order(conn, order_id),
        "mine": order.staff_id is not None and order.staff_id == staff_of_account(conn, account.id),
    }
    others: tuple[Candidate, ...] = ()
    if permissions.may_do(account, Action.DISPATCH) and order.state in ("open", "offered", "accepted", "en_route"):
        others = assigning.alternatives(conn, console.crews, order, dt.datetime.now(dt.UTC))
    return page(
        request, "order.html", account, status=status, order=order, message=message, services=SERVICES, others=others,
        steps=offered_actions(order.state) if order.state in IN_HAND else (), rating_words=ratings.WORDS, **context,
    )  # fmt: skip


def _actor(request: Request, account: Account) -> Actor:
    return Actor(account.id, account.name_zh, origin_of(request))
