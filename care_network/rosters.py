"""Load the roster that ``care_network.duty`` reasons about."""

import datetime as dt
from collections import defaultdict
from typing import Any

from psycopg import Connection
from psycopg.pq import TransactionStatus

from care_network.duty import Exceptional, Person, Post, Roster, Weekly
from care_network.workforce import Certificate

MARGIN = dt.timedelta(days=2)
"""A stint that begins before the window or ends after it is wanted whole, with the absences that cut it."""


def load_roster(conn: Connection[Any], since: dt.datetime, until: dt.datetime) -> Roster:
    """The roster of [since, until]: as of one moment where the connection is not in a transaction yet."""
    fresh = conn.info.transaction_status == TransactionStatus.IDLE
    window = {"since": since - MARGIN, "until": until + MARGIN}
    with conn.transaction():
        if fresh:
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        certificates: dict[int, list[Certificate]] = defaultdict(list)
        for staff, kind, expires in conn.execute(
            "SELECT staff_id, kind, expires_on FROM staff_certificate ORDER BY staff_id, kind"
        ):
            certificates[staff].append(Certificate(kind, expires))
        people = {
            row[0]: Person(
                row[0],
                row[1],
                row[2],
                row[3],
                row[4],
                row[5],
                row[6],
                skills=tuple(row[7]),
                certificates=tuple(certificates[row[0]]),
                languages=tuple(row[8]),
            )
            for row in conn.execute(_PEOPLE)
        }
        posts = {row[0]: Post(*row) for row in conn.execute(_POSTS)}
        weekly = tuple(
            Weekly(row[0], row[1], row[2], row[3], row[4], tuple(row[5]), row[6], row[7])
            for row in conn.execute(_WEEKLY, window)
        )
        absences: list[Exceptional] = []
        extras: list[Exceptional] = []
        for kind, *row in conn.execute(_EXCEPTIONS, window):
            (absences if kind == "absent" else extras).append(Exceptional(*row))
    return Roster(since, until, people, posts, weekly, tuple(absences), tuple(extras))


_PEOPLE = """
    SELECT id, code, name_zh, name_en, kind, phone, account_id, skills, languages FROM staff WHERE active ORDER BY id
"""
_POSTS = """
    SELECT o.id, o.code, o.kind, a.path::text, o.name_zh, o.name_en, o.phone
    FROM organisation o JOIN area a ON a.id = o.area_id WHERE o.active ORDER BY o.id
"""
_WEEKLY = """
    SELECT r.staff_id, s.organisation_id, s.code, s.starts, s.ends, r.weekdays, r.valid_from, r.valid_until
    FROM roster r
    JOIN shift s ON s.id = r.shift_id
    JOIN staff p ON p.id = r.staff_id AND p.active
    JOIN organisation o ON o.id = s.organisation_id AND o.active
    WHERE r.valid_from <= (%(until)s AT TIME ZONE 'Asia/Shanghai')::date
      AND (r.valid_until IS NULL OR r.valid_until >= (%(since)s AT TIME ZONE 'Asia/Shanghai')::date)
    ORDER BY r.id
"""
_EXCEPTIONS = """
    SELECT e.kind, e.staff_id, e.organisation_id, e.starts_at, e.ends_at, e.reason
    FROM roster_exception e WHERE e.starts_at < %(until)s AND e.ends_at > %(since)s ORDER BY e.id
"""
