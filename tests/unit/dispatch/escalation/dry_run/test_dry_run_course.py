"""A dry run calls whom the ladder calls: its people by the roster of the moment, its times by the policy."""

import datetime as dt

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from care_network.catalogues.workforce import Certificate
from care_network.duty.roster import Exceptional, Person, Post, Roster, Weekly
from care_network.records.contacts import FamilyMember
from dispatch.escalation.dry_run.course import KINDS, Compared, compare, figures, follow, percentile
from dispatch.escalation.dry_run.past import Call, Happening, PastAlert, Reach
from dispatch.ladders.people import addressees
from dispatch.ladders.policy import FamilyTarget, OnDutyTarget, OrganisationTarget, Policy, ServiceTarget, Step

NOW = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)
UNTIL = NOW + dt.timedelta(days=3)
PLACES = ("sz.yt.hs.pw.c1", "sz.yt.hs", "sz.yt.ms.c2")
POSTS = (("bed", "home_care_bed_team", "sz.yt.hs"), ("center", "street_elder_center", "sz.yt.hs"),
         ("district", "district_center", "sz.yt"))  # fmt: skip
KIND_NAMES = tuple(kind for _, kind, _ in POSTS)


def seconds(count: float) -> dt.timedelta:
    return dt.timedelta(seconds=count)


@st.composite
def rosters(draw: st.DrawFn) -> Roster:
    people = {
        number: Person(
            id=number, code=f"S{number}", name_zh="某", name_en="P", role=draw(st.sampled_from(("carer", "nurse"))),
            phone=draw(st.sampled_from(("139", ""))), account_id=None, skills=(),
            certificates=draw(st.sampled_from(((), (Certificate("nurse_licence", dt.date(2026, 11, 3)),)))),
            languages=("cmn",),
        )
        for number in range(1, draw(st.integers(1, 6)) + 1)
    }  # fmt: skip
    posts = {
        number: Post(id=number, code=code, kind=kind, path=path, name_zh=code, name_en=code, phone="")
        for number, (code, kind, path) in enumerate(POSTS, 1)
    }
    numbers, hour = st.sampled_from(sorted(people)), st.integers(0, 23)
    weekly = tuple(
        Weekly(
            staff_id=draw(numbers), organisation_id=draw(st.integers(1, 3)), shift="x", starts=dt.time(draw(hour)),
            ends=dt.time(draw(hour)), weekdays=tuple(sorted(draw(st.sets(st.integers(1, 7), min_size=1)))),
            valid_from=dt.date(2026, 1, 1), valid_until=None,
        )
        for _ in range(draw(st.integers(0, 8)))
    )  # fmt: skip
    spans = st.integers(-10, 70).map(lambda hours: NOW + dt.timedelta(hours=hours))
    absences = tuple(
        Exceptional(draw(numbers), None, start := draw(spans), start + dt.timedelta(hours=draw(st.integers(1, 30))))
        for _ in range(draw(st.integers(0, 3)))
    )
    return Roster(since=NOW - dt.timedelta(days=1), until=UNTIL + dt.timedelta(days=1), people=people, posts=posts,
                  weekly=weekly, absences=absences)  # fmt: skip


kinds = st.sets(st.sampled_from(KIND_NAMES), min_size=1).map(lambda found: tuple(sorted(found)))
targets = st.one_of(
    st.builds(OnDutyTarget, kinds=kinds, most=st.integers(0, 2)),
    st.builds(OrganisationTarget, kinds=kinds),
    st.builds(FamilyTarget, first=st.integers(1, 2), most=st.integers(1, 2)),
    st.just(ServiceTarget("120")),
)
steps = st.builds(
    Step, after_s=st.integers(0, 900).map(float),
    targets=st.lists(targets, min_size=1, max_size=3).map(lambda some: tuple(some)),
)  # fmt: skip


@st.composite
def policies(draw: st.DrawFn, code: str = "urgent") -> Policy:
    return Policy(
        code=code, severity="urgent", name_zh="加急", name_en="urgent",
        steps=tuple(draw(st.lists(steps, min_size=1, max_size=3))), repeat_after_s=draw(st.integers(10, 900)),
        acknowledged_s=draw(st.integers(10, 900)), responding_s=draw(st.sampled_from((0, 60, 900))),
        rounds=draw(st.integers(0, 2)), stop_at=draw(st.sampled_from(("acknowledged", "responding"))),
    )  # fmt: skip


FAMILY = (FamilyMember("R1", "1", "女", "D", "zh"), FamilyMember("R1", "2", "子", "S", "zh"))


def alert(*happenings: Happening, place: str = PLACES[0]) -> PastAlert:
    return PastAlert(id="a", severity="urgent", place=place, household_id=1, resident_id=7, since=NOW, raised_at=NOW,
                     happenings=happenings)  # fmt: skip


def reach(roster: Roster) -> Reach:
    return Reach(roster, {1: [(7, member) for member in FAMILY]})


@given(rosters(), policies(), st.sampled_from(PLACES), st.lists(st.integers(0, 60 * 60), min_size=1, max_size=5))
def test_a_step_reaches_whom_the_ladder_reaches(roster: Roster, policy: Policy, place: str, minutes: list[int]) -> None:
    laid_out = reach(roster)
    for minute in minutes:
        at = NOW + dt.timedelta(minutes=minute)
        for number, step in enumerate(policy.steps):
            real = [(one.recipient.kind, one.recipient.key) for one in addressees(step, roster, place, FAMILY, at)]
            assert list(laid_out.of(policy, number, alert(place=place), at)) == real


HELD = st.sampled_from(("acknowledged", "responding", "on_scene"))


@given(rosters(), policies(), st.lists(st.tuples(st.integers(0, 4000), HELD), max_size=3))
def test_the_course_is_that_of_the_ladder_s_own_rules(
    roster: Roster, policy: Policy, done: list[tuple[int, str]]
) -> None:
    happenings = tuple(
        Happening(NOW + seconds(at), state)  # type: ignore[arg-type]
        for at, state in sorted(done)
    )
    until = NOW + dt.timedelta(hours=2)
    course = follow(policy, alert(*happenings), reach(roster), until)
    assert [call.at for call in course.calls] == sorted(call.at for call in course.calls)
    taken = [
        happening.at for happening in happenings if policy.stop_at != "responding" or happening.state != "acknowledged"
    ]
    for call in course.calls:
        people = addressees(policy.steps[call.step - 1], roster, PLACES[0], FAMILY, call.at)
        assert call.told == tuple((one.recipient.kind, one.recipient.key) for one in people)
        assert not policy.rounds or call.round < policy.rounds or course.lapses
        since = max((at for at in taken if at <= call.at), default=None)
        if since is not None:  # somebody had it, and made no progress for as long as the policy waits
            assert call.at - since >= seconds(min(policy.acknowledged_s, policy.responding_s or policy.acknowledged_s))
    ended = follow(
        policy, alert(*happenings, Happening(NOW + seconds(5000), "resolved", ends=True)), reach(roster), until
    )
    assert all(call.at <= NOW + seconds(5000) for call in ended.calls)


@given(rosters(), policies())
def test_a_draft_that_changes_nothing_changes_no_course(roster: Roster, policy: Policy) -> None:
    draft = msgspec.structs.replace(policy, name_en="another name")
    found = compare([alert(place=place) for place in PLACES], [policy], draft, reach(roster), UNTIL)
    assert len(found) == len(PLACES)
    assert not any(one.changed for one in found)
    assert figures([(one.alert, one.old) for one in found]) == figures([(one.alert, one.new) for one in found])


@given(rosters(), policies(), policies())
def test_two_drafts_of_one_code_are_not_taken_for_each_other(roster: Roster, one: Policy, other: Policy) -> None:
    laid_out = reach(roster)
    for policy in (one, other):
        assert follow(policy, alert(), laid_out, UNTIL) == follow(policy, alert(), reach(roster), UNTIL)


def test_figures_and_the_lists_behind_them() -> None:
    night = dt.datetime(2026, 11, 2, 15, tzinfo=dt.UTC)  # 23:00 in Shanghai
    one = msgspec.structs.replace(alert(), since=night, taken_at=night + seconds(40))
    policy = Policy(code="urgent", severity="urgent", name_zh="", name_en="", steps=(), repeat_after_s=60,
                    acknowledged_s=60, responding_s=0)  # fmt: skip
    roster = Roster(since=NOW - dt.timedelta(days=1), until=UNTIL + dt.timedelta(days=1), people={}, posts={})
    nobody = msgspec.structs.replace(
        policy, rounds=1, steps=(Step(0, (OnDutyTarget(KIND_NAMES),)), Step(30, (ServiceTarget("120"),)))
    )
    family = msgspec.structs.replace(nobody, steps=(Step(20, (FamilyTarget(1, 2),)),))
    old, new = (follow(each, one, reach(roster), UNTIL) for each in (nobody, family))
    assert old.calls == (Call(night, 2, 0, (("service", "120"),)),), "a step without anybody costs no time"
    assert (old.nobody, new.nobody) == (True, False)
    assert new.calls == (Call(night + seconds(20), 1, 0, (("contact", "R1/1"), ("contact", "R1/2"))),)
    pair = Compared(one, old, new)
    assert {name for name, chosen in KINDS.items() if chosen(pair)} == {
        "all", "changed", "more", "later", "night", "nobody_old", "family", "called", "called_old", "outside_old",
    }  # fmt: skip
    sums = figures([(one, new)])
    assert (sums.calls, sums.at_night, sums.people_at_night, sums.family, sums.outside) == (2, 2, 2, 2, 0)
    assert (sums.first_median_s, sums.nobody) == (20, 0)
    assert percentile([], 50) is None
