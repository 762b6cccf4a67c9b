"""Groups of alerts, holes in the night, codes of findings, statistics: pure rules on plain data."""

import datetime as dt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_network.duty.roster import Exceptional, Person, Post, Roster, Weekly
from care_network.records.contacts import FamilyMember
from dispatch.alerts import outcomes
from dispatch.desk import statistics
from dispatch.desk.grouping import AlertGroup, OpenAlert, group
from dispatch.escalation import duty_warnings, holes
from dispatch.ladders import store
from dispatch.ladders.people import addressees
from dispatch.ladders.policy import FamilyTarget, OnDutyTarget, OrganisationTarget, Step
from vocabulary.times import SHANGHAI

NIGHT = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
"""A Monday, 20:00 in Shanghai."""
MORNING = NIGHT + dt.timedelta(hours=12)
PLACE = "sz.yt.hs.pw.c1"


def item(
    number: int, rule: str = "gateway_silent", area: str = PLACE, severity: str = "technical", at: int = 0
) -> OpenAlert:
    return OpenAlert(
        id=str(number),
        rule=rule,
        severity=severity,
        state="raised",
        area=area,
        household=f"H{number}",
        onset_us=at * 1_000_000 + number,
    )


def test_a_power_cut_is_one_line_and_a_fall_beside_it_another() -> None:
    cut = [item(number) for number in range(80)]
    fall = item(99, "fall", severity="emergency")
    found = group([*cut, fall])
    assert [(one.rule, len(one.ids), one.homes) for one in found] == [("fall", 1, 1), ("gateway_silent", 80, 80)]
    assert found[1].area == PLACE


def test_too_few_in_a_compound_are_looked_at_in_its_community_and_street_but_no_higher() -> None:
    near = [item(number, area=f"sz.yt.hs.pw.c{number}") for number in range(6)]
    assert [one.area for one in group(near)] == ["sz.yt.hs.pw"]
    far = [item(number, area=f"sz.yt.s{number}.x.c") for number in range(6)]
    assert [len(one.ids) for one in group(far)] == [1] * 6


def test_homes_that_can_not_be_seen_are_one_line_a_street() -> None:
    dark = [msgspec.structs.replace(item(number, area=f"sz.yt.hs.p{number}.c"), wide=True) for number in range(6)]
    found = group(dark)
    assert [(one.area, len(one.ids), one.least()) for one in found] == [("sz.yt.hs", 6, 3)]
    assert [len(one.ids) for one in group(dark[:2])] == [1, 1]
    assert [len(one.ids) for one in group(dark[:3])] == [3]


def test_what_is_hours_apart_is_not_one_event() -> None:
    found = group([item(number, at=number // 5 * 3600) for number in range(10)])
    assert [len(one.ids) for one in found] == [5, 5]


ITEMS = st.lists(
    st.builds(
        OpenAlert,
        id=st.uuids().map(str),
        rule=st.sampled_from(["fall", "sos", "smoke"]),
        severity=st.sampled_from(["emergency", "urgent", "attention", "technical"]),
        state=st.sampled_from(["raised", "acknowledged"]),
        area=st.sampled_from(["sz", "sz.yt.hs.pw.c1", "sz.yt.hs.pw.c2", "sz.yt.hs.dd.c3", "sz.yt.ms.x.c4"]),
        household=st.sampled_from(["H1", "H2", "H3"]),
        onset_us=st.integers(0, 10**10),
    ),
    max_size=60,
)


@given(ITEMS)
def test_every_alert_is_in_one_group_and_the_gravest_come_first(items: list[OpenAlert]) -> None:
    found = group(items)
    assert sorted(i for one in found for i in one.ids) == sorted(one.id for one in items)
    ranks = [outcomes_rank(one) for one in found]
    assert ranks == sorted(ranks)
    by_id = {one.id: one for one in items}
    for one in found:
        members = [by_id[i] for i in one.ids]
        assert {member.rule for member in members} == {one.rule}
        assert all(f"{member.area}.".startswith(f"{one.area}.") for member in members)
        assert one.waiting == sum(member.state == "raised" for member in members)


def outcomes_rank(one: AlertGroup) -> int:
    return ["emergency", "urgent", "attention", "technical"].index(one.severity)


def person(number: int, phone: str = "0755-1", role: str = "carer") -> Person:
    return Person(
        id=number,
        code=f"S{number}",
        name_zh=f"员{number}",
        name_en=f"P{number}",
        role=role,
        phone=phone,
        account_id=None,
        skills=(),
        certificates=(),
        languages=("cmn",),
    )


def roster(*weekly: Weekly, people: tuple[Person, ...] = (), absences: tuple[Exceptional, ...] = ()) -> Roster:
    posts = {
        1: Post(
            id=1,
            code="beds",
            kind="home_care_bed_team",
            path="sz.yt.hs",
            name_zh="床位",
            name_en="Beds",
            phone="0755-9",
        ),
        2: Post(
            id=2, code="center", kind="street_elder_center", path="sz.yt.hs", name_zh="中心", name_en="Center", phone=""
        ),
    }
    since, until = NIGHT - dt.timedelta(days=1), MORNING + dt.timedelta(days=1)
    return Roster(
        since=since, until=until, people={p.id: p for p in people}, posts=posts, weekly=weekly, absences=absences
    )


PENGWAN = ("鹏湾", "Pengwan")


def always(staff: int, post: int) -> Weekly:
    return Weekly(
        staff_id=staff,
        organisation_id=post,
        shift="d",
        starts=dt.time(8),
        ends=dt.time(8),
        weekdays=(1, 2, 3, 4, 5, 6, 7),
        valid_from=dt.date(2026, 1, 1),
        valid_until=None,
    )


def test_a_night_with_somebody_on_the_ladder_has_no_hole() -> None:
    full = roster(always(1, 2), people=(person(1),))
    assert holes.find(store.defaults(), full, {PLACE: PENGWAN}, NIGHT, MORNING) == []


def test_the_hours_in_which_nobody_would_answer_are_named_once() -> None:
    away = Exceptional(1, None, NIGHT + dt.timedelta(hours=2), NIGHT + dt.timedelta(hours=5), "病假")
    thin = roster(always(1, 1), people=(person(1),), absences=(away,))
    (hole,) = holes.find(store.defaults(), thin, {PLACE: PENGWAN, "sz.yt.hs.pw.c2": ("梧桐", "Wutong")}, NIGHT, MORNING)
    assert (hole.starts_at, hole.ends_at) == (away.starts_at, away.ends_at)
    assert hole.posts == ("beds", "center")
    assert "鹏湾、梧桐" in hole.text_zh
    assert hole.text_en.startswith("Alerts in Pengwan, Wutong would reach nobody: Beds, Center:")
    assert hole.areas == (PLACE, "sz.yt.hs.pw.c2")
    assert "病假" in hole.text_zh
    unreachable = roster(always(1, 1), people=(person(1, phone=""),))
    assert len(holes.find(store.defaults(), unreachable, {PLACE: PENGWAN}, NIGHT, MORNING)) == 1


def test_a_place_that_nobody_serves_is_named_too() -> None:
    (hole,) = holes.find(store.defaults(), roster(), {"sz.yt.ms.x.c9": ("梅沙", "Meisha")}, NIGHT, MORNING)
    assert "梅沙没有任何可值班的机构" in hole.text_zh


@pytest.mark.parametrize(
    ("found", "starts", "told", "severity"),
    [
        ("02-10 14:00", "02-10 23:00", "02-10 14:00", "attention"),
        ("02-10 14:00", "02-10 15:30", "02-10 14:00", "urgent"),  # nobody comes within so short a time by itself
        ("02-10 03:00", "02-12 03:00", "02-10 08:00", "attention"),  # two days away: nobody is woken
        ("02-10 22:00", "02-11 20:00", "02-11 08:00", "attention"),
        ("02-10 03:00", "02-10 05:00", "02-10 03:00", "urgent"),
        ("02-10 03:00", "02-10 09:00", "02-10 07:00", "urgent"),
        ("02-10 03:00", "02-10 02:00", "02-10 03:00", "urgent"),  # it has begun
    ],
)
def test_a_hole_is_told_by_day_unless_it_can_not_wait(found: str, starts: str, told: str, severity: str) -> None:
    def moment(text: str) -> dt.datetime:
        return dt.datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI)

    assert duty_warnings.schedule_warning(moment(starts), moment(found)) == (moment(told), severity)


def test_whom_a_step_tells() -> None:
    picture = roster(always(1, 1), always(2, 1), people=(person(1, role="nurse"), person(2)))
    family = [FamilyMember("R1", f"0755-{n}", "女儿", "Daughter", "zh") for n in range(3)]
    step = Step(
        0,
        (
            OnDutyTarget(("home_care_bed_team",), most=1),
            OrganisationTarget(("home_care_bed_team",)),
            FamilyTarget(2, 5),
        ),
    )
    found = [(one.recipient.kind, one.recipient.key) for one in addressees(step, picture, PLACE, family, NIGHT)]
    assert found == [
        ("staff", "S2"), ("organisation", "beds"), ("contact", "R1/0755-1"), ("contact", "R1/0755-2"),
    ], "the nurse's licence is missing: she comes after those who are qualified"  # fmt: skip
    assert addressees(step, picture, "sz.yt.ms.x.c9", (), NIGHT) == ()


def test_an_outcome_fills_in_what_it_says() -> None:
    outcome, found = outcomes.complete("hospital", outcomes.Particulars("fall", "fracture", actions=("first_aid",)))
    assert outcome.verdict == "true"
    assert (found.hospital, found.actions) == ("yes", ("first_aid", "ambulance"))
    assert outcomes.complete("false_device")[1].injury == "none"


@pytest.mark.parametrize(
    ("outcome", "finding"),
    [
        (None, outcomes.Particulars()), ("nonsense", outcomes.Particulars()),
        ("helped", outcomes.Particulars(cause="x")), ("helped", outcomes.Particulars(actions=("x",))),
        ("helped", outcomes.Particulars(hospital="yes")), ("hospital", outcomes.Particulars(hospital="refused")),
        ("false_device", outcomes.Particulars(injury="head")), ("test", outcomes.Particulars(hospital="admitted")),
    ],
)  # fmt: skip
def test_contradictions_are_refused_in_words(outcome: str | None, finding: outcomes.Particulars) -> None:
    with pytest.raises(outcomes.OutcomeError) as error:
        outcomes.complete(outcome, finding)
    assert error.value.message_zh


def case(severity: str, acknowledged: float | None, verdict: str | None = None) -> statistics.Case:
    state = "raised" if acknowledged is None else "resolved"
    return statistics.Case(
        severity=severity,
        rule="sos",
        state=state,
        outcome=None,
        verdict=verdict,
        cause=None,
        injury=None,
        hospital=None,
        actions=["visit"],
        acknowledged_s=acknowledged,
        arrived_s=None,
        closed_s=None,
        steps=2,
        lapses=0,
    )


def test_statistics_count_what_there_is() -> None:
    found = statistics.summarise(
        [case("emergency", 10, "true"), case("emergency", 90, "false"), case("emergency", None), case("urgent", 5)]
    )
    assert list(found) == ["emergency", "urgent", "all"]
    emergency = found["emergency"]
    assert emergency.answered_in_time == pytest.approx(1 / 3)
    assert emergency.acknowledged_s["p50"] == 50
    assert emergency.false_share == 0.5
    assert found["all"].actions == {"visit": 4}
    assert statistics.summarise([])["all"].answered_in_time is None
