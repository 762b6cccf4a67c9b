"""What keeps alerts quiet, by itself: how often a rule may speak, what explains what, what waits for the morning."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.core.finding import Finding, FindingAction
from alerting.detection.detectors import all_rules
from alerting.detection.engine.ledger import Ledger
from alerting.detection.kit.context import District, Person
from tests.support.sensors import DAY, FIRST, MINUTE, at, raised
from vocabulary.severity import Severity

HOUR = 60 * MINUTE
PEOPLE = [Person(id=1, code="R0001", household_id=7), Person(id=2, code="R0002", household_id=7)]
DISTRICT = District(PEOPLE, {}, {"gw-1": 7})


def finding(
    rule: str,
    onset_us: int,
    action: FindingAction = "open",
    severity: Severity = "urgent",
    sensed_us: int | None = None,
    person: Person = PEOPLE[0],
    **evidence: object,
) -> Finding:
    return Finding(
        action=action,
        rule=rule,
        rule_version=1,
        severity=severity,
        subject=person.subject,
        household_id=person.household_id,
        resident_id=person.id,
        onset_us=onset_us,
        sensed_us=onset_us if sensed_us is None else sensed_us,
        reason_zh="",
        reason_en="",
        evidence=evidence,
    )


def test_so_many_a_day_means_the_last_24_hours_whenever_the_books_are_tidied() -> None:
    """NEWS2 may speak 12 times; the thirteenth comes 24 h and 30 min after the first."""
    often = all_rules()["news2"].per_day
    onsets = [FIRST + n * HOUR for n in range(often)]
    for thirteenth, action in ((FIRST + DAY + 30 * MINUTE, "open"), (FIRST + DAY - 30 * MINUTE, "note")):
        for tidied in (DAY - 10 * MINUTE, DAY - 40 * MINUTE, DAY - HOUR):
            ledger = Ledger()
            for onset_us in onsets:
                assert raised(ledger.take(DISTRICT, [finding("news2", onset_us)])) == [("open", "news2", "urgent")]
            ledger.release(DISTRICT, FIRST + tidied)
            ledger.release(DISTRICT, thirteenth)
            assert [f.action for f in ledger.take(DISTRICT, [finding("news2", thirteenth)])] == [action]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["news2", "limit_spo2", "shift_heart_rate", "device_silent", "no_vital_sign"]),
            st.integers(1, 200),
            st.booleans(),
        ),
        max_size=60,
    ),
    st.lists(st.integers(0, 60), max_size=60),
)
def test_what_is_told_does_not_depend_on_how_often_the_clock_is_looked_at(
    steps: list[tuple[str, int, bool]], looks: list[int]
) -> None:
    def told(extra: list[int]) -> list[tuple[str, str, int]]:
        ledger, now_us, found = Ledger(), FIRST, []
        for number, (rule, minutes, ends) in enumerate(steps):
            before_us, now_us = now_us, now_us + minutes * MINUTE
            if number < len(extra):
                found += ledger.release(DISTRICT, min(before_us + extra[number] * MINUTE, now_us))
            found += ledger.release(DISTRICT, now_us)
            found += ledger.take(DISTRICT, [finding(rule, now_us)])
            if ends:
                found += ledger.take(DISTRICT, [finding(rule, now_us, "clear")])
        return [(f.action, f.rule, f.onset_us) for f in found]

    assert told(looks) == told([])


def test_who_moves_takes_no_cause_along_that_is_somebody_else_s() -> None:
    ledger = Ledger()
    ledger.take(DISTRICT, [finding("inactivity", FIRST)])
    ledger.take(DISTRICT, [finding("inactivity", FIRST, "clear", sensed_us=FIRST + HOUR)])
    ledger.take(DISTRICT, [finding("inactivity", FIRST + 2 * HOUR, person=PEOPLE[1])])
    moved = msgspec.structs.replace(DISTRICT, people=[Person(id=1, code="R0001", household_id=8), PEOPLE[1]])
    ledger.redistrict(moved)
    later = finding("inactivity_long", FIRST + 3 * HOUR, person=PEOPLE[1])
    assert ledger.take(moved, [later]) == []
    assert "explained by inactivity" in ledger.state.not_raised
    gone = msgspec.structs.replace(
        moved, people=[Person(id=1, code="R0001", household_id=8), Person(id=2, code="R0002", household_id=8)]
    )
    ledger.redistrict(gone)
    assert ledger.state.onsets_us == {}


def test_what_waits_for_the_morning_of_a_clock_that_was_ahead_waits_for_the_next_one() -> None:
    for put_right, morning in ((at(1, "23:30"), at(2, "07:00")), (at(1, "15:00"), at(1, "15:00"))):
        ledger = Ledger()
        far = at(366, "03:00")
        assert ledger.take(DISTRICT, [finding("shift_heart_rate", far, severity="attention")]) == []
        assert ledger.release(DISTRICT, far) == []
        ledger.turn_back(put_right)
        assert ledger.release(DISTRICT, morning - 1) == []
        assert raised(ledger.release(DISTRICT, morning)) == [("open", "shift_heart_rate", "attention")]


def test_only_what_can_blind_another_is_kept_by_its_device() -> None:
    ledger = Ledger()
    for rule in ("stuck_heart_rate", "implausible_heart_rate", "device_silent"):
        assert rule in all_rules()
        ledger.take(DISTRICT, [finding(rule, FIRST, severity="technical", device="gw-1/radar")])
    assert [key for key in ledger.state.onsets_us if key.endswith("gw-1/radar")] == ["device_silent|gw-1/radar"]
