"""Who is asked before a shift, and who then counts as missing."""

import datetime as dt

import pytest

from care_network.duty.roster import Exceptional, Person, Post, Roster
from care_network.duty.spells import DutyTest, silent, spells, unasked

EIGHT = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
"""08:00 in Shanghai, when the shift begins."""
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


def roster(*duties: tuple[int, float, float], away: tuple[Exceptional, ...] = (), phone: str = "0755-1") -> Roster:
    """A roster of duties (person, first and last hour after 8)."""
    people = {
        number: Person(
            id=number, code=f"S{number}", name_zh="员", name_en="S", role="carer", phone=phone, account_id=None,
            skills=(), certificates=(), languages=("cmn",),
        )
        for number, _, _ in duties
    }  # fmt: skip
    post = Post(
        id=1, code="beds", kind="home_care_bed_team", path="sz.yt", name_zh="组", name_en="T", phone=""
    )  # fmt: skip
    extras = tuple(Exceptional(who, 1, EIGHT + a * HOUR, EIGHT + b * HOUR) for who, a, b in duties)
    since, until = EIGHT - 4 * DAY, EIGHT + 4 * DAY
    return Roster(since=since, until=until, people=people, posts={1: post}, extras=extras, absences=away)


def asked_at(asked_min: float, starts: dt.datetime = EIGHT, answered_min: float | None = None) -> DutyTest:
    answered = None if answered_min is None else EIGHT + answered_min * MINUTE
    return DutyTest(staff_id=1, starts_at=starts, asked_at=EIGHT + asked_min * MINUTE, answered_at=answered)


@pytest.mark.parametrize(
    ("minute", "asked"), [(-61, False), (-60, True), (-59, True), (-1, True), (0, False), (5, False), (24 * 60, False)]
)
def test_somebody_is_asked_from_an_hour_before_until_it_begins(minute: float, asked: bool) -> None:
    found = unasked(roster((1, 0, 8)), (), EIGHT + minute * MINUTE)
    assert [spell.starts_at for spell in found] == [EIGHT] * asked


def test_nobody_is_asked_twice_or_after_an_answer_within_the_hour() -> None:
    now = EIGHT - 40 * MINUTE
    plan = roster((1, 0, 8))
    assert unasked(plan, [asked_at(-60)], now) == []
    moved = roster((1, 0.25, 8))
    assert len(unasked(moved, [asked_at(-60)], now)) == 1, "the silent are asked for the new beginning"
    assert unasked(moved, [asked_at(-60, answered_min=-44)], now) == []
    assert len(unasked(moved, [asked_at(-60, answered_min=-46)], now)) == 1


def test_of_shifts_that_follow_directly_only_the_first_is_tested() -> None:
    plan = roster((1, 0, 8), (1, 8, 16), (1, 15, 17), (2, 0, 7), (2, 7.5, 9))
    assert [(spell.staff_id, len(spell.stints)) for spell in spells(plan, EIGHT - DAY, EIGHT + DAY)] == [
        (1, 3), (2, 1), (2, 1),
    ]  # fmt: skip
    assert unasked(plan, (), EIGHT + 7 * HOUR + 30 * MINUTE) == []
    assert [one.staff_id for one in unasked(plan, (), EIGHT + 7 * HOUR)] == [2]


def test_somebody_away_or_without_telephone_and_login_is_not_asked() -> None:
    ill = (Exceptional(1, None, EIGHT - HOUR, EIGHT + DAY, "病假"),)
    assert unasked(roster((1, 0, 8), away=ill), (), EIGHT - 50 * MINUTE) == []
    assert unasked(roster((1, 0, 8), phone=""), (), EIGHT - 50 * MINUTE) == []
    late = (Exceptional(1, None, EIGHT - HOUR, EIGHT + HOUR, "门诊"),)
    assert unasked(roster((1, 0, 8), away=late), (), EIGHT - 50 * MINUTE) == []
    assert [one.starts_at for one in unasked(roster((1, 0, 8), away=late), (), EIGHT)] == [EIGHT + HOUR]


@pytest.mark.parametrize(
    ("asked", "answered", "minute", "missing"),
    [
        (-60, None, -31, False), (-60, None, -30, True), (-60, None, 0, True), (-60, None, 479, True),
        (-60, None, 480, False), (-60, -45, -30, False), (-60, -10, -5, False), (-40, None, -26, False),
        (-40, None, -25, True), (-5, None, 9, False), (-5, None, 10, True),
    ],
)  # fmt: skip
def test_who_has_not_answered_half_an_hour_before_is_missing_until_they_do(
    asked: float, answered: float | None, minute: float, missing: bool
) -> None:
    plan = roster((1, 0, 8))
    every = spells(plan, EIGHT - DAY, EIGHT + DAY)
    found = silent(every, [asked_at(asked, answered_min=answered)], EIGHT + minute * MINUTE)
    assert [spell.staff_id for spell in found] == [1] * missing


def test_silence_lasts_over_the_shifts_that_follow_directly_and_no_longer() -> None:
    plan = roster((1, 0, 8), (1, 8, 16), (1, 17, 20))
    every = spells(plan, EIGHT - DAY, EIGHT + DAY)
    tests = [asked_at(-60)]
    assert [one.ends_at for one in silent(every, tests, EIGHT + 12 * HOUR)] == [EIGHT + 16 * HOUR]
    assert silent(every, tests, EIGHT + 18 * HOUR) == []


def test_what_was_moved_is_judged_by_its_own_test() -> None:
    every = spells(roster((1, 1, 8)), EIGHT - DAY, EIGHT + DAY)
    assert silent(every, [asked_at(-60)], EIGHT) == []
    assert len(silent(every, [asked_at(-60), asked_at(-15, EIGHT + HOUR)], EIGHT + 30 * MINUTE)) == 1
