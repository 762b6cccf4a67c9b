"""Ratings of visits by residents and families: one to five stars and words; a low one goes to the station's list."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row, dict_row

from care_network.access.permissions import Action
from care_network.access.visible import may_see
from care_network.below import people_below
from care_network.errors import ProvisioningError
from care_network.search.pinyin import by_name
from care_services.core.acting import Acting
from care_services.home_services.orders import store
from care_services.home_services.orders.states import DONE
from care_services.home_services.orders.store import Doer

RatedBy = Literal["resident", "family", "panel"]
STARS: Mapping[int, tuple[str, str]] = {
    1: ("很不满意", "very poor"), 2: ("不满意", "poor"), 3: ("一般", "fair"), 4: ("满意", "good"),
    5: ("很满意", "very good"),
}  # fmt: skip
LOW = 2
"""Up to so many stars the station has to look at it."""
WITHIN = dt.timedelta(days=31)
LONGEST = 500


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """A rating with what it is about."""

    order_id: int
    rated_by: str
    stars: int
    words: str
    at: dt.datetime
    seen_at: dt.datetime | None
    seen_by: str | None
    resident_code: str
    resident_zh: str
    resident_en: str
    service_zh: str
    service_en: str
    provider_zh: str
    provider_en: str
    staff_zh: str | None
    staff_en: str | None
    planned_start: dt.datetime


def rate(conn: Connection[Any], acting: Acting, order_id: int, stars: int, words: str) -> None:
    """Rate a visit for a family; it confirms that the visit was done. Raises ProvisioningError with the field."""
    acting.require(Action.RATE_VISIT)
    found = store.load(conn, order_id)
    if not may_see(conn, acting.account, found.resident_id):
        raise store.missing()
    put(conn, order_id, "family", stars, words, store.doer(acting), acting.at)
    acting.audit(conn, "rate_visit", found.resident_id, service_order=order_id, stars=stars)


TOLD: dict[str, tuple[str, str]] = {"resident": ("老人本人", "the resident"), "family": ("家属", "the family")}
"""Those whose word the station writes down."""


def write_down(conn: Connection[Any], acting: Acting, order_id: int, by: str, stars: int, words: str) -> None:
    """Write down how somebody found a visit, as they told the station. Raises ProvisioningError with the field."""
    acting.require(Action.PLAN_SERVICES)
    found = store.load(conn, order_id)
    if not may_see(conn, acting.account, found.resident_id):
        raise store.missing()
    if by not in TOLD:
        raise ProvisioningError(en="choose whose word it is", zh="请选择是谁的评价", field="by")
    put(conn, order_id, "resident" if by == "resident" else "family", stars, words, store.doer(acting), acting.at)
    acting.audit(conn, "rate_visit", found.resident_id, service_order=order_id, stars=stars)


def put(
    conn: Connection[Any], order_id: int, by: RatedBy, stars: int, words: str, who: Doer, at: dt.datetime
) -> None:  # fmt: skip
    """Store a rating of a visit that was done within the last month; each side rates once. The caller has asked."""
    if stars not in STARS:
        raise ProvisioningError(en="choose one to five stars", zh="请选择 1 至 5 星", field="stars")
    if len(words) > LONGEST:
        raise ProvisioningError(en=f"at most {LONGEST} characters", zh=f"请不超过 {LONGEST} 字", field="words")
    with conn.transaction():
        order = store.load(conn, order_id)
        if order.state not in DONE or at - (order.checked_out_at or at) > WITHIN:
            raise ProvisioningError(
                en="this visit is not done yet, or too long ago", zh="该服务尚未完成，或已超过一个月"
            )
        added = conn.execute(
            "INSERT INTO service_rating (order_id, rated_by, stars, words, at, account_id)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (order_id, by, stars, words.strip(), at, who.account_id),
        )
        if not added.rowcount:
            raise ProvisioningError(en="this visit was rated already", zh="该服务已评价")
        if order.state == "checked_out":
            order = store.change(conn, order, "confirm", who, at)
        store.add_event(
            conn, order_id, "rate", order.state, order.state, who, at, words.strip(), {"stars": stars, "by": by}
        )


_HERE: LiteralString = people_below("t.resident_id")
_RATINGS: LiteralString = """
    SELECT t.order_id, t.rated_by, t.stars, t.words, t.at, t.seen_at, t.seen_by, r.code AS resident_code,
           r.name_zh AS resident_zh, r.name_en AS resident_en, c.name_zh AS service_zh, c.name_en AS service_en,
           p.name_zh AS provider_zh, p.name_en AS provider_en, s.name_zh AS staff_zh, s.name_en AS staff_en,
           o.planned_start
    FROM {ratings} t JOIN service_order o ON o.id = t.order_id JOIN care_service c ON c.code = o.service
    JOIN organisation p ON p.id = o.organisation_id JOIN resident r ON r.id = o.resident_id
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic LEFT JOIN staff s ON s.id = o.staff_id
"""


_LOW: LiteralString = (
    f"(SELECT * FROM service_rating t WHERE t.stars <= 2 AND t.seen_at IS NULL AND {_HERE}"  # noqa: S608 - of constants
    " ORDER BY t.at DESC LIMIT %(limit)s)"
)


def of_order(conn: Connection[Any], order_id: int) -> list[Rating]:
    """The ratings of a visit."""
    with conn.cursor(row_factory=class_row(Rating)) as cursor:
        return cursor.execute(
            _RATINGS.format(ratings="service_rating") + " WHERE t.order_id = %s ORDER BY t.at", (order_id,)
        ).fetchall()


def low(conn: Connection[Any], acting: Acting, limit: int = 50) -> list[Rating]:
    """The low ratings of the account's area that nobody has dealt with, the newest first."""
    acting.require(Action.VIEW_CARE)
    with conn.cursor(row_factory=class_row(Rating)) as cursor:
        return cursor.execute(
            _RATINGS.format(ratings=_LOW) + " ORDER BY t.at DESC",
            {"area": acting.account.area_path, "limit": limit},
        ).fetchall()


def deal_with(conn: Connection[Any], acting: Acting, order_id: int, note: str) -> None:
    """Note what the station did about the low ratings of a visit; they leave its list."""
    acting.require(Action.PLAN_SERVICES)
    if not note.strip():
        raise ProvisioningError(en="say what was done about it", zh="请填写处理情况", field="note")
    with conn.transaction():
        order = store.load(conn, order_id)
        if not may_see(conn, acting.account, order.resident_id):
            raise store.missing()
        conn.execute(
            "UPDATE service_rating SET seen_at = %s, seen_by = %s WHERE order_id = %s AND seen_at IS NULL",
            (acting.at, acting.account.name_zh, order_id),
        )
        store.add_event(conn, order_id, "note", order.state, order.state, store.doer(acting), acting.at,
                        note.strip()[:400], {"about": "rating"})  # fmt: skip
        acting.audit(conn, "deal_with_rating", order.resident_id, service_order=order_id)


def by_provider(conn: Connection[Any], acting: Acting, since: dt.datetime) -> list[dict[str, Any]]:
    """Mean and number of ratings since a time, by provider and person, of the account's area."""
    acting.require(Action.VIEW_CARE)
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            f"""
            SELECT p.name_zh AS provider_zh, p.name_en AS provider_en, s.name_zh AS staff_zh, s.name_en AS staff_en,
                   count(*)::int AS number, round(avg(t.stars), 2)::float AS mean,
                   count(*) FILTER (WHERE t.stars <= 2)::int AS low
            FROM service_rating t JOIN service_order o ON o.id = t.order_id
            JOIN organisation p ON p.id = o.organisation_id LEFT JOIN staff s ON s.id = o.staff_id
            WHERE t.at >= %(since)s AND {_HERE}
            GROUP BY p.id, s.id ORDER BY p.name_zh, mean DESC, s.name_zh LIMIT 200
            """,  # noqa: S608 - of constants
            {"since": since, "area": acting.account.area_path},
        ).fetchall()
    return sorted(
        found, key=lambda one: (by_name(one["provider_zh"]), -one["mean"], by_name(one["staff_zh"] or ""))
    )  # fmt: skip


def to_rate(conn: Connection[Any], resident_id: int, at: dt.datetime, limit: int = 3) -> list[store.Order]:
    """The visits of the last month that a family has not rated, the newest first."""
    return store.select(
        conn,
        " WHERE o.resident_id = %(resident)s AND o.state IN ('checked_out', 'confirmed')"
        " AND o.planned_start > %(since)s AND NOT EXISTS (SELECT FROM service_rating t WHERE t.order_id = o.id"
        " AND t.rated_by = 'family') ORDER BY o.planned_start DESC LIMIT %(limit)s",
        {"resident": resident_id, "since": at - WITHIN, "limit": limit},
    )
