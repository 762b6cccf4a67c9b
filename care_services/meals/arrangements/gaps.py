"""Meals of arrangements that are not ordered: what people have to do, and what they did about it."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_network.below import people_below
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.core.acting import Acting

PAGE = 50
MOST = 60
CLOSED: dict[str, tuple[str, str]] = {
    "otherwise": ("已另行安排用餐", "seen to otherwise"), "not_wanted": ("不需要用餐", "no meal is wanted"),
}  # fmt: skip
"""The ways in which a person closes one."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A meal that is not ordered, why, and until when it still can be."""

    id: int
    day: dt.date
    meal: str
    why: str
    zh: str
    en: str
    due: dt.datetime
    resident: str
    name_zh: str
    name_en: str
    phone: str
    canteen_zh: str
    canteen_en: str
    canteen_phone: str

    @property
    def key(self) -> str:
        """Where the list goes on after it."""
        return f"{self.due.isoformat()}~{self.id}"


_OPEN: LiteralString = """
    SELECT g.id, g.day, g.meal, g.why, g.zh, g.en, g.due, r.code AS resident, r.name_zh, r.name_en, h.phone,
           o.name_zh AS canteen_zh, o.name_en AS canteen_en, o.phone AS canteen_phone
    FROM meal_gap g JOIN meal_arrangement m ON m.id = g.arrangement_id JOIN resident r ON r.id = g.resident_id
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN organisation o ON o.id = m.canteen_id
    WHERE g.closed_at IS NULL
"""


def count(conn: Connection[Any], acting: Acting) -> int:
    """How many are open in the account's area."""
    acting.require(Action.VIEW_CARE)
    return below(conn, acting.account.area_path)


def below(conn: Connection[Any], under: str | None) -> int:
    """How many are open below an area, as far as the viewer sees it. The caller has asked for permission."""
    row = conn.execute(
        f"SELECT count(*) FROM meal_gap g WHERE g.closed_at IS NULL AND {people_below('g.resident_id')}",  # noqa: S608 - constants
        {"area": under},
    ).fetchone()
    return 0 if row is None else int(row[0])


def waiting(conn: Connection[Any], acting: Acting, after: str = "") -> list[Gap]:
    """Those that are open in the account's area, by their deadline, one more than PAGE at most."""
    acting.require(Action.VIEW_CARE)
    due, _, number = after.partition("~")
    try:
        since = (dt.datetime.fromisoformat(due), int(number)) if after else (dt.datetime.min.replace(tzinfo=dt.UTC), 0)
    except ValueError:
        raise ProvisioningError(en="this page is not there", zh="没有这一页", field="after") from None
    with conn.cursor(row_factory=class_row(Gap)) as cursor:
        return cursor.execute(
            f"{_OPEN} AND {people_below('g.resident_id')} AND (g.due, g.id) > (%(due)s, %(id)s)"
            " ORDER BY g.due, g.id LIMIT %(page)s",
            {"area": acting.account.area_path, "due": since[0], "id": since[1], "page": PAGE + 1},
        ).fetchall()


def of_resident(conn: Connection[Any], resident_id: int) -> list[Gap]:
    """Those of a resident that are open, by day. The caller has looked at the resident."""
    with conn.cursor(row_factory=class_row(Gap)) as cursor:
        return cursor.execute(f"{_OPEN} AND g.resident_id = %s ORDER BY g.day, g.meal DESC", (resident_id,)).fetchall()


class Group(msgspec.Struct, frozen=True):
    """The meals of one resident that are missing for one kind of reason, the first deadline first."""

    first: Gap
    gaps: tuple[Gap, ...]


def grouped(found: Sequence[Gap]) -> list[Group]:
    """Put the meals of a resident that have the same kind of reason together, in the order of their first one. Pure."""
    by_key: dict[tuple[str, str], list[Gap]] = {}
    for one in found:
        by_key.setdefault((one.resident, one.why), []).append(one)
    return [Group(listed[0], tuple(listed)) for listed in by_key.values()]


def close(conn: Connection[Any], acting: Acting, numbers: Sequence[int], closed_as: str, note: str) -> str:
    """Say what was done about some meals of one resident, whose code it gives. They are not ordered any more.

    Raises NotFoundError, ProvisioningError, ChangedMeanwhileError.
    """
    acting.require(Action.MANAGE_MEALS)
    if closed_as not in CLOSED:
        raise ProvisioningError(en="choose what was done", zh="请选择处理方式", field="closed_as")
    if not 0 < len(numbers) <= MOST:
        raise ProvisioningError(en="choose at least one meal", zh="请至少选择一餐", field="closed_as")
    rows = conn.execute(
        "SELECT DISTINCT r.code FROM meal_gap g JOIN resident r ON r.id = g.resident_id"
        " JOIN household h ON h.id = r.household_id AND NOT h.synthetic WHERE g.id = ANY (%s)",
        (list(numbers),),
    ).fetchall()
    if len(rows) != 1:
        raise NotFoundError(en="there is no such meal", zh="没有这一餐")
    resident = acting.resident(conn, rows[0][0], "arrange_meals")
    with conn.transaction():
        done = conn.execute(
            "UPDATE meal_gap SET closed_at = %s, closed_as = %s, closed_by = %s, note = %s"
            " WHERE id = ANY (%s) AND closed_at IS NULL",
            (acting.at, closed_as, acting.account.name_zh, note.strip()[:200], list(numbers)),
        )
        if not done.rowcount:
            raise ChangedMeanwhileError(en="it was seen to meanwhile", zh="这一餐刚刚已处理，请刷新后再看")
        acting.audit(conn, "arrange_meals", resident, gaps=list(numbers), step=closed_as)
    return str(rows[0][0])
