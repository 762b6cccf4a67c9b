"""Count the visits of a bed's month from the service orders about its resident."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from vocabulary.times import SHANGHAI


class Visits(msgspec.Struct, frozen=True, kw_only=True):
    """The service orders of the present calendar month in Shanghai, until its end."""

    planned: int
    """All that are not cancelled."""
    done: int
    minutes: int
    """Of those that are done."""
    missed: int


def visits_of(conn: Connection[Any], resident_id: int, now: dt.datetime) -> Visits:
    """The visits of this month to a resident, of every service."""
    first = now.astimezone(SHANGHAI).date().replace(day=1)
    after = (first + dt.timedelta(days=32)).replace(day=1)
    with conn.cursor(row_factory=class_row(Visits)) as cursor:
        found = cursor.execute(
            """
            SELECT count(*) FILTER (WHERE state <> 'cancelled')::integer AS planned,
                   count(*) FILTER (WHERE state IN ('checked_out', 'confirmed'))::integer AS done,
                   coalesce(sum(done_minutes) FILTER (WHERE state IN ('checked_out', 'confirmed')), 0)::integer
                       AS minutes,
                   count(*) FILTER (WHERE state = 'missed')::integer AS missed
            FROM service_order WHERE resident_id = %s AND planned_start >= %s AND planned_start < %s
            """,
            (resident_id, dt.datetime.combine(first, dt.time(), SHANGHAI),
             dt.datetime.combine(after, dt.time(), SHANGHAI)),
        ).fetchone()  # fmt: skip
    assert found is not None  # noqa: S101 - one row always
    return found
