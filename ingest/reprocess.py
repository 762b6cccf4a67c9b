"""Process quarantined messages again, after the cause is mended."""

from typing import Any

import psycopg

from ingest import writer
from ingest.batch import Batcher, Limits
from ingest.directory import DatabaseDirectory
from ingest.refusals import NUMBER_NOT_TAKEN, Code


def reprocess(conn: psycopg.Connection[Any], limits: Limits, ids: list[int] | None = None) -> dict[int, str]:
    """Try the unsettled entries (or those of ``ids``) again, one transaction each; returns what became of each:
    'stored', 'stored before', or the reason why it stays.

    An entry that was refused before its number was taken goes through the marks as if it came now; a refused part is
    stored without them: the rest of its frame has taken the number. So nothing is stored twice.
    """
    rows = conn.execute(
        """
        SELECT id, topic, payload, code, size FROM quarantine
        WHERE settled_at IS NULL AND (%s::bigint[] IS NULL OR id = ANY(%s)) ORDER BY id
        """,
        (ids, ids),
    ).fetchall()
    found: dict[int, str] = {}
    for entry, topic, payload, code, size in rows:
        if len(payload) < size:
            found[entry] = f"only the first {len(payload)} of {size} bytes were kept: discard it"
            continue
        directory = DatabaseDirectory(conn)
        batcher = Batcher(directory, directory.mark)
        batch = batcher.build([(topic, payload)], limits, marked=Code(code) in NUMBER_NOT_TAKEN)
        if batch.refusals:
            found[entry] = batch.refusals[0].reason
            continue
        with conn.transaction():
            writer.store(conn, batch, writer.encode_rows(batch))
            found[entry] = "stored before" if batch.repeated else "stored"
            conn.execute(
                "UPDATE quarantine SET settled_at = now(), settled_how = %s WHERE id = %s", (found[entry], entry)
            )
    return found
