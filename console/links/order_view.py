"""The page of an order on the telephone of the person who goes, by whatever link they came."""

import datetime as dt
import uuid
import zlib
from typing import Any

import psycopg
from fastapi import Request
from starlette.responses import Response

from care_network.catalogues.services import SERVICES
from care_network.duty.centers import telephone_of_desk
from care_network.matching import locations
from care_network.medical.notes import ShownNote
from console.access.medical_notes import show_medical_note
from console.links.visitors import Visitor
from console.shell.errors import message_of
from console.shell.i18n import pick
from console.shell.security import PLACE_ALLOWED, origin_of
from console.shell.state import Console
from console.shell.views import language_of, page, templates
from dispatch.alerts.outcomes import HOSPITAL, INJURIES
from dispatch.alerts.states import LifecycleError
from dispatch.core.links import LinkError, load_link_keys
from dispatch.desk.progress import progress
from dispatch.orders import assigning, field, messages, photos, results, store
from dispatch.orders.states import LIVE
from dispatch.orders.store import Order, OrderFilter

AT_WORK = ("accepted", "en_route", "arrived")
HAND_ON = ("offered", "accepted", "en_route")
REASONS = (
    ("距离太远", "too far away"),
    ("手上有事走不开", "cannot leave here"),
    ("车辆或交通问题", "trouble with the vehicle"),
    ("身体不适", "not well"),
)
"""Why somebody hands an order on."""


def countdown(left: dt.timedelta) -> str:
    """A time to come as minutes and seconds, such as 1:48."""
    seconds = max(0, round(left.total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02d}"


templates.env.filters["countdown"] = countdown


def show_order(
    conn: psycopg.Connection[Any],
    request: Request,
    console: Console,
    token: str,
    *,
    message: str = "",
    status: int = 200,
    medical: bool = False,
) -> Response:
    """Render the order of a link's token; the look is in the audit."""
    now = dt.datetime.now(dt.UTC)
    keys = load_link_keys(console.settings.link_key_file)
    try:
        link = keys.read(token, messages.PAGE, now)
        visitor = Visitor(conn, link, origin_of(request))
        order = store.load(conn, visitor.order_id)
    except (LinkError, LifecycleError) as error:
        return _no_order(request, token, message or message_of(request, error), 410)
    if order.staff_id != visitor.staff_id:
        return _gone(conn, request, token, visitor, order, message, status)
    visitor.audit(conn, "view_order", order.resident_id)
    mine = store.list_orders(conn, OrderFilter(states=list(LIVE), staff_id=visitor.staff_id))
    sharing = locations.sharing(conn, visitor.account) if visitor.account else None
    desk = telephone_of_desk(conn, order.area_path)
    conn.commit()  # the look is in the audit; a medical note wants a connection that is not in a transaction
    note, why_not = _medical(conn, request, console, visitor, order, now, desk) if medical else (None, "")
    others = assigning.alternatives(conn, console.crews, order, now) if order.state in HAND_ON else ()
    response = page(
        request, "phone.html", status=status, order=order, token=token, message=message, services=SERVICES,
        ladder=None if order.alert_id is None else progress(conn, order.alert_id),
        way=store.way_in(conn, order.household_id), desk_phone=desk,
        cards=results.cards_of(order.service), injuries={c: INJURIES[c] for c in results.INJURED},
        hospital_words=HOSPITAL, injury_words=INJURIES, card_of=results.CARDS.get,
        result=results.result_of_order(conn, order.id),
        done_steps=_own_steps(conn, order, visitor.staff_id),
        photo_count=len(photos.ids(conn, order.id)), candidates=others, reasons=REASONS, field_words=field.WORDS,
        at_work=order.state in AT_WORK, medical=bool(order.resident_code) and order.state in AT_WORK,
        note=note, why_not=why_not, new_key=uuid.uuid4,
        others=[
            (one, messages.page_path(keys, one.id, visitor.code, now, link.expires_at))
            for one in mine
            if one.id != order.id
        ],
        mark=mark_of(conn, order, visitor.staff_id), beside=_beside(conn, order),
        sharing=sharing, place_minutes=round(locations.FRESH.total_seconds() / 60), visitor=visitor,
    )  # fmt: skip
    if sharing is not None:
        response.headers.update(PLACE_ALLOWED)
    return response


def mark_of(conn: psycopg.Connection[Any], order: Order, staff_id: int) -> str:
    """A mark that is another as soon as the page would show something else; it says nothing about anybody."""
    row = conn.execute(
        """
        SELECT (SELECT (a.state, a.step, a.round, a.next_step_at)::text FROM alert a WHERE a.id = %(alert)s),
               (SELECT string_agg(o.id::text || o.version, ',' ORDER BY o.id) FROM work_order o
                WHERE o.supports = %(order)s OR o.id = %(supported)s)
        """,
        {"alert": order.alert_id, "order": order.id, "supported": order.supports},
    ).fetchone()
    seen = (order.version, order.state, order.staff_id == staff_id, row)
    return f"{zlib.crc32(repr(seen).encode()):08x}"


def _beside(conn: psycopg.Connection[Any], order: Order) -> list[Order]:
    """The others who go to the same door: those who support this person, and the one whom they support."""
    if order.alert_id is None:
        return []
    return [
        one
        for one in store.list_orders(conn, OrderFilter(alert_id=order.alert_id))
        if one.state != "cancelled" and (one.supports == order.id or one.id == order.supports)
    ]


def _gone(
    conn: psycopg.Connection[Any],
    request: Request,
    token: str,
    visitor: Visitor,
    order: Order,
    message: str,
    status: int,
) -> Response:
    visitor.audit(conn, "refused_view_order", order.resident_id)
    text = pick(
        language_of(request, None),
        "这张工单已转给他人或已取消，您无需前往。感谢您！",
        "This order has gone to somebody else or is off; you need not go. Thank you!",
    )
    return _no_order(request, token, message or text, status, desk_phone=telephone_of_desk(conn, order.area_path))


def _no_order(request: Request, token: str, message: str, status: int, **more: Any) -> Response:
    """The page without an order; presses that were refused are told there, too."""
    return page(
        request, "phone.html", status=status, order=None, token=token, message=message, field_words=field.WORDS,
        gone="desk_phone" in more, **more,
    )  # fmt: skip


def _own_steps(conn: psycopg.Connection[Any], order: Order, staff_id: int) -> list[dict[str, Any]]:
    """The recorded steps of this person's visit."""
    steps = ("accept", "depart", "arrive", "finish", "note")
    code = order.staff_code if order.staff_id == staff_id else None
    return [e for e in store.history(conn, order.id) if e["action"] in steps and e["staff_code"] == code]


def _medical(
    conn: psycopg.Connection[Any],
    request: Request,
    console: Console,
    visitor: Visitor,
    order: Order,
    now: dt.datetime,
    desk: str,
) -> tuple[ShownNote | None, str]:
    """The note by :mod:`care_network.medical.notes`'s own rules, as the person's account; else why not. Audited."""
    language = language_of(request, None)
    if order.state not in AT_WORK or order.resident_code is None:
        return None, pick(language, "接单后方可查看", "accept the order first")
    if visitor.account is None:
        return None, pick(
            language,
            f"此处不能显示医疗信息，请致电值班台 {desk}".strip(),
            f"Medical information cannot be shown here: please call the desk {desk}".strip(),
        )
    return show_medical_note(
        conn, console.settings.medical_key_file, visitor.account, order.resident_code, now, visitor.origin, language
    )
