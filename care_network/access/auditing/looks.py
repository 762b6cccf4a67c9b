"""Count looks: who looked at a family's parent, and whose looks of a day stick out."""

import datetime as dt
from statistics import median
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, require
from vocabulary.times import SHANGHAI

KEPT = dt.timedelta(days=90)
"""How far back a family sees who looked."""
MOST = 200
COMPARED_DAYS = 14
"""Days before by which a day of an account is judged."""
MANY = 20
"""Residents a day below which nothing sticks out: a desk has that many without anything happening."""
TIMES = 3
"""So many times the account's own middle day sticks out."""
REFUSED = 5
"""So many refused looks of one day stick out."""


class Looker(msgspec.Struct, frozen=True, kw_only=True):
    """A person who looked at one resident on one day."""

    day: dt.date
    name_zh: str
    name_en: str
    role: str
    looks: int
    last: dt.datetime


class DayOfLooks(msgspec.Struct, frozen=True, kw_only=True):
    """Looks of one account on one day."""

    day: dt.date
    login: str
    name_zh: str
    name_en: str
    role: str
    looks: int
    residents: int
    """Different ones."""
    exports: int
    refused: int


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A day of an account, beside what is usual for it."""

    of: DayOfLooks
    usual: float | None
    """The middle of the residents a day in the COMPARED_DAYS before; None: it did not look at anybody then."""
    days: int
    """Days that ``usual`` is made of."""
    sticks_out: bool


def lookers(conn: Connection[Any], account: Account, resident_id: int, now: dt.datetime) -> list[Looker]:
    """List who looked at a resident within KEPT, for a family account with consent; the newest day first.

    Without that consent nobody. Raises NotPermittedError.
    """
    require(account, Action.FAMILY_CIRCLE)
    with conn.cursor(row_factory=class_row(Looker)) as cursor:
        return cursor.execute("SELECT * FROM looks_at_own(%s, %s, %s)", (resident_id, now - KEPT, MOST)).fetchall()


_DAYS: LiteralString = """
    SELECT (e.at AT TIME ZONE 'Asia/Shanghai')::date AS day, a.login, a.name_zh, a.name_en, a.role,
           count(*) FILTER (WHERE e.action LIKE 'view\\_%%')::int AS looks,
           count(DISTINCT e.resident_id) FILTER (WHERE e.action NOT LIKE 'refused%%')::int AS residents,
           count(*) FILTER (WHERE e.action LIKE 'export\\_%%')::int AS exports,
           count(*) FILTER (WHERE e.action LIKE 'refused%%')::int AS refused
    FROM audit e JOIN account a ON a.id = e.account_id
    WHERE e.at >= %(since)s AND e.at < %(until)s AND a.area_path <@ %(area)s::ltree AND a.role <> 'machine'
      AND (e.action LIKE 'view\\_%%' OR e.action LIKE 'export\\_%%' OR e.action LIKE 'refused%%')
    GROUP BY 1, a.id
"""


def looks_of(conn: Connection[Any], account: Account, day: dt.date) -> list[Judged]:
    """The accounts of the area that looked on a day (of Shanghai), those that stick out first; the caller audits it.

    Raises NotPermittedError.
    """
    require(account, Action.VIEW_AUDIT)
    begin = dt.datetime.combine(day, dt.time(), SHANGHAI)
    bounds = {
        "since": begin - dt.timedelta(days=COMPARED_DAYS), "until": begin + dt.timedelta(days=1),
        "area": account.area_path,
    }  # fmt: skip
    with conn.cursor(row_factory=class_row(DayOfLooks)) as cursor:
        found = cursor.execute(_DAYS, bounds).fetchall()
    before: dict[str, list[int]] = {}
    for one in found:
        if one.day < day:
            before.setdefault(one.login, []).append(one.residents)
    judged = [judge(one, before.get(one.login, [])) for one in found if one.day == day]
    return sorted(judged, key=lambda one: (not one.sticks_out, -one.of.residents, one.of.login))[:MOST]


def judge(one: DayOfLooks, before: list[int]) -> Judged:
    """Judge a day by the residents of the account's own days before. Pure."""
    usual = float(median(before)) if before else None
    many = one.residents >= MANY and (usual is None or one.residents > TIMES * usual)
    return Judged(of=one, usual=usual, days=len(before), sticks_out=many or one.refused >= REFUSED)
