"""Look at every subscription of the city, and ask each district's feed about the place that the city has in its log."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from database.city import feed
from database.city.following import connection_of
from database.city.judging import Feed, Followed, Verdict, judge
from database.city.names import code_of, subscription_of
from database.city.schema import version

ASK_S = 5
AT_ONCE = 16
"""Districts that are asked side by side: 139 of which many are away are a minute otherwise."""


def status(conn: psycopg.Connection[Any], now: dt.datetime | None = None) -> list[Verdict]:
    """Judge each district that the city follows, by its code, at ``now`` (None: by the city's clock).

    Asks the feeds where ``conn`` is a superuser's.
    """
    row = conn.execute("SELECT coalesce(%s, clock_timestamp())", (now,)).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    ours, followed = version(conn), _followed(conn)
    urls = [connection_of(conn, one.district) for one in followed]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = list(pool.map(_asked, followed, urls))
    return [judge(one, ours, row[0]) for one in asked]


def _followed(conn: psycopg.Connection[Any]) -> list[Followed]:
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            SELECT s.subname, s.subenabled AS enabled, d.told_at, w.last_msg_receipt_time AS heard_at,
                   r.tables, r.tables_copied, e.apply_error_count AS apply_errors, e.sync_error_count AS copy_errors
            FROM pg_subscription s
            LEFT JOIN city.district d ON 'district_' || d.district = s.subname
            LEFT JOIN LATERAL (SELECT max(last_msg_receipt_time) AS last_msg_receipt_time FROM pg_stat_subscription
                               WHERE subid = s.oid AND relid IS NULL) w ON true
            LEFT JOIN pg_stat_subscription_stats e ON e.subid = s.oid
            CROSS JOIN LATERAL (SELECT count(*)::integer AS tables,
                                       (count(*) FILTER (WHERE srsubstate = 'r'))::integer AS tables_copied
                                FROM pg_subscription_rel WHERE srsubid = s.oid) r
            WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY s.subname
            """
        ).fetchall()
    found = []
    for row in rows:
        code = code_of(row.pop("subname"))
        if code is not None:
            counts = {name: row[name] or 0 for name in ("apply_errors", "copy_errors")}
            found.append(Followed(district=code, **{**row, **counts}))
    return found


def _asked(one: Followed, url: str | None) -> Followed:
    if url is None:
        return one
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=ASK_S) as conn:
            row = conn.execute("SELECT told_at, feed_version FROM city.district").fetchone()
            places = {slot.name: slot for slot in feed.slots(conn)}
    except psycopg.Error as error:
        return msgspec.structs.replace(one, fault=" ".join(str(error).split()))
    if row is None:
        return msgspec.structs.replace(one, fault="its feed is empty: run 'shouwang city publish' there")
    answer = Feed(places.get(subscription_of(one.district)), row[0], row[1])
    return msgspec.structs.replace(one, feed=answer)
