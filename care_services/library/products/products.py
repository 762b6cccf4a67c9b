"""The catalogue of device models, with how many are in use here and how reliable they were.

Figures come from the roll-ups of the decision page (``figure_*``), which sum each area and month; what stands now comes
from the devices themselves. A figure says of how many device-months it is, and is unknown where those are too few or
where nobody could see whether the device worked.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, LiteralString

import msgspec
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_network.errors import NotFoundError
from care_network.upkeep.recent import Recent
from care_services.core.connected import Connected
from firmware_profiles.channels import CHANNELS, EVENTS
from firmware_profiles.devices import MODELS, DeviceModel

MONTHS = 12
"""Of the past, besides this one, that the figures sum."""
MONTH_S = 365.25 / 12 * 86_400
LEAST_DEVICE_MONTHS = 6.0
"""Below it a rate says nothing: half a year of one device."""
LEAST_SEEN = 0.5
"""Of the time that a device should have been heard: where less was seen, silence is unknown."""
BATTERY_LOW = 20
"""Per cent, as on the pages of devices."""
TRANSPORTS: Mapping[str, tuple[str, str]] = {
    "ble-gatt": ("蓝牙", "Bluetooth"), "zigbee2mqtt": ("Zigbee", "Zigbee"), "esphome": ("Wi-Fi", "Wi-Fi"),
    "imu-pendant": ("蓝牙挂坠", "Bluetooth pendant"), "serial-radar": ("串口", "serial line"),
    "gateway": ("网关本身", "the gateway itself"), "exchange": ("外部系统", "another system"),
}  # fmt: skip
_TOPICS: Mapping[str, frozenset[str]] = {
    "falls": frozenset({"fall_suspected", "fall_confirmed"}),
    "calls": frozenset({"sos_pressed", "sos_held"}),
    "hazards": frozenset({"smoke_detected", "gas_detected", "water_leak"}),
    "sleep": frozenset({"in_bed", "bed_exit"}),
}


_MOTION = ("运动信号（用于跌倒检测）", "motion, in which falls are looked for")


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A device model with what is known of it here."""

    model: str
    zh: str
    en: str
    maker: str
    name: str
    transport: str
    battery: bool
    wearable: bool
    in_use: int
    homes: int
    low_now: int
    """With a battery at BATTERY_LOW or below."""
    battery_known: int
    """Of those in use, whose charge is known."""
    device_months: float
    """That the figures are of: from its registration on, in the months summed."""
    silent_s: float
    unknown_s: float
    expected_s: float
    silent_devices: int
    """Device-months in which it was silent for a time."""
    alerts: int
    """Closed alerts of this model of which it is known what came of them."""
    false_alerts: int
    low_battery_alerts: int

    @property
    def enough(self) -> bool:
        """Whether there are device-months enough for a rate."""
        return self.device_months >= LEAST_DEVICE_MONTHS

    @property
    def false_rate(self) -> float | None:
        """False alarms a device-month; None: unknown."""
        return self.false_alerts / self.device_months if self.enough else None

    @property
    def silent_share(self) -> float | None:
        """Of the time that could be judged, the part in which it was silent; None: unknown."""
        seen = self.expected_s - self.unknown_s
        if not self.enough or self.expected_s <= 0 or seen / self.expected_s < LEAST_SEEN:
            return None
        return min(1.0, self.silent_s / seen)

    @property
    def unknown_share(self) -> float | None:
        """Of the time, the part in which nobody could see whether it worked; None: no time at all."""
        return self.unknown_s / self.expected_s if self.expected_s > 0 else None

    @property
    def low_rate(self) -> float | None:
        """Warnings of a low battery a device-year; None: unknown, or it has none."""
        return self.low_battery_alerts / self.device_months * 12 if self.enough and self.battery else None


class _Row(msgspec.Struct, frozen=True):
    model: str
    in_use: int
    homes: int
    low_now: int
    battery_known: int
    expected_s: float
    silent_s: float
    unknown_s: float
    silent_devices: int
    alerts: int
    false_alerts: int
    low_battery_alerts: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The things that a model measures and tells, in words."""

    measures: list[tuple[str, str]]
    tells: list[tuple[str, str]]
    topics: tuple[str, ...]


_FIGURES: LiteralString = """
    WITH mine AS MATERIALIZED (SELECT id FROM area WHERE path = %(area)s::ltree),
    below AS MATERIALIZED (SELECT id FROM area WHERE path <@ %(area)s::ltree),
    used AS (USED),
    heard AS (
        SELECT model, sum(expected_s) AS expected_s, sum(silent_s) AS silent_s, sum(unknown_s) AS unknown_s,
               sum(silent)::integer AS silent_devices
        FROM figure_model WHERE area_id IN (SELECT id FROM mine) AND month >= %(since)s GROUP BY model),
    told AS (
        SELECT key AS model, sum(n) FILTER (WHERE ending NOT IN ('open', 'unrecorded'))::integer AS alerts,
               sum(n) FILTER (WHERE ending = 'false')::integer AS false_alerts
        FROM figure_count WHERE area_id IN (SELECT id FROM mine) AND month >= %(since)s AND what = 'model'
        GROUP BY key),
    low AS (
        SELECT model, count(*)::integer AS low_battery_alerts
        FROM figure_alert WHERE month >= %(since)s AND rule = 'battery_low' AND model <> ''
          AND area_id IN (SELECT id FROM below) GROUP BY model)
    SELECT coalesce(u.model, h.model) AS model, coalesce(u.in_use, 0) AS in_use, coalesce(u.homes, 0) AS homes,
           coalesce(u.low_now, 0) AS low_now, coalesce(u.battery_known, 0) AS battery_known,
           coalesce(h.expected_s, 0) AS expected_s, coalesce(h.silent_s, 0) AS silent_s,
           coalesce(h.unknown_s, 0) AS unknown_s, coalesce(h.silent_devices, 0) AS silent_devices,
           coalesce(t.alerts, 0) AS alerts, coalesce(t.false_alerts, 0) AS false_alerts,
           coalesce(l.low_battery_alerts, 0) AS low_battery_alerts
    FROM used u FULL JOIN heard h ON h.model = u.model
    LEFT JOIN told t ON t.model = coalesce(u.model, h.model) LEFT JOIN low l ON l.model = coalesce(u.model, h.model)
"""


_USED: LiteralString = """
    SELECT model, sum(n)::integer AS in_use, count(*)::integer AS homes, sum(low)::integer AS low_now,
           sum(known)::integer AS battery_known
    FROM devices_counted(%(area)s::ltree, %(low)s) GROUP BY model
"""
_SUMMED: LiteralString = """
    SELECT model, devices AS in_use, homes, low_now, battery_known FROM figure_running
    WHERE area_id IN (SELECT id FROM mine) AND NOT of_version
"""
FRESH = dt.timedelta(minutes=15)
"""The sums of devices in use are made every five minutes; older ones are not taken for what is now."""
FOR_S = 300.0
"""Seconds for which counts of a whole area are kept: a catalogue, not what happens now."""
_COUNTED: Recent[list[Product]] = Recent(FOR_S)


def products(acting: Connected) -> list[Product]:
    """All models with their figures in the account's area: those in use first, the most of them at the head."""
    acting.require(Action.VIEW_CARE)
    with acting.conn.cursor(row_factory=class_row(_Row)) as cursor:
        query = _FIGURES.replace("USED", _SUMMED if running_at(acting) is not None else _USED)
        rows = {row.model: row for row in cursor.execute(query, _asks(acting)).fetchall()}
    found = [
        _product(model, rows.get(code))
        for code, model in MODELS.items()
        if model.transport not in ("gateway", "exchange")
    ]
    return sorted(found, key=lambda one: (-one.in_use, one.model))


def running_at(acting: Connected) -> dt.datetime | None:
    """When the devices in use in the account's area were summed; None: too long ago, or never: count them."""
    row = acting.conn.execute(
        "SELECT min(counted_at) FROM figure_running WHERE area_id = (SELECT id FROM area WHERE path = %s::ltree)",
        (acting.account.area_path,),
    ).fetchone()
    return None if row is None or row[0] is None or acting.now - row[0] > FRESH else row[0]


def recent(acting: Connected) -> list[Product]:
    """Give what :func:`products` gives, up to FOR_S old: a district has 90,000 devices to count."""
    acting.require(Action.VIEW_CARE)
    return _COUNTED.of(f"{acting.conn.info.dbname} {acting.account.area_path}", lambda: products(acting))


def product(acting: Connected, code: str) -> Product:
    """One model. Raises NotFoundError."""
    found = next((one for one in recent(acting) if one.model == code), None)
    if found is None:
        raise NotFoundError(en=f"there is no device model {code!r}", zh=f"没有设备型号 {code}", field="model")
    return found


class Month(msgspec.Struct, frozen=True):
    """A month of a model."""

    month: dt.date
    devices: int
    expected_s: float
    silent_s: float
    unknown_s: float
    false_alerts: int


def months(acting: Connected, code: str) -> list[Month]:
    """A model's months in the account's area, the newest first."""
    with acting.conn.cursor(row_factory=class_row(Month)) as cursor:
        return cursor.execute(
            """
            SELECT f.month, f.devices, f.expected_s, f.silent_s, f.unknown_s,
                   coalesce(sum(c.n), 0)::integer AS false_alerts
            FROM area a JOIN figure_model f ON f.area_id = a.id AND f.month >= %(since)s AND f.model = %(model)s
            LEFT JOIN figure_count c ON c.area_id = a.id AND c.month = f.month AND c.what = 'model' AND c.key = f.model
                AND c.ending = 'false'
            WHERE a.path = %(area)s::ltree
            GROUP BY f.month, f.devices, f.expected_s, f.silent_s, f.unknown_s ORDER BY f.month DESC
            """,
            {**_asks(acting), "model": code},
        ).fetchall()


def counted_at(acting: Connected) -> dt.datetime | None:
    """When the figures were counted; None: never."""
    row = acting.conn.execute("SELECT counted_at FROM figure_mark").fetchone()
    return None if row is None else row[0]


def facts_of(code: str) -> Facts:
    """Say what a model measures and tells. Pure."""
    model = MODELS[code]
    measured = sorted(channel for channel in model.channels if CHANNELS[channel].kind != "device")
    told = sorted({event for table in model.events.values() for event in table.values()})
    return Facts(
        measures=[(CHANNELS[one].zh, CHANNELS[one].en) for one in measured],
        tells=[*((_MOTION,) if model.has_imu else ()), *((EVENTS[one].zh, EVENTS[one].en) for one in told)],
        topics=_topics(model, {*measured, *told}),
    )


def _topics(model: DeviceModel, words: set[str]) -> tuple[str, ...]:
    found = {topic for topic, codes in _TOPICS.items() if words & codes}
    if model.has_imu:
        found.add("falls")
    if any(CHANNELS[channel].kind == "vital" for channel in model.channels):
        found.add("vital_signs")
    return tuple(sorted(found))


def _product(model: DeviceModel, row: _Row | None) -> Product:
    row = row or _Row(model.id, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0, 0, 0, 0)
    return Product(
        **msgspec.structs.asdict(row), zh=model.zh, en=model.label_en, maker=model.maker, name=model.name,
        transport=model.transport, battery=model.battery, wearable=model.wearable,
        device_months=row.expected_s / MONTH_S,
    )  # fmt: skip


def _asks(acting: Connected) -> dict[str, Any]:
    first = acting.today.replace(day=1)
    months = first.year * 12 + first.month - 1 - MONTHS
    return {"area": acting.account.area_path, "low": BATTERY_LOW, "since": dt.date(months // 12, months % 12 + 1, 1)}
