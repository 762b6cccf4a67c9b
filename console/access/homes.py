"""Homes by the state of their gateways, as far as an account may see them: who lives there, and how to call them."""

import datetime as dt
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.visible import VISIBLE_HOUSEHOLDS

MOST = 500
"""Homes on one page."""


class HomeState(msgspec.Struct, frozen=True, kw_only=True):
    """A home with a gateway. Of several gateways the one that is online speaks for the home, else the last heard."""

    household: str
    street_zh: str
    street_en: str
    area_zh: str
    area_en: str
    address_zh: str
    address_en: str
    phone: str
    state: Literal["online", "offline", "unknown"]
    since: dt.datetime | None
    """When that state was told; None: never heard."""
    residents: list[tuple[str, str, str]]
    """(code, Chinese name, English name)."""


class Homes(msgspec.Struct, frozen=True, kw_only=True):
    """The first MOST homes asked for, and how many there are: ``all``, and ``dark`` of them that are not online."""

    lines: list[HomeState]
    all: int
    dark: int


_STATES: LiteralString = f"""
    WITH seen AS MATERIALIZED (
        SELECT h.id, h.code, h.area_id, h.address_zh, h.address_en, h.phone, g.state, g.since
        FROM household h
        JOIN LATERAL (
            SELECT CASE WHEN state IN ('online', 'offline') THEN state ELSE 'unknown' END AS state, state_at AS since
            FROM gateway WHERE household_id = h.id ORDER BY state <> 'online', state_at DESC NULLS LAST LIMIT 1
        ) g ON true
        WHERE NOT h.synthetic AND h.id IN ({VISIBLE_HOUSEHOLDS})),
    places AS MATERIALIZED (
        SELECT a.id, a.name_zh AS area_zh, a.name_en AS area_en, coalesce(s.name_zh, a.name_zh) AS street_zh,
               coalesce(s.name_en, a.name_en) AS street_en, s.name_zh AS street
        FROM area a LEFT JOIN area s ON s.level = 'street' AND a.path <@ s.path)
"""  # noqa: S608 - of constants


def homes_of(conn: Connection[Any], account: Account, *, dark: bool = False) -> Homes:
    """The homes with a gateway that the account may see, by street and address; synthetic ones are nobody's.

    ``dark``: those alone that are not online.
    """
    asked = {"account": account.id, "dark": dark, "most": MOST}
    counted = conn.execute(
        _STATES + "SELECT count(*), count(*) FILTER (WHERE state <> 'online') FROM seen",  # noqa: S608 - of constants
        asked,
    ).fetchone()
    with conn.cursor(row_factory=class_row(HomeState)) as cursor:
        lines = cursor.execute(
            _STATES  # noqa: S608 - of constants
            + """
            SELECT l.code AS household, l.street_zh, l.street_en, l.area_zh, l.area_en, l.address_zh, l.address_en,
                   l.phone, l.state, l.since,
                   coalesce((SELECT array_agg(ARRAY[r.code, r.name_zh, r.name_en] ORDER BY r.code)
                             FROM resident r WHERE r.household_id = l.id), '{}') AS residents
            FROM (SELECT h.*, p.area_zh, p.area_en, p.street_zh, p.street_en, p.street
                  FROM seen h JOIN places p ON p.id = h.area_id WHERE NOT %(dark)s OR h.state <> 'online'
                  ORDER BY p.street, p.area_zh, h.address_zh LIMIT %(most)s) l
            ORDER BY l.street, l.area_zh, l.address_zh
            """,
            asked,
        ).fetchall()
    return Homes(lines=lines, all=counted[0] if counted else 0, dark=counted[1] if counted else 0)
