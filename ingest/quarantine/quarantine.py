"""The quarantine in the database: put messages in, within limits, list them, settle them."""

import datetime as dt
import time
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from ingest.quarantine.refusals import Code, Refusal

KEPT_BYTES = 256 * 1024
"""Bytes of a refused payload that are stored, at most."""
FIRST_BYTES = 1024
"""The same for the first of its gateway and reason, where there is no room left."""
PAIRING_PER_GATEWAY = 200
"""Devices of one gateway in the pairing list, at most."""
COUNT_AGAIN_S = 30.0
"""How often the bytes of all open entries are counted in the database; between, they are added up."""

_Group = tuple[str | None, str]
"""(gateway, code)"""


class Room(msgspec.Struct, frozen=True):
    """Limits of the open entries."""

    entries: int = 1000
    """Per gateway and reason."""
    group_bytes: int = 8 * 1024 * 1024
    """Per gateway and reason."""
    total_bytes: int = 1024 * 1024 * 1024


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the quarantine."""

    id: int
    first_at: dt.datetime
    last_at: dt.datetime
    times: int
    """How often these very bytes were refused."""
    folded: int
    """Further refusals of the same gateway for the same reason whose bytes were not kept."""
    topic: str
    gateway: str | None
    code: str
    reason: str
    size: int
    readings: int
    payload: bytes
    settled_at: dt.datetime | None
    settled_how: str | None


def count_open(conn: psycopg.Connection[Any]) -> int:
    """Count the entries that nobody has processed again or discarded."""
    row = conn.execute("SELECT count(*) FROM quarantine WHERE settled_at IS NULL").fetchone()
    return 0 if row is None else int(row[0])


class Quarantine:
    """Puts refusals into the quarantine and keeps it within its limits.

    The same bytes for the same reason are one entry with a count. Beyond the limits, refusals of the same gateway and
    reason are counted in its newest entry (``folded``), without their bytes.
    """

    def __init__(self, room: Room | None = None) -> None:
        self._room = room or Room()
        self._total = 0
        self._counted_at = -COUNT_AGAIN_S

    def store(self, cursor: psycopg.Cursor[Any], refusals: Sequence[Refusal]) -> None:
        """Put these refusals in, in the caller's transaction."""
        if not refusals:
            return
        _store_pairing(cursor, refusals)
        distinct: dict[tuple[bytes, str, str], tuple[Refusal, int]] = {}
        folded: dict[_Group, list[Refusal]] = {}
        for refusal in refusals:
            if refusal.payload is None:
                folded.setdefault((_gateway(refusal), refusal.code.value), []).append(refusal)
                continue
            key = (sha256(refusal.payload).digest(), refusal.code.value, _text(refusal.topic))
            distinct[key] = (refusal, distinct[key][1] + 1 if key in distinct else 1)
        open_keys = _open_keys(cursor, [key[0] for key in distinct])
        room = self._room_left(cursor, {(_gateway(r), r.code.value) for r, _ in distinct.values()})
        rows = []
        for key, (refusal, times) in distinct.items():
            group = (_gateway(refusal), refusal.code.value)
            taken = min(len(refusal.payload or b""), KEPT_BYTES)
            if key not in open_keys:
                entries, size = room[group]
                if entries < 1 or size < taken or self._total + taken > self._room.total_bytes:
                    folded.setdefault(group, []).extend([refusal] * times)
                    continue
                room[group] = (entries - 1, size - taken)
                self._total += taken
            rows.append((refusal, times, KEPT_BYTES))
        _insert(cursor, rows)
        for group, members in folded.items():
            _fold(cursor, group, members)

    def _room_left(self, cursor: psycopg.Cursor[Any], groups: set[_Group]) -> dict[_Group, tuple[int, int]]:
        """Count the entries and bytes that each group may still add."""
        now = time.monotonic()
        if now - self._counted_at > COUNT_AGAIN_S:
            row = cursor.execute(
                "SELECT coalesce(sum(octet_length(payload)), 0)::bigint FROM quarantine WHERE settled_at IS NULL"
            ).fetchone()
            self._total, self._counted_at = (row[0] if row else 0), now
        left = {}
        for gateway, code in groups:
            row = cursor.execute(
                """
                SELECT count(*), coalesce(sum(octet_length(payload)), 0)::bigint FROM quarantine
                WHERE settled_at IS NULL AND gateway IS NOT DISTINCT FROM %s AND code = %s
                """,
                (gateway, code),
            ).fetchone()
            entries, size = row or (0, 0)
            left[gateway, code] = (self._room.entries - entries, self._room.group_bytes - size)
        return left


_ENTRY = """SELECT id, first_at, last_at, times, folded, topic, gateway, code, reason, size, readings,
    payload, settled_at, settled_how FROM quarantine """


def entries(
    conn: psycopg.Connection[Any],
    *,
    gateway: str | None = None,
    code: str | None = None,
    since: dt.datetime | None = None,
    settled: bool = False,
    ids: Sequence[int] | None = None,
    after: int = 0,
    limit: int | None = None,
    nameless: bool = False,
) -> list[Entry]:
    """List entries in the order in which they first came: the open ones, or with ``settled`` all.

    Of a gateway (``nameless``: of none), for a reason (``code``), refused (last) at or after ``since``, with an id
    above ``after``.
    """
    with conn.cursor(row_factory=class_row(Entry)) as cursor:
        return cursor.execute(
            _ENTRY.encode()
            + b"""WHERE (%(settled)s OR settled_at IS NULL) AND id > %(after)s
              AND (%(gateway)s::text IS NULL OR gateway = %(gateway)s) AND (NOT %(nameless)s OR gateway IS NULL)
              AND (%(code)s::text IS NULL OR code = %(code)s)
              AND (%(since)s::timestamptz IS NULL OR last_at >= %(since)s)
              AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))
            ORDER BY id LIMIT %(limit)s""",
            {
                "settled": settled,
                "after": after,
                "gateway": gateway,
                "nameless": nameless,
                "code": code,
                "since": since,
                "ids": None if ids is None else list(ids),
                "limit": limit,
            },
        ).fetchall()


def newest_id(conn: psycopg.Connection[Any]) -> int:
    """Number of the newest entry; 0: there is none."""
    row = conn.execute("SELECT coalesce(max(id), 0) FROM quarantine").fetchone()
    return int(row[0]) if row else 0


def settle(conn: psycopg.Connection[Any], entry: int, how: str) -> bool:
    """Close an entry and free its bytes (their SHA-256 stays); False where it is closed already. Part of the caller's
    transaction."""
    done = conn.execute(
        "UPDATE quarantine SET settled_at = now(), settled_how = %s, payload = '' WHERE id = %s AND settled_at IS NULL",
        (how, entry),
    )
    return done.rowcount == 1


def pairing(conn: psycopg.Connection[Any]) -> list[tuple[str, str, list[str], dt.datetime, dt.datetime, int]]:
    """List senders that are not registered: gateway, device ('': the gateway itself), channels, first and last time,
    how often."""
    return conn.execute(
        """
        SELECT p.gateway, p.device, p.channels, p.first_at, p.last_at, p.times FROM pairing p
        LEFT JOIN gateway g ON g.name = p.gateway
        WHERE CASE WHEN p.device = '' THEN g.id IS NULL
              ELSE NOT EXISTS (SELECT FROM device d WHERE d.gateway_id = g.id AND d.name = p.device) END
        ORDER BY p.last_at DESC
        """
    ).fetchall()


def _open_keys(cursor: psycopg.Cursor[Any], digests: list[bytes]) -> set[tuple[bytes, str, str]]:
    return set(
        cursor.execute(
            "SELECT sha256, code, topic FROM quarantine WHERE settled_at IS NULL AND sha256 = ANY(%s)", (digests,)
        ).fetchall()
    )


def _insert(cursor: psycopg.Cursor[Any], rows: Sequence[tuple[Refusal, int, int]]) -> None:
    """Insert rows of (refusal, times, bytes to store), or count them where the same entry is open."""
    if rows:
        cursor.executemany(
            """
            INSERT INTO quarantine (topic, gateway, code, reason, size, readings, sha256, payload, times)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (sha256, code, topic) WHERE settled_at IS NULL
            DO UPDATE SET times = quarantine.times + EXCLUDED.times, last_at = now()
            """,
            [
                (
                    _text(r.topic),
                    _gateway(r),
                    r.code.value,
                    _text(r.reason),
                    r.size,
                    r.readings,
                    sha256(r.payload or b"").digest(),
                    (r.payload or b"")[:most],
                    times,
                )
                for r, times, most in rows
            ],
        )


def _fold(cursor: psycopg.Cursor[Any], group: _Group, members: Sequence[Refusal]) -> None:
    """Count refusals of a group in its newest entry; the first one becomes an entry where there is none."""

    def add(refusals: Sequence[Refusal]) -> bool:
        done = cursor.execute(
            """
            UPDATE quarantine SET folded = folded + %s, folded_readings = folded_readings + %s, last_at = now()
            WHERE id = (SELECT max(id) FROM quarantine
                        WHERE settled_at IS NULL AND gateway IS NOT DISTINCT FROM %s AND code = %s)
            """,
            (len(refusals), sum(r.readings for r in refusals), *group),
        )
        return done.rowcount == 1

    if not add(members):
        _insert(cursor, [(members[0], 1, FIRST_BYTES)])
        add(members[1:])


def _store_pairing(cursor: psycopg.Cursor[Any], refusals: Sequence[Refusal]) -> None:
    heard: dict[tuple[str, str], tuple[int, set[str]]] = {}
    for r in refusals:
        if r.gateway is not None and r.code in (Code.UNKNOWN_GATEWAY, Code.UNKNOWN_DEVICE):
            times, channels = heard.get((r.gateway, r.device), (0, set()))
            heard[r.gateway, r.device] = (times + 1, channels | set(r.channels))
    room = Counter[str]()
    rows = []
    for (gateway, device), (times, channels) in sorted(heard.items()):
        room[gateway] += 1
        if room[gateway] <= PAIRING_PER_GATEWAY:
            rows.append(
                {
                    "gateway": _text(gateway),
                    "device": _text(device),
                    "channels": sorted(map(_text, channels)),
                    "times": times,
                    "most": PAIRING_PER_GATEWAY,
                }
            )
    if rows:
        cursor.executemany(
            """
            INSERT INTO pairing (gateway, device, channels, times)
            SELECT %(gateway)s, %(device)s, %(channels)s::text[], %(times)s
            WHERE EXISTS (SELECT FROM pairing WHERE gateway = %(gateway)s AND device = %(device)s)
               OR (SELECT count(*) FROM pairing WHERE gateway = %(gateway)s) < %(most)s
            ON CONFLICT (gateway, device) DO UPDATE SET last_at = now(), times = pairing.times + EXCLUDED.times,
                channels = ARRAY(SELECT DISTINCT c FROM unnest((pairing.channels || EXCLUDED.channels)[:64]) c
                                 ORDER BY c)
            """,
            rows,
        )


def _gateway(refusal: Refusal) -> str | None:
    return None if refusal.gateway is None else _text(refusal.gateway)


def _text(value: str) -> str:
    # PostgreSQL's text has no NUL, and its UTF-8 no lone surrogates.
    return value.replace("\x00", "\ufffd").encode(errors="replace").decode()
