"""Meals of somebody who is away for a time: cancelled while that is possible, and ordered anew on the return.

The caller has asked for permission, and holds a transaction.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from care_network.errors import NotFoundError, ProvisioningError
from care_services.core.acting import Acting
from care_services.meals.deadlines import Deadline
from care_services.meals.orders import Choice, order
from care_services.meals.words import MEALS


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """A meal that is ordered and not served yet. ``open``: it can still be cancelled."""

    id: int
    offer_id: int
    mode: str
    day: dt.date
    meal: str
    canteen_zh: str
    canteen_en: str
    phone: str
    own_fen: int
    open: bool
    arrangement_id: int | None

    @property
    def words(self) -> tuple[str, str]:
        """The meal in Chinese and English."""
        zh, en = MEALS[self.meal]
        return f"{self.day:%m-%d} {zh}", f"{en} of {self.day:%m-%d}"


_AHEAD: LiteralString = """
    SELECT m.id, m.offer_id, m.mode, m.day, m.meal, o.name_zh AS canteen_zh, o.name_en AS canteen_en, o.phone,
           m.price_fen - m.subsidy_fen AS own_fen, m.arrangement_id, coalesce(c.deadline_days, 1) AS days,
           coalesce(c.deadline_hour, '16:00') AS hour
    FROM meal_order m JOIN organisation o ON o.id = m.canteen_id
    LEFT JOIN meal_canteen c ON c.organisation_id = o.id
"""


def ahead(conn: Connection[Any], acting: Acting, resident_id: int, since: dt.date) -> list[Ahead]:
    """The meals that are ordered for a resident from a day on, and from today on."""
    return _ahead(conn, acting, "m.state = 'ordered' AND m.resident_id = %(resident)s AND m.day >= %(since)s",
                  resident=resident_id, since=max(since, acting.today))  # fmt: skip


def cancel(conn: Connection[Any], acting: Acting, resident_id: int, meals: Sequence[Ahead], why: str) -> list[int]:
    """Cancel those of them that can be; gives the numbers of the orders."""
    numbers = [one.id for one in meals if one.open]
    rows = conn.execute(
        "UPDATE meal_order SET state = 'cancelled', ended_at = %s, version = version + 1"
        " WHERE id = ANY(%s) AND resident_id = %s AND state = 'ordered' RETURNING id",
        (acting.at, numbers, resident_id),
    ).fetchall()
    done = sorted(row[0] for row in rows)
    conn.execute(
        "INSERT INTO meal_order_event (order_id, at, account_id, state, note)"
        " SELECT id, %s, %s, 'cancelled', %s FROM unnest(%s::bigint[]) AS t (id)",
        (acting.at, acting.account.id, why[:400], done),
    )
    if done:
        acting.audit(conn, "cancel_meal", resident_id, meals=len(done))
    return done


def cancelled(conn: Connection[Any], acting: Acting, numbers: Sequence[int]) -> list[Ahead]:
    """Those of some cancelled orders that lie ahead."""
    return _ahead(conn, acting, "m.state = 'cancelled' AND m.id = ANY(%(ids)s) AND m.day >= %(today)s",
                  ids=list(numbers), today=acting.today)  # fmt: skip


def order_again(
    conn: Connection[Any], acting: Acting, resident: str, meals: Sequence[Ahead]
) -> tuple[int, list[tuple[str, str]]]:
    """Order them anew, each by the rules of today; gives how many, and in words those for which it is not possible."""
    done, left = 0, []
    for one in meals:
        try:
            order(conn, acting, resident, [Choice(one.offer_id, one.mode)], though_away=True)
            done += 1
        except (ProvisioningError, NotFoundError) as error:
            left.append((error.message_zh, error.message_en))
    return done, left


def _ahead(conn: Connection[Any], acting: Acting, condition: LiteralString, **values: Any) -> list[Ahead]:
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(f"{_AHEAD} WHERE {condition} ORDER BY m.day, m.meal", values).fetchall()
    return [
        Ahead(open=Deadline(days, hour).is_open(row["day"], acting.at), **row)
        for row in rows
        for days, hour in [(row.pop("days"), row.pop("hour"))]
    ]
