"""Process quarantined messages again, once their cause is mended; also beside a running ingest."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import psycopg

from ingest.batches.batch import Batch, Limits
from ingest.batches.batcher import Batcher
from ingest.batches.database_directory import DatabaseDirectory
from ingest.batches.senml_rows import Delivery, SenmlBatcher
from ingest.quarantine.quarantine import Entry, Quarantine, settle
from ingest.quarantine.refusals import NUMBER_NOT_TAKEN, Code, fault
from ingest.storing import unnumbered, writer

TRIES = 10
"""How often an entry is decided anew while a running ingest moves the same stream's marks, at most."""


class EntryResult(msgspec.Struct, frozen=True):
    """Result of processing one entry again; ``text`` is for a person."""

    id: int
    settled: bool
    text: str
    readings: int = 0
    events: int = 0


def reprocess(conn: psycopg.Connection[Any], entries: Iterable[Entry], limits: Limits) -> Iterator[EntryResult]:
    """Process each of these entries again, in a transaction of its own, and yield its result.

    Nothing is stored twice: an entry that was refused before its number was taken goes through the marks as if it came
    now; a refused part, whose number is taken, and SenML are compared with the stored readings by series and time. A
    part that still cannot be stored becomes an entry of its own; where that is all of it, the entry stays. ``conn`` is
    in autocommit mode.
    """
    directory = DatabaseDirectory(conn)
    quarantine = Quarantine()
    for entry in entries:
        if entry.settled_at is not None:
            yield EntryResult(entry.id, False, f"settled already: {entry.settled_how}")
        elif len(entry.payload) < entry.size:
            text = f"only the first {len(entry.payload)} of {entry.size} bytes were kept: discard it"
            yield EntryResult(entry.id, False, text)
        else:
            yield _again(conn, directory, quarantine, entry, limits)


def _again(
    conn: psycopg.Connection[Any], directory: DatabaseDirectory, quarantine: Quarantine, entry: Entry, limits: Limits
) -> EntryResult:
    for _ in range(TRIES):
        try:
            batch = _decide(directory, entry, limits)
        except psycopg.Error:
            raise
        except Exception as error:
            return EntryResult(entry.id, False, fault(error))
        refusals = [*batch.refusals, *(batch.senml.refusals if batch.senml else [])]
        if refusals and not (len(batch.values) or batch.events or (batch.senml and batch.senml.rows)):
            return EntryResult(entry.id, False, refusals[0].reason)
        try:
            with conn.transaction() as transaction:
                result = _store(conn, quarantine, entry, batch)
                if not result.settled:
                    raise psycopg.Rollback(transaction)
        except writer.MarksMovedError:
            continue
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            return EntryResult(entry.id, False, f"PostgreSQL says: {str(error).strip()}")
        return result
    return EntryResult(entry.id, False, "another program stores this gateway's readings all the time: try again")


def _decide(directory: DatabaseDirectory, entry: Entry, limits: Limits) -> Batch:
    batcher, limits = Batcher(directory, directory.mark), directory.narrow(limits)
    if not entry.topic.startswith("senml/"):
        message = [(entry.topic, entry.payload)]
        batch = batcher.build(message, limits, marked=Code(entry.code) in NUMBER_NOT_TAKEN)
        if any(refusal.code is Code.REUSED_NUMBER for refusal in batch.refusals):
            batch = batcher.build(message, limits, marked=False)
        return batch
    batch = batcher.build([], limits)
    delivery = Delivery(entry.topic, entry.payload, round(entry.first_at.timestamp() * 1e6))
    batch.senml = SenmlBatcher(directory).build([delivery], limits.earliest_us, limits.latest_us)
    return batch


def _store(conn: psycopg.Connection[Any], quarantine: Quarantine, entry: Entry, batch: Batch) -> EntryResult:
    # Settled first: it locks the entry, and lets the same bytes be refused anew as an entry of their own.
    if not settle(conn, entry.id, ""):
        return EntryResult(entry.id, False, "settled by somebody else meanwhile")
    outdated = len(batch.statuses)
    batch.statuses = [row for row in batch.statuses if not _newer_state(conn, row.gateway_id, entry)]
    if len(batch.values) and not batch.marks:
        _leave_out_stored(conn, batch)
    stored = writer.store(conn, batch, writer.encode_rows(batch), quarantine)
    events, statuses = stored.events, len(batch.statuses)
    if stored.refusals and not (stored.readings or events):
        return EntryResult(entry.id, False, stored.refusals[0].reason)
    parts = [f"{stored.readings} readings"] if stored.readings else []
    parts += [f"{events} events"] if events else []
    parts += ["the state"] if statuses else []
    done_before = "a newer state is stored" if outdated > statuses else "stored before"
    text = "stored " + ", ".join(parts) if parts else done_before
    if stored.refusals:
        text += f"; the rest is refused again: {stored.refusals[0].reason}"
    conn.execute("UPDATE quarantine SET settled_how = %s WHERE id = %s", (text.replace("\x00", "\ufffd"), entry.id))
    return EntryResult(entry.id, True, text, stored.readings, events)


def _leave_out_stored(conn: psycopg.Connection[Any], batch: Batch) -> None:
    """Leave out readings that are stored already: without a number only the readings themselves show it."""
    with conn.cursor() as cursor:
        fresh = ~unnumbered.stored_before(cursor, batch.times_us, batch.series_ids, batch.values)
    batch.times_us, batch.series_ids, batch.values = batch.times_us[fresh], batch.series_ids[fresh], batch.values[fresh]


def _newer_state(conn: psycopg.Connection[Any], gateway_id: int, entry: Entry) -> bool:
    """Whether the gateway sent a status after the entry came: an old last will must not set it offline."""
    row = conn.execute("SELECT state_at > %s FROM gateway WHERE id = %s", (entry.last_at, gateway_id)).fetchone()
    return row is not None and bool(row[0])
