"""Find hours in the roster to come in which a ladder would reach nobody."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import psycopg

from care_network.duty.loading import load_roster
from care_network.duty.roster import Hole, Post, Roster, describe, find_holes, serving
from care_network.duty.spells import BACK, DutyTest, Spell, silent, spells
from dispatch.escalation import duty_tests
from dispatch.ladders.policy import OnDutyTarget, Policy, choose
from dispatch.ladders.store import policies_now
from vocabulary.area_path import within
from vocabulary.severity import GRAVE
from vocabulary.times import SHANGHAI


class DutyWarning(msgspec.Struct, frozen=True, kw_only=True):
    """Hours in which a ladder reaches nobody who is on duty."""

    areas: tuple[str, ...]
    """Paths of the areas whose homes it concerns."""
    place_zh: str
    place_en: str
    """Their names."""
    posts: tuple[str, ...]
    """Codes of the organisations on the ladder; empty: none of these kinds serves the place at all."""
    starts_at: dt.datetime
    ends_at: dt.datetime
    text_zh: str
    text_en: str
    silent: bool = False
    """People are on the roster there, and have not answered the test before it."""


PlaceNames = tuple[str, str]
"""In Chinese and in English."""


def find(
    policies: Sequence[Policy], roster: Roster, places: Mapping[str, PlaceNames], since: dt.datetime, until: dt.datetime
) -> list[DutyWarning]:
    """Find the hours in [since, until) in which an emergency or urgent alert would climb its whole ladder and reach
    nobody on duty. Pure. ``places``: the areas in which people live, by path, with their names."""
    groups: dict[tuple[tuple[str, ...], tuple[tuple[dt.datetime, dt.datetime], ...]], list[str]] = defaultdict(list)
    for path in places:
        near = serving(roster, path)
        for severity in GRAVE:
            for policy, hours in _in_force(policies, severity, [post.code for post in near], since, until):
                groups[_ladder(policy, near), hours].append(path)
    holes: dict[tuple[tuple[str, ...], dt.datetime, dt.datetime], tuple[Hole, list[str]]] = {}
    for (codes, hours), paths in groups.items():
        for start, end in hours:
            for hole in find_holes(roster, start, end, [codes]):
                _, seen = holes.setdefault((codes, hole.starts_at, hole.ends_at), (hole, []))
                seen += [path for path in paths if path not in seen]
    return [
        _warning(codes, start, end, hole, {path: places[path] for path in paths})
        for (codes, start, end), (hole, paths) in sorted(holes.items(), key=lambda item: (item[0][1], item[0][0]))
    ]


def find_silent(
    roster: Roster,
    tests: Collection[DutyTest],
    places: Mapping[str, PlaceNames],
    since: dt.datetime,
    until: dt.datetime,
) -> list[DutyWarning]:
    """Find the shifts in [since, until) whose people have not answered the test before it, one for each organisation
    and shift. Pure. Alerts call these people all the same: they may only have overlooked the message."""
    every = spells(roster, since - BACK, until)
    missing: dict[tuple[int, dt.datetime, dt.datetime], set[int]] = defaultdict(set)
    for spell in silent(every, tests, since):
        for stint in spell.stints:
            if stint.starts_at < until and since < stint.ends_at:
                missing[stint.organisation_id, stint.starts_at, stint.ends_at].add(stint.staff_id)
    gone = frozenset(staff for people in missing.values() for staff in people)
    return [
        _silent_warning(
            roster, roster.posts[post], (start, end), people, _others(every, post, (start, end), gone), places
        )
        for (post, start, end), people in sorted(missing.items(), key=lambda item: (item[0][1], item[0][0]))
    ]


def load(conn: psycopg.Connection[Any], since: dt.datetime, until: dt.datetime) -> list[DutyWarning]:
    """Call :func:`find` and :func:`find_silent` with the roster, policies, places and tests of the database."""
    roster = load_roster(conn, since - BACK, until)
    places = {
        row[0]: (row[1], row[2])
        for row in conn.execute(
            "SELECT DISTINCT a.path::text, a.name_zh, a.name_en FROM household h JOIN area a ON a.id = h.area_id"
            " WHERE NOT h.synthetic ORDER BY 1"
        )
    }
    found = find(policies_now(conn), roster, places, since, until)
    return found + find_silent(roster, duty_tests.load(conn, since - BACK, until), places, since, until)


def _ladder(policy: Policy, near: Sequence[Post]) -> tuple[str, ...]:
    kinds = {
        kind
        for step in policy.steps
        for target in step.targets
        if isinstance(target, OnDutyTarget)
        for kind in target.kinds
    }
    return tuple(sorted(post.code for post in near if post.kind in kinds))


_Hours = tuple[tuple[dt.datetime, dt.datetime], ...]


def _in_force(
    policies: Sequence[Policy], severity: str, near: Sequence[str], since: dt.datetime, until: dt.datetime
) -> list[tuple[Policy, _Hours]]:
    """List the policies of a home's alerts with their hours: they change at the edges of hours only."""
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


def _warning(
    codes: tuple[str, ...], start: dt.datetime, end: dt.datetime, hole: Hole, places: Mapping[str, PlaceNames]
) -> DutyWarning:
    zh, en = ([name[language] for name in places.values()] for language in (0, 1))
    some_zh = "、".join(zh[:3]) + (f" 等 {len(zh)} 处" if len(zh) > 3 else "")
    some_en = ", ".join(en[:3]) + (f" and {len(en) - 3} more" if len(en) > 3 else "")
    if hole.posts:
        hole_zh, hole_en = describe(hole)
        text_zh, text_en = (
            f"{some_zh}的预警将无人应答：{hole_zh}",
            f"Alerts in {some_en} would reach nobody: {hole_en}",
        )
    else:
        text_zh = f"{some_zh}没有任何可值班的机构，预警将无人应答。请为上级区域设立机构并排班。"
        text_en = f"No organisation with people on duty serves {some_en}: alerts would reach nobody."
        text_en += " Add one and its roster."
    return DutyWarning(
        areas=tuple(places),
        place_zh="、".join(zh),
        place_en=", ".join(en),
        posts=codes,
        starts_at=start,
        ends_at=end,
        text_zh=text_zh,
        text_en=text_en,
    )


def _others(every: Sequence[Spell], post: int, hours: tuple[dt.datetime, dt.datetime], gone: Collection[int]) -> int:
    """Count those who are on duty there in these hours besides."""
    return len(
        {
            stint.staff_id
            for spell in every
            for stint in spell.stints
            if stint.organisation_id == post and stint.starts_at < hours[1] and hours[0] < stint.ends_at
        }
        - set(gone)
    )


def _silent_warning(
    roster: Roster,
    post: Post,
    hours: tuple[dt.datetime, dt.datetime],
    people: Collection[int],
    others: int,
    places: Mapping[str, PlaceNames],
) -> DutyWarning:
    start, end = (edge.astimezone(SHANGHAI) for edge in hours)
    missing = sorted((roster.people[staff] for staff in people), key=lambda person: person.code)
    zh, en = "、".join(one.name_zh for one in missing), ", ".join(one.name_en for one in missing)
    rest_zh = f"另有 {others} 人值班" if others else "另无他人值班"
    rest_en = f"{others} more on duty" if others else "nobody else on duty"
    return DutyWarning(
        areas=tuple(path for path in places if within(path, post.path)) or (post.path,),
        place_zh=post.name_zh,
        place_en=post.name_en,
        posts=(post.code,),
        starts_at=hours[0],
        ends_at=hours[1],
        text_zh=f"{post.name_zh}：{start:%m-%d %H:%M} 至 {end:%m-%d %H:%M} 值班的{zh}未应答班前测试（{rest_zh}）。"
        "请致电确认或安排替班。",
        text_en=f"{post.name_en}: {en}, on duty from {start:%m-%d %H:%M} to {end:%m-%d %H:%M}, did not answer the test"
        f" before it ({rest_en}). Call them, or arrange a duty.",
        silent=True,
    )
