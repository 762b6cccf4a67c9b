"""Would tonight's ladders reach anybody? The roster to come held against the policies, before the night."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import psycopg

from alerting.escalation.policy import SHANGHAI, OnDuty, Policy, choose
from alerting.escalation.store import policies_now
from care_network.duty import Hole, Post, Roster, describe, find_holes, serving
from care_network.rosters import load_roster

GRAVE = ("emergency", "urgent")
"""The severities for which somebody has to be there at any hour."""


class Warned(msgspec.Struct, frozen=True):
    """Hours in which a ladder reaches nobody who is on duty."""

    place: str
    """Names of the areas concerned."""
    posts: tuple[str, ...]
    """Codes of the organisations on the ladder; empty: none of these kinds serves the place at all."""
    starts_at: dt.datetime
    ends_at: dt.datetime
    text_zh: str
    text_en: str


def find(
    policies: Sequence[Policy], roster: Roster, places: Mapping[str, str], since: dt.datetime, until: dt.datetime
) -> list[Warned]:
    """The hours in [since, until) in which an emergency or urgent alert would climb its whole ladder without finding
    anybody on duty who can be reached. Pure. ``places``: the areas in which people live, by path, with their names."""
    groups: dict[tuple[tuple[str, ...], tuple[tuple[dt.datetime, dt.datetime], ...]], list[str]] = defaultdict(list)
    for path, name in places.items():
        near = serving(roster, path)
        for severity in GRAVE:
            for policy, hours in _in_force(policies, severity, [post.code for post in near], since, until):
                groups[_ladder(policy, near), hours].append(name)
    found: dict[tuple[tuple[str, ...], dt.datetime, dt.datetime], tuple[Hole, list[str]]] = {}
    for (codes, hours), names in groups.items():
        for start, end in hours:
            for hole in find_holes(roster, start, end, [codes]):
                _, seen = found.setdefault((codes, hole.starts_at, hole.ends_at), (hole, []))
                seen += [name for name in names if name not in seen]
    return [
        Warned("、".join(names), codes, start, end, *_words(hole, names))
        for (codes, start, end), (hole, names) in sorted(found.items(), key=lambda item: (item[0][1], item[0][0]))
    ]


def look(conn: psycopg.Connection[Any], since: dt.datetime, until: dt.datetime) -> list[Warned]:
    """:func:`find` with what the database says."""
    roster = load_roster(conn, since, until)
    places = {
        row[0]: row[1]
        for row in conn.execute(
            "SELECT DISTINCT a.path::text, a.name_zh FROM household h JOIN area a ON a.id = h.area_id ORDER BY 1"
        )
    }
    return find(policies_now(conn), roster, places, since, until)


def record(conn: psycopg.Connection[Any], found: Sequence[Warned], at: dt.datetime) -> list[Warned]:
    """Keep the warnings for the console; those that are mended are marked so. Gives the new ones. One transaction."""
    with conn.transaction():
        conn.execute("LOCK TABLE duty_warning IN SHARE ROW EXCLUSIVE MODE")
        there: dict[tuple[str, tuple[str, ...], dt.datetime], tuple[int, dt.datetime]] = {
            (place, tuple(posts), ends): (number, starts)
            for number, place, posts, starts, ends in conn.execute(
                "SELECT id, place, posts, starts_at, ends_at FROM duty_warning WHERE gone_at IS NULL"
            )
        }
        new = []
        for one in found:
            known = there.pop((one.place, one.posts, one.ends_at), None)
            # One that has begun begins at each look anew: it is the same.
            if known is None or known[1] > one.starts_at:
                new.append(one)
            if known is None:
                conn.execute(
                    "INSERT INTO duty_warning (place, posts, starts_at, ends_at, text_zh, text_en, found_at)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    (one.place, list(one.posts), one.starts_at, one.ends_at, one.text_zh, one.text_en, at),
                )
            elif known[1] != one.starts_at:
                conn.execute(
                    "UPDATE duty_warning SET starts_at = least(starts_at, %s), text_zh = %s, text_en = %s"
                    " WHERE id = %s",
                    (one.starts_at, one.text_zh, one.text_en, known[0]),
                )
        conn.execute(
            "UPDATE duty_warning SET gone_at = %s WHERE id = ANY(%s)", (at, [number for number, _ in there.values()])
        )
    return new


def warnings(conn: psycopg.Connection[Any], at: dt.datetime) -> list[tuple[str, str]]:
    """What is to be mended, in Chinese and English, the soonest first."""
    return [
        (row[0], row[1])
        for row in conn.execute(
            "SELECT text_zh, text_en FROM duty_warning WHERE gone_at IS NULL AND ends_at > %s"
            " ORDER BY starts_at, id LIMIT 20",
            (at,),
        )
    ]


def _ladder(policy: Policy, near: Sequence[Post]) -> tuple[str, ...]:
    kinds = {
        kind for step in policy.steps for target in step.targets if isinstance(target, OnDuty) for kind in target.kinds
    }
    return tuple(sorted(post.code for post in near if post.kind in kinds))


_Hours = tuple[tuple[dt.datetime, dt.datetime], ...]


def _in_force(
    policies: Sequence[Policy], severity: str, near: Sequence[str], since: dt.datetime, until: dt.datetime
) -> list[tuple[Policy, _Hours]]:
    """Which policy a home's alerts would get, and when: it changes at the edges of hours only."""
    edges = {since, until}
    for policy in policies:
        for edge in (policy.starts, policy.ends):
            day = since.astimezone(SHANGHAI).date()
            while edge is not None and (moment := dt.datetime.combine(day, edge, SHANGHAI)) < until:
                if moment > since:
                    edges.add(moment.astimezone(dt.UTC))
                day += dt.timedelta(days=1)
    marks = sorted(edges)
    spans: dict[str, tuple[Policy, list[tuple[dt.datetime, dt.datetime]]]] = {}
    for start, end in pairwise(marks):
        applied = choose(policies, severity, near, start)
        if applied is None:
            continue
        _, hours = spans.setdefault(applied.code, (applied, []))
        if hours and hours[-1][1] == start:
            hours[-1] = (hours[-1][0], end)
        else:
            hours.append((start, end))
    return [(policy, tuple(hours)) for policy, hours in spans.values()]


def _words(hole: Hole, names: Sequence[str]) -> tuple[str, str]:
    where = "、".join(names[:3]) + (f" 等 {len(names)} 处" if len(names) > 3 else "")
    if hole.posts:
        zh, en = describe(hole)
        return f"{where}的预警将无人应答:{zh}", f"Alerts in {where} would reach nobody: {en}"
    return (
        f"{where}没有任何可值班的机构,预警将无人应答。请为上级区域设立机构并排班。",
        f"No organisation with people on duty serves {where}: alerts would reach nobody. Add one and its roster.",
    )
