"""Certificates on a day, reminders, working hours, and the reasons why somebody may not be sent."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_network.catalogues.services import SERVICES
from care_network.catalogues.workforce import Certificate
from care_network.duty.roster import Person
from care_services.workforce.hours import hours_between, merged, month_hours, weeks
from care_services.workforce.reach import standing
from care_services.workforce.terms import state_of, step_of, words_of
from vocabulary.times import SHANGHAI

DAY = dt.date(2026, 11, 30)


@pytest.mark.parametrize(
    ("kind", "days", "state", "says"),
    [
        ("health", 91, "valid", "有效至"), ("health", 90, "soon", "90 天后到期"), ("health", 0, "soon", "今天到期"),
        ("health", -1, "expired", "1 天前"), ("health", None, "unknown", "未登记到期日"),
        ("elder_carer", None, "valid", "长期有效"),
    ],
)  # fmt: skip
def test_a_certificate_stands_by_its_last_day(kind: str, days: int | None, state: str, says: str) -> None:
    ends = None if days is None else DAY + dt.timedelta(days=days)
    assert state_of(kind, ends, DAY) == state
    assert says in words_of(kind, ends, DAY)[0]


def test_a_reminder_is_of_the_nearest_step_and_of_none_before() -> None:
    steps = {days: step_of(DAY + dt.timedelta(days=days), DAY) for days in (91, 90, 31, 30, 8, 7, 1, 0, -1)}
    assert steps == {91: None, 90: 90, 31: 90, 30: 30, 8: 30, 7: 7, 1: 7, 0: 0, -1: None}


def at(day: int, hour: int) -> dt.datetime:
    """A time of the week of DAY, a Monday, in Shanghai."""
    return dt.datetime.combine(DAY + dt.timedelta(days=day), dt.time(), SHANGHAI) + dt.timedelta(hours=hour)


def test_weeks_have_their_hours_whatever_overlaps_or_crosses_midnight() -> None:
    nights = [(at(day, 23), at(day + 1, 7)) for day in range(7)]
    doubled = [*nights, (at(0, 22), at(1, 6))]
    this, after = weeks(doubled, DAY + dt.timedelta(days=3), 2)
    assert (this.monday, this.hours, this.days) == (DAY, 7 * 8 - 7 + 1, 7)
    assert this.too_long
    assert this.no_rest
    assert (after.hours, after.days) == (7.0, 1)
    assert month_hours(nights, DAY) == 1.0, "of the last day of November, an hour before midnight"


SPANS = st.lists(
    st.tuples(st.integers(0, 200), st.integers(1, 40)).map(lambda one: (at(0, one[0]), at(0, one[0] + one[1]))),
    max_size=8,
)


@given(SPANS)
def test_an_hour_on_two_rosters_is_one_hour(spans: list[tuple[dt.datetime, dt.datetime]]) -> None:
    numbers = [[int((one - at(0, 0)).total_seconds() // 3600) for one in span] for span in spans]
    covered = {hour for start, end in numbers for hour in range(start, end)}
    assert hours_between(merged(spans), at(0, 0), at(30, 0)) == len(covered)


def person(role: str = "carer", skills: tuple[str, ...] = (), *papers: Certificate) -> Person:
    return Person(
        id=1, code="S1", name_zh="许晴", name_en="Xu Qing", role=role, phone="1", account_id=None, skills=skills,
        certificates=papers, languages=("cmn",),
    )  # fmt: skip


def test_the_reason_names_the_skill_the_certificate_and_the_day() -> None:
    ended = Certificate("elder_carer", DAY - dt.timedelta(days=1))
    bathing = standing(person("carer", ("bathing",), ended), SERVICES["bathing"], ("off_duty", "certificate"), DAY)
    assert bathing.verdict == "not"
    assert bathing.why[0][0] == f"“助浴”：养老护理员证书已于 {ended.expires_on} 过期"
    assert bathing.why[1][1] == "not on duty then"
    bare = standing(person("carer", ("bathing",)), SERVICES["bathing"], ("certificate",), DAY)
    assert "没有护士执业证书 或 医师执业证书 或 养老护理员证书" in bare.why[0][0]
    lacks = standing(person(), SERVICES["bathing"], ("skill", "certificate", "elsewhere", "off_duty"), DAY)
    assert [zh for zh, _ in lacks.why] == ["缺少技能：助浴", "此时不在班"]
    nurse = standing(person("nurse"), SERVICES["nursing_visit"], ("licence",), DAY)
    assert nurse.why[0][1] == "has no nurse's licence"


def test_what_lies_in_the_hour_does_not_mean_that_somebody_may_not() -> None:
    able = standing(person("carer", ()), SERVICES["wellness_check"], ("off_duty", "duty_ends", "busy"), DAY)
    assert (able.verdict, [en for _, en in able.why]) == ("able", ["not on duty then", "busy with other orders"])
    assert standing(person(), SERVICES["meal"], (), DAY).verdict == "now"
