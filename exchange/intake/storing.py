"""Take readings in, each once, and hand them on as frames of the home's gateway; refused ones go to the quarantine.

All of it is the caller's transaction: a reading that was answered as taken is on its way, whatever dies.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import psycopg

from exchange.fhir.search import number_of
from exchange.intake.reading import Measured, Refused, unknown_patient, us_of
from firmware_profiles import wire
from ingest.quarantine.quarantine import Quarantine
from ingest.quarantine.refusals import Code, Refusal

MODEL = "external-system"
LOCK = 0x45584348  # "EXCH"
_SPAN_US = 40 * 86_400 * 1_000_000
"""Of one frame; the format has 49 days."""


class Taken(msgspec.Struct, frozen=True):
    """Outcome of an observation: its number (series and time), and whether it was there before."""

    outcome: Literal["new", "repeated"]
    id: str
    resident_id: int


class Place(msgspec.Struct, frozen=True):
    """Where a resident's readings of another system belong: the home's gateway, and a device made for that system."""

    resident_id: int
    gateway_id: int
    gateway: str
    device_id: int
    device: str


def place_of(conn: psycopg.Connection[Any], token: int, login: str, patient: str) -> Place:
    """The place of a resident whom the token may bring readings for; the device is registered with the first one.

    Raises Refused.
    """
    number = number_of(patient.removeprefix("Patient/")) if patient.startswith("Patient/") else None
    row = conn.execute(
        """
        SELECT r.id, g.id, g.name FROM exchange_residents(%s) p JOIN resident r ON r.id = p.resident_id
        LEFT JOIN LATERAL (SELECT id, name FROM gateway WHERE household_id = p.household_id ORDER BY id LIMIT 1) g
            ON true
        WHERE r.id = %s OR r.code = %s
        """,
        (token, number, patient),
    ).fetchone()
    if row is None:
        raise unknown_patient()
    if row[1] is None:
        raise Refused(
            Code.UNKNOWN_GATEWAY,
            "该住户没有登记网关，请先登记",
            "the home has no gateway: register one before other systems bring readings for it",
        )
    name = f"ext-{login[:40]}-{row[0]}"
    found = conn.execute(
        "SELECT d.id, g.id, g.name FROM device d JOIN gateway g ON g.id = d.gateway_id"
        " WHERE d.name = %s AND d.resident_id = %s AND d.model = %s ORDER BY d.id DESC LIMIT 1",
        (name, row[0], MODEL),
    ).fetchone()
    if found is None:
        made = conn.execute(
            "INSERT INTO device (gateway_id, name, model, resident_id) VALUES (%s, %s, %s, %s) RETURNING id",
            (row[1], name, MODEL, row[0]),
        ).fetchone()
        found = (made[0] if made else 0, row[1], row[2])
    return Place(row[0], found[1], found[2], found[0], name)


class Intake:
    """Takes the readings of one request. ``now``: its arrival."""

    def __init__(self, conn: psycopg.Connection[Any], token: int, account: int, login: str, now: dt.datetime) -> None:
        self._conn, self._token, self._account, self._login, self.now = conn, token, account, login, now
        self._places: dict[str, Place] = {}
        self._fresh: dict[tuple[int, str], list[tuple[str, str, int, float]]] = {}
        """By gateway: (device, channel, µs, value) of what is new."""
        self.refusals: list[Refusal] = []
        # one request of a system at a time: two that bring the same would both find nothing
        conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", (LOCK, account))

    @property
    def now_us(self) -> int:
        """µs since 1970."""
        return us_of(self.now)

    def take(self, values: Sequence[Measured]) -> Taken:
        """Take the values of one observation. Raises Refused where one cannot be taken; then none of them is."""
        place = self._place(values[0].patient)
        known = [self._known(place, one) for one in values]
        number = ""
        for one, before in zip(values, known, strict=True):
            series = before if before is not None else self._store(place, one)
            number = number or f"{series}-{one.time_us}"
        return Taken("repeated" if all(one is not None for one in known) else "new", number, place.resident_id)

    def refuse(self, refused: Refused, payload: bytes) -> None:
        """Put what was sent into the quarantine, at :meth:`finish`."""
        self.refusals.append(
            Refusal(
                topic=f"exchange/{self._login}", gateway=None, code=refused.code, reason=refused.en, payload=payload,
                size=len(payload), readings=1,
            )
        )  # fmt: skip

    def finish(self, quarantine: Quarantine) -> None:
        """Write the frames of all that is new, and the refusals."""
        for (gateway_id, gateway), readings in sorted(self._fresh.items()):
            self._write_frames(gateway_id, gateway, readings)
        with self._conn.cursor() as cursor:
            quarantine.store(cursor, self.refusals)

    def forget(self) -> None:
        """Drop what is new: the caller takes its rows back."""
        self._fresh.clear()
        self._places.clear()

    def _place(self, patient: str) -> Place:
        if patient not in self._places:
            self._places[patient] = place_of(self._conn, self._token, self._login, patient)
        return self._places[patient]

    def _known(self, place: Place, one: Measured) -> int | None:
        """The series of the same reading where it was stored before. Raises Refused for another one in its place."""
        with self._conn.cursor() as cursor:
            rows = cursor.execute(
                """
                SELECT series_id, resident_id, time, value FROM exchange_observation
                WHERE account_id = %(account)s AND channel = %(channel)s
                  AND (resident_id = %(resident)s AND time = %(time)s OR identifier = %(identifier)s)
                """,
                {
                    "account": self._account, "channel": one.channel, "resident": place.resident_id,
                    "time": _at(one.time_us), "identifier": one.identifier,
                },
            ).fetchall()  # fmt: skip
        for _, resident, time, value in rows:
            same = (resident, us_of(time)) == (place.resident_id, one.time_us)
            same = same and np.float32(value) == np.float32(one.value)
            if not same:
                raise Refused(
                    Code.CONTRADICTION,
                    "同一标识或同一时刻已有不同的数值",
                    "another value was stored for this identifier, or for this channel and time",
                )
        return None if not rows else int(rows[0][0])

    def _store(self, place: Place, one: Measured) -> int:
        row = self._conn.execute(
            "INSERT INTO series (device_id, channel) VALUES (%s, %s)"
            " ON CONFLICT (device_id, channel) DO UPDATE SET channel = EXCLUDED.channel RETURNING id",
            (place.device_id, one.channel),
        ).fetchone()
        series = int(row[0]) if row else 0
        self._conn.execute(
            """
            INSERT INTO exchange_observation (account_id, token_id, resident_id, series_id, channel, time, value,
                                              identifier, received_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            (
                self._account, self._token, place.resident_id, series, one.channel, _at(one.time_us), one.value,
                one.identifier, self.now,
            ),
        )  # fmt: skip
        readings = self._fresh.setdefault((place.gateway_id, place.gateway), [])
        readings.append((place.device, one.channel, one.time_us, one.value))
        return series

    def _write_frames(self, gateway_id: int, gateway: str, readings: list[tuple[str, str, int, float]]) -> None:
        readings.sort(key=lambda one: one[2])
        begin = 0
        while begin < len(readings):
            base_us = readings[begin][2]
            end = begin
            while end < len(readings) and readings[end][2] - base_us <= _SPAN_US:
                end += 1
            self._write_frame(gateway_id, gateway, base_us, readings[begin:end])
            begin = end

    def _write_frame(
        self, gateway_id: int, gateway: str, base_us: int, readings: list[tuple[str, str, int, float]]
    ) -> None:
        series: dict[tuple[str, str], tuple[list[int], list[float]]] = {}
        for device, channel, time_us, value in readings:
            times, values = series.setdefault((device, channel), ([], []))
            times.append(time_us)
            values.append(value)
        row = self._conn.execute(
            "INSERT INTO exchange_stream AS s (gateway_id, seq) VALUES (%s, 1)"
            " ON CONFLICT (gateway_id) DO UPDATE SET seq = s.seq + 1 RETURNING seq",
            (gateway_id,),
        ).fetchone()
        frame = wire.Frame(
            wire.VERSION, gateway, wire.EXCHANGE_EPOCH, wire.EXCHANGE_EPOCH, "live", int(row[0]) if row else 1, base_us,
            [
                wire.make_series(device, channel, base_us, np.array(times, np.int64), np.array(values, np.float32))
                for (device, channel), (times, values) in series.items()
            ],
        )  # fmt: skip
        self._conn.execute(
            "INSERT INTO exchange_frame (topic, payload, created_at) VALUES (%s, %s, %s)",
            (wire.topic(gateway, "observations"), wire.encode(frame), self.now),
        )


def _at(us: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=us)
