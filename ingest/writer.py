"""One batch, one transaction: rows, marks, events, statuses, quarantine; all or nothing."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec
import psycopg

from ingest import rows
from ingest.batch import Batch, EventRow, StatusRow, StreamKey
from ingest.marks import Mark
from ingest.refusals import Refusal

KEPT_BYTES = 256 * 1024
"""So much of a refused payload is kept."""


def encode_rows(batch: Batch) -> bytes:
    """The batch's readings as COPY data; apart from :func:`store`, so that it can run while another batch commits."""
    return rows.readings(batch.times_us, batch.series_ids, batch.values)


def store(conn: psycopg.Connection[Any], batch: Batch, copy_data: bytes) -> None:
    """Store a batch and commit. Raises psycopg.OperationalError while the database is away, another psycopg.Error
    where it refuses the batch; nothing of it is stored then."""
    with conn.transaction(), conn.cursor() as cursor:
        if copy_data:
            with cursor.copy(rows.COPY_READINGS) as copy:
                copy.write(rows.HEADER)
                copy.write(copy_data)
                copy.write(rows.TRAILER)
        _store_marks(cursor, batch.marks)
        _store_events(cursor, batch.events)
        _store_statuses(cursor, batch.statuses)
        store_refusals(cursor, batch.refusals)


def _store_marks(cursor: psycopg.Cursor[Any], marks: dict[StreamKey, Mark]) -> None:
    if marks:
        cursor.executemany(
            """
            INSERT INTO ingest_stream (gateway_id, epoch, stream, high, gaps)
            VALUES (%s, %s, %s, %s, %s::int8multirange)
            ON CONFLICT (gateway_id, epoch, stream)
            DO UPDATE SET high = EXCLUDED.high, gaps = EXCLUDED.gaps, updated_at = now()
            """,
            [(*key, mark.high, _multirange(mark)) for key, mark in sorted(marks.items())],
        )


def _multirange(mark: Mark) -> str:
    return "{" + ",".join(f"[{first},{behind})" for first, behind in mark.gaps) + "}"


def _store_events(cursor: psycopg.Cursor[Any], events: Sequence[EventRow]) -> None:
    if events:
        cursor.executemany(
            """
            INSERT INTO event (gateway_id, epoch, seq, device_id, kind, time, "values", evidence)
            VALUES (%s, %s, %s, %s, %s, to_timestamp(%s / 1e6), %s::jsonb, %s)
            ON CONFLICT (gateway_id, epoch, seq) DO NOTHING
            """,
            [
                (
                    row.gateway_id,
                    row.event.epoch,
                    row.event.seq,
                    row.device_id,
                    row.event.kind,
                    row.event.time_us,
                    _json(row.event.values),
                    row.event.evidence,
                )
                for row in events
            ],
        )


def _store_statuses(cursor: psycopg.Cursor[Any], statuses: Sequence[StatusRow]) -> None:
    if statuses:
        cursor.executemany(
            # a last will carries the time of its connection's beginning: compare boots, then take the latest to arrive
            """
            UPDATE gateway SET state = %s, state_at = now(), status = %s::jsonb
            WHERE id = %s AND coalesce((status->>'boot')::bigint, 0) <= %s
            """,
            [(row.status.state, _json(row.status), row.gateway_id, row.status.boot) for row in statuses],
        )


def store_refusals(cursor: psycopg.Cursor[Any], refusals: Sequence[Refusal]) -> None:
    """Put them into quarantine; the same bytes for the same reason are counted, not repeated."""
    if refusals:
        cursor.executemany(
            """
            INSERT INTO quarantine (topic, gateway, code, reason, size, sha256, payload)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (sha256, code, topic) DO UPDATE SET times = quarantine.times + 1, last_at = now()
            """,
            [
                (
                    _text(r.topic),
                    None if r.gateway is None else _text(r.gateway),
                    r.code.value,
                    _text(r.reason),
                    len(r.payload),
                    sha256(r.payload).digest(),
                    r.payload[:KEPT_BYTES],
                )
                for r in refusals
            ],
        )


def _json(value: Any) -> str:
    # PostgreSQL's jsonb has no NUL character
    return msgspec.json.encode(value).decode().replace("\\u0000", "\\ufffd")


def _text(value: str) -> str:
    return value.replace("\x00", "\ufffd")
