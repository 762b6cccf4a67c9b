"""Meals that are eaten at the canteen: somebody is found by card, code or name, and the meal is noted, once.

An order, for there or to be brought home, is eaten as it stands; who walks in gets one of the day's sets, after the
same look at allergies. A resident has one meal at a time (an index of the table): a subsidy is given once.
"""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.core.acting import Acting
from care_services.core.facts import check_here
from care_services.meals import canteens, menus, orders
from care_services.meals.checking import findings, refused
from care_services.meals.words import MEALS, STATES
from vocabulary.times import SHANGHAI

MOST = 8
UNDO = dt.timedelta(seconds=45)
"""Thirty seconds on the page, and the time of the way."""


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody at the counter, with their meal of now where there is one."""

    code: str
    name_zh: str
    name_en: str
    address_zh: str
    address_en: str
    order_id: int | None
    state: str | None
    mode: str | None
    set_code: str | None
    at_id: int | None
    """The canteen where the meal was ordered."""


def meal_of(now: dt.datetime) -> str:
    """The meal of an hour in Shanghai: lunch until three in the afternoon. Pure."""
    return "lunch" if now.astimezone(SHANGHAI).hour < 15 else "dinner"


def find(conn: Connection[Any], acting: Acting, place: str, words: str, meal: str) -> list[Guest]:
    """The residents of the account's area whom a card, a code or a name means, the exact ones first; audited."""
    acting.require(Action.MANAGE_MEALS, Action.DELIVER_MEALS)
    canteens.canteen(conn, acting, place)
    words = words.strip()[:40]
    if not words:
        return []
    like = words.replace("\\", "").replace("%", "").replace("_", "\\_")
    with conn.cursor(row_factory=class_row(Guest)) as cursor:
        found = cursor.execute(
            """
            SELECT r.code, r.name_zh, r.name_en, h.address_zh, h.address_en, m.id AS order_id, m.state, m.mode,
                   f.code AS set_code, m.canteen_id AS at_id
            FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic
            JOIN area a ON a.id = h.area_id
            LEFT JOIN meal_order m ON m.resident_id = r.id AND m.day = %(day)s AND m.meal = %(meal)s
                AND m.state <> 'cancelled'
            LEFT JOIN meal_offer f ON f.id = m.offer_id
            WHERE a.path <@ %(area)s::ltree AND r.gone IS NULL
              AND (lower(r.code) = lower(%(words)s) OR r.name_zh LIKE %(like)s OR r.name_en ILIKE %(like)s)
            ORDER BY lower(r.code) <> lower(%(words)s), r.name_zh <> %(words)s, r.code LIMIT %(most)s
            """,
            {
                "day": acting.today, "meal": meal, "area": acting.account.area_path, "words": words,
                "like": f"{like}%", "most": MOST,
            },
        ).fetchall()  # fmt: skip
    acting.audit(conn, "view_diners", None, what=place, found=len(found))
    return found


def eat(
    conn: Connection[Any], acting: Acting, place: str, code: str, meal: str, offer_id: int | None = None,
    override: str = "",
) -> int:  # fmt: skip
    """Note that a resident eats here now; the order's number. ``offer_id``: the set of who has ordered nothing.

    Raises ProvisioningError where the meal was had already or something speaks against it, NotFoundError.
    """
    acting.require(Action.MANAGE_MEALS, Action.DELIVER_MEALS)
    canteen = canteens.canteen(conn, acting, place)
    if meal not in MEALS:
        raise ProvisioningError(en="choose lunch or dinner", zh="请选择午餐或晚餐", field="meal")
    resident_id = acting.resident(conn, code, "record_meal")
    with conn.transaction():
        orders.lock(conn, resident_id, [offer_id] if offer_id else ())
        row = conn.execute(
            "SELECT id, state, canteen_id, mode FROM meal_order WHERE resident_id = %s AND day = %s AND meal = %s"
            " AND state <> 'cancelled' FOR UPDATE",
            (resident_id, acting.today, meal),
        ).fetchone()
        if row is None:
            number = _walk_in(conn, acting, canteen, resident_id, meal, offer_id, override)
        elif row[1] not in ("ordered", "absent", "failed"):
            zh, en = STATES[row[1]]
            raise ProvisioningError(
                en=f"this meal is {en} already: one meal, one subsidy", zh=f"这一餐{zh}，每餐只登记和补贴一次"
            )
        elif row[2] != canteen.id:
            raise ProvisioningError(
                en="it was ordered at another canteen: cancel it there first", zh="这一餐订在其他食堂，请先取消"
            )
        else:
            number = int(row[0])
            orders.had_after_all(conn, number)
        conn.execute(
            "UPDATE meal_order SET state = 'eaten', mode = 'dine_in', ended_at = %s, handed_to = NULL,"
            " version = version + 1 WHERE id = %s",
            (acting.at, number),
        )
        conn.execute(
            "INSERT INTO meal_order_event (order_id, at, account_id, state, from_state, from_mode)"
            " VALUES (%s, %s, %s, 'eaten', %s, %s)",
            (number, acting.at, acting.account.id, row[1] if row else "cancelled", row[3] if row else "dine_in"),
        )
        conn.execute(
            "UPDATE meal_absence SET seen_to_at = %s, seen_to_by = %s, found = 'well'"
            " WHERE order_id = %s AND seen_to_at IS NULL",
            (acting.at, acting.account.id, number),
        )
        acting.audit(conn, "record_meal", resident_id, what="eaten", meal=meal)
    return number


def _walk_in(
    conn: Connection[Any], acting: Acting, canteen: canteens.Canteen, resident_id: int, meal: str,
    offer_id: int | None, override: str,
) -> int:  # fmt: skip
    check_here(conn, resident_id)
    found = menus.offers_by_id(conn, [offer_id] if offer_id else []).get(offer_id or 0)
    if found is None or (found.canteen_id, found.day, found.meal) != (canteen.id, acting.today, meal):
        raise ProvisioningError(en="choose one of today's sets", zh="请选择今天的套餐", field="offer")
    if found.withdrawn or found.left == 0:
        raise ProvisioningError(en="this set is sold out", zh="该套餐已售完", field="offer")
    terms = orders.terms_of(conn, resident_id, {found.day})
    against = refused(findings(terms.diet, found.contents))
    reason = override.strip()[:400]
    if against and not reason:
        zh, en = orders.against_words(found, against, may_override=True)
        raise ProvisioningError(en=en, zh=zh, field="override")
    paid = terms.split(found.price, found.day, orders.used_on(conn, resident_id, found.day))
    return orders.insert(
        conn, acting.at, acting.account.id, resident_id, found, "dine_in", reason if against else "", paid
    )  # fmt: skip


def take_back(conn: Connection[Any], acting: Acting, place: str, number: int) -> None:
    """Take one's own note back within 30 s: the meal is as it was, who walked in has none.

    A delivery is to be brought again, and a door that nobody opened is on the list again. Raises
    ChangedMeanwhileError, NotFoundError.
    """
    acting.require(Action.MANAGE_MEALS, Action.DELIVER_MEALS)
    canteen = canteens.canteen(conn, acting, place)
    with conn.transaction():
        row = conn.execute(
            "SELECT m.resident_id, m.state, e.at, e.account_id, e.from_state, e.from_mode FROM meal_order m"
            " JOIN LATERAL (SELECT * FROM meal_order_event e WHERE e.order_id = m.id AND e.state <> 'split'"
            " ORDER BY e.id DESC LIMIT 1) e ON true WHERE m.id = %s AND m.canteen_id = %s FOR UPDATE OF m",
            (number, canteen.id),
        ).fetchone()
        if row is None:
            raise NotFoundError(en="there is no such meal", zh="没有这份餐")
        resident_id, state, at, who, before, mode = row
        if state != "eaten" or who != acting.account.id or acting.at - at > UNDO or before is None:
            raise ChangedMeanwhileError(en="the 30 seconds are over", zh="已超过 30 秒，不能撤销")
        conn.execute(
            "UPDATE meal_order SET state = %s, mode = %s, ended_at = (SELECT max(e.at) FROM meal_order_event e"
            " WHERE e.order_id = meal_order.id AND e.state = %s AND e.state <> 'ordered'), version = version + 1"
            " WHERE id = %s",
            (before, mode, before, number),
        )
        conn.execute(
            "INSERT INTO meal_order_event (order_id, at, account_id, state, note)"
            " VALUES (%s, %s, %s, %s, '撤销用餐登记')",
            (number, acting.at, acting.account.id, before),
        )
        conn.execute(
            "UPDATE meal_absence SET seen_to_at = NULL, seen_to_by = NULL, found = NULL, found_note = ''"
            " WHERE order_id = %s AND seen_to_at = %s AND seen_to_by = %s",
            (number, at, who),
        )
        acting.audit(conn, "record_meal", resident_id, what="undone")
