"""Dispatch desks: the organisation that dispatches for a place."""

from typing import Any

import psycopg


def desk_of(conn: psycopg.Connection[Any], area_path: str) -> tuple[int, str] | None:
    """Find (id, code) of the organisation that dispatches for a place; None where none is open.

    The district center, else the street's elder center, else the nearest organisation.
    """
    row = conn.execute(
        """
        SELECT o.id, o.code FROM organisation o JOIN area a ON a.id = o.area_id
        WHERE o.active AND a.path @> %s::ltree
        ORDER BY o.kind <> 'district_center', o.kind <> 'street_elder_center', nlevel(a.path) DESC, o.code LIMIT 1
        """,
        (area_path,),
    ).fetchone()
    return None if row is None else (row[0], row[1])


def telephone_of_desk(conn: psycopg.Connection[Any], area_path: str) -> str:
    """The telephone number of the organisation that dispatches for a place; empty where none is known."""
    desk = desk_of(conn, area_path)
    row = None if desk is None else conn.execute("SELECT phone FROM organisation WHERE id = %s", (desk[0],)).fetchone()
    return "" if row is None else str(row[0])
