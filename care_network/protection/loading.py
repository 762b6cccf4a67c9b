"""Load the facts about homes from the database: registry, lines, open technical alerts, pauses."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection

from care_network.protection.hearing import Hearing
from care_network.protection.judging import Device, Gateway, Home, Trouble


class DeviceRow(msgspec.Struct, frozen=True):
    id: int
    gateway: int
    path: str
    """'gateway/device', as alerts name it."""
    model: str
    room: str
    wearer: int | None


class HomeRow(msgspec.Struct):
    """A home as it is registered."""

    area: int = 0
    gateways: list[int] = []
    devices: list[DeviceRow] = []
    residents: list[int] = []


Registry = dict[int, HomeRow]
"""By household."""

OWN_DEVICE = "gateway"
"""Model of the device that stands for the gateway's own health: it serves nobody."""


def registry(conn: Connection[Any], household: int | None = None) -> Registry:
    """All homes in which somebody lives, or one; synthetic ones are nobody's, who died or moved away is not there."""
    homes: Registry = defaultdict(HomeRow)
    only = {"home": household}
    for home, area, resident in conn.execute(
        "SELECT h.id, h.area_id, r.id FROM resident r JOIN household h ON h.id = r.household_id WHERE NOT h.synthetic"
        " AND r.gone IS NULL AND (%(home)s::int IS NULL OR h.id = %(home)s) ORDER BY r.id",
        only,
    ):
        homes[home].area = area
        homes[home].residents.append(resident)
    for home, gateway in conn.execute(
        "SELECT household_id, id FROM gateway WHERE %(home)s::int IS NULL OR household_id = %(home)s", only
    ):
        if home in homes:
            homes[home].gateways.append(gateway)
    for home, *row in conn.execute(
        "SELECT g.household_id, d.id, g.id, g.name || '/' || d.name, d.model, d.room, d.resident_id FROM device d"
        " JOIN gateway g ON g.id = d.gateway_id"
        " WHERE d.model <> %(own)s AND d.retired_at IS NULL AND (%(home)s::int IS NULL OR g.household_id = %(home)s)",
        {**only, "own": OWN_DEVICE},
    ):
        if home in homes:
            homes[home].devices.append(DeviceRow(*row))
    return dict(homes)


def learn(conn: Connection[Any], hearing: Hearing, homes: Registry) -> None:
    """Tell ``hearing`` which devices and series there are."""
    devices = {device.id for home in homes.values() for device in home.devices}
    series: list[tuple[int, int, str]] = conn.execute(
        "SELECT id, device_id, channel FROM series WHERE %(all)s OR device_id = ANY(%(devices)s)",
        {"all": len(homes) > 1, "devices": sorted(devices) if len(homes) <= 1 else []},
    ).fetchall()
    hearing.learn(devices, series)


class Now(msgspec.Struct, frozen=True):
    """Facts of this moment, of all homes or of one."""

    gateways: Mapping[int, Gateway]
    troubles: Mapping[str, Trouble]
    carers: Mapping[int, int]
    paused_homes: Mapping[int, int]
    paused_devices: Mapping[int, int]
    receiving: int
    """When the platform last stored anything of any home."""
    detecting: int | None = None
    """When the newest message that detection has handled had come; None: it has never told."""


def now_of(conn: Connection[Any], now: dt.datetime, household: int | None = None) -> Now:
    """Read it."""
    values = {"home": household, "now": now}
    lines = {
        row[0]: Gateway(row[1], row[2])
        for row in conn.execute(
            """
            SELECT g.id, coalesce(extract(epoch FROM greatest(s.at, CASE WHEN g.state = 'online' THEN g.state_at END)),
                               0)::bigint,
                   CASE WHEN g.state = 'offline' THEN extract(epoch FROM g.state_at)::bigint ELSE 0 END
            FROM gateway g LEFT JOIN (SELECT gateway_id, max(updated_at) AS at FROM ingest_stream
                                      WHERE epoch > 0 -- 0: of other systems, no sign of the gateway
                                        AND (%(home)s::int IS NULL OR gateway_id IN
                                            (SELECT id FROM gateway WHERE household_id = %(home)s))
                                      GROUP BY gateway_id) s ON s.gateway_id = g.id
            WHERE %(home)s::int IS NULL OR g.household_id = %(home)s
            """,
            values,
        )
    }
    return Now(
        lines, _troubles(conn, values), *_pauses(conn, values),
        max((line.contact for line in lines.values()), default=0) if household is None else _receiving(conn),
        _detecting(conn),
    )  # fmt: skip


def home_of(row: HomeRow, household: int, hearing: Hearing, now: Now) -> Home:
    """The facts of one home."""
    return Home(
        gateways={gateway: now.gateways[gateway] for gateway in row.gateways if gateway in now.gateways},
        devices=[_device(device, hearing, now) for device in row.devices],
        residents=row.residents,
        carer=now.carers.get(household),
        paused=now.paused_homes.get(household, 0),
    )


def _device(row: DeviceRow, hearing: Hearing, now: Now) -> Device:
    heard = hearing.devices[row.id]
    return Device(
        model=row.model, room=row.room, wearer=row.wearer, gateway=row.gateway, heard=heard.heard,
        unreachable=heard.unreachable, battery=heard.battery, moved=heard.moved, door=heard.door,
        trouble=now.troubles.get(row.path), paused=now.paused_devices.get(row.id, 0),
    )  # fmt: skip


def _receiving(conn: Connection[Any]) -> int:
    row = conn.execute("SELECT coalesce(extract(epoch FROM max(updated_at)), 0)::bigint FROM ingest_stream").fetchone()
    return row[0] if row else 0


def _detecting(conn: Connection[Any]) -> int | None:
    row = conn.execute("SELECT extract(epoch FROM max(handled_at))::bigint FROM alerting_worker").fetchone()
    return row[0] if row else None


_GRAVE = ("silent", "stuck", "fault", "low", "doubt")
"""Troubles by gravity: of several the first counts."""


def _troubles(conn: Connection[Any], values: dict[str, Any]) -> dict[str, Trouble]:
    """Open technical alerts about devices, by 'gateway/device'."""
    found: dict[str, Trouble] = {}
    for path, kind, event, at in conn.execute(
        """
        SELECT substr(a.subject, 8), a.evidence->>'kind', a.evidence->>'event', extract(epoch FROM a.onset)::bigint
        FROM alert a JOIN household h ON h.id = a.household_id
        WHERE a.severity = 'technical' AND alert_is_open(a.state) AND a.subject LIKE 'device:%%' AND NOT h.synthetic
          AND (%(home)s::int IS NULL OR h.id = %(home)s)
        """,
        values,
    ):
        code = _code(kind or "", event or "")
        if path not in found or _GRAVE.index(code) < _GRAVE.index(found[path].code):
            found[path] = Trouble(code, at)
    return found


def _code(kind: str, event: str) -> str:
    """The trouble that a technical alert tells of, by the kind of its evidence."""
    if kind == "silence":
        return "silent"
    if kind == "stuck_switch":
        return "stuck"
    if event:
        return "low" if event.startswith("battery") else "fault" if event.endswith("fault") else "stuck"
    return "doubt"


def _pauses(conn: Connection[Any], values: dict[str, Any]) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
    """Homes where a carer is, homes that are worked on, devices that are; each with its end."""
    carers: dict[int, int] = {}
    homes: dict[int, int] = {}
    devices: dict[int, int] = {}
    for kind, home, device, until in conn.execute(
        "SELECT kind, household_id, device_id, extract(epoch FROM until)::bigint FROM pause"
        " WHERE until > %(now)s AND since <= %(now)s AND ended_at IS NULL"
        " AND (%(home)s::int IS NULL OR household_id = %(home)s)",
        values,
    ):
        kept, key = (carers, home) if kind == "carer" else (homes, home) if device is None else (devices, device)
        kept[key] = max(kept.get(key, 0), until)
    for (home,) in conn.execute(
        """
        SELECT a.household_id FROM alert a JOIN household h ON h.id = a.household_id
        WHERE a.state = 'on_scene' AND alert_is_open(a.state) AND NOT h.synthetic
          AND (%(home)s::int IS NULL OR h.id = %(home)s)
        UNION SELECT household_id FROM work_order
        WHERE state = 'arrived' AND (%(home)s::int IS NULL OR household_id = %(home)s)
        """,
        values,
    ):
        carers.setdefault(home, 0)
    return carers, homes, devices
