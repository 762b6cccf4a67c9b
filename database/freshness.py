"""Hold the clock against the readings, before anything is removed by it."""

import datetime as dt
from typing import Any

import psycopg

FRESH = dt.timedelta(days=1)
"""A running district has readings this fresh. Where there are none, the clock may be wrong."""


def clock_is_borne_out(conn: psycopg.Connection[Any], now: dt.datetime) -> bool:
    """Whether the readings agree that it is ``now``: some are of the last day, or there are none.

    The gateways have clocks of their own; ours, set wrong by years, would remove everything.
    """
    row = conn.execute(
        """
        SELECT EXISTS (SELECT FROM series s CROSS JOIN LATERAL (
                   SELECT FROM readings(s.id, %s, 'infinity') LIMIT 1) fresh)
            OR NOT EXISTS (SELECT FROM reading)
        """,
        (now - FRESH,),
    ).fetchone()
    return row is not None and bool(row[0])
