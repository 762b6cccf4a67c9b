"""One-tap matching: hard constraints, scores, reasons in words, and many orders at once."""

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_network.catalogues.services import SERVICES, service_for
from care_network.catalogues.workforce import CERTIFICATES, ROLES, SKILLS, Certificate, effective_skills
from care_network.duty.roster import Person, Post, Roster, Weekly, on_duty
from care_network.matching.crew import URGENCIES, Crew, crew_of, day_of, skill_bits
from care_network.matching.geography import distance_m
from care_network.matching.matching import CAPACITY, WEIGHTS, Job, assign, match
from vocabulary.times import SHANGHAI

AT = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)  # a Monday, noon in Shanghai
HOME = (114.24, 22.56)
WHERE = {"longitude": HOME[0], "latitude": HOME[1]}
POST = Post(
    id=1, code="beds", kind="home_care_bed_team", path="sz.yt.hs", name_zh="护理队", name_en="Bed team", phone=""
)
FAR = Post(
    id=2, code="far", kind="home_care_bed_team", path="sz.yt.ms", name_zh="梅沙护理队", name_en="Meisha team", phone=""
)
JOB = Job(key="j", service="fall_assistance", urgency="emergency", path="sz.yt.hs.pw.c1", **WHERE)
CARER = Certificate("elder_carer")


def person(number: int, skills: Sequence[str] = ("lifting",), **fields: object) -> Person:
    base = Person(
        id=number,
        code=f"S{number}",
        name_zh=f"员{number}",
        name_en=f"P{number}",
        role="carer",
        phone="0755-1",
        account_id=None,
        skills=tuple(skills),
        certificates=(CARER,),
        languages=("cmn",),
    )
    return msgspec.structs.replace(base, **fields)


def everybody(
    people: Sequence[Person], posts: Mapping[int, int] = MappingProxyType({}), ends: dt.time = dt.time(15)
) -> tuple[Weekly, ...]:
    every_day, first = (1, 2, 3, 4, 5, 6, 7), dt.date(2026, 1, 1)
    return tuple(
        Weekly(
            staff_id=one.id,
            organisation_id=posts.get(one.id, 1),
            shift="early",
            starts=dt.time(7),
            ends=ends,
            weekdays=every_day,
            valid_from=first,
            valid_until=None,
        )
        for one in people
    )


def crew(
    people: Sequence[Person],
    *,
    at: dt.datetime = AT,
    posts: Mapping[int, int] | None = None,
    shared: Mapping[int, tuple[float, float]] | None = None,
    load: Sequence[tuple[int, str, int]] = (),
    ends: dt.time = dt.time(15),
) -> Crew:
    """All on duty from 7 to ``ends``, for POST unless told otherwise."""
    since, until = at - dt.timedelta(days=2), at + dt.timedelta(days=2)
    weekly = everybody(people, posts or {}, ends)
    roster = Roster(
        since=since, until=until, people={one.id: one for one in people}, posts={1: POST, 2: FAR}, weekly=weekly
    )
    day = day_of(roster, at.astimezone(SHANGHAI).date(), {1: (114.241, 22.561), 2: (114.30, 22.60)})
    return crew_of(day, at, shared or {}, load)


def codes(found: Sequence[object]) -> list[str]:
    return [one.code for one in found]  # type: ignore[attr-defined]


papers = st.builds(
    Certificate,
    st.sampled_from(sorted(CERTIFICATES)),
    st.none() | st.sampled_from([dt.date(2026, 11, n) for n in (1, 2, 3)]),
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*ROLES, "unknown"]), st.sets(st.sampled_from([*SKILLS, "unknown"])), st.lists(papers)
        ),
        max_size=4,
    )
)
def test_the_columns_say_what_each_person_can_do(people: list[tuple[str, set[str], list[Certificate]]]) -> None:
    date = AT.astimezone(SHANGHAI).date()
    every = [
        person(n, sorted(skills), role=role, certificates=tuple(held))
        for n, (role, skills, held) in enumerate(people, 1)
    ]
    now = crew(every)
    alone = [effective_skills(one.skills, one.certificates, date) for one in every]
    assert now.day.skills.tolist() == [int(skill_bits(can)) for can, _ in alone]
    assert now.day.lapsed.tolist() == [int(skill_bits(lapsed)) for _, lapsed in alone]
    roster = Roster(
        since=AT,
        until=AT + dt.timedelta(hours=1),
        people={one.id: one for one in every},
        posts={1: POST},
        weekly=everybody(every),
    )
    assert dict(zip([one.code for one in every], now.day.qualified.tolist(), strict=True)) == {
        duty.person.code: duty.qualified for duty in on_duty(roster, AT)
    }


def test_the_data_is_consistent() -> None:
    assert set(WEIGHTS) == set(CAPACITY) == set(URGENCIES)
    for weights in WEIGHTS.values():
        assert sum(msgspec.structs.asdict(weights).values()) == pytest.approx(1)
    for service in SERVICES.values():
        assert service.needs | service.one_of | service.likes <= set(SKILLS)


@pytest.mark.parametrize(
    ("asked", "severity", "service"),
    [
        ("fall_assistance", "urgent", "fall_assistance"),
        ("fall_assistance", "emergency", "fall_assistance"),
        ("vital_signs", "emergency", "emergency_help"),
        ("vital_signs", "urgent", "nursing_visit"),
        ("vital_signs", "attention", "vital_signs"),
        ("", "attention", "wellness_check"),
        ("of another make", "attention", "wellness_check"),
        ("fall_assistance", "technical", "device_maintenance"),
    ],
)
def test_an_alert_asks_for_a_service(asked: str, severity: str, service: str) -> None:
    assert service_for(asked, severity) == service
    assert service in SERVICES


def test_a_degree_of_latitude_is_111_km() -> None:
    away = distance_m(114.0, 22.0, np.array([114.0, 114.0, np.nan]), np.array([23.0, 22.0, 22.0]))
    assert away[0] == pytest.approx(111_195, rel=1e-4)
    assert away[1] == 0
    assert np.isnan(away[2])


def test_the_nearest_comes_first_in_an_emergency_and_a_known_face_in_a_planned_visit() -> None:
    people = [person(1), person(2)]
    here = crew(people, shared={1: (114.2401, 22.56), 2: (114.25, 22.56)})
    found = match(here, msgspec.structs.replace(JOB, visits={2: 3}))
    assert codes(found.candidates) == ["S1", "S2"]
    assert "现在位置距此 10 米" in found.candidates[0].reasons_zh
    assert "曾上门 3 次" in found.candidates[1].reasons_zh
    planned = match(here, msgspec.structs.replace(JOB, urgency="planned", visits={2: 3}))
    assert codes(planned.candidates) == ["S2", "S1"]
    assert "3 earlier visits" in planned.candidates[0].reasons_en


@pytest.mark.parametrize(
    ("who", "constraint", "zh"),
    [
        (person(1, role="dispatcher"), "role", "岗位不符（跌倒扶助）"),
        (person(1, role="nurse"), "licence", "执业证书缺失或过期"),
        (person(1, phone=""), "no_phone", "没有电话或账号"),
        (person(1, ()), "skill", "缺少技能（搀扶与搬移 或 移位转运）"),
        (person(1, ("transfer",), certificates=(Certificate("elder_carer", dt.date(2026, 11, 1)),)), "certificate",
         "证书过期"),
    ],
)  # fmt: skip
def test_who_can_not_be_sent_and_why(who: Person, constraint: str, zh: str) -> None:
    found = match(crew([who]), JOB)
    assert found.candidates == ()
    assert [(one.constraint, one.people) for one in found.removed] == [(constraint, 1)]
    assert zh in found.explanation[0]
    assert "of 1 people nobody fits: 1 " in found.explanation[1]


def test_a_certificate_counts_on_its_last_day() -> None:
    until = (Certificate("elder_carer", dt.date(2026, 11, 2)),)
    assert match(crew([person(1, ("transfer",), certificates=until)]), JOB).candidates


def test_duty_place_load_and_refusals_decide() -> None:
    night = AT + dt.timedelta(hours=8)
    assert [one.constraint for one in match(crew([person(1)], at=night), JOB).removed] == ["off_duty"]
    assert [one.constraint for one in match(crew([person(1)], posts={1: 2}), JOB).removed] == ["elsewhere"]
    busy = crew([person(1)], load=[(1, "emergency", 1), (9, "emergency", 1)])  # 9: not active any more
    assert [one.constraint for one in match(busy, JOB).removed] == ["busy"]
    chatting = crew([person(1)], load=[(1, "planned", 1)])
    assert match(chatting, JOB).candidates, "a planned visit does not keep anybody from a fall"
    far = crew([person(1)], shared={1: (114.40, 22.56)})
    assert [one.constraint for one in match(far, JOB).removed] == ["too_far"]
    asked = msgspec.structs.replace(JOB, asked=frozenset({1, 77}))
    assert [one.constraint for one in match(crew([person(1)]), asked).removed] == ["asked"]
    ending = crew([person(1)], ends=dt.time(12, 10))
    bath = msgspec.structs.replace(JOB, service="meal", urgency="planned")
    assert [one.constraint for one in match(ending, bath).removed] == ["duty_ends"]


def test_nobody_at_all_is_an_answer() -> None:
    found = match(crew([]), JOB)
    assert found.candidates == ()
    assert found.considered == 0
    assert assign(crew([]), [JOB]) == {}


def test_an_unknown_place_neither_excludes_nor_helps() -> None:
    found = match(crew([person(1)]), msgspec.structs.replace(JOB, longitude=None, latitude=None))
    assert found.candidates[0].distance_m is None
    assert found.candidates[0].parts["near"] == 0
    assert "距离未知" in found.candidates[0].reasons_zh


def test_language_decides_between_equals() -> None:
    people = [person(1), person(2, languages=("cmn", "hak"))]
    found = match(crew(people), msgspec.structs.replace(JOB, languages=("hak",)))
    assert codes(found.candidates) == ["S2", "S1"]
    assert "客家话" in found.candidates[0].reasons_zh


def test_many_at_once_fill_the_scarce_people_last() -> None:
    # Each alone would take S1, who stands at the door; together the one who can do both goes where nobody else can.
    able = person(1, ("lifting", "bathing"))
    plain = person(2, ("lifting",))
    jobs = [
        msgspec.structs.replace(JOB, key="fall", urgency="attention"),
        msgspec.structs.replace(JOB, key="bath", service="bathing", urgency="attention"),
    ]
    full = [(1, "attention", CAPACITY["attention"] - 1)]
    found = assign(crew([able, plain], shared={1: HOME}, load=full), jobs)
    assert {key: one.code for key, one in found.items()} == {"fall": "S2", "bath": "S1"}


def test_capacity_does_not_cost_a_job() -> None:
    # Two jobs that only S1 can do, two that both can: all four are done, whatever the scores prefer.
    people = [person(1, ("lifting", "bathing")), person(2)]
    low = [(1, "attention", 1), (2, "attention", 1)]  # two places left each
    jobs = [msgspec.structs.replace(JOB, key=f"bath{n}", service="bathing", urgency="attention") for n in range(2)]
    jobs += [msgspec.structs.replace(JOB, key=f"fall{n}", urgency="attention") for n in range(2)]
    found = assign(crew(people, shared={1: HOME}, load=low), jobs)
    assert {key: one.code for key, one in found.items()} == {"bath0": "S1", "bath1": "S1", "fall0": "S2", "fall1": "S2"}


def test_the_gravest_takes_its_people_first() -> None:
    jobs = [msgspec.structs.replace(JOB, key=key, urgency=key) for key in ("attention", "urgent", "emergency")]
    found = assign(crew([person(1)]), jobs)
    assert set(found) == {"emergency"}


@given(
    st.lists(st.tuples(st.sampled_from(URGENCIES), st.sampled_from(sorted(SERVICES)), st.booleans()), max_size=12),
    st.lists(st.lists(st.sampled_from(sorted(SKILLS)), max_size=4), max_size=8),
)
def test_an_assignment_keeps_every_constraint(wanted: list[tuple[str, str, bool]], skilled: list[list[str]]) -> None:
    people = [person(number, skills) for number, skills in enumerate(skilled, 1)]
    team = crew(people, load=[(1, "technical", 1)])
    jobs = [
        Job(key=str(number), service=service, urgency=urgency, path="sz.yt.hs.pw.c1" if here else "sz.yt.ms", **WHERE)
        for number, (urgency, service, here) in enumerate(wanted)
    ]
    found = assign(team, jobs)
    held = {one.id: [0] * len(URGENCIES) for one in people}
    for job in jobs:
        alone = codes(match(team, job, best=len(people)).candidates)
        if job.key in found:
            assert found[job.key].code in alone
            held[found[job.key].staff_id][URGENCIES.index(job.urgency)] += 1
        # Nobody is left out while somebody who fits has nothing of this or a graver urgency to do.
    for job in jobs:
        if job.key not in found:
            level = URGENCIES.index(job.urgency) + 1
            for one in match(team, job, best=len(people)).candidates:
                assert sum(held[one.staff_id][:level]) > 0
    for row, counts in held.items():
        total = [int(n) for n in team.load[team.day.row[row]]]
        for level, urgency in enumerate(URGENCIES):
            if counts[level]:
                assert sum(total[: level + 1]) + sum(counts[: level + 1]) <= CAPACITY[urgency]
