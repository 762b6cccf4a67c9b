"""Homes by the state of their gateways, as far as an account may see them: who lives there, and how to call them."""

import datetime as dt
from typing import Any, Literal

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import visible_households

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


def homes_of(conn: Connection[Any], account: Account) -> list[HomeState]:
    """The homes with a gateway that the account may see, by street and address; synthetic ones are nobody's."""
    with conn.cursor(row_factory=class_row(HomeState)) as cursor:
        return cursor.execute(
            """
            SELECT h.code AS household, coalesce(s.name_zh, a.name_zh) AS street_zh,
                   coalesce(s.name_en, a.name_en) AS street_en, a.name_zh AS area_zh, a.name_en AS area_en,
                   h.address_zh, h.address_en, h.phone, g.state, g.since,
                   coalesce((SELECT array_agg(ARRAY[r.code, r.name_zh, r.name_en] ORDER BY r.code)
                             FROM resident r WHERE r.household_id = h.id), '{}') AS residents
            FROM household h JOIN area a ON a.id = h.area_id
            LEFT JOIN area s ON s.level = 'street' AND a.path <@ s.path
            JOIN LATERAL (
                SELECT CASE WHEN state IN ('online', 'offline') THEN state ELSE 'unknown' END AS state,
                       state_at AS since
                FROM gateway WHERE household_id = h.id ORDER BY state <> 'online', state_at DESC NULLS LAST LIMIT 1
            ) g ON true
            WHERE h.id = ANY(%s) AND NOT h.synthetic ORDER BY s.name_zh, a.name_zh, h.address_zh
            """,
            (list(visible_households(conn, account)),),
        ).fetchall()
