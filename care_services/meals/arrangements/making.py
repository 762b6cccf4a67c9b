"""Order the meals of arrangements ahead, within the menus; a meal that cannot be ordered is named, with what to do.

Safe to repeat at any moment: a meal that is there, or that somebody has said is not wanted, is left alone.
"""

import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_services.core import rule_book
from care_services.core.facts import facts_over
from care_services.core.rules import RuleSet, Value
from care_services.meals import diets, menus
from care_services.meals.arrangements.choosing import AHEAD_DAYS, NEAR, UNSAFE, Missing, Slot, choose, slots
from care_services.meals.checking import UNASKED, Diet, findings, refused
from care_services.meals.deadlines import Deadline
from care_services.meals.menus import Offer
from care_services.meals.orders import put_down, used_of
from care_services.meals.subsidies import MEAL_SUBSIDY, split
from vocabulary.times import SHANGHAI

BATCH = 200
LOCK_RESIDENT, LOCK_OFFER = 235, 236
"""Of advisory locks, as :mod:`care_services.meals.orders` takes them: orders of a resident, portions of a set."""
HANDLED = ("not_wanted", "otherwise")


class _Running(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    resident_id: int
    canteen_id: int
    mode: str
    lunch: list[int]
    dinner: list[int]
    first_day: dt.date
    last_day: dt.date | None
    serves: bool
    delivers: bool
    days: int
    hour: dt.time

    @property
    def deadline(self) -> Deadline:
        return Deadline(self.days, self.hour)


class _Had(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    resident_id: int
    offer_id: int
    day: dt.date
    meal: str
    state: str
    arrangement_id: int | None
    overridden: str


class _Gap(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    arrangement_id: int
    day: dt.date
    meal: str
    why: str
    zh: str
    closed_as: str | None


_RUNNING = """
    SELECT m.id, m.resident_id, m.canteen_id, m.mode, m.lunch, m.dinner, m.first_day, m.last_day,
           o.active AND o.kind = 'canteen' AND ca.path @> a.path AS serves, coalesce(c.delivers, true) AS delivers,
           coalesce(c.deadline_days, 1) AS days, coalesce(c.deadline_hour, '16:00') AS hour
    FROM meal_arrangement m JOIN resident r ON r.id = m.resident_id AND r.gone IS NULL
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id
    JOIN organisation o ON o.id = m.canteen_id JOIN area ca ON ca.id = o.area_id
    LEFT JOIN meal_canteen c ON c.organisation_id = o.id
    WHERE m.state = 'active' AND m.first_day <= %(until)s AND (m.last_day IS NULL OR m.last_day >= %(today)s)
      AND (%(resident)s::int IS NULL OR m.resident_id = %(resident)s) AND m.resident_id > %(after)s
    ORDER BY m.resident_id LIMIT %(batch)s
"""


def make(conn: Connection[Any], now: dt.datetime, *, resident_id: int | None = None) -> int:
    """Order what can be ordered of all arrangements that run (or of one resident's); the number of new orders."""
    today = now.astimezone(SHANGHAI).date()
    until, made, after = today + dt.timedelta(days=AHEAD_DAYS), 0, 0
    menu: dict[int, list[Offer]] = {}
    conn.execute(
        "UPDATE meal_gap SET closed_at = %s, closed_as = 'past' WHERE closed_at IS NULL AND day < %s"
        " AND (%s::int IS NULL OR resident_id = %s)",
        (now, today, resident_id, resident_id),
    )
    while True:
        with conn.transaction():
            asked = {"today": today, "until": until, "resident": resident_id, "after": after, "batch": BATCH}
            with conn.cursor(row_factory=class_row(_Running)) as cursor:
                running = cursor.execute(_RUNNING, asked).fetchall()
            if not running:
                return made
            made += _Batch(conn, now, running, menu, until).make()
            after = running[-1].resident_id


def run(conn: Connection[Any], now: dt.datetime) -> int:
    """Look at every arrangement: the job of the rounds."""
    return make(conn, now)


class _Batch:
    """Some arrangements with everything that their meals depend on, under the locks of their residents."""

    def __init__(
        self, conn: Connection[Any], now: dt.datetime, running: Sequence[_Running], menu: dict[int, list[Offer]],
        until: dt.date,
    ) -> None:  # fmt: skip
        self._conn, self._now, self._running, self._until = conn, now, running, until
        self._today = now.astimezone(SHANGHAI).date()
        people = [one.resident_id for one in running]
        conn.execute("SELECT pg_advisory_xact_lock(%s, p) FROM unnest(%s::int[]) p", (LOCK_RESIDENT, people))
        new = sorted({one.canteen_id for one in running} - set(menu))
        menu.update({number: [] for number in new})
        for offer in menus.offers(conn, new, self._today, until) if new else []:
            menu[offer.canteen_id].append(offer)
        mine = [offer for number in {one.canteen_id for one in running} for offer in menu[number]]
        self._offers = {offer.id: offer for offer in mine}
        self._sets: dict[tuple[int, dt.date, str], list[Offer]] = {}
        for offer in mine:
            self._sets.setdefault((offer.canteen_id, offer.day, offer.meal), []).append(offer)
        self._left = self._portions()
        self._diets = {who: diets.diet_of(one) for who, one in diets.current_of(conn, people).items()}
        self._people = people
        self._bad: dict[tuple[Diet, int], bool] = {}
        self._load(people)

    def _portions(self) -> dict[int, int]:
        """The portions that are left of sets with a bound, under their locks."""
        bound = {one.id: one.most for one in self._offers.values() if one.most is not None}
        if not bound:
            return {}
        self._conn.execute(
            "SELECT pg_advisory_xact_lock(%s, o) FROM unnest(%s::int[]) o", (LOCK_OFFER, sorted(bound))
        )  # fmt: skip
        taken = self._conn.execute("SELECT o, meal_portions(o) FROM unnest(%s::int[]) o", (sorted(bound),)).fetchall()
        return {number: bound[number] - n for number, n in taken}

    def _load(self, people: list[int]) -> None:
        with self._conn.cursor(row_factory=class_row(_Had)) as cursor:
            rows = cursor.execute(
                "SELECT id, resident_id, offer_id, day, meal, state, arrangement_id, overridden FROM meal_order"
                " WHERE resident_id = ANY (%s) AND day BETWEEN %s AND %s AND state <> 'cancelled'",
                (people, self._today, self._until),
            ).fetchall()
        self._had = {(one.resident_id, one.day, one.meal): one for one in rows}
        with self._conn.cursor(row_factory=class_row(_Gap)) as cursor:
            gaps = cursor.execute(
                "SELECT id, arrangement_id, day, meal, why, zh, closed_as FROM meal_gap"
                " WHERE arrangement_id = ANY (%s) AND day >= %s",
                ([one.id for one in self._running], self._today),
            ).fetchall()
        self._gaps: dict[int, dict[Slot, _Gap]] = {one.id: {} for one in self._running}
        for one in gaps:
            self._gaps[one.arrangement_id][one.day, one.meal] = one

    # Asked for by the first meal that is ordered: a turn of the rounds orders nothing, almost always.

    @functools.cached_property
    def _facts(self) -> Callable[[int, dt.date], Mapping[str, Value]]:
        return facts_over(self._conn, self._people, self._today, self._until)

    @functools.cached_property
    def _rules(self) -> Callable[[dt.date], RuleSet]:
        return rule_book.over(self._conn, MEAL_SUBSIDY)

    @functools.cached_property
    def _used(self) -> dict[int, dict[dt.date, int]]:
        """The subsidised meals by resident and day, of the months in question."""
        last = (self._until.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
        used: dict[int, dict[dt.date, int]] = {who: {} for who in self._people}
        for who, day, n in self._conn.execute(
            "SELECT resident_id, day, count(*) FROM meal_order WHERE resident_id = ANY (%s) AND day >= %s AND day < %s"
            " AND subsidy_fen > 0 AND state NOT IN ('cancelled', 'failed') GROUP BY 1, 2",
            (self._people, self._today.replace(day=1), last),
        ):
            used[who][day] = n
        return used

    def make(self) -> int:
        made = 0
        for one in self._running:
            wanted = slots(one.lunch, one.dinner, one.first_day, one.last_day, self._today, self._until)
            made += sum(self._slot(one, slot) for slot in wanted)
            self._close([
                gap.id for slot, gap in self._gaps[one.id].items() if gap.closed_as is None and slot not in wanted
            ])  # fmt: skip
        return made

    def _slot(self, one: _Running, slot: Slot) -> bool:
        """See to one meal; whether it was ordered now."""
        day = slot[0]
        diet, had = self._diets.get(one.resident_id, UNASKED), self._had.get((one.resident_id, *slot))
        if had is not None and not self._unsafe(one, had, diet):
            return False
        gap, is_open = self._gaps[one.id].get(slot), one.deadline.is_open(day, self._now)
        handled = gap is not None and gap.closed_as in HANDLED
        if had is not None:
            if not is_open:
                if not handled:
                    self._name(one, slot, UNSAFE, gap)
                return False
            self._cancel(had)
        if handled:
            return False
        found = choose(
            self._sets.get((one.canteen_id, *slot), []), diet, serves=one.serves, delivers=one.delivers, mode=one.mode,
            is_open=is_open, left=self._left,
        )  # fmt: skip
        if isinstance(found, Missing):
            early = found.why == "no_menu" and one.deadline.of(day) - self._now > NEAR
            if not early:
                self._name(one, slot, found, gap)
            return False
        used = self._used[one.resident_id]
        paid = split(found.price, self._rules(day), self._facts(one.resident_id, day), used_of(used, day))
        if paid.subsidy:
            used[day] = used.get(day, 0) + 1
        put_down(self._conn, self._now, None, one.resident_id, found, one.mode, "", paid, one.id)
        if found.id in self._left:
            self._left[found.id] -= 1
        return True

    def _unsafe(self, one: _Running, had: _Had, diet: Diet) -> bool:
        """Whether what it has ordered must not be eaten by what is known by now."""
        if had.arrangement_id != one.id or had.state != "ordered" or had.overridden:
            return False
        key = (diet, had.offer_id)
        if key not in self._bad:
            offer = self._offers.get(had.offer_id)
            self._bad[key] = offer is not None and bool(refused(findings(diet, offer.contents)))
        return self._bad[key]

    def _cancel(self, had: _Had) -> None:
        self._conn.execute(
            "UPDATE meal_order SET state = 'cancelled', ended_at = %s, version = version + 1 WHERE id = %s",
            (self._now, had.id),
        )
        self._conn.execute(
            "INSERT INTO meal_order_event (order_id, at, state, note) VALUES (%s, %s, 'cancelled',"
            " '饮食登记已变更，老人不能吃')",
            (had.id, self._now),
        )

    def _name(self, one: _Running, slot: Slot, found: Missing, gap: _Gap | None) -> None:
        if gap is not None and (gap.why, gap.zh, gap.closed_as) == (found.why, found.zh, None):
            return
        self._conn.execute(
            """
            INSERT INTO meal_gap (arrangement_id, resident_id, day, meal, why, zh, en, due, found_at)
            VALUES (%(arrangement)s, %(who)s, %(day)s, %(meal)s, %(why)s, %(zh)s, %(en)s, %(due)s, %(now)s)
            ON CONFLICT (arrangement_id, day, meal) DO UPDATE SET why = excluded.why, zh = excluded.zh,
                en = excluded.en, due = excluded.due, closed_at = NULL, closed_as = NULL, closed_by = '', note = '',
                found_at = CASE WHEN meal_gap.closed_at IS NULL THEN meal_gap.found_at ELSE excluded.found_at END
            """,
            {
                "arrangement": one.id, "who": one.resident_id, "day": slot[0], "meal": slot[1], "why": found.why,
                "zh": found.zh, "en": found.en, "due": one.deadline.of(slot[0]), "now": self._now,
            },
        )  # fmt: skip

    def _close(self, numbers: list[int]) -> None:
        if numbers:
            self._conn.execute(
                "UPDATE meal_gap SET closed_at = %s, closed_as = 'off' WHERE id = ANY (%s)", (self._now, numbers)
            )
