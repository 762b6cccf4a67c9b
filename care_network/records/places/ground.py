"""Store the ground of the map, one archive of tiles for the whole district, and read slices of it."""

import datetime as dt
from typing import Any, Protocol

import msgspec
import psycopg
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.errors import NotPermittedError, ProvisioningError

Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees WGS 84."""
MARGIN = 0.02
"""Degrees around the known places that belong to a district, too: two kilometres."""


class GroundToStore(Protocol):
    """Facts found in a checked file."""

    @property
    def kind(self) -> str: ...

    @property
    def min_zoom(self) -> int: ...

    @property
    def max_zoom(self) -> int: ...

    @property
    def box(self) -> Box: ...

    @property
    def layers(self) -> tuple[str, ...]: ...

    @property
    def tiles(self) -> int: ...

    @property
    def sha256(self) -> bytes: ...


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """The ground as it is stored, without its bytes."""

    sha256: bytes
    name: str
    attribution: str
    kind: str
    min_zoom: int
    max_zoom: int
    west: float
    south: float
    east: float
    north: float
    layers: list[str]
    tiles: int
    size: int
    loaded_at: dt.datetime
    actor: str

    @property
    def version(self) -> str:
        """A part of the tiles' address: another file has another one."""
        return self.sha256.hex()[:16]


def ground_of(conn: psycopg.Connection[Any]) -> Ground | None:
    """Find the ground; None where the district has loaded none."""
    with conn.cursor(row_factory=class_row(Ground)) as cursor:
        return cursor.execute(
            "SELECT sha256, name, attribution, kind, min_zoom, max_zoom, west, south, east, north, layers, tiles,"
            " octet_length(data) AS size, loaded_at, actor FROM ground_map"
        ).fetchone()


def slice_of(conn: psycopg.Connection[Any], version: str, offset: int, length: int) -> bytes | None:
    """Read some bytes of the archive; None where another one is there by now."""
    row = conn.execute(
        "SELECT substring(data FROM %s FOR %s) FROM ground_map WHERE encode(substring(sha256 FOR 8), 'hex') = %s",
        (offset + 1, length, version),
    ).fetchone()
    return None if row is None else bytes(row[0])


def district_box(conn: psycopg.Connection[Any]) -> Box | None:
    """Bounds of all known places, with a margin; None where nobody has entered any."""
    row = conn.execute(
        """
        SELECT min(lon), min(lat), max(lon), max(lat) FROM (
            SELECT longitude AS lon, latitude AS lat FROM area WHERE NOT path <@ 'synthetic'::ltree
            UNION ALL SELECT longitude, latitude FROM household WHERE NOT synthetic
        ) AS place WHERE lon IS NOT NULL AND lat IS NOT NULL
        """
    ).fetchone()
    if row is None or row[0] is None:
        return None
    return row[0] - MARGIN, row[1] - MARGIN, row[2] + MARGIN, row[3] + MARGIN


def homes_within(conn: psycopg.Connection[Any], box: Box) -> tuple[int, int]:
    """Count the homes whose place (their own, else their compound's) lies within bounds, and those with a place."""
    row = conn.execute(
        """
        SELECT (count(*) FILTER (WHERE lon BETWEEN %s AND %s AND lat BETWEEN %s AND %s))::int, count(*)::int
        FROM (SELECT coalesce(h.longitude, a.longitude) AS lon, coalesce(h.latitude, a.latitude) AS lat
              FROM household h JOIN area a ON a.id = h.area_id WHERE NOT h.synthetic) AS home
        WHERE lon IS NOT NULL AND lat IS NOT NULL
        """,
        (box[0], box[2], box[1], box[3]),
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always gives a row
    return row[0], row[1]


def may_load_ground(conn: psycopg.Connection[Any], account: Account) -> bool:
    """Whether an account's area holds every area but those above it: the ground is everybody's."""
    outside = conn.execute(
        "SELECT FROM area WHERE NOT path <@ %(mine)s::text::ltree AND NOT path @> %(mine)s::text::ltree"
        " AND NOT path <@ 'synthetic'::ltree LIMIT 1",
        {"mine": account.area_path or ""},
    ).fetchone()
    return outside is None


def require_ground(conn: psycopg.Connection[Any], account: Account) -> None:
    """Refuse an account that answers for a part of the district alone. Raises NotPermittedError."""
    require(account, Action.PROVISION)
    if not may_load_ground(conn, account):
        raise NotPermittedError(
            zh="底图是全区共用的，只有管辖全区的管理员可以更换",
            en="the ground is the whole district's: an administrator of all of it may change it",
        )


def store_ground(
    conn: psycopg.Connection[Any], account: Account, found: GroundToStore, data: bytes, *, name: str, attribution: str,
    at: dt.datetime, origin: str,
) -> None:  # fmt: skip
    """Make a checked file the ground; that of before is replaced. One transaction, audited.

    Raises NotPermittedError, ProvisioningError without an attribution.
    """
    if not attribution:
        raise ProvisioningError(
            zh="请写明地图来源（例如测绘单位和审图号），它会显示在地图上",
            en="say whose map it is, with its licence: the words stand on the map",
            field="attribution",
        )
    with conn.transaction():
        require_ground(conn, account)
        conn.execute("DELETE FROM ground_map")
        conn.execute(
            """
            INSERT INTO ground_map (sha256, name, attribution, kind, min_zoom, max_zoom, west, south, east, north,
                                    layers, tiles, loaded_at, actor, data)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %b)
            """,
            (found.sha256, name, attribution, found.kind, found.min_zoom, found.max_zoom, *found.box,
             list(found.layers), found.tiles, at, account.name_zh, data),
        )  # fmt: skip
        detail = {"ground": name, "sha256": found.sha256.hex(), "size": len(data), "attribution": attribution}
        audit(conn, account, Action.PROVISION, at=at, origin=origin, detail=detail)


def remove_ground(conn: psycopg.Connection[Any], account: Account, *, at: dt.datetime, origin: str) -> bool:
    """Take the ground away; False where there was none. One transaction, audited. Raises NotPermittedError."""
    with conn.transaction():
        require_ground(conn, account)
        row = conn.execute("DELETE FROM ground_map RETURNING name, encode(sha256, 'hex')").fetchone()
        if row is not None:
            detail = {"ground removed": row[0], "sha256": row[1]}
            audit(conn, account, Action.PROVISION, at=at, origin=origin, detail=detail)
    return row is not None
