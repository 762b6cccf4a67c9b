"""The page behind the link in the message after a visit: the family rates it. No login."""

import datetime as dt
import uuid
from typing import Annotated, Any

import psycopg
from fastapi import Form, Request
from starlette.responses import Response

from care_network.access import permissions
from care_network.catalogues.services import SERVICES
from console.shell.errors import message_of
from console.shell.security import origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page
from dispatch.channels.notifications import RATING
from dispatch.core import links
from dispatch.core.links import LinkError, load_link_keys
from dispatch.orders import ratings, store
from dispatch.orders.states import OrderError
from dispatch.orders.store import Order

router = page_router()


@router.get("/rate/{token}")
def rating_page(request: Request, console: Shared, token: str) -> Response:
    with console.links_database() as conn:
        return _show(conn, request, console, token)


@router.post("/rate/{token}")
def rate(
    request: Request,
    console: Shared,
    token: str,
    stars: Annotated[int, Form()] = 0,
    words: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.links_database() as conn:
        try:
            link = load_link_keys(console.settings.link_key_file).read(token, RATING, now)
            with conn.transaction():
                links.spend(conn, token, link, now)
                order_id = uuid.UUID(link.subject)
                ratings.check_invited(conn, order_id, link.person, now)
                ratings.rate(conn, order_id, "family", stars, words, now)
                _audit(conn, request, "rate_order", store.load(conn, order_id), link.person)
        except (LinkError, OrderError) as error:
            return _show(conn, request, console, token, message_of(request, error), 409)
        return _show(conn, request, console, token, done=True)


def _show(
    conn: psycopg.Connection[Any],
    request: Request,
    console: Console,
    token: str,
    message: str = "",
    status: int = 200,
    *,
    done: bool = False,
) -> Response:
    try:
        now = dt.datetime.now(dt.UTC)
        link = load_link_keys(console.settings.link_key_file).read(token, RATING, now)
        order = store.load(conn, uuid.UUID(link.subject))
        try:
            ratings.check_invited(conn, order.id, link.person, now)
        except OrderError:
            _audit(conn, request, "refused_view_order", order, link.person)
            raise
        _audit(conn, request, "view_order", order, link.person)
        spent = links.spent_at(conn, token) is not None
    except (LinkError, OrderError) as error:
        return page(request, "rating.html", status=410, order=None, message=message or message_of(request, error))
    return page(
        request, "rating.html", status=status, order=order, message=message, done=done or spent, services=SERVICES,
        rating_words=ratings.WORDS,
    )  # fmt: skip


def _audit(conn: psycopg.Connection[Any], request: Request, action: str, order: Order, person: str) -> None:
    """Write down who looked or rated, in the caller's transaction: nobody has an account here, the link names them."""
    permissions.audit(
        conn, None, action, at=dt.datetime.now(dt.UTC), resident_id=order.resident_id,
        origin=f"link {origin_of(request)}", detail={"order": str(order.id), "by": person},
    )  # fmt: skip
