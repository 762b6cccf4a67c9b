"""Count people and places: who is registered and watched, which areas are served, hours at which homes were blind."""

import datetime as dt
from typing import Any, LiteralString

import psycopg

from care_network.protection.picture import look
from figures.core import months

BARE = ("none", "no_gateway", "missing")
"""Reasons of :mod:`care_network.protection.reasons`: blind because nothing that could see was ever there."""


def count(conn: psycopg.Connection[Any], month: dt.date, now: dt.datetime) -> bool:
    """Count the month's people anew, in the caller's transaction; gives whether the registry was read, too.

    The registry, and whether a person is watched now, is read while the month lasts; afterwards only the hours are
    counted, of those who were registered then (else of those who are now, and the month has no registry).
    """
    since, until = months.span(month)
    running = since <= now < until
    asked = {
        "month": month,
        "since": since,
        "until": min(until, now),
        "running": running,
        "bare": list(BARE),
        "seen": look(conn, now).known,
    }
    conn.execute(_GONE, asked)
    if running:
        conn.execute(_LEFT, asked)
    if running or conn.execute("SELECT FROM protection_change WHERE at < %s LIMIT 1", (until,)).fetchone():
        conn.execute(_PEOPLE, asked)  # else nobody looked yet: not a line, rather than one for everybody
    if running:
        conn.execute("DELETE FROM figure_place WHERE month = %(month)s", asked)
        conn.execute(_PLACES, asked)
    _sum(conn, asked)
    return running


def follow(conn: psycopg.Connection[Any], month: dt.date) -> None:
    """Count those of a month that is over where their homes lie now: a home was put into another area, or one of its
    people was taken out of the registry. Nothing is looked up that may have changed since."""
    asked = {"month": month}
    conn.execute(_MOVED, asked)
    _sum(conn, asked)


def _sum(conn: psycopg.Connection[Any], asked: dict[str, Any]) -> None:
    for table, query in (("figure_people", _GRADES), ("figure_blind", _BLIND)):
        conn.execute(f"DELETE FROM {table} WHERE month = %(month)s".encode(), asked)  # noqa: S608 - one of two names
        conn.execute(query, asked)
    conn.execute(_HOMES, asked)


_MOVED: LiteralString = """
    UPDATE figure_person p SET area_id = h.area_id FROM household h
    WHERE p.month = %(month)s AND h.id = p.household_id AND NOT h.synthetic AND h.area_id <> p.area_id
"""
# a person of no home any more, or who moved into a synthetic one: the next count has the rest
_GONE: LiteralString = """
    DELETE FROM figure_person p USING household h
    WHERE p.month = %(month)s AND h.id = p.household_id AND h.synthetic
"""
# who died or moved away while the month lasts; the hours of before stay counted
_LEFT: LiteralString = """
    UPDATE figure_person p SET registered = false FROM resident r
    WHERE p.month = %(month)s AND r.id = p.resident_id AND r.gone IS NOT NULL AND p.registered
"""
_PEOPLE: LiteralString = """
    WITH gap AS (
        SELECT range_agg(tstzrange(since, until)) AS all FROM (
            SELECT greatest(since, %(since)s) AS since, least(until, %(until)s) AS until FROM protection_gap
            WHERE since < %(until)s AND until > %(since)s
            UNION ALL SELECT greatest(at, %(since)s), %(until)s FROM protection_look WHERE at < %(until)s
        ) g WHERE since < until
    ), person AS (
        SELECT r.id, r.household_id, h.area_id, coalesce(r.ability_grade, '') AS grade, r.home_care_bed,
               CASE WHEN n.levels IS NULL OR NOT %(seen)s THEN 'unknown'
                    WHEN 0 = ANY (n.levels) OR 1 = ANY (n.levels) THEN 'watched'
                    WHEN 2 = ANY (n.levels) THEN 'unknown' ELSE 'blind' END AS watched
        FROM resident r JOIN household h ON h.id = r.household_id LEFT JOIN protection_now n ON n.resident_id = r.id
        WHERE NOT h.synthetic AND r.gone IS NULL
    ), change AS (
        SELECT p.id, f.function, %(since)s::timestamptz AS at, 0::bigint AS n, last.level, last.code
        FROM person p CROSS JOIN generate_series(0, 6) f (function)
        LEFT JOIN LATERAL (
            SELECT level, reason ->> 'code' AS code FROM protection_change c
            WHERE c.resident_id = p.id AND c.function = f.function AND c.at <= %(since)s
            ORDER BY at DESC, id DESC LIMIT 1
        ) last ON true
        UNION ALL
        SELECT c.resident_id, c.function, c.at, c.id, c.level, c.reason ->> 'code' FROM protection_change c
        WHERE c.at > %(since)s AND c.at < %(until)s
    ), spell AS (
        SELECT id, function, level, code, at,
               lead(at, 1, %(until)s) OVER (PARTITION BY id, function ORDER BY at, n) AS ends
        FROM change
    ), length AS (
        SELECT s.id, s.function,
               CASE WHEN level IS NULL OR level = 2 THEN 'unknown' WHEN level < 2 THEN 'known'
                    WHEN coalesce(code, '') = ANY (%(bare)s) THEN 'bare' ELSE 'lost' END AS sort,
               extract(epoch FROM s.ends - s.at)::float8 AS whole,
               CASE WHEN gap.all IS NULL THEN 0 ELSE coalesce((
                   SELECT sum(extract(epoch FROM upper(u) - lower(u)))::float8
                   FROM unnest(gap.all * tstzmultirange(tstzrange(s.at, s.ends))) u), 0) END AS blank
        FROM spell s CROSS JOIN gap WHERE s.ends > s.at
    ), sum AS (
        SELECT id, function, coalesce(sum(whole - blank) FILTER (WHERE sort = 'lost'), 0) AS lost,
               coalesce(sum(whole - blank) FILTER (WHERE sort = 'bare'), 0) AS bare,
               coalesce(sum(whole - blank) FILTER (WHERE sort = 'known'), 0) AS known,
               coalesce(sum(CASE WHEN sort = 'unknown' THEN whole ELSE blank END), 0) AS unknown
        FROM length GROUP BY id, function
    ), counted AS (
        SELECT id, array_agg(lost ORDER BY function) AS lost, array_agg(bare ORDER BY function) AS bare,
               array_agg(unknown ORDER BY function) AS unknown, array_agg(known ORDER BY function) AS known
        FROM sum GROUP BY id
    )
    INSERT INTO figure_person (month, resident_id, household_id, area_id, registered, grade, bed, watched, lost_s,
                               bare_s, unknown_s, known_s)
    SELECT %(month)s, p.id, p.household_id, p.area_id, %(running)s, p.grade, p.home_care_bed, p.watched, c.lost, c.bare,
           c.unknown, c.known
    FROM person p JOIN counted c USING (id)
    ON CONFLICT (month, resident_id) DO UPDATE SET
        lost_s = excluded.lost_s, bare_s = excluded.bare_s, unknown_s = excluded.unknown_s, known_s = excluded.known_s,
        household_id = CASE WHEN %(running)s THEN excluded.household_id ELSE figure_person.household_id END,
        area_id = CASE WHEN %(running)s THEN excluded.area_id ELSE figure_person.area_id END,
        registered = figure_person.registered OR excluded.registered,
        grade = CASE WHEN %(running)s THEN excluded.grade ELSE figure_person.grade END,
        bed = CASE WHEN %(running)s THEN excluded.bed ELSE figure_person.bed END,
        watched = CASE WHEN %(running)s THEN excluded.watched ELSE figure_person.watched END
"""
_PLACES: LiteralString = """
    INSERT INTO figure_place (month, area_id, kind, served, homes)
    SELECT %(month)s, a.id, a.level,
           EXISTS (SELECT FROM organisation o JOIN area serves ON serves.id = o.area_id
                   WHERE o.active AND serves.path = a.path
                     AND o.kind = CASE a.level WHEN 'street' THEN 'street_elder_center' ELSE 'community_station' END), 0
    FROM area a WHERE a.level IN ('street', 'community') AND NOT a.path <@ 'synthetic'::ltree
"""
# of the same lines as the list behind it
_HOMES: LiteralString = """
    UPDATE figure_place f SET homes = (
        SELECT count(DISTINCT p.household_id) FROM figure_person p JOIN area leaf ON leaf.id = p.area_id
        WHERE p.month = f.month AND p.registered AND leaf.path <@ a.path)
    FROM area a WHERE f.month = %(month)s AND a.id = f.area_id
"""
_GRADES: LiteralString = """
    INSERT INTO figure_people
    SELECT %(month)s, node.id, p.grade, count(*), count(*) FILTER (WHERE watched = 'watched'),
           count(*) FILTER (WHERE watched = 'unknown'), count(*) FILTER (WHERE bed),
           count(*) FILTER (WHERE bed AND watched = 'watched'), count(*) FILTER (WHERE bed AND watched = 'unknown')
    FROM figure_person p JOIN area leaf ON leaf.id = p.area_id JOIN area node ON node.path @> leaf.path
    WHERE p.month = %(month)s AND p.registered GROUP BY node.id, p.grade
"""
_BLIND: LiteralString = """
    INSERT INTO figure_blind
    SELECT %(month)s, node.id, f.function, count(*), count(*) FILTER (WHERE f.lost > 0), sum(f.lost), sum(f.bare),
           sum(f.unknown)
    FROM (
        SELECT household_id, area_id, n - 1 AS function, max(lost_s[n]) AS lost, max(bare_s[n]) AS bare,
               max(unknown_s[n]) AS unknown
        FROM figure_person, generate_series(1, 7) n WHERE month = %(month)s GROUP BY household_id, area_id, n
    ) f JOIN area leaf ON leaf.id = f.area_id JOIN area node ON node.path @> leaf.path
    GROUP BY node.id, f.function
"""
