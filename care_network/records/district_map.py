"""Read what a map of a place shows: its homes with their gateways, and its organisations."""

from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row


class HomeOnMap(msgspec.Struct, frozen=True, kw_only=True):
    """A home; degrees of its own, else those of its compound; None: nobody entered any.

    ``gateway``: 'online', 'offline', 'never seen', or None where it has none; of several the worst. Nothing is known
    of a home without one."""

    code: str
    resident: str | None
    """Code of the first resident."""
    address_zh: str
    address_en: str
    path: str
    longitude: float | None
    latitude: float | None
    gateway: str | None


class PlaceOnMap(msgspec.Struct, frozen=True, kw_only=True):
    """A center, station or point of the care network."""

    code: str
    kind: str
    name_zh: str
    name_en: str
    phone: str
    path: str
    longitude: float | None
    latitude: float | None


def homes_below(conn: psycopg.Connection[Any], under: str) -> list[HomeOnMap]:
    """List the homes below an area, by compound and code."""
    with conn.cursor(row_factory=class_row(HomeOnMap)) as cursor:
        return cursor.execute(
            """
            SELECT h.code, r.code AS resident, h.address_zh, h.address_en, a.path::text AS path,
                   coalesce(h.longitude, a.longitude) AS longitude, coalesce(h.latitude, a.latitude) AS latitude,
                   g.state AS gateway
            FROM household h JOIN area a ON a.id = h.area_id
            LEFT JOIN (SELECT household_id, min(code) AS code FROM resident GROUP BY household_id) r
                   ON r.household_id = h.id
            LEFT JOIN (SELECT household_id, CASE WHEN bool_or(state = 'offline') THEN 'offline'
                                                 WHEN bool_or(state = 'never seen') THEN 'never seen'
                                                 ELSE 'online' END AS state FROM gateway GROUP BY household_id) g
                   ON g.household_id = h.id
            WHERE a.path <@ %s::text::ltree AND NOT h.synthetic ORDER BY a.path, h.code
            """,
            (under,),
        ).fetchall()


def organisations_below(conn: psycopg.Connection[Any], under: str) -> list[PlaceOnMap]:
    """List the centers, stations and points that are open below an area; bed teams have no place of their own."""
    with conn.cursor(row_factory=class_row(PlaceOnMap)) as cursor:
        return cursor.execute(
            """
            SELECT o.code, o.kind, o.name_zh, o.name_en, o.phone, a.path::text AS path,
                   coalesce(o.longitude, a.longitude) AS longitude, coalesce(o.latitude, a.latitude) AS latitude
            FROM organisation o JOIN area a ON a.id = o.area_id
            WHERE o.active AND a.path <@ %s::text::ltree AND o.kind <> 'home_care_bed_team' ORDER BY a.path, o.code
            """,
            (under,),
        ).fetchall()


def organisations_near(conn: psycopg.Connection[Any], path: str) -> list[PlaceOnMap]:
    """List the centers, stations and points that serve a place, nearest areas first."""
    with conn.cursor(row_factory=class_row(PlaceOnMap)) as cursor:
        return cursor.execute(
            """
            SELECT o.code, o.kind, o.name_zh, o.name_en, o.phone, a.path::text AS path,
                   coalesce(o.longitude, a.longitude) AS longitude, coalesce(o.latitude, a.latitude) AS latitude
            FROM organisation o JOIN area a ON a.id = o.area_id
            WHERE o.active AND a.path @> %s::text::ltree AND o.kind <> 'home_care_bed_team'
            ORDER BY nlevel(a.path) DESC, o.code LIMIT 6
            """,
            (path,),
        ).fetchall()
