"""Lists of service orders: the board of a day, and the rows of a search. By key, never by offset."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from care_network.access.permissions import Action
from care_network.below import people_below
from care_services.core.acting import Acting
from care_services.home_services.orders import store
from care_services.home_services.orders.states import State
from care_services.home_services.orders.store import Order
from vocabulary.times import SHANGHAI

PAGE = 50
LATE = dt.timedelta(minutes=15)
"""A visit that did not begin so long after its time is late."""
PARTS: Mapping[str, tuple[str, str]] = {
    "late": ("超时未到", "Late"), "now": ("服务中", "At homes now"), "planned": ("待上门", "To come"),
    "done": ("已完成", "Done"), "off": ("未上门、取消或被拒", "Missed, cancelled or refused"),
}  # fmt: skip


def part_of(state: State, planned_start: dt.datetime, now: dt.datetime, late: dt.timedelta = LATE) -> str:
    """The part of the board on which an order of today stands. Pure."""
    if state == "checked_in":
        return "now"
    if state in ("planned", "assigned"):
        return "late" if now - planned_start > late else "planned"
    return "done" if state in ("checked_out", "confirmed") else "off"


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """The visits of a day in an area: how many stand where, and the rows of one part."""

    day: dt.date
    counts: Mapping[str, int]
    part: str
    orders: list[Order]
    next_key: str | None
    unnamed: int
    """To come, and nobody is named."""


_PART: Mapping[str, LiteralString] = {
    "late": " AND o.state IN ('planned', 'assigned') AND o.planned_start < %(late)s",
    "now": " AND o.state = 'checked_in'",
    "planned": " AND o.state IN ('planned', 'assigned') AND o.planned_start >= %(late)s",
    "done": " AND o.state IN ('checked_out', 'confirmed')",
    "off": " AND o.state IN ('missed', 'cancelled', 'refused_at_door')",
}
_OF: LiteralString = (
    " AND (%(provider)s = '' OR o.organisation_id IN (SELECT p.id FROM organisation p WHERE p.code = %(provider)s))"
)
_DAY: LiteralString = (
    " WHERE o.planned_start >= %(since)s AND o.planned_start < %(until)s AND " + people_below("o.resident_id") + _OF
)


_COUNTS: LiteralString = """
    SELECT count(*) FILTER (WHERE o.state IN ('planned', 'assigned') AND o.planned_start < %(late)s) AS late,
           count(*) FILTER (WHERE o.state = 'checked_in') AS now,
           count(*) FILTER (WHERE o.state IN ('planned', 'assigned') AND o.planned_start >= %(late)s) AS planned,
           count(*) FILTER (WHERE o.state IN ('checked_out', 'confirmed')) AS done,
           count(*) FILTER (WHERE o.state IN ('missed', 'cancelled', 'refused_at_door')) AS off,
           count(*) FILTER (WHERE o.state = 'planned') AS unnamed
    FROM service_order o
"""


def bounds(day: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """Begin and end of a day of Asia/Shanghai, in UTC."""
    begin = dt.datetime.combine(day, dt.time(), SHANGHAI).astimezone(dt.UTC)
    return begin, begin + dt.timedelta(days=1)


def board(
    conn: Connection[Any], acting: Acting, day: dt.date, part: str = "", *, provider: str = "", after: str = ""
) -> Board:  # fmt: skip
    """The board of a day in the account's area; ``part`` empty: the first that has something.

    ``after``: the key of the last row of the page before, as ``next_key`` gave it.
    """
    acting.require(Action.VIEW_CARE)
    since, until = bounds(day)
    asked: dict[str, Any] = {
        "since": since, "until": until, "area": acting.account.area_path, "provider": provider,
        "late": acting.at - LATE, "limit": PAGE + 1,
    }  # fmt: skip
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            _COUNTS + _DAY,
            asked,
        ).fetchone()
    assert row is not None  # noqa: S101 - counts have a row
    counts = {name: row[name] for name in PARTS}
    shown = part if part in PARTS else next((name for name in PARTS if counts[name]), "planned")
    # never before the day: of two lower bounds PostgreSQL begins at the earlier, and reads all years up to today
    at, number = max(_key(after), (since, 0))
    found = store.select_first(
        conn, _DAY + _PART[shown] + " AND (o.planned_start, o.id) > (%(at)s, %(number)s)",
        " ORDER BY o.planned_start, o.id", {**asked, "at": at, "number": number},
    )  # fmt: skip
    more = len(found) > PAGE
    found = found[:PAGE]
    return Board(
        day=day, counts=counts, part=shown, orders=found, unnamed=row["unnamed"],
        next_key=key_of(found[-1]) if more else None,
    )  # fmt: skip


def of_resident(
    conn: Connection[Any], acting: Acting, resident_code: str, after: str = ""
) -> tuple[list[Order], str | None]:  # fmt: skip
    """The orders for a resident, the latest first, and the key of the next page; the look is audited."""
    acting.require(Action.VIEW_CARE)
    resident_id = acting.resident(conn, resident_code, "view_service_orders")
    acting.audit(conn, "view_service_orders", resident_id)
    at, number = _key(after)
    found = store.select(
        conn,
        " WHERE o.resident_id = %(resident)s AND (%(after)s = '' OR (o.planned_start, o.id) < (%(at)s, %(number)s))"
        " ORDER BY o.planned_start DESC, o.id DESC LIMIT %(limit)s",
        {"resident": resident_id, "after": after, "at": at, "number": number, "limit": PAGE + 1},
    )
    more = len(found) > PAGE
    found = found[:PAGE]
    return found, key_of(found[-1]) if more else None


def key_of(order: Order) -> str:
    """The key by which a list goes on behind an order."""
    return f"{round(order.planned_start.timestamp())}-{order.id}"


def _key(text: str) -> tuple[dt.datetime, int]:
    first, _, second = text.partition("-")
    if first.isascii() and first.isdecimal() and second.isascii() and second.isdecimal() and len(text) < 40:
        seconds, number = int(first), int(second)
        if seconds < 2**33 and number < 2**63:
            return dt.datetime.fromtimestamp(seconds, dt.UTC), number
    return dt.datetime(2000, 1, 1, tzinfo=dt.UTC), 0
