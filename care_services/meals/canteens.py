"""Canteens: organisations of that kind, with their hours; whoever manages meals in their area manages them."""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from care_network.access.permissions import Action, in_area, may_do
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.core.acting import Acting
from care_services.meals.deadlines import Deadline
from care_services.meals.routing import Place
from vocabulary.area_path import within

MOST_DAYS = 14
"""Days before a meal, at most, that its orders close."""


class Canteen(msgspec.Struct, frozen=True, kw_only=True):
    """A canteen as it works now. It serves the homes of its area."""

    id: int
    code: str
    name_zh: str
    name_en: str
    phone: str
    area_path: str
    place: Place | None
    deadline: Deadline
    delivers: bool
    version: int
    """0: nobody has set its hours yet, the defaults hold."""
    managed: bool
    """Whether the account that asked may change its menus, and sees all of its orders."""


_SELECT: LiteralString = """
    SELECT o.id, o.code, o.name_zh, o.name_en, o.phone, a.path::text AS area_path, o.longitude, o.latitude,
           coalesce(c.deadline_days, 1) AS days, coalesce(c.deadline_hour, '16:00') AS hour,
           coalesce(c.delivers, true) AS delivers, coalesce(c.version, 0) AS version
    FROM organisation o JOIN area a ON a.id = o.area_id LEFT JOIN meal_canteen c ON c.organisation_id = o.id
    WHERE o.kind = 'canteen' AND o.active
"""


def _canteen(row: dict[str, Any], acting: Acting | None = None) -> Canteen:
    place = None if row["longitude"] is None else Place(row["longitude"], row["latitude"])
    return Canteen(
        **{name: row[name] for name in ("id", "code", "name_zh", "name_en", "phone", "area_path")}, place=place,
        deadline=Deadline(row["days"], row["hour"]), delivers=row["delivers"], version=row["version"],
        managed=acting is not None and may_do(acting.account, Action.MANAGE_MEALS)
        and in_area(acting.account, row["area_path"]),
    )  # fmt: skip


def canteens(conn: Connection[Any], acting: Acting, home: str | None = None) -> list[Canteen]:
    """The canteens in the account's area and around it; ``home``: those that serve a home of that area instead."""
    mine = home or acting.account.area_path
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"{_SELECT} AND (a.path @> %(mine)s::ltree OR %(below)s AND a.path <@ %(mine)s::ltree) ORDER BY o.code",
            {"mine": mine, "below": home is None},
        ).fetchall()
    return [_canteen(row, acting) for row in rows]


def around(conn: Connection[Any], home: str) -> list[Canteen]:
    """The canteens that serve a home of that area, for whoever lives there: a panel has no account."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(f"{_SELECT} AND a.path @> %s::ltree ORDER BY o.code", (home,)).fetchall()
    return [_canteen(row) for row in rows]


def canteen(conn: Connection[Any], acting: Acting, code: str) -> Canteen:
    """Find a canteen of the account's area or around it. Raises NotFoundError."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(f"{_SELECT} AND o.code = %s", (code,)).fetchone()
    mine = acting.account.area_path
    if row is None or mine is None or not (within(row["area_path"], mine) or within(mine, row["area_path"])):
        raise NotFoundError(en="there is no such canteen", zh="没有这个长者食堂")
    return _canteen(row, acting)


def managed(conn: Connection[Any], acting: Acting, code: str) -> Canteen:
    """Find a canteen that the account may manage. Raises NotFoundError, NotPermittedError."""
    acting.require(Action.MANAGE_MEALS)
    found = canteen(conn, acting, code)
    if not found.managed:
        raise NotPermittedError(
            en=f"{found.name_en} serves a wider area than yours: its own station or the street manages it",
            zh=f"{found.name_zh}的服务范围大于您的辖区，由其所在街道管理",
        )
    return found


def set_hours(
    conn: Connection[Any], acting: Acting, code: str, days: int, hour: dt.time, *, delivers: bool, version: int
) -> None:
    """Set until when a canteen takes orders, and whether it delivers. Raises ProvisioningError."""
    found = managed(conn, acting, code)
    if not 0 <= days <= MOST_DAYS:
        raise ProvisioningError(
            en=f"0 to {MOST_DAYS} days before the meal", zh=f"提前 0 至 {MOST_DAYS} 天", field="days"
        )
    with conn.transaction():
        done = conn.execute(
            """
            INSERT INTO meal_canteen AS c (organisation_id, deadline_days, deadline_hour, delivers)
            VALUES (%(id)s, %(days)s, %(hour)s, %(delivers)s)
            ON CONFLICT (organisation_id) DO UPDATE SET deadline_days = excluded.deadline_days,
                deadline_hour = excluded.deadline_hour, delivers = excluded.delivers, version = c.version + 1
                WHERE c.version = %(version)s
            """,
            {"id": found.id, "days": days, "hour": hour, "delivers": delivers, "version": version},
        )
        if not done.rowcount:
            raise ChangedMeanwhileError(
                en="somebody else set the hours meanwhile: look again", zh="他人刚刚修改了订餐时间，请刷新后再改"
            )
        acting.audit(conn, "set_canteen", what=code, days=days, time=f"{hour:%H:%M}")
