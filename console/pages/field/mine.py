"""A carer's own page: the order of now, what comes next, the residents, the duty, and the shared place."""

import datetime as dt
from typing import Annotated, Any

import msgspec
import psycopg
from fastapi import Form, Request
from psycopg.rows import class_row
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.access.visible import visible_residents
from care_network.catalogues.services import SERVICES
from care_network.errors import ProvisioningError
from care_network.matching import locations
from care_network.matching.crew import Day
from care_services.home_services.orders import store as visits
from care_services.home_services.orders.listing import bounds
from care_services.home_services.orders.states import WORDS as VISIT_WORDS
from console.shell.errors import message_of, status_of
from console.shell.security import PLACE_ALLOWED, CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page
from dispatch.desk.progress import progress
from dispatch.orders import store
from dispatch.orders.people import staff_of_account
from dispatch.orders.states import LIVE
from dispatch.orders.store import Order, OrderFilter
from vocabulary.times import SHANGHAI

router = page_router()
SOON = dt.timedelta(hours=1)
"""A planned order that is due within it counts as one of now."""
KNOWN_FOR = dt.timedelta(days=30)
MOST = 30


class Duty(msgspec.Struct, frozen=True):
    """The times of a person's duty; None: not on duty now, or nothing more today."""

    until: dt.datetime | None
    next_from: dt.datetime | None


class Known(msgspec.Struct, frozen=True):
    """A resident whom the person visits."""

    code: str
    name_zh: str
    name_en: str
    address_zh: str
    address_en: str
    open_alerts: int
    last_visit: dt.datetime | None


@router.get("/mine", dependencies=[needs(Action.VIEW_ORDERS)])
def mine_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The page of the person behind the account; other roles are led to the start page."""
    with console.database() as conn:
        return _show(conn, request, console, account)


@router.post("/mine/place", dependencies=[needs(Action.SHARE_LOCATION)])
def share_place(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    longitude: Annotated[float, Form()],
    latitude: Annotated[float, Form()],
    accuracy_m: Annotated[float, Form()],
) -> Response:
    """Store where the person is now; the first press is their consent, which they can withdraw."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        try:
            with conn.transaction():
                sharing = locations.sharing(conn, account)
                if sharing is None or sharing.consented_at is None:
                    locations.consent(conn, account, True, at=now, origin=origin_of(request))
                locations.share(conn, account, longitude, latitude, accuracy_m, at=now)
        except ProvisioningError as error:
            return _show(conn, request, console, account, message_of(request, error, account), status_of(error))
    return RedirectResponse("/mine#place", 303)


@router.post("/mine/place/withdraw", dependencies=[needs(Action.SHARE_LOCATION)])
def withdraw_place(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Take the consent back; the stored place is deleted at once."""
    with console.database() as conn:
        try:
            locations.consent(conn, account, False, at=dt.datetime.now(dt.UTC), origin=origin_of(request))
        except ProvisioningError as error:
            return _show(conn, request, console, account, message_of(request, error, account), status_of(error))
    return RedirectResponse("/mine#place", 303)


def _show(
    conn: psycopg.Connection[Any],
    request: Request,
    console: Console,
    account: Account,
    message: str = "",
    status: int = 200,
) -> Response:
    now = dt.datetime.now(dt.UTC)
    if account.role != "carer":
        return RedirectResponse("/", 303)
    staff = staff_of_account(conn, account.id)
    orders = [] if staff is None else store.list_orders(conn, OrderFilter(states=list(LIVE), staff_id=staff))
    at_work, later = part(orders, now)
    residents = [] if staff is None else _residents(conn, account, staff, now)
    if console.looks.is_new((account.id, request.url.path, "orders"), now):  # the open page asks every few seconds
        permissions.audit(
            conn, account, "view_orders", at=now, origin=origin_of(request),
            detail={"view": "mine", "orders": len(orders)},
        )  # fmt: skip
    first = at_work[0] if at_work else None
    today = bounds(now.astimezone(SHANGHAI).date())
    response = page(
        request, "mine.html", account, status=status, message=message, staff=staff, orders=at_work, later=later,
        first=first, ladder=progress(conn, first.alert_id) if first is not None and first.alert_id else None,
        visits=[] if staff is None else visits.of_staff(conn, staff, *today), visit_words=VISIT_WORDS,
        residents=residents, area_residents=len(visible_residents(conn, account)), services=SERVICES,
        duty=None if staff is None else duty_of(console.crews.crew(conn, now, now).day, staff, now),
        sharing=locations.sharing(conn, account), fresh=locations.FRESH,
        place_minutes=round(locations.FRESH.total_seconds() / 60),
    )  # fmt: skip
    response.headers.update(PLACE_ALLOWED)
    return response


def part(orders: list[Order], now: dt.datetime) -> tuple[list[Order], list[Order]]:
    """Part a person's orders into those of now, begun ones first, and planned ones by their time. Pure."""
    later = [one for one in orders if one.urgency == "planned" and one.state in ("offered", "accepted")]
    later = sorted((one for one in later if one.due_at - now > SOON), key=lambda one: one.due_at)
    begun = ("arrived", "en_route", "accepted")
    at_work = sorted(
        (one for one in orders if one not in later),
        key=lambda one: (one.urgency == "planned", begun.index(one.state) if one.state in begun else 9, one.due_at),
    )
    return at_work, later


def duty_of(day: Day, staff_id: int, now: dt.datetime) -> Duty:
    """The end of the person's duty, or the begin of the next one of this day. Pure."""
    row, moment = day.row.get(staff_id), now.timestamp()
    if row is None:
        return Duty(None, None)
    spans = sorted(
        (float(start), float(end))
        for who, start, end in zip(day.stint_person, day.stint_start, day.stint_end, strict=True)
        if who == row
    )
    until = None
    for start, end in spans:  # duties that follow each other are one
        if start <= (until if until is not None else moment) < end:
            until = end
    following = next((start for start, _ in spans if start > moment), None) if until is None else None
    return Duty(*(None if one is None else dt.datetime.fromtimestamp(one, dt.UTC) for one in (until, following)))


def _residents(conn: psycopg.Connection[Any], account: Account, staff: int, now: dt.datetime) -> list[Known]:
    """Those of the person's orders, now and within a month, as far as the account sees them."""
    seen = visible_residents(conn, account)
    with conn.cursor(row_factory=class_row(Known)) as cursor:
        return cursor.execute(
            """
            SELECT r.code, r.name_zh, r.name_en, h.address_zh, h.address_en, max(o.done_at) AS last_visit,
                   (SELECT count(*) FROM alert a WHERE a.resident_id = r.id AND alert_is_open(a.state)) AS open_alerts
            FROM work_order o JOIN resident r ON r.id = o.resident_id JOIN household h ON h.id = r.household_id
            WHERE o.staff_id = %s AND r.id = ANY (%s) AND NOT h.synthetic
              AND (o.state IN ('offered', 'accepted', 'en_route', 'arrived') OR o.done_at > %s)
            GROUP BY r.id, h.id ORDER BY open_alerts DESC, max(o.due_at) DESC LIMIT %s
            """,
            (staff, list(seen), now - KNOWN_FOR, MOST),
        ).fetchall()
