"""Load the book of an organisation: its people, whoever else works there, and all that they work anywhere."""

import datetime as dt
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from care_network.catalogues.workforce import Certificate
from care_network.rosters.book import DAY, Away, Book, Entry, Shift, Worker, midnight


def load_book(conn: Connection[Any], organisation: str, first: dt.date, last: dt.date, more: str = "") -> Book:
    """Load the book with what touches the days from ``first`` to ``last``. ``more``: the code of one person besides."""
    since, until = midnight(first - 2 * DAY), midnight(last + 2 * DAY)
    asked = {"organisation": organisation, "first": first - 2 * DAY, "last": last + 2 * DAY, "since": since,
             "until": until, "more": more}  # fmt: skip
    with conn.cursor(row_factory=dict_row) as cursor:
        people = cursor.execute(
            """
            SELECT s.id, s.code, s.name_zh, s.name_en, s.kind AS role, o.code AS home, s.skills,
                   s.phone <> '' OR s.account_id IS NOT NULL AS reachable
            FROM staff s JOIN organisation o ON o.id = s.organisation_id
            WHERE s.active AND (o.code = %(organisation)s OR s.code = %(more)s
                OR EXISTS (SELECT FROM roster r JOIN shift t ON t.id = r.shift_id JOIN organisation w
                           ON w.id = t.organisation_id WHERE r.staff_id = s.id AND w.code = %(organisation)s
                           AND r.valid_from <= %(last)s AND (r.valid_until IS NULL OR r.valid_until >= %(first)s))
                OR EXISTS (SELECT FROM roster_exception e JOIN organisation w ON w.id = e.organisation_id
                           WHERE e.staff_id = s.id AND w.code = %(organisation)s
                           AND e.starts_at < %(until)s AND e.ends_at > %(since)s))
            """,
            asked,
        ).fetchall()
        asked["ids"] = [row["id"] for row in people]
        papers: dict[int, list[Certificate]] = {}
        for row in cursor.execute(
            "SELECT staff_id, kind, expires_on FROM staff_certificate WHERE staff_id = ANY(%(ids)s) ORDER BY kind",
            asked,
        ):
            papers.setdefault(row["staff_id"], []).append(Certificate(row["kind"], row["expires_on"]))
        entries = cursor.execute(
            """
            SELECT s.code AS staff, o.code AS organisation, t.code AS shift, r.weekdays, r.valid_from, r.valid_until,
                   r.version
            FROM roster r JOIN staff s ON s.id = r.staff_id JOIN shift t ON t.id = r.shift_id
            JOIN organisation o ON o.id = t.organisation_id
            WHERE r.staff_id = ANY(%(ids)s) AND o.active ORDER BY r.id
            """,
            asked,
        ).fetchall()
        asked["elsewhere"] = list({organisation, *(row["organisation"] for row in entries)})
        shifts = cursor.execute(
            """
            SELECT o.code AS organisation, t.code, t.name_zh, t.name_en, t.starts, t.ends, t.version
            FROM shift t JOIN organisation o ON o.id = t.organisation_id WHERE o.code = ANY(%(elsewhere)s)
            """,
            asked,
        ).fetchall()
        exceptions = cursor.execute(
            """
            SELECT s.code AS staff, e.starts_at, e.ends_at, o.code AS organisation, e.reason, e.version
            FROM roster_exception e JOIN staff s ON s.id = e.staff_id LEFT JOIN organisation o
                ON o.id = e.organisation_id
            WHERE e.staff_id = ANY(%(ids)s) AND e.starts_at < %(until)s AND e.ends_at > %(since)s ORDER BY e.id
            """,
            asked,
        ).fetchall()
    return Book(
        organisation=organisation,
        workers={
            row["code"]: Worker(
                **{**row, "skills": tuple(row["skills"]), "certificates": tuple(papers.get(row["id"], ()))}
            )
            for row in people
        },
        shifts={(row["organisation"], row["code"]): Shift(**row) for row in shifts},
        entries=tuple(Entry(**{**row, "weekdays": tuple(row["weekdays"])}) for row in entries),
        exceptions=tuple(Away(**row) for row in exceptions),
    )
