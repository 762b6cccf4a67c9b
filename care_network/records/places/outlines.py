"""Store outlines of areas, and read those of a place: what the map draws below everything else."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec
import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from vocabulary.area_path import within

LARGEST = 60_000
"""Bytes of one outline as JSON."""
Change = Literal["new", "replaced", "unchanged"]


class OutlineToStore(Protocol):
    """An outline that was read from a file."""

    @property
    def path(self) -> str: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def polygons(self) -> list[Any]: ...

    @property
    def points(self) -> int: ...

    @property
    def read(self) -> int: ...

    @property
    def label(self) -> str: ...


class AreaOutline(msgspec.Struct, frozen=True, kw_only=True):
    """An area with its outline, where it has one; ``geometry``: GeoJSON MultiPolygon."""

    path: str
    level: str
    name_zh: str
    name_en: str
    longitude: float | None
    latitude: float | None
    geometry: dict[str, Any] | None
    source: str | None


class Match(msgspec.Struct, frozen=True):
    """An outline of a file and the area that gets it."""

    path: str
    name_zh: str
    name_en: str
    change: Change
    read: int
    points: int


class Unmatched(msgspec.Struct, frozen=True):
    """An outline of a file that no area gets, with the reason."""

    label: str
    zh: str
    en: str


class OutlineReport(msgspec.Struct, frozen=True):
    """Which areas get an outline, and what is left over."""

    matches: list[Match]
    unmatched: list[Unmatched]


def areas_with_outlines(conn: psycopg.Connection[Any], under: str) -> list[AreaOutline]:
    """List the areas below ``under`` (itself included) and those above it, from the top down."""
    with conn.cursor(row_factory=class_row(AreaOutline)) as cursor:
        return cursor.execute(
            """
            SELECT a.path::text AS path, a.level, a.name_zh, a.name_en, a.longitude, a.latitude, o.geometry, o.source
            FROM area a LEFT JOIN area_outline o ON o.area_id = a.id
            WHERE (a.path <@ %(under)s::text::ltree OR a.path @> %(under)s::text::ltree)
              AND NOT a.path <@ 'synthetic'::ltree
            ORDER BY nlevel(a.path), a.path
            """,
            {"under": under},
        ).fetchall()


def load_outlines(
    conn: psycopg.Connection[Any], account: Account, outlines: Sequence[OutlineToStore], source: str, *,
    at: dt.datetime, origin: str, dry_run: bool = False,
) -> OutlineReport:  # fmt: skip
    """Give areas their outlines, by path, else by a name that one area alone has; one transaction, audited.

    ``dry_run``: only the report. Raises NotPermittedError where the account may not change areas.
    """
    require(account, Action.PROVISION)
    mine = account.area_path or ""
    with conn.transaction():
        known = [area for area in areas_with_outlines(conn, mine) if within(area.path, mine)]
        report = OutlineReport([], [])
        taken: dict[str, OutlineToStore] = {}
        for outline in outlines:
            area = _area_of(outline, known)
            if isinstance(area, Unmatched):
                report.unmatched.append(area)
            elif area.path in taken:
                report.unmatched.append(
                    Unmatched(
                        outline.label,
                        f"文件中 {area.name_zh} 出现了两次，用第一个",
                        f"{area.name_en} is in the file twice: the first counts",
                    )
                )
            else:
                taken[area.path] = outline
                change = _change(area, outline)
                report.matches.append(
                    Match(area.path, area.name_zh, area.name_en, change, outline.read, outline.points)
                )
        if not dry_run:
            for match in report.matches:
                if match.change != "unchanged":
                    store_outline(conn, match.path, taken[match.path], source, account.name_zh, at)
            changed = [match.path for match in report.matches if match.change != "unchanged"]
            audit(conn, account, Action.PROVISION, at=at, origin=origin,
                  detail={"outlines": len(changed), "of": changed[:50], "source": source})  # fmt: skip
    return report


def store_outline(
    conn: psycopg.Connection[Any], path: str, outline: OutlineToStore, source: str, actor: str, at: dt.datetime
) -> None:
    """Store one outline; that of before is replaced. Part of the caller's transaction."""
    conn.execute(
        """
        INSERT INTO area_outline (area_id, geometry, points, source, loaded_at, actor)
        SELECT id, %s, %s, %s, %s, %s FROM area WHERE path = %s::text::ltree
        ON CONFLICT (area_id) DO UPDATE SET geometry = EXCLUDED.geometry, points = EXCLUDED.points,
            source = EXCLUDED.source, loaded_at = EXCLUDED.loaded_at, actor = EXCLUDED.actor
        """,
        (Jsonb(_geometry(outline)), outline.points, source, at, actor, path),
    )


def _area_of(outline: OutlineToStore, known: Sequence[AreaOutline]) -> AreaOutline | Unmatched:
    if outline.path:
        exact = next((area for area in known if area.path == outline.path), None)
        if exact is not None:
            return exact
    named = [area for area in known if {area.name_zh, area.name_en} & set(outline.names)]
    if len(named) == 1:
        return named[0]
    if named:
        places = "、".join(area.path for area in named[:3])
        return Unmatched(outline.label, f"有 {len(named)} 个区域叫这个名字（{places}），请在 path 属性中写明",
                         f"{len(named)} areas have this name ({places}): the property path says which one")  # fmt: skip
    return Unmatched(
        outline.label, "本区没有这个名称或路径的区域（或不在您的管辖范围）", "no area of yours has this name or path"
    )


def _change(area: AreaOutline, outline: OutlineToStore) -> Change:
    if area.geometry is None:
        return "new"
    return "unchanged" if area.geometry == json.loads(json.dumps(_geometry(outline))) else "replaced"


def _geometry(outline: OutlineToStore) -> dict[str, Any]:
    return {"type": "MultiPolygon", "coordinates": outline.polygons}
