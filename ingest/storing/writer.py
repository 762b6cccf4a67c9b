"""Store a batch in one transaction, all or nothing: readings, marks, events, statuses, refusals."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import psycopg

from firmware_profiles import wire
from ingest.batches import horizon
from ingest.batches.batch import REUSED, Batch, EventRow, StatusRow, StreamKey, utc
from ingest.batches.marks import REUSED_US, Mark
from ingest.quarantine.quarantine import Quarantine
from ingest.quarantine.refusals import Code, Refusal
from ingest.storing import rows, unnumbered


class MarksMovedError(RuntimeError):
    """Raised where another process stored frames of these streams since the batch was decided: decide it anew."""


class HorizonMovedError(MarksMovedError):
    """Raised where retention removed readings of some of these times since the batch was decided: decide it anew."""


class StoreResult(msgspec.Struct, frozen=True):
    """The counts and refusals of one transaction."""

    readings: int
    refusals: list[Refusal]
    events: int
    """Stored now or before."""


def encode_rows(batch: Batch) -> bytes:
    """Encode the batch's readings as COPY data; separate, so that it can run while another batch commits."""
    return rows.readings(batch.times_us, batch.series_ids, batch.values)


def store(conn: psycopg.Connection[Any], batch: Batch, copy_data: bytes, quarantine: Quarantine) -> StoreResult:
    """Store a batch and commit.

    Raises psycopg.OperationalError while the database is away, another psycopg.Error where it refuses the batch,
    MarksMovedError where the batch was decided on marks that are no longer true (another process stored frames of the
    stream, or a commit whose answer was lost did happen) or on a retention that has moved on; nothing is stored then.
    """
    with conn.transaction(), conn.cursor() as cursor:
        if len(batch.values) or batch.senml is not None:
            _note_late(cursor, batch)
        _store_marks(cursor, batch.marks)
        if copy_data:
            with cursor.copy(rows.copy_readings(conn).encode()) as copy:
                copy.write(rows.HEADER)
                copy.write(copy_data)
                copy.write(rows.TRAILER)
        reused = _store_events(cursor, batch.events)
        _store_statuses(cursor, batch.statuses)
        readings, refusals = len(batch.values), batch.refusals + reused
        if batch.senml is not None:
            fresh, contradictions = unnumbered.store(cursor, batch.senml)
            readings += fresh
            refusals = refusals + batch.senml.refusals + contradictions
        quarantine.store(cursor, refusals)
    return StoreResult(readings, refusals, len(batch.events) - len(reused))


def _note_late(cursor: psycopg.Cursor[Any], batch: Batch) -> None:
    times_us, series_ids = batch.times_us, batch.series_ids
    if batch.senml is not None:
        rows_ = batch.senml.rows
        times_us = np.concatenate((times_us, np.array([row.time_us for row in rows_], np.int64)))
        series_ids = np.concatenate((series_ids, np.array([row.series_id for row in rows_], np.int32)))
    now = horizon.begin_storing(cursor)
    if len(times_us) and times_us.min() < now.kept_from_us:
        raise HorizonMovedError("readings are older than what is kept")
    horizon.note_late(cursor, times_us, series_ids, now)
    horizon.note_arrivals(cursor, times_us, series_ids, time.time_ns() // 1000)


def _store_marks(cursor: psycopg.Cursor[Any], marks: dict[StreamKey, Mark]) -> None:
    if not marks:
        return
    streams = sorted(marks.items())
    cursor.execute(
        """
        INSERT INTO ingest_stream AS stored (gateway_id, epoch, stream, high, gaps, version, newest_us)
        SELECT gateway_id, epoch, stream, high, gaps::int8multirange, version, newest_us
        FROM unnest(%s::int[], %s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[])
            AS fresh (gateway_id, epoch, stream, high, gaps, version, newest_us)
        ON CONFLICT (gateway_id, epoch, stream)
        DO UPDATE SET high = EXCLUDED.high, gaps = EXCLUDED.gaps, version = EXCLUDED.version,
            newest_us = EXCLUDED.newest_us, updated_at = now()
        WHERE stored.version = EXCLUDED.version - 1
        """,
        (
            [gateway_id for (gateway_id, _, _), _ in streams],
            [epoch for (_, epoch, _), _ in streams],
            [stream for (_, _, stream), _ in streams],
            [mark.high for _, mark in streams],
            [_multirange(mark) for _, mark in streams],
            [mark.version for _, mark in streams],
            [mark.newest_us for _, mark in streams],
        ),
    )
    if cursor.rowcount != len(marks):
        raise MarksMovedError(f"{len(marks) - cursor.rowcount} of {len(marks)} streams were changed in between")


def _multirange(mark: Mark) -> str:
    return "{" + ",".join(f"[{first},{behind})" for first, behind in mark.gaps) + "}"


def _store_events(cursor: psycopg.Cursor[Any], events: Sequence[EventRow]) -> list[Refusal]:
    """Store the events that are not stored yet; a refusal for each whose number another event has."""
    if not events:
        return []
    cursor.executemany(
        """
        INSERT INTO event (gateway_id, epoch, seq, device_id, kind, time, told_us, "values", evidence)
        VALUES (%s, %s, %s, %s, %s, coalesce(to_timestamp(%s::bigint / 1e6), clock_timestamp()), %s, %s::jsonb, %s)
        ON CONFLICT (gateway_id, epoch, seq) DO NOTHING
        """,
        [
            (
                row.gateway_id,
                row.event.epoch,
                row.event.seq,
                row.device_id,
                row.event.kind,
                None if row.marked else row.event.time_us,
                row.event.time_us if row.marked else None,
                _json(row.event.values),
                row.event.evidence,
            )
            for row in events
        ],
    )
    if cursor.rowcount == len(events):
        return []
    reused = cursor.execute(
        """
        SELECT n.place
        FROM unnest(%s::int[], %s::int[], %s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::bigint[])
            AS n (place, gateway_id, epoch, seq, device_id, kind, us)
        JOIN event USING (gateway_id, epoch, seq)
        WHERE (event.device_id, event.kind) <> (n.device_id, n.kind)
           OR abs(coalesce(event.told_us / 1e6, extract(epoch FROM event.time)) - n.us / 1e6) > %s
        """,
        (
            list(range(len(events))),
            [row.gateway_id for row in events],
            [row.event.epoch for row in events],
            [row.event.seq for row in events],
            [row.device_id for row in events],
            [row.event.kind for row in events],
            [row.event.time_us for row in events],
            REUSED_US / 1e6,
        ),
    ).fetchall()
    return [_reused(events[place].event) for (place,) in reused]


def _reused(event: wire.Event) -> Refusal:
    payload = wire.encode(event)
    reason = REUSED.format(event.seq, utc(event.time_us))
    return Refusal(
        topic=wire.topic(event.gateway, "events"),
        gateway=event.gateway,
        code=Code.REUSED_NUMBER,
        reason=reason,
        payload=payload,
        size=len(payload),
    )


def _store_statuses(cursor: psycopg.Cursor[Any], statuses: Sequence[StatusRow]) -> None:
    if statuses:
        cursor.executemany(
            # A last will carries the time its connection began: compare boots, then take the latest to arrive.
            """
            UPDATE gateway SET state = %s, state_at = now(), status = %s::jsonb
            WHERE id = %s AND coalesce((status->>'boot')::bigint, 0) <= %s
            """,
            [(row.status.state, _json(row.status), row.gateway_id, row.status.boot) for row in statuses],
        )
    told = [(_json(row.status.firmware), row.gateway_id) for row in statuses if row.status.firmware]
    if told:
        cursor.executemany(
            """
            INSERT INTO device_firmware AS known (device_id, version)
            SELECT d.id, left(told.value, 60) FROM jsonb_each_text(%s::jsonb) told
            JOIN device d ON d.name = told.key AND d.gateway_id = %s
            ON CONFLICT (device_id) DO UPDATE SET version = excluded.version, told_at = now()
            WHERE known.version <> excluded.version
            """,
            told,
        )


def _json(value: Any) -> str:
    # PostgreSQL's jsonb has no NUL character
    return msgspec.json.encode(value).decode().replace("\\u0000", "\\ufffd")
