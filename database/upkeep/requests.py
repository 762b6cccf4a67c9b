"""Requests of people to machines: rows that the console writes and the service with the rights for it carries out.

A request waits until ``due_at`` (until then whoever asked can withdraw it), is claimed by one process, and ends as
*done*, *refused* or *unknown*. Nothing that got no answer counts as done.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec
import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

Kind = Literal["self_test", "update_config", "reprocess", "discard", "ask_gaps", "accept_gaps", "retention"]
State = Literal["queued", "sent", "done", "refused", "unknown", "withdrawn"]
WAKE = "upkeep_request"
"""The NOTIFY channel that wakes whoever carries requests out."""
MOST_ANSWER = 60_000
"""Characters of an answer that are kept."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. ``subject``: what it is about, for lists; ``ends_at``: without an answer by then it is unknown."""

    id: int
    kind: Kind
    subject: str
    detail: dict[str, Any]
    login: str
    asked_at: dt.datetime
    due_at: dt.datetime
    state: State
    sent_at: dt.datetime | None
    ends_at: dt.datetime | None
    ended_at: dt.datetime | None
    answer: str

    @property
    def open(self) -> bool:
        """Whether it has not ended yet."""
        return self.state in ("queued", "sent")


_COLUMNS = (
    b"SELECT id, kind, subject, detail, login, asked_at, due_at, state, sent_at, ends_at, ended_at, answer"
    b" FROM upkeep_request "
)


def put(
    conn: psycopg.Connection[Any],
    kind: Kind,
    subject: str,
    login: str,
    detail: Mapping[str, Any] | None = None,
    *,
    body: bytes = b"",
    wait: dt.timedelta = dt.timedelta(0),
) -> int:
    """Ask for something, to be carried out after ``wait``; returns the number of the request."""
    row = conn.execute(
        """
        WITH asked AS (
            INSERT INTO upkeep_request (kind, subject, detail, body, login, due_at)
            VALUES (%s, %s, %s, %s, %s, clock_timestamp() + %s) RETURNING id)
        SELECT id, pg_notify(%s, '') FROM asked
        """,
        (kind, subject, Jsonb(dict(detail or {})), body, login, wait, WAKE),
    ).fetchone()
    assert row is not None  # noqa: S101 - INSERT … RETURNING
    return int(row[0])


def load(conn: psycopg.Connection[Any], number: int) -> Request | None:
    """Load a request; None where there is none of that number."""
    with conn.cursor(row_factory=class_row(Request)) as cursor:
        return cursor.execute(_COLUMNS + b"WHERE id = %s", (number,)).fetchone()


def latest(
    conn: psycopg.Connection[Any], kinds: Collection[Kind], subject: str | None = None, limit: int = 10
) -> list[Request]:
    """The newest requests of these kinds, about one subject or all."""
    with conn.cursor(row_factory=class_row(Request)) as cursor:
        return cursor.execute(
            _COLUMNS + b"WHERE kind = ANY(%s) AND (%s::text IS NULL OR subject = %s) ORDER BY id DESC LIMIT %s",
            (list(kinds), subject, subject, limit),
        ).fetchall()


def withdraw(conn: psycopg.Connection[Any], number: int) -> bool:
    """Take a request back; False where somebody carries it out already, or it has ended."""
    done = conn.execute(
        "UPDATE upkeep_request SET state = 'withdrawn', ended_at = clock_timestamp()"
        " WHERE id = %s AND state = 'queued'",
        (number,),
    )
    return done.rowcount == 1


def claim(conn: psycopg.Connection[Any], kinds: Collection[Kind], patience: Mapping[Kind, float]) -> Request | None:
    """Claim the oldest due request of these kinds; nobody else gets it. ``patience``: seconds to an answer, by kind.

    None where none is due. Those whose carrier fell silent are settled as unknown on the way.
    """
    conn.execute(
        "UPDATE upkeep_request SET state = 'unknown', ended_at = clock_timestamp()"
        " WHERE kind = ANY(%s) AND state = 'sent' AND ends_at < clock_timestamp()",
        (list(kinds),),
    )
    with conn.transaction(), conn.cursor(row_factory=class_row(Request)) as cursor:
        found = cursor.execute(
            _COLUMNS + b"WHERE kind = ANY(%s) AND state = 'queued' AND due_at <= clock_timestamp()"
            b" ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
            (list(kinds),),
        ).fetchone()
        if found is None:
            return None
        conn.execute(
            "UPDATE upkeep_request SET state = 'sent', sent_at = clock_timestamp(),"
            " ends_at = clock_timestamp() + make_interval(secs => %s) WHERE id = %s",
            (patience[found.kind], found.id),
        )
        return found


def body_of(conn: psycopg.Connection[Any], number: int) -> bytes:
    """The bytes that go with a request."""
    row = conn.execute("SELECT body FROM upkeep_request WHERE id = %s", (number,)).fetchone()
    return b"" if row is None else bytes(row[0])


def note(conn: psycopg.Connection[Any], number: int, answer: str) -> None:
    """Keep what is known so far of a request that is carried out."""
    conn.execute("UPDATE upkeep_request SET answer = %s WHERE id = %s AND state = 'sent'", (_storable(answer), number))


def settle(conn: psycopg.Connection[Any], number: int, state: State, answer: str = "") -> bool:
    """End a request that is carried out; False where it had ended."""
    done = conn.execute(
        "UPDATE upkeep_request SET state = %s, ended_at = clock_timestamp(),"
        " answer = CASE WHEN %s = '' THEN answer ELSE %s END WHERE id = %s AND state = 'sent'",
        (state, answer, _storable(answer), number),
    )
    return done.rowcount == 1


def _storable(text: str) -> str:
    return text.replace("\x00", "�").encode(errors="replace").decode()[:MOST_ANSWER]
