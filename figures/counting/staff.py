"""Count the load of each member of staff: work orders done, hours on the roster, calls at night."""

import datetime as dt
from typing import Any, LiteralString

import psycopg

from figures.core import months

NIGHT = (22, 7)
"""Hours of the clock in Shanghai between which a call wakes somebody."""


def count(conn: psycopg.Connection[Any], month: dt.date, now: dt.datetime) -> None:
    """Count the month's staff anew, in the caller's transaction.

    Hours are those of the roster as it stands (:func:`care_network.duty.roster.stints`), cut by absences, up to
    ``now``; two duties at once are counted once.
    """
    since, until = months.span(month)
    asked = {"month": month, "since": since, "until": min(until, now), "from": NIGHT[0], "to": NIGHT[1]}
    conn.execute("DELETE FROM figure_worker WHERE month = %(month)s", asked)
    conn.execute(_WORKERS, asked)


def follow(conn: psycopg.Connection[Any], month: dt.date) -> None:
    """Count the orders of a month that is over anew: a telephone that was away told of one later. Rosters stay as they
    were counted."""
    since, until = months.span(month)
    asked = {"month": month, "since": since, "until": until}
    conn.execute("UPDATE figure_worker SET orders = 0 WHERE month = %(month)s", asked)
    conn.execute(_ORDERS, asked)


_DONE: LiteralString = """
    SELECT o.staff_id, count(*) AS n FROM work_order o JOIN household h ON h.id = o.household_id
    WHERE o.state = 'done' AND o.done_at >= %(since)s AND o.done_at < %(until)s AND NOT h.synthetic GROUP BY o.staff_id
"""
_ORDERS: LiteralString = f"""
    INSERT INTO figure_worker AS f (month, staff_id, area_id, orders, duty_s, night_calls)
    SELECT %(month)s, s.id, o.area_id, d.n, 0, 0
    FROM ({_DONE}) d JOIN staff s ON s.id = d.staff_id JOIN organisation o ON o.id = s.organisation_id
    ON CONFLICT (month, staff_id) DO UPDATE SET orders = excluded.orders
"""  # noqa: S608 - of constants
_WORKERS: LiteralString = f"""
    WITH day AS (
        SELECT d::date AS day FROM generate_series(
            (%(since)s AT TIME ZONE 'Asia/Shanghai')::date - 1, (%(until)s AT TIME ZONE 'Asia/Shanghai')::date,
            INTERVAL '1 day') d
    ), planned AS (
        SELECT r.staff_id, tstzrange((day + s.starts) AT TIME ZONE 'Asia/Shanghai',
                   (day + s.ends + CASE WHEN s.ends <= s.starts THEN INTERVAL '1 day' ELSE INTERVAL '0' END)
                   AT TIME ZONE 'Asia/Shanghai') AS spell
        FROM roster r JOIN shift s ON s.id = r.shift_id JOIN organisation o ON o.id = s.organisation_id AND o.active
        JOIN day ON extract(isodow FROM day)::smallint = ANY (r.weekdays)
                AND day >= r.valid_from AND (r.valid_until IS NULL OR day <= r.valid_until)
        UNION ALL
        SELECT e.staff_id, tstzrange(e.starts_at, e.ends_at) FROM roster_exception e
        JOIN organisation o ON o.id = e.organisation_id AND o.active WHERE e.kind = 'extra'
    ), away AS (
        SELECT staff_id, range_agg(tstzrange(starts_at, ends_at)) AS spells FROM roster_exception
        WHERE kind = 'absent' GROUP BY staff_id
    ), duty AS (
        SELECT p.staff_id, range_agg(p.spell) * tstzmultirange(tstzrange(%(since)s, %(until)s)) AS spells
        FROM planned p GROUP BY p.staff_id
    ), hours AS (
        SELECT d.staff_id, coalesce((SELECT sum(extract(epoch FROM upper(u) - lower(u)))
               FROM unnest(d.spells - coalesce(a.spells, '{{}}'::tstzmultirange)) u), 0)::float8 AS s
        FROM duty d LEFT JOIN away a USING (staff_id)
    ), done AS ({_DONE}), woken AS (
        SELECT n.recipient_key AS code, count(*) AS n
        FROM notification n WHERE n.recipient_kind = 'staff' AND n.reason = 'escalation' AND n.state <> 'withdrawn'
          AND n.at >= %(since)s AND n.at < %(until)s
          AND (extract(hour FROM n.at AT TIME ZONE 'Asia/Shanghai') >= %(from)s
               OR extract(hour FROM n.at AT TIME ZONE 'Asia/Shanghai') < %(to)s)
          AND NOT is_synthetic(n.alert_id)
        GROUP BY n.recipient_key
    )
    INSERT INTO figure_worker
    SELECT %(month)s, s.id, o.area_id, coalesce(d.n, 0), coalesce(h.s, 0), coalesce(w.n, 0)
    FROM staff s JOIN organisation o ON o.id = s.organisation_id
    LEFT JOIN hours h ON h.staff_id = s.id AND s.active LEFT JOIN done d ON d.staff_id = s.id
    LEFT JOIN woken w ON w.code = s.code
    WHERE coalesce(d.n, 0) > 0 OR coalesce(h.s, 0) > 0 OR coalesce(w.n, 0) > 0
"""  # noqa: S608 - of constants
