"""List the gaps in the streams, ask for them, and settle them. All of it is SQL."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row
from psycopg.types.range import Range

_LOCK = 7_198_001
"""Advisory lock: one of several workers looks after the gaps."""
FIRST_ASK, FIRST_ASK_EVENTS = dt.timedelta(minutes=1), dt.timedelta(seconds=10)
LAST_ASK = dt.timedelta(hours=1)
"""The pause after each question doubles, from FIRST_ASK (FIRST_ASK_EVENTS: somebody may have called) up to LAST_ASK."""
GIVE_UP_AFTER = 4
"""A gap sent again this often and still not stored was refused, and lies in quarantine."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A range of numbers, ``first`` to below ``behind``, of one gateway's stream."""

    id: int
    gateway: str
    epoch: int
    stream: str
    first: int
    behind: int
    asks: int


def refresh(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Update the list from the marks, and count the new and the repaired gaps. Empty where another process does it."""
    with conn.transaction():
        if not conn.execute("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK,)).fetchone()[0]:  # type: ignore[index]
            return {}
        conn.execute("CREATE TEMP TABLE missing_now ON COMMIT DROP AS SELECT * FROM stream_missing")
        repaired = conn.execute(
            """
            UPDATE stream_gap AS gap SET state = 'repaired', settled_at = now()
            WHERE state <> 'repaired' AND NOT EXISTS (
                SELECT FROM missing_now AS now_ WHERE (now_.gateway_id, now_.epoch, now_.stream)
                    = (gap.gateway_id, gap.epoch, gap.stream) AND now_.missing && gap.numbers)
            """
        ).rowcount
        # Where a part of a gap has come, the rest stays with its history.
        conn.execute(
            """
            WITH partly AS (
                DELETE FROM stream_gap AS gap USING missing_now AS now_
                WHERE gap.state <> 'repaired' AND (now_.gateway_id, now_.epoch, now_.stream)
                    = (gap.gateway_id, gap.epoch, gap.stream) AND NOT now_.missing @> gap.numbers
                RETURNING gap.*, now_.missing * int8multirange(gap.numbers) AS rest
            )
            INSERT INTO stream_gap
                (gateway_id, epoch, stream, numbers, seen_at, state, asks, ask_after, settled_at, settled_by, note)
            SELECT gateway_id, epoch, stream, unnest(rest),
                seen_at, state, asks, ask_after, settled_at, settled_by, note
            FROM partly
            """
        )
        fresh = conn.execute(
            """
            INSERT INTO stream_gap (gateway_id, epoch, stream, numbers)
            SELECT gateway_id, epoch, stream, unnest(missing - coalesce((
                SELECT range_agg(numbers) FROM stream_gap AS gap WHERE gap.state <> 'repaired'
                AND (now_.gateway_id, now_.epoch, now_.stream) = (gap.gateway_id, gap.epoch, gap.stream)), '{}'))
            FROM missing_now AS now_
            """
        ).rowcount
    return {"new": fresh, "repaired": repaired}


def count_open(conn: psycopg.Connection[Any]) -> int:
    """Count the gaps that are still asked for."""
    row = conn.execute("SELECT count(*) FROM stream_gap WHERE state IN ('open', 'asked')").fetchone()
    return 0 if row is None else int(row[0])


def choose_due(
    conn: psycopg.Connection[Any], age: dt.timedelta, event_age: dt.timedelta, limit: int = 200
) -> list[Gap]:
    """Choose the gaps to ask for now, older than ``age`` (of events ``event_age``) and so not merely late.

    Those of events come first; each is marked as asked.
    """
    with conn.transaction(), conn.cursor(row_factory=class_row(Gap)) as cursor:
        cursor.execute(
            """
            UPDATE stream_gap SET state = 'lost', settled_at = now(), settled_by = 'ingest',
                note = 'sent again ' || asks || ' times and not stored: look into the quarantine'
            WHERE state = 'asked' AND asks >= %s AND note = 'sent again' AND ask_after <= now()
            """,
            (GIVE_UP_AFTER,),
        )
        return cursor.execute(
            """
            WITH chosen AS (
                SELECT id FROM stream_gap WHERE state IN ('open', 'asked')
                AND seen_at <= now() - CASE stream WHEN 'events' THEN %(event_age)s ELSE %(age)s END
                AND ask_after <= now() ORDER BY stream <> 'events', ask_after LIMIT %(limit)s FOR UPDATE SKIP LOCKED
            )
            UPDATE stream_gap AS gap SET state = 'asked', asks = asks + 1,
                ask_after = now() + least(CASE stream WHEN 'events' THEN %(first_events)s ELSE %(first)s END
                                          * power(2, least(asks, 20)), %(last)s)
            FROM chosen, gateway WHERE gap.id = chosen.id AND gateway.id = gap.gateway_id
            RETURNING gap.id, gateway.name AS gateway, epoch, stream, lower(numbers) AS first, upper(numbers) AS behind,
                asks
            """,
            {
                "age": age,
                "event_age": event_age,
                "limit": limit,
                "first": FIRST_ASK,
                "first_events": FIRST_ASK_EVENTS,
                "last": LAST_ASK,
            },
        ).fetchall()


def note_answer(conn: psycopg.Connection[Any], gap_id: int, gateway: str, gone: Sequence[tuple[int, int]]) -> int:
    """Note a gateway's answer: the ``gone`` numbers are lost, the others will come. Returns how many are lost.

    An answer about another gateway's gap, or about a settled one, changes nothing.
    """
    lost = [Range(first, behind) for first, behind in gone if first < behind]
    with conn.transaction():
        row = conn.execute(
            """
            UPDATE stream_gap AS gap SET note = 'sent again' FROM gateway
            WHERE gap.id = %s AND gateway.id = gap.gateway_id AND gateway.name = %s AND gap.state = 'asked'
            RETURNING gap.gateway_id, epoch, stream, numbers, seen_at, asks
            """,
            (gap_id, gateway),
        ).fetchone()
        if row is None or not lost:
            return 0
        counted = conn.execute(
            """
            WITH losses AS (
                SELECT unnest(range_agg(one) * int8multirange(%s::int8range)) AS numbers
                FROM unnest(%s::int8range[]) AS one
            ), lost AS (
                INSERT INTO stream_gap
                    (gateway_id, epoch, stream, numbers, seen_at, asks, state, settled_at, settled_by, note)
                SELECT %s, %s, %s, numbers, %s, %s, 'lost', now(), 'gateway', 'the gateway has it no more' FROM losses
                RETURNING upper(numbers) - lower(numbers) AS many
            ), rest AS (
                INSERT INTO stream_gap (gateway_id, epoch, stream, numbers, seen_at, asks, state, ask_after, note)
                SELECT gateway_id, epoch, stream,
                    unnest(int8multirange(numbers) - coalesce((SELECT range_agg(losses.numbers) FROM losses), '{}')),
                    seen_at, asks, state, ask_after, note
                FROM stream_gap WHERE id = %s
            ), gone AS (DELETE FROM stream_gap WHERE id = %s)
            SELECT coalesce(sum(many), 0)::bigint FROM lost
            """,
            (row[3], lost, row[0], row[1], row[2], row[4], row[5], gap_id, gap_id),
        ).fetchone()
    return 0 if counted is None else int(counted[0])


class GapRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A gap for people: numbers ``first`` to ``last`` of a stream, and its story."""

    id: int
    gateway: str
    stream: str
    first: int
    last: int
    seen_at: dt.datetime
    state: str
    """'open', 'asked', 'repaired' or 'lost'."""
    asks: int
    note: str
    settled_by: str


def listing(
    conn: psycopg.Connection[Any], *, gateway: str | None = None, settled: bool = False, limit: int = 100
) -> list[GapRecord]:
    """List gaps, oldest first: those that wait, with ``settled`` also those repaired or lost."""
    with conn.cursor(row_factory=class_row(GapRecord)) as cursor:
        return cursor.execute(
            """
            SELECT gap.id, name AS gateway, stream, lower(numbers) AS first, upper(numbers) - 1 AS last, seen_at,
                gap.state, asks, note, settled_by
            FROM stream_gap AS gap JOIN gateway ON gateway.id = gateway_id
            WHERE (%s OR gap.state IN ('open', 'asked')) AND name = coalesce(%s, name)
            ORDER BY gap.id LIMIT %s
            """,
            (settled, gateway, limit),
        ).fetchall()


def ask_again(conn: psycopg.Connection[Any], ids: Sequence[int]) -> list[int]:
    """Make these gaps due now, lost ones too; the ids of those that are not repaired yet."""
    rows = conn.execute(
        """
        UPDATE stream_gap SET ask_after = now(), state = CASE state WHEN 'lost' THEN 'open' ELSE state END,
            settled_at = NULL, settled_by = '', note = '' WHERE id = ANY(%s) AND state <> 'repaired' RETURNING id
        """,
        (list(ids),),
    ).fetchall()
    return [number for (number,) in rows]


def accept(conn: psycopg.Connection[Any], ids: Sequence[int], *, by: str, because: str) -> list[int]:
    """Mark these gaps as lost for good; the ids of those that waited."""
    rows = conn.execute(
        """
        UPDATE stream_gap SET state = 'lost', settled_at = now(), settled_by = %s, note = %s
        WHERE id = ANY(%s) AND state IN ('open', 'asked') RETURNING id
        """,
        (by, because, list(ids)),
    ).fetchall()
    return [number for (number,) in rows]
