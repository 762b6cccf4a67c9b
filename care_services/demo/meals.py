"""Meals of the demonstration: a canteen in each street, menus, diets, a week of orders, and a round under way."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb

from care_services.core.facts import facts_of
from care_services.core.rules import read_rules
from care_services.demo.dishes import dinner, lunch
from care_services.meals.checking import Diet, Dish, contents, findings, refused
from care_services.meals.deadlines import monday_of
from care_services.meals.routing import DETOUR, Door, Place, length, tour
from care_services.meals.subsidies import DEFAULT, MEAL_SUBSIDY, Used, split
from vocabulary.times import SHANGHAI

PAST, AHEAD = 14, 3
"""Days of orders before and after today."""


def _chance(text: str) -> float:
    """A number from 0 to 1 that hangs on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


def meals(conn: Connection[Any], now: dt.datetime) -> None:
    """Add canteens, this and the next week's menus, diets, orders, and today's round."""
    today = now.astimezone(SHANGHAI).date()
    streets = conn.execute(
        "SELECT a.id, a.path::text, a.name_zh, a.name_en, a.longitude, a.latitude FROM area a WHERE a.level = 'street'"
        " AND EXISTS (SELECT FROM household h JOIN area p ON p.id = h.area_id"
        " WHERE p.path <@ a.path AND NOT h.synthetic)"
        " ORDER BY a.path"
    ).fetchall()
    for street in streets:
        canteen = _canteen(conn, street)
        _menus(conn, canteen, today)
        _residents(conn, canteen, street[1], now, today)


def _canteen(conn: Connection[Any], street: tuple[Any, ...]) -> int:
    area, path, zh, en, east, north = street
    code = f"canteen-{path.rsplit('.', 1)[-1]}"
    conn.execute(
        "INSERT INTO organisation (code, area_id, kind, name_zh, name_en, phone, address_zh, address_en, longitude,"
        " latitude) VALUES (%s, %s, 'canteen', %s, %s, '0755-2222 6600', %s, %s, %s, %s) ON CONFLICT (code) DO NOTHING",
        (
            code, area, f"{zh.removesuffix('街道')}长者食堂", f"{en.removesuffix(' Street')} elders' canteen",
            f"{zh}综合服务中心一楼", f"{en} service center, ground floor", east, north,
        ),
    )  # fmt: skip
    row = conn.execute("SELECT id FROM organisation WHERE code = %s", (code,)).fetchone()
    assert row is not None  # noqa: S101 - it is there
    if path.endswith(".shatoujiao"):
        conn.execute(
            "INSERT INTO staff (code, organisation_id, kind, name_zh, name_en, account_id) SELECT 'CT1', %s, 'manager',"
            " '温秀琴', 'Wen Xiuqin', (SELECT id FROM account WHERE login = 'canteen') ON CONFLICT (code) DO NOTHING",
            (row[0],),
        )
    return int(row[0])


def _menus(conn: Connection[Any], canteen: int, today: dt.date) -> None:
    first = monday_of(today - dt.timedelta(days=PAST))
    last = monday_of(today) + dt.timedelta(days=13)
    rows = []
    for n in range((last - first).days + 1):
        day = first + dt.timedelta(days=n)
        for meal, sets in (("lunch", lunch(day.toordinal())), ("dinner", dinner(day.toordinal()))):
            for code, price, dishes in sets:
                listed = Jsonb([msgspec.to_builtins(dish) for dish in dishes])
                rows.append((canteen, day, meal, code, listed, price, 60 if code == "B" else None))
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO meal_offer (canteen_id, day, meal, code, dishes, price_fen, most)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            rows,
        )


class _Eater(msgspec.Struct, frozen=True):
    id: int
    code: str
    diet: Diet
    place: Place | None
    household: int


def _residents(conn: Connection[Any], canteen: int, street: str, now: dt.datetime, today: dt.date) -> None:
    rows = conn.execute(
        "SELECT r.id, r.code, h.id, coalesce(h.longitude, a.longitude), coalesce(h.latitude, a.latitude)"
        " FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id"
        " WHERE a.path <@ %s::ltree AND NOT h.synthetic AND r.gone IS NULL ORDER BY r.code",
        (street,),
    ).fetchall()
    eaters = []
    for number, code, household, east, north in rows:
        luck = _chance(f"eats {code}")
        if luck > 0.7:
            continue
        place = None if east is None else Place(east, north)
        eaters.append(_Eater(number, code, _diet(conn, number, code, today, now), place, household))
    if conn.execute("SELECT FROM meal_order WHERE canteen_id = %s AND day = %s", (canteen, today)).fetchone() is None:
        _orders(conn, canteen, eaters, now, today)
        _round(conn, canteen, eaters, now, today)


def _diet(conn: Connection[Any], number: int, code: str, today: dt.date, now: dt.datetime) -> Diet:
    luck = _chance(f"diet {code}")
    if luck < 0.12:  # nobody has asked them
        return Diet()
    allergies = ["peanut"] if luck < 0.24 else ["crustacean"] if luck < 0.34 else ["fish"] if luck < 0.4 else []
    other = "芒果" if 0.4 < luck < 0.46 else ""
    texture = "minced" if luck > 0.92 else "soft" if luck > 0.8 else "regular"
    diets = ["low_salt"] if luck > 0.55 else ["diabetic"] if luck > 0.45 else []
    conn.execute(
        "INSERT INTO meal_diet (resident_id, version, allergies, other_allergies, diets, texture, said_by, said_on,"
        " recorded_at) VALUES (%s, 1, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            number, allergies, other, diets, texture, "family" if luck < 0.5 else "resident",
            today - dt.timedelta(days=40), now - dt.timedelta(days=40),
        ),
    )  # fmt: skip
    return Diet(allergies=frozenset(allergies), other_allergies=other, diets=frozenset(diets), texture=texture)


def _orders(conn: Connection[Any], canteen: int, eaters: Sequence[_Eater], now: dt.datetime, today: dt.date) -> None:
    rules = read_rules(DEFAULT, MEAL_SUBSIDY)
    facts = facts_of(conn, [one.id for one in eaters], today)
    offers = {
        (row[1], row[2], row[3]): (row[0], row[4], contents(msgspec.convert(row[5], tuple[Dish, ...])))
        for row in conn.execute(
            "SELECT id, day, meal, code, price_fen, dishes FROM meal_offer"
            " WHERE canteen_id = %s AND day BETWEEN %s AND %s",
            (canteen, today - dt.timedelta(days=PAST), today + dt.timedelta(days=AHEAD)),
        )
    }
    rows = []
    for one in eaters:
        months: dict[int, int] = {}
        for n in range(-PAST, AHEAD + 1):
            day = today + dt.timedelta(days=n)
            days = 0
            for meal in ("lunch", "dinner"):
                luck = _chance(f"{one.code} {day} {meal}")
                if luck > (0.8 if meal == "lunch" else 0.25):
                    continue
                found = next(
                    (
                        offer
                        for code in ("A", "B")
                        if (offer := offers.get((day, meal, code))) and not refused(findings(one.diet, offer[2]))
                    ),
                    None,
                )
                if found is None:
                    continue
                offer_id, price, _ = found
                paid = split(price, rules, facts.get(one.id, {}), Used(days, months.get(day.month, 0)))
                if paid.subsidy:
                    days += 1
                    months[day.month] = months.get(day.month, 0) + 1
                inside = _chance(f"mode {one.code}") < 0.15
                state = "ordered"
                if n < 0:
                    state = "eaten" if inside else "refused" if luck < 0.01 else "delivered"
                hour = dt.time(11, 20) if meal == "lunch" else dt.time(17, 10)
                ended = dt.datetime.combine(day, hour, SHANGHAI) + dt.timedelta(minutes=40 * luck)
                rows.append(
                    (
                        one.id, canteen, offer_id, day, meal, "dine_in" if inside else "delivery", state, price,
                        paid.subsidy, paid.rule, list(paid.missing),
                        dt.datetime.combine(day, dt.time(10), SHANGHAI) - dt.timedelta(days=2),
                        ended if n < 0 else None, "resident" if state == "delivered" else None,
                    )
                )  # fmt: skip
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO meal_order (resident_id, canteen_id, offer_id, day, meal, mode, state, price_fen, subsidy_fen,"
            " rule, missing, ordered_at, ended_at, handed_to)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            rows,
        )


def _round(conn: Connection[Any], canteen: int, eaters: Sequence[_Eater], now: dt.datetime, today: dt.date) -> None:
    """Today's lunch on its way: a good half delivered, one door shut half an hour ago, the rest to come."""
    waiting = dict(
        conn.execute(
            "SELECT resident_id, id FROM meal_order WHERE canteen_id = %s AND day = %s AND meal = 'lunch'"
            " AND mode = 'delivery' AND state = 'ordered'",
            (canteen, today),
        ).fetchall()
    )
    going = [one for one in eaters if one.id in waiting]
    if len(going) < 2:
        return
    place = conn.execute("SELECT longitude, latitude FROM organisation WHERE id = %s", (canteen,)).fetchone()
    start = None if place is None or place[0] is None else Place(*place)
    order = tour(start, [Door(one.id, one.place) for one in going])
    row = conn.execute(
        """
        INSERT INTO meal_round (canteen_id, day, meal, staff_id, metres, made_at, started_at)
        SELECT %(c)s, %(day)s, 'lunch',
               (SELECT s.id FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id
                WHERE s.active AND s.kind IN ('carer', 'volunteer') AND a.path <@ (
                    SELECT p.path FROM organisation x JOIN area p ON p.id = x.area_id WHERE x.id = %(c)s)
                ORDER BY s.account_id IS NULL, s.code LIMIT 1),
               %(metres)s, %(made)s, %(begun)s RETURNING id
        """,
        {
            "c": canteen, "day": today, "metres": round(length(start, order) * DETOUR),
            "made": now - dt.timedelta(hours=3), "begun": now - dt.timedelta(minutes=70),
        },
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101 - it was inserted
    stops = [waiting[door.key] for door in order]
    conn.execute(
        "INSERT INTO meal_stop (round_id, place, order_id)"
        " SELECT %s, n, o FROM unnest(%s::bigint[]) WITH ORDINALITY AS l (o, n)",
        (row[0], stops),
    )
    done = (len(stops) + 1) // 2
    for n, number in enumerate(stops[:done]):
        at = now - dt.timedelta(minutes=65) + dt.timedelta(minutes=35 * n / done)
        absent = n == done - 1
        conn.execute(
            "UPDATE meal_order SET state = %s, handed_to = %s, ended_at = %s, version = version + 1 WHERE id = %s",
            ("absent" if absent else "delivered", None if absent else ("resident", "family")[n % 5 == 4], at, number),
        )
        if absent:
            conn.execute(
                "INSERT INTO meal_absence (order_id, resident_id, at, note) SELECT id, resident_id, %s,"
                " '按铃三次，电话未接' FROM meal_order WHERE id = %s",
                (at, number),
            )
