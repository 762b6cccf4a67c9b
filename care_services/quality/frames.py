"""The frames that checks are drawn from: providers of an area, or the homes that they care for."""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_services.quality.checklists import CheckList

RECENT = dt.timedelta(days=90)
"""A home counts as cared for by whoever brought a meal, or made a visit, within it: the last quarter."""


class Drawable(msgspec.Struct, frozen=True, kw_only=True):
    """A case of a frame."""

    case: str
    """Provider/resident, or provider/ for the provider's own place."""
    stratum: str
    """Street and provider's kind, or street and provider for homes."""
    provider: int
    resident_id: int | None
    area_path: str


_STREET: LiteralString = "subpath(a.path, 0, least(nlevel(a.path), 3))::text"
_PLACES: LiteralString = f"""
    SELECT o.code || '/' AS "case", {_STREET} || ' ' || o.kind AS stratum, o.id AS provider,
           NULL::integer AS resident_id, a.path::text AS area_path
    FROM organisation o JOIN area a ON a.id = o.area_id
    WHERE o.kind = ANY (%(kinds)s) AND o.active AND a.path <@ %(area)s::ltree
"""  # noqa: S608 - of constants
_HOMES: dict[str, LiteralString] = {
    "meals": f"""
        SELECT DISTINCT o.code || '/' || r.code AS "case", {_STREET} || ' ' || o.code AS stratum, o.id AS provider,
               r.id AS resident_id, subpath(a.path, 0, least(nlevel(a.path), 4))::text AS area_path
        FROM meal_order m JOIN organisation o ON o.id = m.canteen_id JOIN resident r ON r.id = m.resident_id
        JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
        WHERE m.day BETWEEN %(since)s AND %(today)s AND m.state = 'delivered' AND a.path <@ %(area)s::ltree
          AND NOT h.synthetic AND o.kind = ANY (%(kinds)s)
    """,  # noqa: S608 - of constants
    "visits": f"""
        SELECT DISTINCT o.code || '/' || r.code AS "case", {_STREET} || ' ' || o.code AS stratum, o.id AS provider,
               r.id AS resident_id, subpath(a.path, 0, least(nlevel(a.path), 4))::text AS area_path
        FROM service_order v JOIN organisation o ON o.id = v.organisation_id JOIN resident r ON r.id = v.resident_id
        JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
        WHERE v.planned_start >= %(since)s::timestamp AT TIME ZONE 'Asia/Shanghai'
          AND v.planned_start < (%(today)s + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
          AND v.state IN ('checked_out', 'confirmed') AND a.path <@ %(area)s::ltree AND NOT h.synthetic
          AND r.gone IS NULL AND o.kind = ANY (%(kinds)s)
        UNION
        SELECT o.code || '/' || r.code AS "case", {_STREET} || ' ' || o.code AS stratum, o.id AS provider,
               r.id AS resident_id, subpath(a.path, 0, least(nlevel(a.path), 4))::text AS area_path
        FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
        JOIN LATERAL (SELECT o.id, o.code FROM organisation o JOIN area p ON p.id = o.area_id
                      WHERE o.kind = 'home_care_bed_team' AND o.kind = ANY (%(kinds)s) AND o.active
                        AND a.path <@ p.path ORDER BY nlevel(p.path) DESC, o.code LIMIT 1) o ON true
        WHERE r.home_care_bed AND r.gone IS NULL AND a.path <@ %(area)s::ltree AND NOT h.synthetic
    """,  # noqa: S608 - of constants
}


def frame_of(conn: Connection[Any], listed: CheckList, area: str, today: dt.date, *, homes: bool) -> list[Drawable]:
    """Every case that a list can be used on below an area; empty where it has no homes and they are asked for."""
    query = _HOMES.get(listed.homes) if homes else _PLACES
    if query is None:
        return []
    asked = {"kinds": list(listed.providers), "area": area, "since": today - RECENT, "today": today}
    with conn.cursor(row_factory=class_row(Drawable)) as cursor:
        return cursor.execute(query, asked).fetchall()
