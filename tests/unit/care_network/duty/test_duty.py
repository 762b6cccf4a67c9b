"""Who is on duty: overnight shifts, validity, absences, extra duties, nearness, lapsed papers, holes in words."""

import datetime as dt

import msgspec
import pytest

from care_network.catalogues.workforce import Certificate, effective_skills
from care_network.duty.roster import Exceptional, Person, Post, Roster, Weekly, describe, find_holes, on_duty, stints
from care_network.errors import NotFoundError
from vocabulary.times import SHANGHAI

MONDAY = dt.date(2026, 11, 2)
ALWAYS = dt.date(2026, 1, 1)


def at(day: int, hour: int, minute: int = 0) -> dt.datetime:
    """Monday is day 0."""
    return dt.datetime.combine(MONDAY + dt.timedelta(days=day), dt.time(hour, minute), SHANGHAI)


def person(number: int, **other: object) -> Person:
    fields = {
        "id": number, "code": f"S{number}", "name_zh": f"张{number}", "name_en": f"Zhang {number}", "role": "carer",
        "phone": "0755-00000000", "account_id": None, "skills": (), "certificates": (), "languages": ("cmn",),
    }  # fmt: skip
    return Person(**{**fields, **other})  # type: ignore[arg-type]


POSTS = {
    1: Post(
        id=1,
        code="team",
        kind="home_care_bed_team",
        path="sz.yt.hs",
        name_zh="海山小组",
        name_en="Haishan team",
        phone="",
    ),
    2: Post(
        id=2,
        code="center",
        kind="street_elder_center",
        path="sz.yt.hs",
        name_zh="海山中心",
        name_en="Haishan center",
        phone="",
    ),
    3: Post(
        id=3,
        code="district",
        kind="district_center",
        path="sz.yt",
        name_zh="区中心",
        name_en="District center",
        phone="",
    ),
    4: Post(
        id=4,
        code="other",
        kind="street_elder_center",
        path="sz.yt.ms",
        name_zh="梅沙中心",
        name_en="Meisha center",
        phone="",
    ),
}


def roster(*weekly: Weekly, **other: object) -> Roster:
    people = {number: person(number) for number in range(1, 6)}
    fields = {"since": at(-30, 0), "until": at(60, 0), "people": people, "posts": POSTS, "weekly": weekly}
    return Roster(**{**fields, **other})  # type: ignore[arg-type]


def weekly(staff: int, post: int, starts: int, ends: int, *days: int, until: dt.date | None = None) -> Weekly:
    return Weekly(
        staff_id=staff,
        organisation_id=post,
        shift="x",
        starts=dt.time(starts),
        ends=dt.time(ends),
        weekdays=days or tuple(range(1, 8)),
        valid_from=ALWAYS,
        valid_until=until,
    )


def codes(found: object) -> list[str]:
    return [one.person.code for one in found]  # type: ignore[attr-defined]


def test_a_night_shift_of_monday_ends_on_tuesday_morning() -> None:
    one = roster(weekly(1, 1, 23, 7, 1))
    for hours, there in [((0, 22, 59), 0), ((0, 23, 0), 1), ((1, 6, 59), 1), ((1, 7, 0), 0), ((1, 23, 30), 0)]:
        assert len(on_duty(one, at(*hours))) == there, hours
    assert on_duty(one, at(1, 3))[0].until == at(1, 7)


def test_a_night_shift_of_sunday_reaches_into_monday() -> None:
    assert codes(on_duty(roster(weekly(1, 1, 23, 7, 7)), at(0, 5))) == ["S1"]


def test_equal_start_and_end_is_a_whole_day() -> None:
    one = roster(weekly(1, 1, 8, 8, 1))
    assert [bool(on_duty(one, time)) for time in (at(0, 7, 59), at(0, 8), at(1, 7, 59), at(1, 8))] == [0, 1, 1, 0]


def test_the_last_valid_night_is_worked_to_its_end() -> None:
    one = roster(weekly(1, 1, 23, 7, until=MONDAY))
    assert on_duty(one, at(1, 6))
    assert not on_duty(one, at(1, 23, 30))


def test_an_absence_takes_off_everything_and_comes_back() -> None:
    one = roster(
        weekly(1, 1, 8, 20),
        extras=(Exceptional(1, 2, at(0, 8), at(0, 22)),),
        absences=(Exceptional(1, None, at(0, 10), at(0, 12), "病假"),),
    )
    assert [len(on_duty(one, at(0, hour))) for hour in (9, 10, 11, 12, 21)] == [2, 0, 0, 2, 1]
    assert [(s.starts_at, s.ends_at) for s in stints(one, at(0, 9), at(0, 10)) if s.organisation_id == 1] == [
        (at(0, 8), at(0, 10))
    ]


def test_the_nearest_organisation_comes_first() -> None:
    one = roster(weekly(1, 3, 0, 0), weekly(2, 2, 0, 0), weekly(3, 1, 0, 0), weekly(4, 4, 0, 0))
    assert codes(on_duty(one, at(0, 1), place="sz.yt.hs.pw.c04")) == ["S3", "S2", "S1"]
    assert codes(on_duty(one, at(0, 1), place="sz.yt")) == ["S1"]
    assert codes(on_duty(one, at(0, 1), place="sz.yt.hs2")) == ["S1"]
    assert codes(on_duty(one, at(0, 1), organisation="other")) == ["S4"]
    assert len(on_duty(one, at(0, 1))) == 4
    with pytest.raises(NotFoundError, match="nowhere"):
        on_duty(one, at(0, 1), organisation="nowhere")


def test_a_roster_of_another_week_is_refused() -> None:
    with pytest.raises(ValueError, match="load it anew"):
        on_duty(roster(), at(61, 0))


def test_a_skill_counts_while_its_certificate_does() -> None:
    papers = [Certificate("nurse_licence", dt.date(2026, 11, 2)), Certificate("health")]
    assert effective_skills(["wound_care", "lifting"], papers, MONDAY) == (("lifting", "wound_care"), ())
    assert effective_skills(["wound_care", "lifting"], papers, dt.date(2026, 11, 3)) == (("lifting",), ("wound_care",))
    nurse = person(1, role="nurse", skills=("wound_care",), certificates=tuple(papers))
    one = roster(weekly(1, 1, 0, 0), people={1: nurse})
    assert [(d.qualified, d.skills, d.lapsed) for d in on_duty(one, at(0, 23, 59))] == [(True, ("wound_care",), ())]
    assert [(d.qualified, d.skills, d.lapsed) for d in on_duty(one, at(1, 0))] == [(False, (), ("wound_care",))]


def test_holes_are_told_in_words_with_who_is_away() -> None:
    one = roster(
        weekly(1, 1, 7, 23), weekly(2, 1, 23, 7), absences=(Exceptional(2, None, at(0, 20), at(1, 3), "发热"),)
    )  # fmt: skip
    (hole,) = find_holes(one, at(0, 18), at(1, 18), [["team"]])
    assert (hole.starts_at, hole.ends_at) == (at(0, 23), at(1, 3))
    zh, en = describe(hole)
    assert zh == "海山小组：11-02 23:00 至 11-03 03:00 无人可联系值班；缺勤：张2（发热）。请安排加班或补充排班。"
    assert en.startswith(
        "Haishan team: nobody who can be reached from 11-02 23:00 to 11-03 03:00; away: Zhang 2 (发热)"
    )


def test_a_group_is_covered_by_any_of_its_organisations() -> None:
    one = roster(weekly(1, 1, 7, 23), weekly(2, 2, 22, 8))
    assert len(find_holes(one, at(0, 0), at(1, 0), [["team"], ["center"]])) == 3
    assert not find_holes(one, at(0, 0), at(1, 0), [["team", "center"]])
    with pytest.raises(NotFoundError):
        find_holes(one, at(0, 0), at(1, 0), [["closed"]])


def test_nobody_counts_who_can_not_be_reached() -> None:
    silent = person(1, phone="")
    one = roster(weekly(1, 1, 0, 0), people={1: silent})
    assert len(find_holes(one, at(0, 0), at(1, 0), [["team"]])) == 1
    with_login = msgspec.structs.replace(one, people={1: person(1, phone="", account_id=7)})
    assert not find_holes(with_login, at(0, 0), at(1, 0), [["team"]])


def test_a_roster_is_kept_as_json() -> None:
    one = roster(weekly(1, 1, 23, 7), absences=(Exceptional(2, None, at(0, 20), at(1, 3), "x"),))
    again = msgspec.json.decode(msgspec.json.encode(one), type=Roster)
    assert again == one
    assert on_duty(again, at(0, 23)) == on_duty(one, at(0, 23))
