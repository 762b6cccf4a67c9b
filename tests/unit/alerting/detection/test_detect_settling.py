"""A gateway that is back still has to send what it kept: what it explained stays explained for five minutes."""

from alerting.core.finding import Finding, FindingAction
from alerting.detection.engine.ledger import SETTLE_US, Ledger
from alerting.detection.kit.context import District, Person
from vocabulary.severity import Severity

START = 1_800_000_000_000_000
HOUR = 3_600_000_000
DISTRICT = District([Person(id=1, code="R0001", household_id=7)], {}, {"gw-1": 7})


def finding(rule: str, action: FindingAction, severity: Severity, onset_us: int, sensed_us: int) -> Finding:
    subject = "gateway:gw-1" if severity == "technical" else "resident:R0001"
    return Finding(
        action=action,
        rule=rule,
        rule_version=1,
        severity=severity,
        subject=subject,
        household_id=7,
        resident_id=None,
        onset_us=onset_us,
        sensed_us=sensed_us,
        reason_zh="理由",
        reason_en="Reason",
    )


def inactivity(at_us: int) -> Finding:
    return finding("inactivity", "open", "urgent", START, at_us)


def test_a_cause_explains_for_a_while_after_its_end_and_no_longer() -> None:
    ledger, back_us = Ledger(), START + 3 * HOUR
    assert ledger.take(DISTRICT, [finding("gateway_silent", "open", "technical", START, START + 180_000_000)])
    assert ledger.take(DISTRICT, [inactivity(START + 2 * HOUR)]) == []
    assert ledger.take(DISTRICT, [finding("gateway_silent", "clear", "technical", START, back_us)])
    assert ledger.take(DISTRICT, [inactivity(back_us - 60_000_000)]) == []
    assert ledger.take(DISTRICT, [inactivity(back_us + SETTLE_US - 1)]) == []
    assert ledger.take(DISTRICT, [inactivity(back_us + SETTLE_US)]) == [inactivity(back_us + SETTLE_US)]


def test_the_end_of_an_alert_about_a_person_explains_nothing_more() -> None:
    ledger = Ledger()
    ledger.take(DISTRICT, [inactivity(START)])
    ledger.take(DISTRICT, [finding("inactivity", "clear", "urgent", START, START + HOUR)])
    missed = finding("missed_morning", "open", "attention", START, START + HOUR + 1)
    assert ledger.take(DISTRICT, [missed]) == [missed]


def test_an_end_that_got_lost_silences_nobody_for_good() -> None:
    ledger, days = Ledger(), 24 * HOUR
    ledger.take(DISTRICT, [inactivity(START)])
    missed = [finding("missed_morning", "open", "attention", START + day * days, START + day * days) for day in (1, 4)]
    assert ledger.take(DISTRICT, missed) == [missed[1]]


def test_a_detector_that_begins_anew_will_not_tell_the_end_of_what_it_told() -> None:
    ledger = Ledger()
    ledger.take(DISTRICT, [finding("gateway_silent", "open", "technical", START, START)])
    assert ledger.take(DISTRICT, [inactivity(START + HOUR)]) == []
    ledger.forget(["gateway_silent"])
    later = inactivity(START + 2 * HOUR)
    assert ledger.take(DISTRICT, [later]) == [later]
