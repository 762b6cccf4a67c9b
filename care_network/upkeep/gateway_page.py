"""One gateway with its devices: what each last said, how its battery went, what it protects whom against."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row, dict_row

from care_network.access.accounts import Account
from care_network.protection.functions import WORDS, Function, serves
from care_network.protection.hearing import OF_OTHERS
from care_network.upkeep.gateways import Clock, Standing, clock_of, receiving, standing_of
from care_network.upkeep.scope import GatewayRow, gateway_of
from firmware_profiles.devices import MODELS
from vocabulary.labels import room_of

COURSE = dt.timedelta(days=60)
"""Of a battery; most last for a year or more."""
HEARD_BACK = dt.timedelta(days=30)
OWN_MODEL = "gateway"
FAULTS = ("device_fault", "battery_low", "button_test_due", "buffer_unwritable", "readings_lost", "device_clock_off")
"""Kinds of events that whoever repairs things wants to see."""
FAULTS_SHOWN = 30


class Person(msgspec.Struct, frozen=True):
    """A resident of the gateway's home."""

    id: int
    code: str
    zh: str
    en: str


class Device(msgspec.Struct, kw_only=True):
    """One device of the gateway, retired ones too."""

    id: int
    name: str
    model: str
    room: str
    resident_id: int | None
    version: int
    retired_at: dt.datetime | None
    retired_why: str
    replaced_by: str | None
    firmware: str | None
    """Version of its own program; None: nobody told one."""
    heard_at: dt.datetime | None = None
    """Its newest reading or event within HEARD_BACK."""
    battery: float | None = None
    battery_at: dt.datetime | None = None
    signal: float | None = None
    unreachable: bool = False
    course: list[tuple[dt.datetime, float]] = []
    """Battery by day, %."""

    @property
    def functions(self) -> list[Function]:
        """The dangers it protects against, in the order of the picture."""
        able = serves(self.model, self.room)
        return [] if able is None or self.retired_at else [one for one in Function if one in able.functions()]

    @property
    def has_battery(self) -> bool:
        """Whether its model tells of a battery; of an unknown model it may."""
        return self.model not in MODELS or MODELS[self.model].battery

    @property
    def proven(self) -> bool | None:
        """Whether its firmware is one that is known to work with us; None: not told, or the model names none."""
        known = MODELS[self.model].firmware if self.model in MODELS else ()
        return self.firmware in known if known and self.firmware else None

    @property
    def points(self) -> str:
        """The course as points of an SVG line, 160 × 32; empty for less than two days."""
        if len(self.course) < 2:
            return ""
        first, last = self.course[0][0], self.course[-1][0]
        span = max((last - first).total_seconds(), 1.0)
        return " ".join(
            f"{160 * (at - first).total_seconds() / span:.1f},{32 - 32 * min(100.0, max(0.0, value)) / 100:.1f}"
            for at, value in self.course
        )


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a device or the gateway told of itself."""

    at: dt.datetime
    device: str
    kind: str
    detail: dict[str, Any]


class GatewayPage(msgspec.Struct, frozen=True, kw_only=True):
    """All about one gateway."""

    row: GatewayRow
    address_zh: str
    address_en: str
    standing: Standing
    state: str
    state_at: dt.datetime | None
    contact: dt.datetime | None
    status: dict[str, Any]
    """As the gateway last told it; empty: never."""
    people: list[Person]
    devices: list[Device]
    retired: list[Device]
    faults: list[Fault]
    revoked: bool

    @property
    def clock(self) -> Clock:
        """How far its clock can be trusted."""
        status = self.status
        return clock_of(status.get("clock_synced"), self.state, status.get("time_us"), self.state_at)

    @property
    def certificate_until(self) -> dt.datetime | None:
        """End of its certificate; None: it has none, or does not tell."""
        until = self.status.get("certificate_until_us") or 0
        return dt.datetime.fromtimestamp(until / 1e6, dt.UTC) if until else None

    def person(self, number: int | None) -> Person | None:
        """The resident of that row."""
        return next((one for one in self.people if one.id == number), None)


def load(conn: Connection[Any], account: Account, name: str, now: dt.datetime) -> GatewayPage:
    """Load it. Raises NotFoundError for a gateway outside the account's area."""
    row = gateway_of(conn, account, name)
    with conn.cursor(row_factory=dict_row) as cursor:
        facts = cursor.execute(
            """
            SELECT g.state, g.state_at, g.status, h.address_zh, h.address_en,
                   greatest((SELECT max(updated_at) FROM ingest_stream i WHERE i.gateway_id = g.id),
                            CASE WHEN g.state = 'online' THEN g.state_at END) AS contact,
                   EXISTS (SELECT FROM revoked_identity v WHERE v.identity = g.name) AS revoked
            FROM gateway g JOIN household h ON h.id = g.household_id WHERE g.id = %s
            """,
            (row.id,),
        ).fetchone()
    assert facts is not None  # noqa: S101 - found above
    found = _devices(conn, row.id)
    _hear(conn, found, now)
    return GatewayPage(
        row=row,
        address_zh=facts["address_zh"],
        address_en=facts["address_en"],
        standing=standing_of(facts["state"], facts["contact"], receiving(conn), now),
        state=facts["state"],
        state_at=facts["state_at"],
        contact=facts["contact"],
        status=facts["status"] or {},
        people=people_of(conn, row.household_id),
        devices=[one for one in found if one.retired_at is None],
        retired=[one for one in found if one.retired_at is not None],
        faults=_faults(conn, row.id, now),
        revoked=facts["revoked"],
    )


def people_of(conn: Connection[Any], household_id: int) -> list[Person]:
    """The residents of one home."""
    with conn.cursor(row_factory=class_row(Person)) as cursor:
        return cursor.execute(
            "SELECT id, code, name_zh AS zh, name_en AS en FROM resident WHERE household_id = %s ORDER BY id",
            (household_id,),
        ).fetchall()


def _devices(conn: Connection[Any], gateway_id: int) -> list[Device]:
    with conn.cursor(row_factory=class_row(Device)) as cursor:
        return cursor.execute(
            """
            SELECT d.id, d.name, d.model, d.room, d.resident_id, d.version, d.retired_at, d.retired_why,
                   after.name AS replaced_by, f.version AS firmware
            FROM device d LEFT JOIN device after ON after.id = d.replaced_by
            LEFT JOIN device_firmware f ON f.device_id = d.id
            WHERE d.gateway_id = %s ORDER BY d.model = 'gateway' DESC, d.room, d.name
            """,
            (gateway_id,),
        ).fetchall()


def _hear(conn: Connection[Any], devices: Sequence[Device], now: dt.datetime) -> None:
    by_id = {one.id: one for one in devices}
    values = {"devices": list(by_id), "since": now - HEARD_BACK, "until": now + dt.timedelta(minutes=5)}
    for device, channel, at, value in conn.execute(
        """
        SELECT s.device_id, s.channel, r.time, r.value FROM series s CROSS JOIN LATERAL (
            SELECT time, value FROM newest_readings(s.id, %(since)s, %(until)s, 1)) r
        WHERE s.device_id = ANY(%(devices)s)
        """,
        values,
    ):
        one = by_id[device]
        if channel == "reachable":
            one.unreachable = value < 0.5
            continue
        one.heard_at = max(one.heard_at or at, at)
        if channel == "battery":
            one.battery, one.battery_at = value, at
        elif channel in ("signal_strength", "signal_quality"):
            one.signal = value
    for device, at in conn.execute(
        "SELECT d.id, e.time FROM unnest(%(devices)s::int[]) AS d(id) CROSS JOIN LATERAL ("
        " SELECT time FROM event WHERE device_id = d.id AND time > %(since)s AND time <= %(until)s"
        " AND kind <> ALL(%(others)s) ORDER BY time DESC LIMIT 1) e",
        {**values, "others": sorted(OF_OTHERS)},
    ):
        by_id[device].heard_at = max(by_id[device].heard_at or at, at)
    for device, course in _courses(conn, devices, now).items():
        by_id[device].course = course


def _courses(
    conn: Connection[Any], devices: Iterable[Device], now: dt.datetime
) -> Mapping[int, list[tuple[dt.datetime, float]]]:
    series: list[tuple[int, int]] = conn.execute(
        "SELECT id, device_id FROM series WHERE channel = 'battery' AND device_id = ANY(%s)",
        ([one.id for one in devices],),
    ).fetchall()
    owner = dict(series)
    found: dict[int, list[tuple[dt.datetime, float]]] = defaultdict(list)
    if owner:
        for number, day, mean in conn.execute(
            "SELECT series_id, date_trunc('day', time), (sum(mean * n) / sum(n))::float8"
            " FROM reading_hours(%s::int[], %s, %s) GROUP BY 1, 2 ORDER BY 2",
            (list(owner), now - COURSE, now),
        ):
            found[owner[number]].append((day, mean))
    return found


def _faults(conn: Connection[Any], gateway_id: int, now: dt.datetime) -> list[Fault]:
    with conn.cursor(row_factory=class_row(Fault)) as cursor:
        return cursor.execute(
            """
            SELECT e.time AS at, d.name AS device, e.kind, coalesce(e."values", '{}') AS detail
            FROM device d JOIN event e ON e.device_id = d.id AND e.kind = ANY(%s) AND e.time > %s
            WHERE d.gateway_id = %s ORDER BY e.time DESC LIMIT %s
            """,
            (list(FAULTS), now - dt.timedelta(days=14), gateway_id, FAULTS_SHOWN),
        ).fetchall()


class Loss(msgspec.Struct, frozen=True):
    """A danger against which a resident is no longer protected, or by other devices, when a device is gone."""

    person: Person
    function: Function
    room: str
    others: tuple[str, ...] = ()
    """Names of devices that still serve it."""

    @property
    def zh(self) -> str:
        """The sentence in Chinese."""
        room = room_of(self.room)[0]
        what = WORDS[self.function][0] + (f"（{room}）" if room else "")
        if self.others:
            return f"{self.person.zh}的“{what}”守护仍由{'、'.join(self.others)}提供。"
        return f"{self.person.zh}将不再有“{what}”守护。"

    @property
    def en(self) -> str:
        """The sentence in English."""
        room = room_of(self.room)[1]
        what = WORDS[self.function][1].lower() + (f" ({room})" if room else "")
        if self.others:
            return f"{self.person.en} stays protected against: {what}, by {', '.join(self.others)}."
        return f"{self.person.en} will no longer be watched for: {what}."


def losses(page: GatewayPage, device: Device, others: Sequence[Device]) -> list[Loss]:
    """List the losses that come with a device out of use. ``others``: all devices of the home that stay in use."""
    found = []
    for person in page.people:
        if device.resident_id not in (None, person.id):
            continue
        for function in device.functions:
            left = tuple(
                one.name
                for one in others
                if one.id != device.id and one.resident_id in (None, person.id) and function in one.functions
            )
            found.append(Loss(person, function, device.room, left))
    return found


def devices_of_home(conn: Connection[Any], household_id: int) -> list[Device]:
    """The devices in use of all gateways of a home."""
    with conn.cursor(row_factory=class_row(Device)) as cursor:
        return cursor.execute(
            "SELECT d.id, d.name, d.model, d.room, d.resident_id, d.version, d.retired_at, d.retired_why,"
            " NULL AS replaced_by, NULL AS firmware FROM device d JOIN gateway g ON g.id = d.gateway_id"
            " WHERE g.household_id = %s AND d.retired_at IS NULL ORDER BY d.id",
            (household_id,),
        ).fetchall()


def device_named(page: GatewayPage, name: str) -> Device | None:
    """The device of that name, retired or not."""
    return next((one for one in (*page.devices, *page.retired) if one.name == name), None)


__all__ = ["OWN_MODEL", "Device", "GatewayPage", "Loss", "device_named", "devices_of_home", "load", "losses"]
