"""Readings stored the way ingest does it, and roll-ups held against a fresh aggregation of them."""

import datetime as dt
from typing import Any

import numpy as np
import psycopg

from ingest.batches.batch import Batch
from ingest.quarantine.quarantine import Quarantine
from ingest.storing.writer import encode_rows, store
from tests.support.district import add_homes

SERIES = 6
FRESH = """
SELECT series_id, date_bin(%s, time, timestamptz '2000-01-01 00:00:00+00'), count(*), avg(value), min(value), max(value)
FROM reading GROUP BY 1, 2 ORDER BY 1, 2
"""


def add_series(conn: psycopg.Connection[Any], url: str) -> None:
    add_homes(url, ["gw-r-1"])
    conn.execute(
        "INSERT INTO series (device_id, channel)"
        " SELECT (SELECT min(id) FROM device), 'channel-' || n FROM generate_series(1, %s) n",
        (SERIES,),
    )


def batch(times: list[dt.datetime], series: list[int], values: list[float]) -> Batch:
    us = np.array([round(time.timestamp() * 1e6) for time in times], np.int64)
    return Batch(times_us=us, series_ids=np.array(series, np.int32), values=np.array(values, np.float32))


def ingest(conn: psycopg.Connection[Any], one: Batch) -> None:
    store(conn, one, encode_rows(one), Quarantine())


def check_views(conn: psycopg.Connection[Any]) -> None:
    for view, width in (("reading_minute", "1 minute"), ("reading_hour", "1 hour")):
        wanted = conn.execute(FRESH, (dt.timedelta(**{width.split()[1] + "s": 1}),)).fetchall()
        given = conn.execute(f"SELECT * FROM {view} ORDER BY 1, 2").fetchall()
        assert [(*row[:3], *row[4:]) for row in given] == [(*row[:3], *row[4:]) for row in wanted]
        assert np.allclose([row[3] for row in given], [row[3] for row in wanted], rtol=1e-6)
