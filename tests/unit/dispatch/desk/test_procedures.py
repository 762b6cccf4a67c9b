"""Procedure cards: every alert has one, and what a district writes wrong is said at once."""

import re
from pathlib import Path

import pytest

from alerting.detection.detectors import all_rules
from dispatch.desk import procedures
from dispatch.desk.calls import Callee, in_order
from dispatch.desk.procedures import FILE, ProcedureError, card, parse
from vocabulary.severity import SEVERITIES

TEXT = FILE.read_text("utf-8")


def test_every_rule_has_a_card_at_every_severity() -> None:
    for rule in [*all_rules(), "of_a_plugin"]:
        for severity in SEVERITIES:
            assert card(rule, severity).steps, (rule, severity)


@pytest.mark.parametrize(
    ("rule", "severity", "code"),
    [
        ("fall", "emergency", "fall"),
        ("fall", "urgent", "fall_suspected"),
        ("sos", "emergency", "sos"),
        ("news2", "urgent", "vital"),
        ("limit_spo2", "emergency", "vital"),
        ("no_vital_sign", "emergency", "no_breath"),
        ("breathing_pause", "urgent", "breathing"),
        ("smoke", "emergency", "smoke"),
        ("gas", "emergency", "gas"),
        ("water_leak", "urgent", "water"),
        ("inactivity", "urgent", "stillness"),
        ("not_back", "urgent", "leaving"),
        ("gateway_silent", "technical", "gateway"),
        ("device_silent", "technical", "device"),
        ("broker_queue", "technical", "platform"),
        ("drift_weight", "attention", "trend"),
    ],
)
def test_each_kind_has_its_own(rule: str, severity: str, code: str) -> None:
    assert card(rule, severity).code == code


def test_the_ambulance_is_in_reach_for_people_and_not_offered_for_devices() -> None:
    assert card("sos", "emergency").calls[0] == "resident"
    assert card("fall", "emergency").calls[:2] == ("resident", "120")
    for rule in all_rules():
        assert "120" not in card(rule, "technical").calls or rule in {
            "fall", "sos", "smoke", "gas", "breathing_pause", "no_vital_sign", "inactivity", "inactivity_long",
            "missed_morning", "bathroom_stay", "bed_exit",
        }  # fmt: skip


def test_people_are_called_in_the_order_of_the_card() -> None:
    people = [Callee(kind, kind, "", "", "1") for kind in ("resident", "contact", "staff", "organisation", "service")]  # type: ignore[arg-type]
    assert [one.kind for one in in_order(people, card("fall", "emergency").calls)] == [
        "resident", "service", "contact", "staff", "organisation",
    ]  # fmt: skip
    assert [one.kind for one in in_order(people, card("device_silent", "technical").calls)] == [
        "resident", "contact", "staff", "organisation",
    ]  # fmt: skip


def test_words_to_say_are_short_and_in_both_tongues() -> None:
    for one in procedures.all_cards().values():
        assert any(step.say_cmn for step in one.steps) or one.code == "platform", one.code
        for step in one.steps:
            assert len(step.zh) <= 45, step.zh
            assert len(step.say_cmn) <= 90, step.say_cmn
            assert not re.search("[的是在没们]", step.say_yue), f"Mandarin in Cantonese: {step.say_yue}"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("version = 1", "version = 0", "version counts from 1"),
        ('do = "call:120"', 'do = "call:112"', "is nothing to do"),
        ('do = "dispatch:fall_assistance"', 'do = "dispatch:helicopter"', "is nothing to do"),
        ('code = "sos"', 'code = "fall"', "is there twice"),
        ('code = "person"\nrules = ["*"]', 'code = "person"\nrules = ["x"]', "no card fits every rule"),
        (
            'calls = ["resident", "contact", "staff", "organisation"]',
            'calls = ["staff"]',
            "calls does not name resident",
        ),
        ('title_en = "Fall, has not got up"', 'titel = "Fall"', "cannot be read"),
        ("version = 1", "version = ", "cannot be read"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(old: str, new: str, problem: str) -> None:
    assert old in TEXT
    with pytest.raises(ProcedureError, match=problem):
        parse(TEXT.replace(old, new))


def test_a_district_has_cards_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "procedures.toml"
    file.write_text(TEXT.replace("version = 1", "version = 7").replace("按了呼叫按钮", "求助"), "utf-8")
    try:
        procedures.use(file)
        assert (card("sos", "emergency").title_zh, card("sos", "emergency").version) == ("求助", 7)
        with pytest.raises(ProcedureError):
            procedures.use(tmp_path / "none.toml")
        assert card("sos", "emergency").version == 7, "a file that cannot be used changes nothing"
    finally:
        procedures.use(None)
    assert card("sos", "emergency").version == 1
