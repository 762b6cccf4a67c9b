"""Read residents with their homes, as lists and pages show them."""

from collections.abc import Collection
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

MOST = 500
"""Lines of a list."""


def search(conn: Connection[Any], among: Collection[int], words: str) -> list[dict[str, Any]]:
    """Those of ``among`` (ids) whose name, code, address or compound has ``words``, in the order of their areas."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT r.code, r.name_zh, r.name_en, r.birth_date, r.home_care_bed, h.address_zh, h.address_en,
                   a.name_zh AS area_zh, a.name_en AS area_en, street.name_zh AS street_zh, street.name_en AS street_en
            FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
            LEFT JOIN area street ON street.level = 'street' AND a.path <@ street.path
            WHERE r.id = ANY(%s) AND (%s = '' OR r.name_zh ILIKE %s OR r.name_en ILIKE %s OR r.code ILIKE %s
                                      OR h.address_zh ILIKE %s OR a.name_zh ILIKE %s)
            ORDER BY a.path, r.code LIMIT %s
            """,
            (list(among), words, *[f"%{words}%"] * 5, MOST),
        ).fetchall()


def profile(conn: Connection[Any], code: str) -> dict[str, Any] | None:
    """A resident with home, area and age today; None where there is none of that code."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT r.*, h.code AS household_code, h.address_zh, h.address_en, h.phone,
                   a.name_zh AS area_zh, a.name_en AS area_en,
                   date_part('year', age(r.birth_date))::int AS age
            FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
            WHERE r.code = %s
            """,
            (code,),
        ).fetchone()


def codes(conn: Connection[Any], ids: Collection[int]) -> list[str]:
    """Their codes, in the order of the ids."""
    rows = conn.execute("SELECT code FROM resident WHERE id = ANY(%s) ORDER BY id", (list(ids),))
    return [row[0] for row in rows]


def resident_id(conn: Connection[Any], code: str) -> int | None:
    """The id of the resident of that code; None where there is none."""
    row = conn.execute("SELECT id FROM resident WHERE code = %s", (code,)).fetchone()
    return None if row is None else row[0]
