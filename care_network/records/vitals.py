"""Read what a home's devices measured of a resident: newest values, charts, devices, what is known now."""

import datetime as dt
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
import psycopg
from psycopg.rows import dict_row

from firmware_profiles.channels import CHANNELS
from firmware_profiles.devices import MODELS

CHARTED = ("heart_rate", "spo2", "respiration_rate", "systolic_bp", "body_temperature")
PAIRS = {"systolic_bp": "diastolic_bp"}
"""Channels that are one measurement with another: both stand in one chart."""


class Level(msgspec.Struct, frozen=True):
    """The source of charts of up to this length, and its step: about a thousand points at any length."""

    up_to: dt.timedelta
    source: str
    step: dt.timedelta


LEVELS = (
    Level(dt.timedelta(hours=1), "reading", dt.timedelta(0)),
    Level(dt.timedelta(days=2), "reading_minutes", dt.timedelta(minutes=1)),
    Level(dt.timedelta(days=10), "reading_minutes", dt.timedelta(minutes=10)),
    Level(dt.timedelta(days=60), "reading_hours", dt.timedelta(hours=1)),
    Level(dt.timedelta.max, "reading_hours", dt.timedelta(hours=8)),
)


def series_of(conn: psycopg.Connection[Any], resident_id: int, channel: str | None = None) -> list[dict[str, Any]]:
    """Series of this resident: those of worn devices, and of the household's if nobody else lives there."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT s.id, s.channel, d.name AS device, d.model, d.room
            FROM (
                SELECT r.id, r.household_id,
                       (SELECT count(*) FROM resident other WHERE other.household_id = r.household_id) = 1 AS alone
                FROM resident r WHERE r.id = %s OFFSET 0
            ) r JOIN gateway g ON g.household_id = r.household_id
            JOIN device d ON d.gateway_id = g.id JOIN series s ON s.device_id = d.id
            WHERE (%s::text IS NULL OR s.channel = %s) AND (d.resident_id = r.id OR d.resident_id IS NULL AND r.alone)
            """,
            (resident_id, channel, channel),
        ).fetchall()


def newest(conn: psycopg.Connection[Any], sensed: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest value of each vital sign in the last day: channel, value, time. ``sensed``: of :func:`series_of`."""
    series = {row["id"]: row["channel"] for row in sensed if CHANNELS[row["channel"]].kind == "vital"}
    if not series:
        return []
    rows = conn.execute(
        """
        SELECT s.id, r.time, r.value FROM unnest(%s::int[]) AS s(id) CROSS JOIN LATERAL (
            SELECT time, value FROM newest_readings(s.id, now() - INTERVAL '1 day', 'infinity', 1)) r
        """,
        (list(series),),
    ).fetchall()
    found: dict[str, dict[str, Any]] = {}
    for series_id, time, value in rows:
        channel = series[series_id]
        if channel not in found or time > found[channel]["time"]:
            found[channel] = {"channel": channel, "value": value, "time": time}
    return [found[code] for code in CHANNELS if code in found]


def chart(
    conn: psycopg.Connection[Any], resident_id: int, channel: str, since: dt.datetime, until: dt.datetime
) -> dict[str, Any]:
    """Columns for a chart: time (s since 1970), mean, low, high; readings, minutes or hours by its length.

    Beside them ``n``, how many readings they come from, ``of_all``, the mean of all of these, and ``step_s``, over how
    long each mean goes (0: each is a reading). Where readings are kept no longer the minutes are shown, and then the
    hours.
    """
    series = [row["id"] for row in series_of(conn, resident_id, channel)]
    fitting = [level for level in LEVELS if until - since <= level.up_to]
    rows: list[tuple[Any, ...]] = []
    step = dt.timedelta(0)
    for level in fitting:
        rows, step = _points(conn, series, level, since, until), level.step
        if rows:
            break
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], [], []]
    n = sum(columns[4])
    return {
        "n": int(n),
        "of_all": round(float(sum(m * k for m, k in zip(columns[1], columns[4], strict=True)) / n), 2) if n else None,
        "step_s": round(step.total_seconds()),
        "time": columns[0],
        "mean": [round(float(value), 2) for value in columns[1]],
        "low": columns[2],
        "high": columns[3],
    }


def _points(
    conn: psycopg.Connection[Any], series: list[int], level: Level, since: dt.datetime, until: dt.datetime
) -> list[tuple[Any, ...]]:
    """(s since 1970, mean, low, high, readings) of each step that has any."""
    if level.source == "reading":
        return conn.execute(
            """
            SELECT extract(epoch FROM time)::double precision, avg(value), min(value), max(value), count(*)
            FROM unnest(%s::int[]) AS s (id) CROSS JOIN LATERAL readings(s.id, %s, %s)
            GROUP BY time ORDER BY time
            """,
            (series, since, until),
        ).fetchall()
    return conn.execute(
        f"""
        SELECT extract(epoch FROM date_bin(%s, time, timestamptz '2000-01-01 00:00:00+00'))::bigint AS at,
               sum(mean * n) / sum(n), min(low), max(high), sum(n)::bigint
        FROM {level.source}(%s::int[], %s, %s) GROUP BY at ORDER BY at
        """,  # noqa: S608 - one of two fixed names
        (level.step, series, since, until),
    ).fetchall()


def devices(conn: psycopg.Connection[Any], resident_id: int) -> list[dict[str, Any]]:
    """The household's devices and when each was last heard (a reading or an event of the last week)."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT d.name, d.model, d.room, g.name AS gateway, g.state, g.state_at,
                   greatest(
                       (SELECT max(l.time) FROM series s CROSS JOIN LATERAL (
                            SELECT time FROM newest_readings(s.id, now() - INTERVAL '7 days', 'infinity', 1)) l
                        WHERE s.device_id = d.id),
                       (SELECT max(e.time) FROM event e WHERE e.device_id = d.id)) AS heard_at
            FROM resident r JOIN gateway g ON g.household_id = r.household_id JOIN device d ON d.gateway_id = g.id
            WHERE r.id = %s AND (d.resident_id IS NULL OR d.resident_id = r.id) AND d.retired_at IS NULL
            ORDER BY d.room, d.name
            """,
            (resident_id,),
        ).fetchall()


def usual(conn: psycopg.Connection[Any], resident_id: int, now: dt.datetime) -> dict[str, tuple[float, float]]:
    """The person's own usual range by channel: between which nine of ten hourly means of two weeks lie.

    Only channels that were measured on at least ``USUAL_LEAST_DAYS`` days; an absent one is not known.
    """
    series = {row["id"]: row["channel"] for row in series_of(conn, resident_id) if row["channel"] in _USUAL_CHANNELS}
    if not series:
        return {}
    rows = conn.execute(
        """
        SELECT s.channel, percentile_cont(ARRAY[0.05, 0.95]) WITHIN GROUP (ORDER BY h.mean),
               count(DISTINCT date_trunc('day', h.time AT TIME ZONE 'Asia/Shanghai'))
        FROM reading_hours(%s::int[], %s::timestamptz - INTERVAL '14 days', %s) h JOIN series s ON s.id = h.series_id
        GROUP BY s.channel
        """,
        (list(series), now, now),
    ).fetchall()
    return {channel: (low, high) for channel, (low, high), days in rows if days >= USUAL_LEAST_DAYS}


USUAL_LEAST_DAYS = 3
USUAL_LIFETIME, USUAL_MOST = dt.timedelta(minutes=15), 2000
_USUAL_CHANNELS = frozenset(
    ("heart_rate", "spo2", "respiration_rate", "systolic_bp", "diastolic_bp", "body_temperature", "weight", "glucose")
)


class UsualRanges:
    """The ranges of those who were looked at lately, for pages that ask every few seconds. Threads share it."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[dt.datetime, dict[str, tuple[float, float]]]] = {}
        self._lock = threading.Lock()

    def of(self, conn: psycopg.Connection[Any], resident_id: int, now: dt.datetime) -> dict[str, tuple[float, float]]:
        """As :func:`usual`, of this moment or up to USUAL_LIFETIME ago."""
        with self._lock:
            known = self._known.get(resident_id)
        if known is not None and now - known[0] < USUAL_LIFETIME:
            return known[1]
        ranges = usual(conn, resident_id, now)
        with self._lock:
            self._known.pop(resident_id, None)
            self._known[resident_id] = (now, ranges)
            while len(self._known) > USUAL_MOST:
                self._known.pop(next(iter(self._known)))
        return ranges


State = Literal["good", "bad", "unknown"]
"""Standing of a thing: it is as it should be, it is not, or nobody can say; old knowledge is "unknown"."""
FRESH: Mapping[str, dt.timedelta] = {
    "heart_rate": dt.timedelta(minutes=15),
    "spo2": dt.timedelta(minutes=15),
    "respiration_rate": dt.timedelta(minutes=15),
    "motion": dt.timedelta(minutes=30),
    "in_bed": dt.timedelta(minutes=15),
    "gateway": dt.timedelta(minutes=5),
    "battery": dt.timedelta(days=1),
}
"""How long a value speaks of now; of vital signs as NEWS2 takes them (docs/detectors.md)."""
FRESH_SPOT = dt.timedelta(hours=6)
"""The same of what is measured now and then: blood pressure, temperature, weight."""
ALARMING: Mapping[str, tuple[float | None, float | None]] = {
    "heart_rate": (40, 131),
    "spo2": (91, None),
    "respiration_rate": (8, 25),
    "systolic_bp": (90, 220),
    "body_temperature": (35, 39.1),
}
"""At or below the one, at or above the other a single sign is alarming: 3 points of NEWS2 (RCP 2017, chart 1), and a
temperature of 2."""
ALARMING_SPO2_SCALE_2 = (83.0, None)
LOW_BATTERY = 20.0
"""In per cent."""
SHOWN_TOGETHER = dt.timedelta(minutes=1)
"""Two halves of one measurement of blood pressure are no further apart."""


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is known, or not known, of a person and a home at a moment."""

    kind: str
    """A channel, or 'pressure', 'gateway', 'battery'."""
    state: State = "unknown"
    value: float | None = None
    low: float | None = None
    """Of a pressure: the diastolic half."""
    room: str = ""
    at: dt.datetime | None = None
    """When it was measured, or said; None: never, or not within a week."""
    until: dt.datetime | None = None
    """When it is too old to speak of now, if nothing newer comes."""
    word: str = ""
    """Of a gateway: 'online', 'offline', 'never seen', 'quiet' (online, and sends nothing), 'none'."""


def _until(kind: str, at: dt.datetime) -> dt.datetime:
    return at + FRESH.get(kind, FRESH_SPOT)


def _state(kind: str, value: float, at: dt.datetime, now: dt.datetime, spo2_scale: int) -> State:
    if now > _until(kind, at):
        return "unknown"
    low, high = ALARMING_SPO2_SCALE_2 if kind == "spo2" and spo2_scale == 2 else ALARMING.get(kind, (None, None))
    alarming = (low is not None and value <= low) or (high is not None and value >= high)
    return "bad" if alarming else "good"


_NOW_CHANNELS = (
    "heart_rate", "spo2", "respiration_rate", "systolic_bp", "diastolic_bp", "body_temperature", "weight", "glucose",
    "motion", "in_bed", "battery",
)  # fmt: skip


def signs_now(conn: psycopg.Connection[Any], resident_id: int, now: dt.datetime) -> dict[str, Sign]:
    """Signs of a resident at ``now``, by kind.

    'motion', 'heart_rate', 'spo2', 'pressure', 'in_bed', 'gateway' and 'battery' (of the pendant) are always there,
    "unknown" where nothing was heard within a week or what was heard is old. Where two people live, what stands in a
    room speaks of the home: of vital signs only worn devices count.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            SELECT s.channel, d.name AS device, d.model, d.room, x.time, x.value, r.spo2_scale
            FROM resident r JOIN gateway g ON g.household_id = r.household_id
            JOIN device d ON d.gateway_id = g.id AND (d.resident_id = r.id OR d.resident_id IS NULL)
            JOIN series s ON s.device_id = d.id AND s.channel = ANY (%(channels)s)
            CROSS JOIN LATERAL (
                SELECT time, value FROM newest_readings(
                    s.id, %(now)s::timestamptz - INTERVAL '7 days', %(ahead)s,
                    CASE WHEN s.channel LIKE '%%_bp' THEN 4 ELSE 1 END,
                    CASE WHEN s.channel = 'motion' THEN 0.5 ELSE '-infinity' END::double precision)) x
            WHERE r.id = %(resident)s
              AND (d.resident_id = r.id OR s.channel IN ('motion', 'battery')
                   OR (SELECT count(*) FROM resident other WHERE other.household_id = r.household_id) = 1)
            """,
            {
                "channels": list(_NOW_CHANNELS),
                "now": now,
                "ahead": now + dt.timedelta(minutes=5),
                "resident": resident_id,
            },
        ).fetchall()
    found = {kind: Sign(kind=kind) for kind in ("motion", "heart_rate", "spo2", "pressure", "in_bed", "battery")}
    halves: dict[str, list[dict[str, Any]]] = {"systolic_bp": [], "diastolic_bp": []}
    for row in sorted(rows, key=lambda row: row["time"]):  # the newest of a kind is taken last
        kind, value, at = row["channel"], row["value"], row["time"]
        if kind in halves:
            halves[kind].append(row)
        elif kind == "battery":
            model = MODELS.get(row["model"])
            if model is not None and model.has_imu:
                until = _until(kind, at)
                state: State = "unknown" if now > until else "bad" if value < LOW_BATTERY else "good"
                found[kind] = Sign(kind=kind, state=state, value=value, at=at, until=until)
        else:
            state = _state(kind, value, at, now, row["spo2_scale"])
            found[kind] = Sign(kind=kind, state=state, value=value, room=row["room"], at=at, until=_until(kind, at))
    found["pressure"] = _pressure(halves, now)
    found["gateway"] = _gateway(conn, resident_id, now)
    return found


def _pressure(halves: Mapping[str, list[dict[str, Any]]], now: dt.datetime) -> Sign:
    """The newest measurement with both halves, by one time; a half that never has another one stands alone."""
    pairs = [
        (high, low)
        for high in halves["systolic_bp"]
        for low in halves["diastolic_bp"]
        if low["device"] == high["device"] and abs(low["time"] - high["time"]) <= SHOWN_TOGETHER
    ]
    if not pairs and not halves["systolic_bp"]:
        return Sign(kind="pressure")
    high, low = pairs[-1] if pairs else (halves["systolic_bp"][-1], None)
    return Sign(
        kind="pressure", state=_state("systolic_bp", high["value"], high["time"], now, 1), value=high["value"],
        low=None if low is None else low["value"], at=high["time"], until=_until("systolic_bp", high["time"]),
    )  # fmt: skip


def _gateway(conn: psycopg.Connection[Any], resident_id: int, now: dt.datetime) -> Sign:
    """Whether the home is heard: the worst of its gateways. One that is online and sends nothing is "unknown".

    Streams of other systems (epoch 0) do not count.
    """
    rows = conn.execute(
        """
        SELECT g.state, g.state_at,
               (SELECT max(updated_at) FROM ingest_stream i WHERE i.gateway_id = g.id AND i.epoch > 0)
        FROM resident r JOIN gateway g ON g.household_id = r.household_id WHERE r.id = %s
        """,
        (resident_id,),
    ).fetchall()
    if not rows:
        return Sign(kind="gateway", word="none")
    for state, at, _ in rows:
        if state == "offline":
            return Sign(kind="gateway", state="bad", word="offline", at=at)
    if any(state == "never seen" for state, _, _ in rows):
        return Sign(kind="gateway", word="never seen")
    heard = [at for _, _, at in rows if at is not None]
    oldest = min(heard) if len(heard) == len(rows) else None
    if oldest is None or now - oldest > FRESH["gateway"]:
        return Sign(kind="gateway", word="quiet", at=oldest)
    return Sign(kind="gateway", state="good", word="online", at=oldest, until=_until("gateway", oldest))


class DeviceStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A device of a home, and whether it is heard."""

    name: str
    model: str
    room: str
    state: State
    """ "good": heard within three times its longest interval; "bad": silent for longer, or the gateway is offline;
    "unknown": the gateway says that it is online, and it was never heard."""
    heard_at: dt.datetime | None
    offline_since: dt.datetime | None
    battery: float | None
    """In per cent; None: it has none, or has not told within a month."""
    signal: float | None
    """In dBm."""


def device_standings(conn: psycopg.Connection[Any], resident_id: int, now: dt.datetime) -> list[DeviceStanding]:
    """The devices of a resident's home, each with battery, signal, when it was heard, and since when it is not."""
    told = {
        (gateway, name, channel): value
        for gateway, name, channel, value in conn.execute(
            """
            SELECT g.name, d.name, s.channel, x.value
            FROM resident r JOIN gateway g ON g.household_id = r.household_id JOIN device d ON d.gateway_id = g.id
            JOIN series s ON s.device_id = d.id AND s.channel IN ('battery', 'signal_strength')
            CROSS JOIN LATERAL (
                SELECT value FROM newest_readings(s.id, %s::timestamptz - INTERVAL '30 days', 'infinity', 1)) x
            WHERE r.id = %s
            """,
            (now, resident_id),
        )
    }
    return [_standing(row, told, now) for row in devices(conn, resident_id)]


def _standing(row: dict[str, Any], told: Mapping[tuple[str, str, str], float], now: dt.datetime) -> DeviceStanding:
    heard, model = row["heard_at"], MODELS.get(row["model"])
    patience = dt.timedelta(seconds=3 * model.heartbeat_s) if model is not None else FRESH_SPOT
    spot = model is not None and model.transport in ("ble-gatt", "exchange") and not model.continuous
    since: dt.datetime | None = None
    state: State = "good"
    if row["state"] == "offline":
        state, since = "bad", row["state_at"]
    elif heard is None:
        state = "unknown"
    elif now - heard > patience:
        # what people take into the hand when they measure says nothing in between
        state, since = ("unknown", None) if spot else ("bad", heard)
    key = (row["gateway"], row["name"])
    return DeviceStanding(
        name=row["name"], model=row["model"], room=row["room"], state=state, heard_at=heard, offline_since=since,
        battery=told.get((*key, "battery")), signal=told.get((*key, "signal_strength")),
    )  # fmt: skip


def presence(conn: psycopg.Connection[Any], resident_id: int) -> dict[str, Any]:
    """Where the home last saw its resident: room of the last motion, in bed or not, last door event."""
    series = series_of(conn, resident_id)
    last: dict[str, Any] = {}
    for channel in ("motion", "in_bed"):
        ids = {row["id"]: row["room"] for row in series if row["channel"] == channel}
        row = conn.execute(
            """
            SELECT s.id, r.time, r.value FROM unnest(%s::int[]) AS s(id) CROSS JOIN LATERAL (
                SELECT time, value FROM newest_readings(s.id, now() - INTERVAL '1 day', 'infinity', 1)) r
            ORDER BY r.time DESC LIMIT 1
            """,
            (list(ids),),
        ).fetchone()
        if row is not None:
            last[channel] = {"room": ids[row[0]], "time": row[1], "value": row[2]}
    return last
