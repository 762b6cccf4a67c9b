"""Gaps in the streams: from the marks into a list that can be asked for, accepted, and looked at. All of it is SQL."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row
from psycopg.types.range import Range

_LOCK = 7_198_001
"""Advisory lock: of several workers one looks after the gaps."""
FIRST_ASK = dt.timedelta(minutes=1)
LAST_ASK = dt.timedelta(hours=1)
"""The pause after the n-th question doubles from the first to the last."""
GIVE_UP_AFTER = 4
"""So often sent again and still not stored: then it was refused, and lies in quarantine."""


class Gap(msgspec.Struct, frozen=True):
    """A range of numbers, ``first`` to below ``behind``, of one gateway's stream."""

    id: int
    gateway: str
    epoch: int
    stream: str
    first: int
    behind: int
    asks: int


def refresh(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Bring the list to what is missing now: how many gaps are new and how many ended. Empty where another process is
    at it."""
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
        # of what has come in part, the rest goes on with its story
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


def due(conn: psycopg.Connection[Any], age: dt.timedelta, limit: int = 200) -> list[Gap]:
    """Gaps old enough that they are not just late, whose turn it is to be asked for; each is marked as asked."""
    with conn.transaction():
        conn.execute(
            """
            UPDATE stream_gap SET state = 'lost', settled_at = now(), settled_by = 'ingest',
                note = 'sent again ' || asks || ' times and not stored: look into the quarantine'
            WHERE state = 'asked' AND asks >= %s AND note = 'sent again' AND ask_after <= now()
            """,
            (GIVE_UP_AFTER,),
        )
        found = conn.execute(
            """
            WITH chosen AS (
                SELECT id FROM stream_gap WHERE state IN ('open', 'asked')
                AND seen_at <= now() - %s AND ask_after <= now() ORDER BY ask_after LIMIT %s FOR UPDATE SKIP LOCKED
            )
            UPDATE stream_gap AS gap SET state = 'asked', asks = asks + 1,
                ask_after = now() + least(%s * power(2, least(asks, 20)), %s)
            FROM chosen, gateway WHERE gap.id = chosen.id AND gateway.id = gap.gateway_id
            RETURNING gap.id, gateway.name, epoch, stream, lower(numbers), upper(numbers), asks
            """,
            (age, limit, FIRST_ASK, LAST_ASK),
        ).fetchall()
    return [Gap(*row) for row in found]


def answered(conn: psycopg.Connection[Any], gap_id: int, gateway: str, gone: Sequence[tuple[int, int]]) -> int:
    """A gateway's answer: what it sends again will come; what is gone is lost. How many numbers are lost.

    An answer about a gap that another gateway has, or that is settled, changes nothing.
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
        found = conn.execute(
            """
            WITH told AS (
                SELECT unnest(range_agg(one) * int8multirange(%s::int8range)) AS numbers
                FROM unnest(%s::int8range[]) AS one
            ), lost AS (
                INSERT INTO stream_gap
                    (gateway_id, epoch, stream, numbers, seen_at, asks, state, settled_at, settled_by, note)
                SELECT %s, %s, %s, numbers, %s, %s, 'lost', now(), 'gateway', 'the gateway has it no more' FROM told
                RETURNING upper(numbers) - lower(numbers) AS many
            ), rest AS (
                INSERT INTO stream_gap (gateway_id, epoch, stream, numbers, seen_at, asks, state, ask_after, note)
                SELECT gateway_id, epoch, stream,
                    unnest(int8multirange(numbers) - coalesce((SELECT range_agg(told.numbers) FROM told), '{}')),
                    seen_at, asks, state, ask_after, note
                FROM stream_gap WHERE id = %s
            ), gone AS (DELETE FROM stream_gap WHERE id = %s)
            SELECT coalesce(sum(many), 0)::bigint FROM lost
            """,
            (row[3], lost, row[0], row[1], row[2], row[4], row[5], gap_id, gap_id),
        ).fetchone()
    return 0 if found is None else int(found[0])


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
