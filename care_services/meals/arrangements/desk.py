"""Meal arrangements as people work on them: made, changed, paused, ended; the orders ahead follow at once."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.access.permissions import Action
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.core.acting import Acting
from care_services.core.facts import check_here
from care_services.meals import away, orders
from care_services.meals.arrangements.choosing import often, slots
from care_services.meals.arrangements.making import make
from care_services.meals.away import Ahead
from care_services.meals.words import MODES

STATES: dict[str, tuple[str, str]] = {
    "active": ("自动订餐中", "orders by itself"), "paused": ("已暂停", "paused"), "ended": ("已结束", "ended"),
}  # fmt: skip
ACTIONS: dict[str, tuple[str, str]] = {
    "make": ("建立助餐安排", "Arrangement made"), "change": ("修改助餐安排", "Arrangement changed"),
    "pause": ("暂停自动订餐", "Paused"), "go_on": ("恢复自动订餐", "Orders by itself again"), "end": ("终止", "Ended"),
    "join": ("并入家庭养老床位", "Part of the home care bed"),
}  # fmt: skip
TURNS = {"active": "go_on", "paused": "pause", "ended": "end"}


class NewArrangement(msgspec.Struct, frozen=True, kw_only=True):
    """The wish of whoever arranges meals: from which canteen, how, on which days of the week (1 is Monday)."""

    canteen: str
    mode: str
    lunch: tuple[int, ...]
    dinner: tuple[int, ...]
    first_day: dt.date
    last_day: dt.date | None = None
    note: str = ""


class Arrangement(msgspec.Struct, frozen=True, kw_only=True):
    """An arrangement as it is stored."""

    id: int
    version: int
    state: str
    resident_id: int
    resident: str
    bed_id: int | None
    canteen_id: int
    canteen: str
    canteen_zh: str
    canteen_en: str
    phone: str
    mode: str
    lunch: list[int]
    dinner: list[int]
    first_day: dt.date
    last_day: dt.date | None
    note: str

    @property
    def often(self) -> tuple[str, str]:
        """How often, in Chinese and English."""
        return often(self.lunch, self.dinner)


class Line(msgspec.Struct, frozen=True):
    """A line of its history."""

    at: dt.datetime
    action: str
    actor: str
    note: str
    actor_en: str | None = None


_SELECT: LiteralString = """
    SELECT m.id, m.version, m.state, m.resident_id, r.code AS resident, m.bed_id, m.canteen_id, o.code AS canteen,
           o.name_zh AS canteen_zh, o.name_en AS canteen_en, o.phone, m.mode, m.lunch, m.dinner, m.first_day,
           m.last_day, m.note
    FROM meal_arrangement m JOIN organisation o ON o.id = m.canteen_id JOIN resident r ON r.id = m.resident_id
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic
"""


def _one(conn: Connection[Any], where: LiteralString, value: int) -> Arrangement | None:
    with conn.cursor(row_factory=class_row(Arrangement)) as cursor:
        return cursor.execute(f"{_SELECT} WHERE {where} ORDER BY m.id DESC LIMIT 1", (value,)).fetchone()


def of_resident(conn: Connection[Any], resident_id: int) -> Arrangement | None:
    """The arrangement of a resident that has not ended. The caller has looked at the resident."""
    return _one(conn, "m.resident_id = %s AND m.state <> 'ended'", resident_id)


def of_bed(conn: Connection[Any], bed_id: int) -> Arrangement | None:
    """The newest arrangement of a bed's contracts. The caller has looked at the bed."""
    return _one(conn, "m.bed_id = %s", bed_id)


def by_id(conn: Connection[Any], number: int) -> Arrangement | None:
    """An arrangement by its number. The caller has looked at the resident."""
    return _one(conn, "m.id = %s", number)


def history(conn: Connection[Any], arrangement: int) -> list[Line]:
    """The decisions of people about it, the newest first, 20 at most."""
    with conn.cursor(row_factory=class_row(Line)) as cursor:
        return cursor.execute(
            "SELECT e.at, e.action, e.actor, e.note,"
            " (SELECT n.name_en FROM account n WHERE n.id = e.account_id) AS actor_en FROM meal_arrangement_event e"
            " WHERE e.arrangement_id = %s ORDER BY e.id DESC LIMIT 20",
            (arrangement,),
        ).fetchall()


def arrange(conn: Connection[Any], acting: Acting, code: str, new: NewArrangement, version: int = 0) -> int:
    """Make the arrangement of a resident (version 0), or change it; the number of meals that were ordered at once.

    Raises ProvisioningError with the field, NotFoundError, ChangedMeanwhileError.
    """
    acting.require(Action.MANAGE_MEALS)
    number = acting.resident(conn, code, "arrange_meals")
    with conn.transaction():
        before = of_resident(conn, number)
        if (before.version if before else 0) != version:
            raise _changed()
        if before is None:
            return put_in(conn, acting, number, new)
        canteen = _checked(conn, acting, number, new, before.first_day)
        done = conn.execute(
            "UPDATE meal_arrangement SET canteen_id = %s, mode = %s, lunch = %s, dinner = %s, first_day = %s,"
            " last_day = %s, note = %s, version = version + 1 WHERE id = %s AND version = %s",
            (canteen, new.mode, sorted(new.lunch), sorted(new.dinner), new.first_day, new.last_day,
             new.note.strip()[:400], before.id, version),
        )  # fmt: skip
        if not done.rowcount:
            raise _changed()
        zh, en = before.often
        _event(conn, acting, before.id, "change", new.note, {"before": {"zh": zh, "en": en, "canteen": before.canteen}})
        acting.audit(conn, "arrange_meals", number, arrangement=before.id, step="change")
        kept = set(slots(new.lunch, new.dinner, new.first_day, new.last_day, acting.today, acting.today + LONG))
        other = (before.canteen_id, before.mode) != (canteen, new.mode)
        gone = [one for one in _its_own(conn, acting, before) if other or (one.day, one.meal) not in kept]
        away.cancel(conn, acting, number, gone, "助餐安排已变更")
        return make(conn, acting.at, resident_id=number)


LONG = dt.timedelta(days=400)
"""Beyond every meal that is ordered."""


def put_in(
    conn: Connection[Any], acting: Acting, resident_id: int, new: NewArrangement, bed_id: int | None = None
) -> int:
    """Make an arrangement by another right, which the caller has asked for; see :func:`arrange`."""
    check_here(conn, resident_id)
    canteen = _checked(conn, acting, resident_id, new, acting.today)
    try:
        with conn.transaction():
            row = conn.execute(
                "INSERT INTO meal_arrangement (resident_id, bed_id, canteen_id, mode, lunch, dinner, first_day,"
                " last_day, note, made_at, made_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
                (resident_id, bed_id, canteen, new.mode, sorted(new.lunch), sorted(new.dinner), new.first_day,
                 new.last_day, new.note.strip()[:400], acting.at, acting.account.id),
            ).fetchone()  # fmt: skip
    except UniqueViolation as error:
        raise ProvisioningError(
            en="there is an arrangement already: change it", zh="已有助餐安排，请直接修改", field="canteen"
        ) from error
    assert row is not None  # noqa: S101 - an INSERT returns its row
    _event(conn, acting, row[0], "make", new.note)
    acting.audit(conn, "arrange_meals", resident_id, arrangement=row[0], step="make")
    return make(conn, acting.at, resident_id=resident_id)


def join(conn: Connection[Any], acting: Acting, found: Arrangement, bed_id: int | None, last_day: dt.date) -> None:
    """Make an arrangement that runs already part of a bed's contract, until its last day."""
    conn.execute(
        "UPDATE meal_arrangement SET bed_id = %s, last_day = %s, version = version + 1 WHERE id = %s",
        (bed_id, last_day, found.id),
    )
    _event(conn, acting, found.id, "join")
    make(conn, acting.at, resident_id=found.resident_id)


def stops(conn: Connection[Any], acting: Acting, code: str) -> tuple[Arrangement, Sequence[Ahead]]:
    """The arrangement of a resident with the meals that it has ordered and that are still to come.

    Raises NotFoundError where there is none.
    """
    acting.require(Action.MANAGE_MEALS)
    number = acting.resident(conn, code, "arrange_meals")
    found = of_resident(conn, number)
    if found is None:
        raise NotFoundError(en="there is no meal arrangement", zh="没有助餐安排")
    return found, _its_own(conn, acting, found)


def set_state(conn: Connection[Any], acting: Acting, code: str, state: str, version: int, note: str = "") -> int:
    """Pause an arrangement, let it go on, or end it; the number of meals that were cancelled, or ordered.

    Meals of its own that can still be cancelled are; nobody else's. Raises ChangedMeanwhileError, NotFoundError.
    """
    if state not in STATES:
        raise NotFoundError(en="there is no such step", zh="没有这种操作")
    with conn.transaction():
        found, ahead = stops(conn, acting, code)
        if found.version != version or found.state == state:
            raise _changed()
        switch(conn, acting, found, state, note)
        if state == "active":
            return make(conn, acting.at, resident_id=found.resident_id)
        return len(away.cancel(conn, acting, found.resident_id, ahead, note or ACTIONS[TURNS[state]][0]))


def switch(conn: Connection[Any], acting: Acting, found: Arrangement, state: str, note: str) -> None:
    """Set its state by another right, which the caller has asked for; the caller sees to the meals ahead."""
    done = conn.execute(
        "UPDATE meal_arrangement SET state = %s, version = version + 1 WHERE id = %s AND version = %s",
        (state, found.id, found.version),
    )
    if not done.rowcount:
        raise _changed()
    if state != "active":
        conn.execute(
            "UPDATE meal_gap SET closed_at = %s, closed_as = 'off', closed_by = %s WHERE arrangement_id = %s"
            " AND closed_at IS NULL",
            (acting.at, acting.account.name_zh, found.id),
        )
    _event(conn, acting, found.id, TURNS[state], note)
    acting.audit(conn, "arrange_meals", found.resident_id, arrangement=found.id, step=TURNS[state])


def lead_on(conn: Connection[Any], acting: Acting, found: Arrangement, last_day: dt.date) -> None:
    """Let it run until another last day."""
    if found.last_day is not None and found.last_day != last_day:
        join(conn, acting, found, found.bed_id, last_day)


def _its_own(conn: Connection[Any], acting: Acting, found: Arrangement) -> list[Ahead]:
    return [one for one in away.ahead(conn, acting, found.resident_id, acting.today) if one.arrangement_id == found.id]


def _checked(conn: Connection[Any], acting: Acting, resident_id: int, new: NewArrangement, since: dt.date) -> int:
    """The canteen's number. Raises ProvisioningError with the field."""
    canteen = next((one for one in orders.serving(conn, acting, resident_id) if one.code == new.canteen), None)
    if canteen is None:
        raise ProvisioningError(en="choose a canteen that serves this home", zh="请选择服务该住址的食堂",
                                field="canteen")  # fmt: skip
    if new.mode not in MODES:
        raise ProvisioningError(en="delivered or at the canteen", zh="请选择送餐或堂食", field="mode")
    if new.mode == "delivery" and not canteen.delivers:
        raise ProvisioningError(en="this canteen does not deliver", zh="该食堂不送餐，请选择堂食", field="mode")
    if not (new.lunch or new.dinner) or not set(new.lunch) | set(new.dinner) <= set(range(1, 8)):
        raise ProvisioningError(en="choose at least one meal of the week", zh="请至少选择一餐", field="lunch")
    if new.first_day < min(since, acting.today):
        raise ProvisioningError(en="begin today or later", zh="开始日期不能早于今天", field="first_day")
    if new.last_day is not None and new.last_day < max(new.first_day, acting.today):
        raise ProvisioningError(en="the last day lies before the first, or in the past",
                                zh="结束日期不能早于开始日期，也不能早于今天", field="last_day")  # fmt: skip
    return canteen.id


def _event(
    conn: Connection[Any], acting: Acting, number: int, action: str, note: str = "", detail: Any = None
) -> None:  # fmt: skip
    conn.execute(
        "INSERT INTO meal_arrangement_event (arrangement_id, at, action, account_id, actor, note, detail)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (number, acting.at, action, acting.account.id, acting.account.name_zh, note.strip()[:400],
         Jsonb(detail or {})),
    )  # fmt: skip


def _changed() -> ChangedMeanwhileError:
    return ChangedMeanwhileError(
        en="somebody else changed this arrangement meanwhile: look at it, then do it again",
        zh="他人刚刚修改了助餐安排，请查看后再操作",
    )
