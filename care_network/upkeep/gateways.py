"""List gateways with what matters to whoever keeps them running: heard, battery, clock, certificate, program."""

import datetime as dt
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.upkeep.recent import Recent
from firmware_profiles.devices import MODELS

LATE, SILENT = dt.timedelta(minutes=3), dt.timedelta(minutes=15)
"""Without a message for so long a gateway is late, then silent; a healthy one speaks every few seconds."""
DEAF = dt.timedelta(seconds=90)
"""While nothing of any home is stored for longer, the platform itself hears nothing, and nobody knows."""
BATTERY_LOW = 20
"""%; a technician's limit: there is time to bring a new one."""
CLOCK_OFF = 2.0
"""s; as detection takes a device's clock for wrong (``alerting/detection/kit/switches.py``)."""
ENDS_SOON = dt.timedelta(days=30)
"""A certificate that ends within this should have been renewed by itself."""
LIMIT = 50

Standing = Literal["heard", "late", "silent", "unknown"]
Filter = Literal["all", "low", "silent", "never", "certificate", "update"]
FILTERS: tuple[Filter, ...] = ("all", "low", "silent", "never", "certificate", "update")
STANDING_WORDS: dict[Standing, tuple[str, str]] = {
    "heard": ("在线", "heard"),
    "late": ("迟到", "late"),
    "silent": ("失联", "silent"),
    "unknown": ("不明", "unknown"),
}


class Clock(msgspec.Struct, frozen=True):
    """Knowledge of a gateway's clock; ``mark``: good, late (to be looked at), bad, unknown."""

    mark: Literal["good", "late", "bad", "unknown"]
    zh: str
    en: str


def clock_of(synced: bool | None, state: str, told_us: int | None, stored_at: dt.datetime | None) -> Clock:
    """Judge a clock by what the gateway says, and by its time in a status that was stored at ``stored_at``. Pure.

    A message is never stored before it was sent: one from the future shows a clock that is ahead, whoever steers it.
    One that is old may have waited, and shows nothing.
    """
    seconds = None
    if state == "online" and told_us and stored_at is not None:  # a last will has the time of its connection
        seconds = told_us / 1e6 - stored_at.timestamp()
    if seconds is not None and seconds > CLOCK_OFF:
        return Clock("bad", f"快 {seconds:.0f} 秒", f"{seconds:.0f} s ahead")
    if synced:
        return Clock("good", "准确", "right")
    if synced is None:
        return Clock("unknown", "未知", "unknown")
    if seconds is not None and seconds >= -CLOCK_OFF:
        return Clock("late", "无校时服务器，上线时误差不到 2 秒", "no time server, within 2 s when it came online")
    return Clock("bad", "无校时服务器，误差不明", "no time server, error not known")


class Line(msgspec.Struct, kw_only=True):
    """One gateway of the list."""

    name: str
    household: str
    address_zh: str
    address_en: str
    area_zh: str
    area_en: str
    residents: list[list[str]]
    """Code, Chinese and English name of each."""
    state: str
    contact: dt.datetime | None
    software: str
    signal: float | None
    """dBm of its WLAN; None: wired, or not told."""
    battery: int | None
    """% of the weakest device; None: no device tells."""
    battery_of: str | None
    clock_synced: bool | None
    told_us: int | None
    """Its clock's time in its last status."""
    state_at: dt.datetime | None
    """Our clock's time when that was stored."""
    certificate_until: dt.datetime | None
    devices: int
    updating: bool
    standing: Standing = "unknown"

    @property
    def clock(self) -> Clock:
        """How far its clock can be trusted."""
        return clock_of(self.clock_synced, self.state, self.told_us, self.state_at)


def standing_of(state: str, contact: dt.datetime | None, receiving: dt.datetime | None, now: dt.datetime) -> Standing:
    """How a gateway stands. ``receiving``: when the newest message of any home was stored.

    Never heard is *unknown*, and so is every silence while the platform itself hears nothing.
    """
    if contact is None:
        return "unknown"
    age = now - contact
    if state == "online" and age <= LATE:
        return "heard"
    if receiving is None or now - receiving > DEAF:
        return "unknown"
    return "late" if state == "online" and age <= SILENT else "silent"


_CONTACT: LiteralString = "greatest(heard.at, CASE WHEN g.state = 'online' THEN g.state_at END)"
_FROM: LiteralString = """
    FROM gateway g JOIN household h ON h.id = g.household_id JOIN area a ON a.id = h.area_id
    LEFT JOIN (SELECT gateway_id, max(updated_at) AS at FROM ingest_stream GROUP BY gateway_id) heard
        ON heard.gateway_id = g.id
"""
_FILTERS: dict[Filter, LiteralString] = {
    "all": "true",
    "low": "g.id IN (SELECT d.gateway_id FROM device d JOIN device_now n ON n.device_id = d.id"
    " WHERE d.retired_at IS NULL AND n.battery <= %(low)s)",
    "silent": f"g.state <> 'never seen' AND (g.state = 'offline' OR coalesce({_CONTACT} < %(silent)s, true))",
    "never": f"{_CONTACT} IS NULL",
    "certificate": "(g.status ->> 'certificate_until_us')::bigint > 0"
    " AND to_timestamp((g.status ->> 'certificate_until_us')::bigint / 1e6) < %(ends)s",
    "update": "g.name IN (SELECT subject FROM upkeep_request WHERE kind = 'update_config'"
    " AND state IN ('queued', 'sent'))"
    " OR g.id IN (SELECT o.gateway_id FROM program_offer o JOIN program_rollout r USING (version)"
    " WHERE r.ended_at IS NULL AND o.state IN ('waiting', 'trying'))",
}
_ONE_HEARD: LiteralString = """
    FROM gateway g JOIN household h ON h.id = g.household_id JOIN area a ON a.id = h.area_id
    LEFT JOIN LATERAL (SELECT max(updated_at) AS at FROM ingest_stream i WHERE i.gateway_id = g.id) heard ON true
"""
"""As _FROM, for a page of gateways: only those that are shown are looked up."""
_FOUND: LiteralString = """
    h.address_zh LIKE %(like)s OR h.id = ANY(%(homes)s)
    OR %(ascii)s AND (g.name LIKE lower(%(like)s) OR h.code LIKE upper(%(like)s) OR h.address_en ILIKE %(like)s)
"""
_BY_NUMBER: LiteralString = " OR g.id = ANY(%(gateways)s)"
_BY_DEVICE: LiteralString = """ OR EXISTS (
    SELECT FROM device d WHERE d.gateway_id = g.id AND d.retired_at IS NULL
    AND (d.model = ANY(%(models)s) OR d.name = ANY(%(names)s)))"""
FEW = 1000
"""So many devices are looked up at once; of more, every page finds some among the next gateways."""
MOST_NAMES = 300
"""Different names of devices; where there are more, each device's is looked at."""
_NAMES: LiteralString = """
    WITH RECURSIVE known AS (
        (SELECT name FROM device ORDER BY name LIMIT 1)
        UNION ALL
        SELECT (SELECT d.name FROM device d WHERE d.name > known.name ORDER BY d.name LIMIT 1)
        FROM known WHERE known.name IS NOT NULL)
    SELECT name FROM known WHERE name IS NOT NULL LIMIT %(most)s
"""


def _matches(conn: Connection[Any], words: str) -> tuple[LiteralString, dict[str, Any]]:
    """The condition by words and its values: homes whose residents match, devices by name and model.

    Names of gateways and devices, and codes, have no Han: with some, they are not looked through.
    """
    values: dict[str, Any] = {"like": f"%{escaped(words)}%", "models": models_like(words), "ascii": words.isascii()}
    if words.isascii():
        homes = conn.execute(
            "SELECT household_id FROM resident WHERE code LIKE upper(%(like)s) OR name_en ILIKE %(like)s", values
        ).fetchall()
    else:
        homes = conn.execute("SELECT household_id FROM resident WHERE name_zh LIKE %(like)s", values).fetchall()
    values |= {"homes": [row[0] for row in homes], "names": _names_like(conn, words), "few": FEW + 1}
    if not values["models"] and not values["names"]:
        return _FOUND, values
    found = conn.execute(
        "SELECT gateway_id FROM device WHERE retired_at IS NULL"
        " AND (model = ANY(%(models)s) OR name = ANY(%(names)s)) LIMIT %(few)s",
        values,
    ).fetchall()
    if len(found) > FEW:
        return _FOUND + _BY_DEVICE, values
    return _FOUND + _BY_NUMBER, {**values, "gateways": sorted({row[0] for row in found})}


def _names_like(conn: Connection[Any], words: str) -> list[str]:
    """Names of devices that have the words in them. Thousands of devices share some dozens of names."""
    if not words.isascii():
        return []
    names = [row[0] for row in conn.execute(_NAMES, {"most": MOST_NAMES + 1})]
    if len(names) > MOST_NAMES:
        like = {"like": f"%{escaped(words)}%"}
        found = conn.execute("SELECT DISTINCT name FROM device WHERE lower(name) LIKE lower(%(like)s)", like)
        return [row[0] for row in found]
    return [name for name in names if words.lower() in name.lower()]


def models_like(words: str) -> list[str]:
    """Ids of the models that somebody may mean."""
    small = words.lower()
    return [name for name, model in MODELS.items() if small in f"{name} {model.zh} {model.label_en}".lower()]


def receiving(conn: Connection[Any]) -> dt.datetime | None:
    """When the newest message of any home was stored; None: never."""
    row = conn.execute("SELECT max(updated_at) FROM ingest_stream").fetchone()
    return row[0] if row else None


def listing(
    conn: Connection[Any],
    account: Account,
    now: dt.datetime,
    *,
    words: str = "",
    only: Filter = "all",
    after: str = "",
    limit: int = LIMIT,
) -> list[Line]:
    """Gateways below the account's area by name, those behind ``after``; one more than ``limit`` tells of a next page.

    ``words``: part of a home, a resident, a gateway, a device or a model.
    """
    words = words.strip()
    matching, matched = _matches(conn, words) if words else ("true", {})
    query = (  # fixed conditions; all values are parameters
        """
        WITH chosen AS (
            SELECT g.id, g.name, g.state, g.state_at, g.status, h.id AS home, h.code, h.address_zh, h.address_en,
                   a.name_zh AS area_zh, a.name_en AS area_en, """  # noqa: S608
        + _CONTACT
        + " AS contact"
        + (_FROM if only in ("silent", "never") else _ONE_HEARD)
        + """
            WHERE a.path <@ %(area)s::ltree AND NOT h.synthetic AND g.name > %(after)s
              AND ("""
        + _FILTERS[only]
        + ")"
        + f" AND ({matching})"
        + """
            ORDER BY g.name LIMIT %(limit)s)
        SELECT g.name, g.code AS household, g.address_zh, g.address_en, g.area_zh, g.area_en, g.state,
               coalesce((SELECT jsonb_agg(jsonb_build_array(r.code, r.name_zh, r.name_en) ORDER BY r.id)
                         FROM resident r WHERE r.household_id = g.home), '[]') AS residents, g.contact,
               coalesce(g.status ->> 'software', '') AS software, signal.value AS signal, weak.battery,
               weak.name AS battery_of, (g.status ->> 'clock_synced')::boolean AS clock_synced,
               (g.status ->> 'time_us')::bigint AS told_us, g.state_at,
               CASE WHEN (g.status ->> 'certificate_until_us')::bigint > 0
                    THEN to_timestamp((g.status ->> 'certificate_until_us')::bigint / 1e6) END AS certificate_until,
               (SELECT count(*)::int FROM device d
                WHERE d.gateway_id = g.id AND d.retired_at IS NULL AND d.model <> 'gateway') AS devices,
               """
        + "("
        + _FILTERS["update"]
        + """) AS updating
        FROM chosen g
        LEFT JOIN LATERAL (
            SELECT n.battery, d.name FROM device d JOIN device_now n ON n.device_id = d.id
            WHERE d.gateway_id = g.id AND d.retired_at IS NULL AND n.battery IS NOT NULL ORDER BY n.battery LIMIT 1
        ) weak ON true
        LEFT JOIN LATERAL (
            SELECT r.value FROM device d JOIN series s ON s.device_id = d.id AND s.channel = 'signal_strength'
            JOIN LATERAL (SELECT value FROM newest_readings(s.id, %(fresh)s, 'infinity', 1)) r ON true
            WHERE d.gateway_id = g.id AND d.model = 'gateway' LIMIT 1
        ) signal ON true
        ORDER BY g.name
        """
    )
    values = {
        "area": account.area_path, "after": after, "limit": limit + 1, "low": BATTERY_LOW, "silent": now - SILENT,
        "ends": now + ENDS_SOON, "fresh": now - dt.timedelta(hours=1), **matched,
    }  # fmt: skip
    with conn.cursor(row_factory=class_row(Line)) as cursor:
        found = cursor.execute(query, values).fetchall()
    newest = receiving(conn)
    for line in found:
        line.standing = standing_of(line.state, line.contact, newest, now)
    return found


def escaped(words: str) -> str:
    """Words for LIKE in which no letter is a wild card."""
    return words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


class Counts(msgspec.Struct, frozen=True):
    """How many gateways each filter finds in the account's area."""

    all: int
    low: int
    silent: int
    never: int
    certificate: int
    update: int


_COUNTED: Recent[Counts] = Recent(15.0)


def counts(conn: Connection[Any], account: Account, now: dt.datetime) -> Counts:
    """Count them; the numbers are up to 15 s old."""
    return _COUNTED.of(f"{conn.info.dbname} {account.area_path}", lambda: _count(conn, account, now))


def _count(conn: Connection[Any], account: Account, now: dt.datetime) -> Counts:
    columns = ", ".join(f"count(*) FILTER (WHERE {_FILTERS[name]})::int AS {name}" for name in FILTERS)
    query = f"SELECT {columns} {_FROM} WHERE a.path <@ %(area)s::ltree AND NOT h.synthetic"
    values = {
        "area": account.area_path, "low": BATTERY_LOW, "silent": now - SILENT, "ends": now + ENDS_SOON,
    }  # fmt: skip
    with conn.cursor(row_factory=class_row(Counts)) as cursor:
        found = cursor.execute(query.encode(), values).fetchone()
    assert found is not None  # noqa: S101 - an aggregate has a row
    return found
