"""The registry: areas, households, residents and devices as one immutable picture for the other services.

Alerting stores the last one in a file, so that an alert finds its resident while the database is away.
"""

import datetime as dt
from typing import Any, LiteralString, TypeVar

import msgspec
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import class_row

from care_network.records.parameter_rows import Setting, current
from vocabulary.synthetic import AREA, PLATFORM_HOME

_T = TypeVar("_T")

FORMAT = 2
"""Raise it when a file of an older program could be misread."""


class Area(msgspec.Struct, frozen=True):
    """One of the five levels: city, district, street, community, compound."""

    path: str
    level: str
    name_zh: str
    name_en: str
    longitude: float | None
    latitude: float | None


class Household(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    code: str
    area_path: str
    """Its compound."""
    address_zh: str
    address_en: str
    phone: str
    longitude: float | None
    latitude: float | None


class Resident(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    code: str
    """Stable; part of every alert id."""
    household_id: int
    name_zh: str
    name_en: str
    sex: str
    """'female' or 'male'."""
    birth_date: dt.date
    home_care_bed: bool
    spo2_scale: int
    """NEWS2: 1, or 2 where prescribed."""
    on_oxygen: bool
    ability_grade: str | None = None
    """A code of ``ability.GRADES``; None: not assessed."""


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who died or moved away, and is no resident of the registry any more."""

    id: int
    name_zh: str
    name_en: str
    reason: str
    """'died', 'moved' or 'other'."""
    on: dt.date


class Gateway(msgspec.Struct, frozen=True):
    id: int
    name: str
    household_id: int


class Device(msgspec.Struct, frozen=True):
    id: int
    gateway: str
    name: str
    """As on the wire."""
    model: str
    room: str
    resident_id: int | None
    """The person it measures: its wearer, or the household's only resident. None where that is unknown, and for the
    gateway itself."""


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    """All of the registry. Dictionaries are for reading only."""

    areas: dict[str, Area]
    """By path."""
    households: dict[int, Household]
    residents: dict[int, Resident]
    """All who live there, as far as is known; not those who died or moved away."""
    gateways: dict[str, Gateway]
    """By name."""
    devices: dict[str, Device]
    """By 'gateway/device'."""
    tuning: list[Setting] = []
    """Parameters of the detectors that people set."""
    gone: dict[int, list[Gone]] = {}
    """Those who died or moved away, by household, the last first."""
    format: int = FORMAT

    def device(self, gateway: str, name: str) -> Device | None:
        """Find a device by its name on the wire; None where it is not registered."""
        return self.devices.get(f"{gateway}/{name}")

    def resident_of(self, gateway: str, device: str) -> Resident | None:
        """Find the person a device measures; None where it is not registered or watches several people."""
        found = self.device(gateway, device)
        return None if found is None or found.resident_id is None else self.residents.get(found.resident_id)


EMPTY = Registry(areas={}, households={}, residents={}, gateways={}, devices={})


def encode_registry(registry: Registry) -> bytes:
    """Encode as JSON. It holds names and addresses: keep the file private (0600)."""
    return msgspec.json.encode(registry)


def decode_registry(data: bytes) -> Registry:
    """Decode the bytes of :func:`encode_registry`. Raises ValueError, with the reason, on anything else."""
    try:
        registry = msgspec.json.decode(data, type=Registry)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not a kept registry: {error}") from error
    if registry.format != FORMAT:
        raise ValueError(f"a kept registry of format {registry.format}; this program reads {FORMAT}")
    return registry


def load_registry(conn: Connection[Any]) -> Registry:
    """Load the registry, as of one moment where the connection is not in a transaction yet."""
    fresh = conn.info.transaction_status == TransactionStatus.IDLE
    with conn.transaction():
        if fresh:
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return Registry(
            areas={row.path: row for row in _rows(conn, Area, _AREAS)},
            households={row.id: row for row in _rows(conn, Household, _HOUSEHOLDS)},
            residents={row.id: row for row in _rows(conn, Resident, _RESIDENTS)},
            gateways={row.name: row for row in _rows(conn, Gateway, _GATEWAYS)},
            devices={f"{row.gateway}/{row.name}": row for row in _rows(conn, Device, _DEVICES)},
            tuning=current(conn),
            gone=_gone(conn),
        )


def registry_stamp(conn: Connection[Any]) -> str:
    """A text that differs after every change made through the care network; cheaper to read than the registry."""
    row = conn.execute(_STAMP).fetchone()
    assert row is not None  # noqa: S101 - one row by its form
    return str(row[0])


_STAMP = """
    SELECT concat_ws(' ',
        (SELECT (count(*), sum(version), max(id))::text FROM area),
        (SELECT (count(*), sum(version), max(id))::text FROM household),
        (SELECT (count(*), sum(version), max(id), count(gone), sum(gone_on - date '2000-01-01'))::text FROM resident),
        (SELECT (count(*), sum(version), max(id))::text FROM gateway),
        (SELECT (count(*), sum(version), max(id))::text FROM device),
        (SELECT (count(*), max(id))::text FROM parameter_change))
"""
_AREAS = "SELECT path::text, level, name_zh, name_en, longitude, latitude FROM area ORDER BY path"
_HOUSEHOLDS = """
    SELECT h.id, h.code, a.path::text AS area_path, h.address_zh, h.address_en, h.phone,
           coalesce(h.longitude, a.longitude) AS longitude, coalesce(h.latitude, a.latitude) AS latitude
    FROM household h JOIN area a ON a.id = h.area_id ORDER BY h.id
"""
_RESIDENTS = """
    SELECT id, code, household_id, name_zh, name_en, sex, birth_date, home_care_bed, spo2_scale, on_oxygen,
           ability_grade
    FROM resident WHERE gone IS NULL ORDER BY code
"""
_GONE = """
    SELECT household_id, id, name_zh, name_en, gone, gone_on FROM resident WHERE gone IS NOT NULL
    ORDER BY household_id, gone_on DESC, id
"""
_GATEWAYS = "SELECT id, name, household_id FROM gateway ORDER BY name"
_DEVICES = """
    SELECT d.id, g.name AS gateway, d.name, d.model, d.room,
           CASE WHEN d.model <> 'gateway' THEN coalesce(worn.id, alone.resident_id) END AS resident_id
    FROM device d
    JOIN gateway g ON g.id = d.gateway_id AND d.retired_at IS NULL
    LEFT JOIN resident worn ON worn.id = d.resident_id AND worn.gone IS NULL
    LEFT JOIN (SELECT household_id, min(id) AS resident_id FROM resident WHERE gone IS NULL GROUP BY household_id
               HAVING count(*) = 1) AS alone ON alone.household_id = g.household_id
    ORDER BY g.name, d.name
"""


def _rows(conn: Connection[Any], kind: type[_T], query: LiteralString) -> list[_T]:
    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query).fetchall()


def _gone(conn: Connection[Any]) -> dict[int, list[Gone]]:
    found: dict[int, list[Gone]] = {}
    for home, number, zh, en, reason, on in conn.execute(_GONE):
        found.setdefault(home, []).append(Gone(id=number, name_zh=zh, name_en=en, reason=reason, on=on))
    return found


def gateway_names(conn: Connection[Any]) -> set[str]:
    return {row[0] for row in conn.execute("SELECT name FROM gateway")}


def area_exists(conn: Connection[Any], path: str) -> bool:
    return conn.execute("SELECT FROM area WHERE path::text = %s", (path,)).fetchone() is not None


def count_by_area(conn: Connection[Any], under: str | None) -> list[tuple[str, str, str, str, int, int]]:
    """Path, Chinese and English name, level, homes and residents of each area, or of those ``under`` an area."""
    return conn.execute(
        """
        SELECT a.path::text, a.name_zh, a.name_en, a.level,
               (SELECT count(*) FROM household h JOIN area b ON b.id = h.area_id
                WHERE b.path <@ a.path AND h.code <> %(platform)s),
               (SELECT count(*) FROM resident r JOIN household h ON h.id = r.household_id
                JOIN area b ON b.id = h.area_id WHERE b.path <@ a.path AND r.gone IS NULL)
        FROM area a
        WHERE (%(under)s::ltree IS NULL OR a.path <@ %(under)s::ltree) AND NOT a.path <@ %(synthetic)s::ltree
        ORDER BY a.path
        """,
        {"under": under, "synthetic": AREA, "platform": PLATFORM_HOME},
    ).fetchall()


def count_staff(conn: Connection[Any], under: str | None) -> list[tuple[str, str, str, str, int, bool]]:
    """Area, code, Chinese and English name, active staff of each organisation, and whether it is active itself."""
    return conn.execute(
        """
        SELECT a.path::text, o.code, o.name_zh, o.name_en, count(s.id) FILTER (WHERE s.active), o.active
        FROM organisation o JOIN area a ON a.id = o.area_id LEFT JOIN staff s ON s.organisation_id = o.id
        WHERE %(under)s::ltree IS NULL OR a.path <@ %(under)s::ltree
        GROUP BY a.path, o.id ORDER BY a.path, o.code
        """,
        {"under": under},
    ).fetchall()
