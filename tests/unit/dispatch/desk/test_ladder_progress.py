"""The ladder as people look at it: what was done, what comes next, and when it rests."""

import datetime as dt

from dispatch.desk.progress import StepRecipient, show, target_words
from dispatch.ladders.policy import FamilyTarget, OnDutyTarget, OrganisationTarget, Policy, ServiceTarget, Step

AT = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
POLICY = Policy(
    code="emergency", severity="emergency", name_zh="紧急", name_en="Emergency",
    steps=(
        Step(0, (OnDutyTarget(("home_care_bed_team",), 2),)),
        Step(30, (OnDutyTarget(("street_elder_center",)),)),
        Step(30, (FamilyTarget(1, 2), ServiceTarget("120"))),
    ),
    repeat_after_s=60, acknowledged_s=120, responding_s=0,
)  # fmt: skip


def told(step: int, round: int = 0) -> StepRecipient:
    return StepRecipient(
        step=step,
        round=round,
        state="sent",
        at=AT,
        kind="staff",
        key="S1",
        name_zh="员",
        name_en="Person",
        channel="sms",
        instead=False,
    )


def states(*arguments: object) -> list[str]:
    return [step.state for step in show(POLICY, *arguments).steps]  # type: ignore[arg-type]


def test_it_climbs() -> None:
    assert states("raised", 0, 0, AT, []) == ["next", "later", "later"]
    assert states("raised", 1, 0, AT, [told(1)]) == ["told", "next", "later"]
    found = show(POLICY, "raised", 2, 0, AT, [told(1)])
    assert [step.state for step in found.steps] == ["told", "nobody", "next"], "nobody was there for the second"
    assert (found.rest, found.next_step, found.next_at, found.round) == ("climbs", 3, AT, 1)


def test_between_two_rounds_the_last_one_is_seen() -> None:
    found = show(POLICY, "raised", 0, 1, AT, [told(1), told(2), told(3)])
    assert [step.state for step in found.steps] == ["told", "told", "told"]
    assert (found.round, found.next_step) == (1, 1)
    assert states("raised", 1, 1, AT, [told(1), told(2), told(3), told(1, 1)]) == ["told", "next", "later"]


def test_it_rests_while_somebody_has_it_and_ends_with_the_alert() -> None:
    held = show(POLICY, "acknowledged", 1, 0, AT, [told(1)])
    assert (held.rest, held.next_step, held.next_at) == ("held", None, AT)
    assert [step.state for step in held.steps] == ["told", "later", "later"]
    closed = show(POLICY, "resolved", 1, 0, None, [told(1)])
    assert (closed.rest, closed.next_at) == ("closed", None)
    assert show(POLICY, "raised", 0, 2, None, []).rest == "ended"


def test_targets_in_words() -> None:
    assert target_words(OnDutyTarget(("home_care_bed_team",), 2)) == (
        "家庭养老床位团队在班人员（至多 2 人）", "on duty at the home care bed team (at most 2)",
    )  # fmt: skip
    assert target_words(OrganisationTarget(("district_center",)))[0] == "区级中心值班台"
    assert target_words(FamilyTarget(3, 3)) == ("家属第 3–5 位", "family member 3–5")
    assert target_words(ServiceTarget("120")) == ("120", "120")
