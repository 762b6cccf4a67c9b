"""Process quarantined messages again, after the cause is mended; beside a running ingest, too."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import psycopg

from ingest.batches.batch import Batch, Batcher, Limits
from ingest.batches.database_directory import DatabaseDirectory
from ingest.batches.senml_rows import Delivery, Door
from ingest.quarantine.quarantine import Entry, Quarantine, settle
from ingest.quarantine.refusals import NUMBER_NOT_TAKEN, Code, fault
from ingest.storing import unnumbered, writer

TRIES = 10
"""A running ingest may move the same stream's marks in between: so often is an entry decided anew."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one entry."""

    id: int
    settled: bool
    text: str
    readings: int = 0
    events: int = 0


def reprocess(conn: psycopg.Connection[Any], found: Iterable[Entry], limits: Limits) -> Iterator[Outcome]:
    """Try each of these entries again, in a transaction of its own, and say what became of it.

    An entry that was refused before its number was taken goes through the marks as if it came now; a refused part is
    stored without them, as the rest of its frame (or another frame) has taken the number: it and SenML are told apart
    by series and time. So nothing is stored twice. What of an entry still can not be stored becomes an entry of its
    own; where that is all of it, the entry stays. ``conn`` is in autocommit mode.
    """
    directory = DatabaseDirectory(conn)
    quarantine = Quarantine()
    for entry in found:
        if entry.settled_at is not None:
            yield Outcome(entry.id, False, f"settled already: {entry.settled_how}")
        elif len(entry.payload) < entry.size:
            text = f"only the first {len(entry.payload)} of {entry.size} bytes were kept: discard it"
            yield Outcome(entry.id, False, text)
        else:
            yield _again(conn, directory, quarantine, entry, limits)


def _again(
    conn: psycopg.Connection[Any], directory: DatabaseDirectory, quarantine: Quarantine, entry: Entry, limits: Limits
) -> Outcome:
    for _ in range(TRIES):
        try:
            batch = _decide(directory, entry, limits)
        except psycopg.Error:
            raise
        except Exception as error:
            return Outcome(entry.id, False, fault(error))
        refusals = [*batch.refusals, *(batch.rows.refusals if batch.rows else [])]
        if refusals and not (len(batch.values) or batch.events or (batch.rows and batch.rows.rows)):
            return Outcome(entry.id, False, refusals[0].reason)
        try:
            with conn.transaction() as transaction:
                outcome = _store(conn, quarantine, entry, batch)
                if not outcome.settled:
                    raise psycopg.Rollback(transaction)
        except writer.MarksMovedError:
            continue
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            return Outcome(entry.id, False, f"PostgreSQL says: {str(error).strip()}")
        return outcome
    return Outcome(entry.id, False, "another program stores this gateway's readings all the time: try again")


def _decide(directory: DatabaseDirectory, entry: Entry, limits: Limits) -> Batch:
    batcher, limits = Batcher(directory, directory.mark), directory.kept(limits)
    if not entry.topic.startswith("senml/"):
        message = [(entry.topic, entry.payload)]
        batch = batcher.build(message, limits, marked=Code(entry.code) in NUMBER_NOT_TAKEN)
        if any(refusal.code is Code.REUSED_NUMBER for refusal in batch.refusals):
            batch = batcher.build(message, limits, marked=False)
        return batch
    batch = batcher.build([], limits)
    delivery = Delivery(entry.topic, entry.payload, round(entry.first_at.timestamp() * 1e6))
    batch.rows = Door(directory).build([delivery], limits.earliest_us, limits.latest_us)
    return batch


def _store(conn: psycopg.Connection[Any], quarantine: Quarantine, entry: Entry, batch: Batch) -> Outcome:
    # Settled first: it locks the entry, and what is refused anew may be the same bytes.
    if not settle(conn, entry.id, ""):
        return Outcome(entry.id, False, "settled by somebody else meanwhile")
    outdated = len(batch.statuses)
    batch.statuses = [row for row in batch.statuses if not _newer_state(conn, row.gateway_id, entry)]
    if len(batch.values) and not batch.marks:
        _leave_out_stored(conn, batch)
    stored = writer.store(conn, batch, writer.encode_rows(batch), quarantine)
    events, statuses = stored.events, len(batch.statuses)
    if stored.refusals and not (stored.readings or events):
        return Outcome(entry.id, False, stored.refusals[0].reason)
    parts = [f"{stored.readings} readings"] if stored.readings else []
    parts += [f"{events} events"] if events else []
    parts += ["the state"] if statuses else []
    done_before = "a newer state is stored" if outdated > statuses else "stored before"
    text = "stored " + ", ".join(parts) if parts else done_before
    if stored.refusals:
        text += f"; the rest is refused again: {stored.refusals[0].reason}"
    conn.execute("UPDATE quarantine SET settled_how = %s WHERE id = %s", (text.replace("\x00", "\ufffd"), entry.id))
    return Outcome(entry.id, True, text, stored.readings, events)


def _leave_out_stored(conn: psycopg.Connection[Any], batch: Batch) -> None:
    """No number tells whether it is stored: another entry may have held the same."""
    with conn.cursor() as cursor:
        fresh = ~unnumbered.stored_before(cursor, batch.times_us, batch.series_ids, batch.values)
    batch.times_us, batch.series_ids, batch.values = batch.times_us[fresh], batch.series_ids[fresh], batch.values[fresh]


def _newer_state(conn: psycopg.Connection[Any], gateway_id: int, entry: Entry) -> bool:
    """Whether the gateway's state was told again after the entry came: an old last will must not switch it off."""
    row = conn.execute("SELECT state_at > %s FROM gateway WHERE id = %s", (entry.last_at, gateway_id)).fetchone()
    return row is not None and bool(row[0])
