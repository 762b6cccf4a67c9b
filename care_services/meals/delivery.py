"""Delivery rounds: who takes which meals to which doors in which order, and what happened at each door.

A meal that nobody took in is a sign: it stands on the station's list until somebody says what they found.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_network.access.visible import may_see
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.core import doors
from care_services.core.acting import Acting
from care_services.meals import orders
from care_services.meals.canteens import managed
from care_services.meals.routing import DETOUR, Door, Place, length, parted
from care_services.meals.signs import UNWATCHED, Sign, last_signs
from care_services.meals.words import FOUND, HANDED_TO, MEALS

MOST_PEOPLE, MOST_DOORS = 12, 300
RESULTS = ("delivered", "refused", "absent", "failed")
"""That a deliverer records."""
LIMIT = 50


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A person's round, with its counts."""

    id: int
    canteen: str
    canteen_zh: str
    canteen_en: str
    day: dt.date
    meal: str
    staff: str | None
    staff_zh: str | None
    staff_en: str | None
    mine: bool
    metres: int
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    version: int
    meals: int
    doors: int
    delivered: int
    absent: int
    left: int


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A meal for a door, as the deliverer needs it."""

    place: int
    order_id: int
    version: int
    state: str
    handed_to: str | None
    ended_at: dt.datetime | None
    resident_id: int
    resident_code: str
    name_zh: str
    name_en: str
    household: str
    address_zh: str
    address_en: str
    area_zh: str
    area_en: str
    floor: int | None
    has_lift: bool | None
    way_in: str
    phone: str
    code: str
    told: bool
    """Whether the resident agreed that canteen and deliverers know of diet and allergies; else the three are None."""
    texture: str | None
    allergies: list[str] | None
    other_allergies: str | None
    overridden: str


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """A door that nobody opened for a meal."""

    order_id: int
    resident_id: int
    resident_code: str
    name_zh: str
    name_en: str
    address_zh: str
    address_en: str
    phone: str
    at: dt.datetime
    note: str
    day: dt.date
    meal: str
    staff_zh: str | None
    staff_en: str | None
    seen_to_at: dt.datetime | None
    found: str | None
    found_note: str
    seen_to_by: str | None
    sign: Sign = UNWATCHED


def plan(
    conn: Connection[Any], acting: Acting, canteen: str, day: dt.date, meal: str, staff: Sequence[str]
) -> list[int]:
    """Make the rounds of a meal for these people; rounds that nobody has begun are made anew. Their ids.

    Meals of rounds that are under way stay there. Raises ProvisioningError, NotFoundError.
    """
    place = managed(conn, acting, canteen)
    if meal not in MEALS:
        raise ProvisioningError(en="choose lunch or dinner", zh="请选择午餐或晚餐", field="meal")
    if day < acting.today:
        raise ProvisioningError(en="that day is over", zh="这一天已经过去", field="day")
    people = list(dict.fromkeys(staff))
    if not 0 < len(people) <= MOST_PEOPLE:
        raise ProvisioningError(
            en=f"choose 1 to {MOST_PEOPLE} people", zh=f"请选择 1 至 {MOST_PEOPLE} 名送餐员", field="staff"
        )
    found = {
        row[0]: int(row[1])
        for row in conn.execute("SELECT code, id FROM staff WHERE code = ANY (%s) AND active", (people,))
    }
    if unknown := [code for code in people if code not in found]:
        raise ProvisioningError(
            en=f"nobody here has the code {unknown[0]}", zh=f"没有编号为 {unknown[0]} 的人员", field="staff"
        )
    with conn.transaction():
        conn.execute("SELECT FROM meal_order WHERE canteen_id = %s AND day = %s AND meal = %s AND state = 'ordered'"
                     " ORDER BY id FOR UPDATE", (place.id, day, meal))  # fmt: skip
        conn.execute(
            "DELETE FROM meal_stop USING meal_round r WHERE round_id = r.id AND r.canteen_id = %(c)s"
            " AND r.day = %(d)s AND r.meal = %(m)s AND r.started_at IS NULL",
            {"c": place.id, "d": day, "m": meal},
        )
        conn.execute(
            "DELETE FROM meal_round WHERE canteen_id = %s AND day = %s AND meal = %s AND started_at IS NULL",
            (place.id, day, meal),
        )
        doors, orders = _doors(conn, place.id, day, meal)
        if not doors:
            raise ProvisioningError(
                en="no meal of then waits for somebody to take it", zh="这一餐没有待安排的送餐", field="meal"
            )
        made = []
        parts = parted(place.place, doors, len(people), lambda door: len(orders[door.key]))
        for code, part in zip(people, parts, strict=False):
            row = conn.execute(
                "INSERT INTO meal_round (canteen_id, day, meal, staff_id, metres, made_at, made_by)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
                (
                    place.id, day, meal, found[code], round(length(place.place, part) * DETOUR), acting.at,
                    acting.account.id,
                ),
            ).fetchone()  # fmt: skip
            assert row is not None  # noqa: S101 - it was inserted
            made.append(int(row[0]))
            listed = [order for door in part for order in orders[door.key]]
            conn.execute(
                "INSERT INTO meal_stop (round_id, place, order_id)"
                " SELECT %s, n, o FROM unnest(%s::bigint[]) WITH ORDINALITY AS l (o, n)",
                (row[0], listed),
            )
        acting.audit(conn, "plan_rounds", what=canteen, day=str(day), meal=meal, rounds=len(made))
    return made


def _doors(conn: Connection[Any], canteen_id: int, day: dt.date, meal: str) -> tuple[list[Door], dict[int, list[int]]]:
    """The doors that meals have to be taken to and that are in no round yet, and the orders of each."""
    rows = conn.execute(
        """
        SELECT h.id, coalesce(h.longitude, a.longitude), coalesce(h.latitude, a.latitude), h.address_zh,
               array_agg(m.id ORDER BY m.id)
        FROM meal_order m JOIN resident r ON r.id = m.resident_id JOIN household h ON h.id = r.household_id
        JOIN area a ON a.id = h.area_id
        WHERE m.canteen_id = %s AND m.day = %s AND m.meal = %s AND m.state = 'ordered' AND m.mode = 'delivery'
          AND NOT h.synthetic AND NOT EXISTS (SELECT FROM meal_stop s WHERE s.order_id = m.id)
        GROUP BY h.id, a.id ORDER BY h.id LIMIT %s
        """,
        (canteen_id, day, meal, MOST_DOORS + 1),
    ).fetchall()
    if len(rows) > MOST_DOORS:
        raise ProvisioningError(
            en=f"more than {MOST_DOORS} doors: let several canteens deliver", zh=f"超过 {MOST_DOORS} 户，请分给多个食堂"
        )
    doors = [Door(row[0], None if row[1] is None else Place(row[1], row[2]), row[3]) for row in rows]
    return doors, {row[0]: list(row[4]) for row in rows}


def waiting(conn: Connection[Any], canteen_ids: Sequence[int], day: dt.date) -> dict[tuple[int, str], int]:
    """Meals to deliver that are in no round, by canteen and meal: orders that came after the rounds were made."""
    rows = conn.execute(
        "SELECT canteen_id, meal, count(*) FROM meal_order m WHERE canteen_id = ANY (%s) AND day = %s"
        " AND state = 'ordered' AND mode = 'delivery' AND NOT EXISTS (SELECT FROM meal_stop s WHERE s.order_id = m.id)"
        " GROUP BY 1, 2",
        (list(canteen_ids), day),
    ).fetchall()
    return {(row[0], row[1]): int(row[2]) for row in rows}


_ROUNDS: LiteralString = """
    SELECT t.id, o.code AS canteen, o.name_zh AS canteen_zh, o.name_en AS canteen_en, t.day, t.meal, s.code AS staff,
           s.name_zh AS staff_zh, s.name_en AS staff_en, coalesce(s.account_id = %(me)s, false) AS mine, t.metres,
           t.started_at, t.ended_at, t.version, c.meals, c.doors, c.delivered, c.absent, c.open AS left
    FROM meal_round t JOIN organisation o ON o.id = t.canteen_id LEFT JOIN staff s ON s.id = t.staff_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS meals, count(DISTINCT r.household_id) AS doors,
               count(*) FILTER (WHERE m.state = 'delivered') AS delivered,
               count(*) FILTER (WHERE m.state = 'absent') AS absent,
               count(*) FILTER (WHERE m.state = 'ordered') AS open
        FROM meal_stop p JOIN meal_order m ON m.id = p.order_id JOIN resident r ON r.id = m.resident_id
        WHERE p.round_id = t.id) c
"""


def rounds(conn: Connection[Any], acting: Acting, canteen_ids: Sequence[int], day: dt.date) -> list[Round]:
    """The rounds of a day of some canteens, one's own first."""
    acting.require(Action.MANAGE_MEALS, Action.DELIVER_MEALS, Action.VIEW_CARE)
    with conn.cursor(row_factory=class_row(Round)) as cursor:
        return cursor.execute(
            f"{_ROUNDS} WHERE t.canteen_id = ANY (%(canteens)s) AND t.day = %(day)s"
            " ORDER BY mine DESC, t.meal = 'dinner', t.canteen_id, t.id LIMIT 200",
            {"me": acting.account.id, "canteens": list(canteen_ids), "day": day},
        ).fetchall()


def load(conn: Connection[Any], acting: Acting, number: int) -> tuple[Round, list[Stop]]:
    """A round and its stops, as far as the account sees the homes. Raises NotFoundError; the look is in the audit."""
    acting.require(Action.DELIVER_MEALS, Action.MANAGE_MEALS)
    with conn.cursor(row_factory=class_row(Round)) as cursor:
        found = cursor.execute(f"{_ROUNDS} WHERE t.id = %(id)s", {"me": acting.account.id, "id": number}).fetchone()
    with conn.cursor(row_factory=class_row(Stop)) as cursor:
        stops = cursor.execute(
            """
            SELECT p.place, m.id AS order_id, m.version, m.state, m.handed_to, m.ended_at, r.id AS resident_id,
                   r.code AS resident_code, r.name_zh, r.name_en, h.code AS household, h.address_zh, h.address_en,
                   a.name_zh AS area_zh, a.name_en AS area_en, h.floor, h.has_lift, h.way_in, h.phone, f.code,
                   agreed.yes AS told, CASE WHEN agreed.yes THEN d.texture END AS texture,
                   CASE WHEN agreed.yes THEN d.allergies END AS allergies,
                   CASE WHEN agreed.yes THEN d.other_allergies END AS other_allergies,
                   CASE WHEN agreed.yes THEN m.overridden ELSE '' END AS overridden
            FROM meal_stop p JOIN meal_order m ON m.id = p.order_id JOIN meal_offer f ON f.id = m.offer_id
            JOIN resident r ON r.id = m.resident_id JOIN household h ON h.id = r.household_id
            JOIN area a ON a.id = h.area_id
            CROSS JOIN LATERAL (SELECT consent_of(r.id, 'meal_allergies') IS TRUE AS yes OFFSET 0) agreed
            LEFT JOIN LATERAL (SELECT * FROM meal_diet d WHERE d.resident_id = r.id ORDER BY version DESC LIMIT 1) d
                ON true
            WHERE p.round_id = %s AND NOT h.synthetic ORDER BY p.place
            """,
            (number,),
        ).fetchall()
    if found is None or (stops and not may_see(conn, acting.account, stops[0].resident_id)):
        acting.audit(conn, "refused_meal_round", number=number)
        raise NotFoundError(en="there is no such round", zh="没有这条送餐路线")
    return found, stops


def record(
    conn: Connection[Any], acting: Acting, order_id: int, result: str, version: int | None, handed_to: str = "",
    note: str = "", tried: Sequence[str] = (),
) -> int:  # fmt: skip
    """Record what happened at the door; the round's number. The first record begins the round, the last one ends it.

    ``version`` None: a press of a telephone that had no signal, and knows of its own records alone; it holds unless
    somebody else recorded the meal meanwhile. A door that nobody opened asks for what was ``tried`` first, and the
    rounds tell the station of it at once.

    It can be recorded anew: somebody who was not at home came to the canteen. Raises ProvisioningError, NotFoundError,
    ChangedMeanwhileError.
    """
    acting.require(Action.DELIVER_MEALS)
    if result not in RESULTS:
        raise ProvisioningError(en="choose what happened", zh="请选择送餐结果", field="result")
    if result == "delivered" and handed_to not in HANDED_TO:
        raise ProvisioningError(en="choose who took it in", zh="请选择由谁接收", field="handed_to")
    row = conn.execute(
        "SELECT m.resident_id, p.round_id, m.day, h.phone FROM meal_order m JOIN meal_stop p ON p.order_id = m.id"
        " JOIN resident r ON r.id = m.resident_id JOIN household h ON h.id = r.household_id AND NOT h.synthetic"
        " WHERE m.id = %s",
        (order_id,),
    ).fetchone()
    if row is None or not may_see(conn, acting.account, row[0]):
        raise NotFoundError(en="there is no such meal on a round", zh="没有这份送餐")
    resident_id, number, day, phone = row
    steps = doors.check(tried, phone) if result == "absent" else []
    if day > acting.today:
        raise ProvisioningError(en="that meal is of a day to come", zh="还没到送餐当天")
    with conn.transaction():
        if result != "failed":
            orders.had_after_all(conn, order_id)
        done = conn.execute(
            "UPDATE meal_order SET state = %s, handed_to = %s, ended_at = %s, version = version + 1"
            " WHERE id = %s AND (version = %s OR %s::integer IS NULL AND NOT EXISTS (SELECT FROM meal_order_event e"
            " WHERE e.order_id = meal_order.id AND e.account_id IS DISTINCT FROM %s"
            " AND e.state NOT IN ('ordered', 'split') AND e.at >= %s - INTERVAL '12 hours')) AND state <> 'cancelled'",
            (
                result,
                handed_to if result == "delivered" else None,
                acting.at,
                order_id,
                version,
                version,
                acting.account.id,
                acting.at,
            ),
        )
        if not done.rowcount:
            raise ChangedMeanwhileError(
                en="somebody else recorded this meal meanwhile: look again", zh="他人刚刚登记了这份餐，请刷新后再看"
            )
        conn.execute(
            "INSERT INTO meal_order_event (order_id, at, account_id, state, note) VALUES (%s, %s, %s, %s, %s)",
            (order_id, acting.at, acting.account.id, result, note.strip()[:400]),
        )
        if result == "absent":
            conn.execute(
                "INSERT INTO meal_absence AS a (order_id, resident_id, at, note) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (order_id) DO UPDATE SET at = excluded.at, note = excluded.note, seen_to_at = NULL,"
                " seen_to_by = NULL, found = NULL, found_note = ''",
                (order_id, resident_id, acting.at, note.strip()[:400]),
            )
            who = (acting.account.id, acting.account.name_zh)
            doors.shut(conn, resident_id, steps, note, who, acting.at, meal_id=order_id)
        elif result == "delivered" and handed_to == "resident":
            conn.execute(
                "UPDATE meal_absence SET seen_to_at = %s, seen_to_by = %s, found = 'well'"
                " WHERE order_id = %s AND seen_to_at IS NULL",
                (acting.at, acting.account.id, order_id),
            )
        conn.execute(
            """
            UPDATE meal_round SET started_at = coalesce(started_at, %(at)s), version = version + 1,
                ended_at = CASE WHEN NOT EXISTS (SELECT FROM meal_stop p JOIN meal_order m ON m.id = p.order_id
                                                 WHERE p.round_id = %(round)s AND m.state = 'ordered') THEN %(at)s END
            WHERE id = %(round)s
            """,
            {"at": acting.at, "round": number},
        )
        acting.audit(conn, "record_meal", resident_id, what=result, handed_to=handed_to)
    return int(number)


_ABSENCES: LiteralString = """
    SELECT x.order_id, r.id AS resident_id, r.code AS resident_code, r.name_zh, r.name_en, h.address_zh, h.address_en,
           h.phone, x.at, x.note, m.day, m.meal, s.name_zh AS staff_zh, s.name_en AS staff_en, x.seen_to_at, x.found,
           x.found_note, c.name_zh AS seen_to_by
    FROM meal_absence x JOIN meal_order m ON m.id = x.order_id JOIN resident r ON r.id = x.resident_id
    JOIN household h ON h.id = r.household_id LEFT JOIN meal_stop p ON p.order_id = m.id
    LEFT JOIN meal_round t ON t.id = p.round_id LEFT JOIN staff s ON s.id = t.staff_id
    LEFT JOIN account c ON c.id = x.seen_to_by
    WHERE NOT h.synthetic
"""


def absences(conn: Connection[Any], acting: Acting) -> list[Absence]:
    """Doors that nobody opened and nobody has seen to yet, the oldest first, with the resident's last sign of life."""
    acting.require(Action.MANAGE_MEALS, Action.DELIVER_MEALS, Action.VIEW_CARE)
    with conn.cursor(row_factory=class_row(Absence)) as cursor:
        found = cursor.execute(f"{_ABSENCES} AND x.seen_to_at IS NULL ORDER BY x.at LIMIT 100").fetchall()
    signs = last_signs(conn, [one.resident_id for one in found], acting.at)
    return [msgspec.structs.replace(one, sign=signs.get(one.resident_id, UNWATCHED)) for one in found]


def seen_to(conn: Connection[Any], acting: Acting, since: dt.datetime) -> list[Absence]:
    """Doors that were seen to since then, the latest first, 50 at most."""
    with conn.cursor(row_factory=class_row(Absence)) as cursor:
        return cursor.execute(
            f"{_ABSENCES} AND x.seen_to_at >= %s ORDER BY x.seen_to_at DESC LIMIT {LIMIT}", (since,)
        ).fetchall()


def see_to(conn: Connection[Any], acting: Acting, order_id: int, found: str, note: str = "") -> None:
    """Say what became of somebody who did not open. Raises ProvisioningError, NotFoundError, ChangedMeanwhileError."""
    acting.require(Action.MANAGE_MEALS, Action.DELIVER_MEALS)
    if found not in FOUND:
        raise ProvisioningError(en="choose what was found", zh="请选择核实结果", field="found")
    row = conn.execute("SELECT resident_id FROM meal_absence WHERE order_id = %s", (order_id,)).fetchone()
    if row is None or not may_see(conn, acting.account, row[0]):
        raise NotFoundError(en="there is no such entry", zh="没有这条记录")
    with conn.transaction():
        done = conn.execute(
            "UPDATE meal_absence SET seen_to_at = %s, seen_to_by = %s, found = %s, found_note = %s"
            " WHERE order_id = %s AND seen_to_at IS NULL",
            (acting.at, acting.account.id, found, note.strip()[:400], order_id),
        )
        if not done.rowcount:
            raise ChangedMeanwhileError(
                en="somebody else has seen to it meanwhile: look again", zh="他人刚刚登记了核实结果，请刷新后再看"
            )
        acting.audit(conn, "see_to_absence", row[0], what=found)
