"""The page behind the link in a work order's message: the order on the telephone of the person who goes.

No login: the link is signed, expires and names a person and an order. A press has a key of its own, made by the page,
and counts once however often it is delivered. Chinese first; every look and step is in the audit.
"""

import datetime as dt
from typing import Annotated, Any, cast

import psycopg
from fastapi import Form, Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.errors import NotPermittedError, ProvisioningError
from care_network.matching import locations
from console.links.order_view import mark_of, show_order
from console.links.presses import SentPress, answered, wants_json
from console.links.visitors import Visitor
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import STATIC, language_of
from dispatch.alerts.states import LifecycleError
from dispatch.core.links import LinkError, load_link_keys
from dispatch.orders import field, messages, store
from dispatch.orders.field import FieldAction, press_on_order

router = page_router()
MEDICAL = "medical"


@router.get("/field-worker.js")
def worker() -> Response:
    """The service worker of the links' pages; at the root, because it serves only pages below its own address."""
    return FileResponse(STATIC / "field" / "worker.js", media_type="text/javascript")


@router.get("/w/{token}")
def order_page(request: Request, console: Shared, token: str) -> Response:
    with console.links_database() as conn:
        return show_order(conn, request, console, token)


@router.get("/w/{token}/mark")
def order_mark(console: Shared, token: str) -> Response:
    """Give the mark of the page's present state: the page that lies open in a hand asks whether it still holds.

    It shows nobody, so it is no look. 410 where the link is no longer valid.
    """
    keys = load_link_keys(console.settings.link_key_file)
    with console.links_database() as conn:
        try:
            visitor = Visitor(conn, keys.read(token, messages.PAGE, dt.datetime.now(dt.UTC)), "")
            order = store.load(conn, visitor.order_id)
            return JSONResponse({"mark": mark_of(conn, order, visitor.staff_id)})
        except (LinkError, LifecycleError):
            return JSONResponse({"mark": ""}, 410)


@router.post("/w/{token}")
def step(request: Request, console: Shared, token: str, sent: SentPress) -> Response:
    """Take the step that was pressed, or show the medical note; to the page's script the answer is JSON."""
    now = dt.datetime.now(dt.UTC)
    keys = load_link_keys(console.settings.link_key_file)
    with console.links_database() as conn:
        try:
            if sent.action == MEDICAL:
                return show_order(conn, request, console, token, medical=True)
            if sent.action not in field.WORDS:
                raise LinkError(zh="不支持的操作", en="no such step")
            with conn.transaction():
                visitor = Visitor(conn, keys.read(token, messages.PAGE, now), origin_of(request))
                order = store.load(conn, visitor.order_id)
                action = cast("FieldAction", sent.action)
                press = sent.press(visitor.link.person, now, order.created_at)
                answer = press_on_order(conn, console.crews, order.id, visitor.person, action, press, sent.what)
                visitor.audit(conn, f"order_{action}", order.resident_id)
        except (LinkError, LifecycleError) as error:
            if wants_json(request):
                texts = {"message_zh": error.message_zh, "message_en": error.message_en}
                return JSONResponse({"result": "refused", **texts}, 410 if isinstance(error, LinkError) else 409)
            return show_order(conn, request, console, token, message=message_of(request, error), status=409)
        if wants_json(request):
            return answered(answer)
        if answer.message_zh:
            message = pick(language_of(request, None), answer.message_zh, answer.message_en)
            status = 409 if answer.result == "refused" else 200
            return show_order(conn, request, console, token, message=message, status=status)
    return RedirectResponse(f"/w/{token}", 303)


@router.post("/w/{token}/place")
def share_place(
    request: Request,
    console: Shared,
    token: str,
    longitude: Annotated[float, Form()],
    latitude: Annotated[float, Form()],
    accuracy_m: Annotated[float, Form()],
) -> Response:
    """Store where the person is now; the first press is their consent, which they can withdraw."""
    now = dt.datetime.now(dt.UTC)
    keys = load_link_keys(console.settings.link_key_file)
    with console.links_database() as conn:
        try:
            with conn.transaction():
                visitor = Visitor(conn, keys.read(token, messages.PAGE, now), origin_of(request))
                account, sharing = _sharer(conn, visitor)
                order = store.load(conn, visitor.order_id)
                if order.staff_id != visitor.staff_id:  # a link of before it went to somebody else
                    raise LinkError(zh="这张工单已不在您手上", en="this order is no longer yours")
                if sharing.consented_at is None:
                    locations.consent(conn, account, True, at=now, origin=visitor.origin)
                locations.share(conn, account, longitude, latitude, accuracy_m, at=now)
        except (LinkError, ProvisioningError) as error:
            return _refused(conn, request, console, token, error)
    return RedirectResponse(f"/w/{token}#place", 303)


@router.post("/w/{token}/place/withdraw")
def withdraw_place(request: Request, console: Shared, token: str) -> Response:
    """Take the consent back; the stored place is deleted at once."""
    now = dt.datetime.now(dt.UTC)
    keys = load_link_keys(console.settings.link_key_file)
    with console.links_database() as conn:
        try:
            with conn.transaction():
                visitor = Visitor(conn, keys.read(token, messages.PAGE, now), origin_of(request))
                account, _ = _sharer(conn, visitor)
                locations.consent(conn, account, False, at=now, origin=visitor.origin)
        except (LinkError, ProvisioningError) as error:
            return _refused(conn, request, console, token, error)
    return RedirectResponse(f"/w/{token}#place", 303)


def _sharer(conn: psycopg.Connection[Any], visitor: Visitor) -> tuple[Account, locations.Sharing]:
    """The account by which the person shares their place. Raises NotPermittedError where there is none."""
    sharing = locations.sharing(conn, visitor.account) if visitor.account else None
    if visitor.account is None or sharing is None:
        raise NotPermittedError(zh="您没有可共享位置的平台账号", en="you have no account here that may share its place")
    return visitor.account, sharing


def _refused(
    conn: psycopg.Connection[Any], request: Request, console: Console, token: str, error: LinkError | ProvisioningError
) -> Response:
    return show_order(conn, request, console, token, message=message_of(request, error), status=status_of(error))
