"""Staff as numpy columns, the input of one-tap matching.

A :class:`Day` holds the data of a day's roster (people, skills that count on that day, stints) and is used again until
the records change. A :class:`Crew` is a day at one moment, with the data that change by the minute: shared places and
orders in hand.
"""

import datetime as dt
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from care_network.catalogues.workforce import CERTIFICATES, LANGUAGES, ROLES, SKILLS
from care_network.duty.roster import Person, Post, Roster, stints
from vocabulary.severity import SEVERITIES
from vocabulary.times import SHANGHAI

Floats = NDArray[np.float64]
Bits = NDArray[np.uint64]
Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]

URGENCIES = (*SEVERITIES, "planned")
"""Urgencies of an order: the severity of its alert, or planned; the gravest first."""
_SKILL_BIT = {code: 1 << number for number, code in enumerate(SKILLS)}
_LANGUAGE_BIT = {code: 1 << number for number, code in enumerate(LANGUAGES)}
_PAPER_BIT = {code: 1 << number for number, code in enumerate(CERTIFICATES)}
_ROLE_NUMBER = {code: number for number, code in enumerate(ROLES)}


def skill_bits(codes: Iterable[str]) -> np.uint64:
    """Encode skills as bits; unknown codes are left out."""
    return np.uint64(_bits(codes, _SKILL_BIT))


def language_bits(codes: Iterable[str]) -> np.uint64:
    return np.uint64(_bits(codes, _LANGUAGE_BIT))


def role_mask(roles: frozenset[str]) -> Mask:
    """For each role number, whether the role is one of these."""
    return np.array([code in roles for code in _ROLE_NUMBER])


class Day(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One calendar day in Shanghai. Columns of people (P), of stints (S) that touch the day; times in s since 1970."""

    date: dt.date
    people: tuple[Person, ...]
    posts: tuple[Post, ...]
    row: dict[int, int]
    """Staff id → row."""
    role: Counts
    skills: Bits
    """Skills that count on that day."""
    lapsed: Bits
    """Skills whose certificate is missing or has expired."""
    languages: Bits
    qualified: Mask
    reachable: Mask
    sent: Mask
    """Whether checks and training let them be sent on that day."""
    post_longitude: Floats
    post_latitude: Floats
    stint_person: Counts
    stint_post: Counts
    stint_start: Floats
    stint_end: Floats
    home_post: Counts
    """The post whose place is taken for a person who is not on duty; -1: none."""


class Crew(msgspec.Struct, frozen=True, eq=False):
    """A day at one moment: shared places (NaN: not shared) and orders in hand by urgency."""

    day: Day
    at: dt.datetime
    longitude: Floats
    latitude: Floats
    load: Counts
    """Orders that each person has or is asked for; shape (P, len(URGENCIES))."""


def bounds(date: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """Start and end, in UTC, of a calendar day in Shanghai."""
    start = dt.datetime.combine(date, dt.time(), SHANGHAI).astimezone(dt.UTC)
    return start, start + dt.timedelta(days=1)


def day_of(roster: Roster, date: dt.date, places: Mapping[int, tuple[float, float]]) -> Day:
    """Build the columns of a day. ``places``: organisation id → (longitude, latitude), degrees.

    Raises ValueError where the roster does not cover the day.
    """
    people = tuple(roster.people.values())
    posts = tuple(roster.posts.values())
    row = {person.id: number for number, person in enumerate(people)}
    post_row = {post.id: number for number, post in enumerate(posts)}
    role = np.array([_ROLE_NUMBER.get(person.role, -1) for person in people], np.int64)
    papers = np.array(
        [_bits((c.kind for c in person.certificates if c.valid(date)), _PAPER_BIT) for person in people], np.uint64
    )
    has = np.array([_bits(person.skills, _SKILL_BIT) for person in people], np.uint64)
    good = _counting(has, papers)
    duties = stints(roster, *bounds(date))
    home = np.full(len(people), -1, np.int64)
    for stint in duties:
        home[row[stint.staff_id]] = post_row[stint.organisation_id]
    nowhere = (np.nan, np.nan)
    return Day(
        date=date,
        people=people,
        posts=posts,
        row=row,
        role=role,
        skills=good,
        lapsed=has & ~good,
        languages=np.array([_bits(person.languages, _LANGUAGE_BIT) for person in people], np.uint64),
        qualified=_one_of(papers, _ROLE_PAPERS[role]),
        reachable=np.array([person.reachable for person in people], bool),
        sent=np.array([person.sent(date) for person in people], bool),
        post_longitude=np.array([places.get(post.id, nowhere)[0] for post in posts], float),
        post_latitude=np.array([places.get(post.id, nowhere)[1] for post in posts], float),
        stint_person=np.array([row[stint.staff_id] for stint in duties], np.int64),
        stint_post=np.array([post_row[stint.organisation_id] for stint in duties], np.int64),
        stint_start=np.array([stint.starts_at.timestamp() for stint in duties], float),
        stint_end=np.array([stint.ends_at.timestamp() for stint in duties], float),
        home_post=home,
    )


def crew_of(
    day: Day,
    at: dt.datetime,
    shared: Mapping[int, tuple[float, float]],
    load: Iterable[tuple[int, str, int]],
) -> Crew:
    """Build the crew of a moment. Staff who are no longer active are left out.

    ``shared``: staff id → present (longitude, latitude); ``load``: (staff id, urgency, number of orders in hand).
    """
    longitude = np.full(len(day.people), np.nan)
    latitude = np.full(len(day.people), np.nan)
    for staff, (east, north) in shared.items():
        if staff in day.row:
            longitude[day.row[staff]], latitude[day.row[staff]] = east, north
    counts = np.zeros((len(day.people), len(URGENCIES)), np.int64)
    for staff, urgency, number in load:
        if staff in day.row:
            counts[day.row[staff], URGENCIES.index(urgency)] += number
    return Crew(day, at, longitude, latitude, counts)


def _bits(codes: Iterable[str], known: Mapping[str, int]) -> int:
    found = 0
    for code in codes:
        found |= known.get(code, 0)
    return found


_ROLE_PAPERS = np.array([_bits(role.needs, _PAPER_BIT) for role in ROLES.values()] + [0], np.uint64)
"""Certificates by role number; the last row stands for an unknown role."""


def _counting(has: Bits, papers: Bits) -> Bits:
    """Each person's skills that count with these valid papers, by the rule of ``workforce.effective_skills``."""
    good = np.zeros(len(has), np.uint64)
    for code, skill in SKILLS.items():
        bit = np.uint64(_SKILL_BIT[code])
        good |= np.where(_one_of(papers, np.uint64(_bits(skill.needs, _PAPER_BIT))), has & bit, np.uint64(0))
    return good


def _one_of(papers: Bits, needs: Bits | np.uint64) -> Mask:
    """For each person, whether a needed paper is there, or none is needed."""
    found: Mask = (needs == 0) | ((papers & needs) != 0)
    return found
