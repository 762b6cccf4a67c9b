"""Read what a map of a place shows: its homes with their gateways, and its organisations."""

from collections.abc import Collection
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


class CompoundCount(msgspec.Struct, frozen=True, kw_only=True):
    """Homes of a compound. ``dark``: their gateway is offline; ``unheard``: there is none that was ever heard, and
    nothing is known of the home."""

    path: str
    homes: int
    dark: int = 0
    unheard: int = 0
    dark_residents: list[str] = []
    """Code of the first resident of each dark home."""


def counts_below(conn: psycopg.Connection[Any], under: str) -> list[CompoundCount]:
    """Count the homes below an area, by compound."""
    with conn.cursor(row_factory=class_row(CompoundCount)) as cursor:
        return cursor.execute(
            """
            SELECT a.path::text AS path, count(*)::int AS homes, (count(*) FILTER (WHERE g.offline))::int AS dark,
                   (count(*) FILTER (WHERE NOT coalesce(g.offline, false) AND NOT coalesce(g.heard, false)))::int
                   AS unheard,
                   coalesce(array_agg((SELECT min(code) FROM resident r
                                       WHERE r.household_id = h.id AND r.gone IS NULL) ORDER BY h.code)
                            FILTER (WHERE g.offline), '{}') AS dark_residents
            FROM household h JOIN area a ON a.id = h.area_id
            LEFT JOIN (SELECT household_id, bool_or(state = 'offline') AS offline,
                              bool_and(state <> 'never seen') AS heard
                       FROM gateway GROUP BY household_id) g ON g.household_id = h.id
            WHERE a.path <@ %s::text::ltree AND NOT h.synthetic GROUP BY a.path ORDER BY a.path
            """,
            (under,),
        ).fetchall()


def places_of(conn: psycopg.Connection[Any], codes: Collection[str]) -> dict[str, tuple[float, float]]:
    """Find (longitude, latitude) of homes by code: their own, else their compound's; those without are left out."""
    rows = conn.execute(
        """
        SELECT h.code, coalesce(h.longitude, a.longitude), coalesce(h.latitude, a.latitude)
        FROM household h JOIN area a ON a.id = h.area_id WHERE h.code = ANY (%s) AND NOT h.synthetic
        """,
        (list(codes),),
    )
    return {code: (longitude, latitude) for code, longitude, latitude in rows if longitude is not None}


def homes_below(conn: psycopg.Connection[Any], under: str) -> list[HomeOnMap]:
    """List the homes below an area, by compound and code."""
    with conn.cursor(row_factory=class_row(HomeOnMap)) as cursor:
        return cursor.execute(
            """
            SELECT h.code, r.code AS resident, h.address_zh, h.address_en, a.path::text AS path,
                   coalesce(h.longitude, a.longitude) AS longitude, coalesce(h.latitude, a.latitude) AS latitude,
                   g.state AS gateway
            FROM household h JOIN area a ON a.id = h.area_id
            LEFT JOIN (SELECT household_id, min(code) AS code FROM resident WHERE gone IS NULL GROUP BY household_id) r
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
