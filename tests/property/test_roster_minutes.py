"""Rosters against brute force: minute by minute, each person asked alone."""

import datetime as dt
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from care_network.duty.roster import Exceptional, Person, Post, Roster, Weekly, find_holes, on_duty, stints
from vocabulary.times import SHANGHAI

START = dt.datetime(2026, 2, 26, tzinfo=SHANGHAI)
"""Over the end of a month."""
DAYS = 4
STEP = dt.timedelta(minutes=30)
CODES = ("a", "b")
POSTS = {
    n: Post(
        id=n, code=CODES[n], kind="street_elder_center", path=f"sz.yt.s{n}", name_zh="中心", name_en="Center", phone=""
    )
    for n in (0, 1)
}
PEOPLE = {
    n: Person(
        id=n,
        code=f"S{n}",
        name_zh="张",
        name_en="Zhang",
        role="carer",
        phone="" if n == 2 else "1",
        account_id=None,
        skills=(),
        certificates=(),
        languages=("cmn",),
    )
    for n in range(3)
}
half_hours = st.integers(0, 47).map(lambda n: dt.time(n // 2, n % 2 * 30))
days = st.integers(-3, DAYS + 2).map(lambda n: (START + dt.timedelta(days=n)).date())
moments = st.integers(-96, DAYS * 48 + 48).map(lambda n: START + n * STEP)


@st.composite
def weekly(draw: st.DrawFn) -> Weekly:
    begin = draw(days)
    return Weekly(
        staff_id=draw(st.sampled_from(sorted(PEOPLE))),
        organisation_id=draw(st.sampled_from(sorted(POSTS))),
        shift="x",
        starts=draw(half_hours),
        ends=draw(half_hours),
        weekdays=tuple(draw(st.sets(st.integers(1, 7), min_size=1))),
        valid_from=begin,
        valid_until=draw(st.none() | st.integers(0, 5).map(lambda n: begin + dt.timedelta(days=n))),
    )


@st.composite
def exceptional(draw: st.DrawFn, post: bool) -> Exceptional:
    begin = draw(moments)
    where = draw(st.sampled_from(sorted(POSTS))) if post else None
    return Exceptional(draw(st.sampled_from(sorted(PEOPLE))), where, begin, begin + draw(st.integers(1, 60)) * STEP)


@st.composite
def rosters(draw: st.DrawFn) -> Roster:
    return Roster(
        since=START,
        until=START + dt.timedelta(days=DAYS),
        people=PEOPLE,
        posts=POSTS,
        weekly=tuple(draw(st.lists(weekly(), max_size=6))),
        absences=tuple(draw(st.lists(exceptional(False), max_size=3))),
        extras=tuple(draw(st.lists(exceptional(True), max_size=3))),
    )


def works(roster: Roster, staff: int, post: int, at: dt.datetime) -> bool:
    """By the words of the definition: the clock on the wall, yesterday's shift, the exceptions."""
    if any(a.staff_id == staff and a.starts_at <= at < a.ends_at for a in roster.absences):
        return False
    if any(e.staff_id == staff and e.organisation_id == post and e.starts_at <= at < e.ends_at for e in roster.extras):
        return True
    clock = at.astimezone(SHANGHAI).time()
    today = at.astimezone(SHANGHAI).date()
    for entry in roster.weekly:
        if (entry.staff_id, entry.organisation_id) != (staff, post):
            continue

        def starts_on(day: dt.date, entry: Weekly = entry) -> bool:
            ends = entry.valid_until or dt.date.max
            return day.isoweekday() in entry.weekdays and entry.valid_from <= day <= ends

        if entry.starts < entry.ends:
            if starts_on(today) and entry.starts <= clock < entry.ends:
                return True
        elif (starts_on(today) and clock >= entry.starts) or (
            starts_on(today - dt.timedelta(days=1)) and clock < entry.ends
        ):
            return True
    return False


TIMES = [START + n * STEP + dt.timedelta(minutes=n % 3) for n in range(DAYS * 48)]


@settings(max_examples=60)
@given(rosters())
def test_on_duty_is_what_the_clock_says(roster: Roster) -> None:
    for at in TIMES:
        wanted = {(p, s) for p in POSTS for s in PEOPLE if works(roster, s, p, at)}
        found = on_duty(roster, at)
        assert {(one.post.id, one.person.id) for one in found} == wanted
        assert len(found) == len(wanted)


@settings(max_examples=60)
@given(rosters(), st.sampled_from([("a",), ("b",), ("a", "b")]))
def test_holes_are_the_minutes_without_anybody(roster: Roster, group: tuple[str, ...]) -> None:
    holes = find_holes(roster, START, START + dt.timedelta(days=DAYS), [group])
    ids = [CODES.index(code) for code in group]
    for at in TIMES:
        empty = not any(works(roster, s, p, at) for p in ids for s, who in PEOPLE.items() if who.reachable)
        assert empty == any(hole.starts_at <= at < hole.ends_at for hole in holes), at
    for before, after in itertools.pairwise(holes):
        assert before.ends_at < after.starts_at


@given(rosters(), moments, st.integers(1, 50))
def test_stints_of_a_part_are_those_of_the_whole_that_touch_it(roster: Roster, begin: dt.datetime, length: int) -> None:
    since = min(max(begin, roster.since), roster.until - STEP)
    until = min(since + length * STEP, roster.until)
    whole = stints(roster, roster.since, roster.until)
    assert stints(roster, since, until) == [one for one in whole if one.starts_at < until and since < one.ends_at]
