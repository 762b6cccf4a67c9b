"""Grants are settled by rules at once, with the reason; what is unknown goes to a person."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care_network.errors import ProvisioningError
from care_services.core.rules import read_rules
from care_services.grants.kinds import KINDS
from care_services.grants.settling import changed_facts, due_of, next_month, read_form, settle

RULES = {code: read_rules(kind.subject.default, kind.subject) for code, kind in KINDS.items()}


def decided(kind: str, **facts: bool | int | str) -> tuple[str, int | None, str | None, tuple[str, ...]]:
    found = settle(RULES[kind], {"granted_before": False, **facts})
    return found.state, found.amount_fen, found.per, found.missing


@pytest.mark.parametrize(
    ("kind", "facts", "wanted"),
    [
        ("old_age_allowance", {"age": 79}, ("refused", None, None, ())),
        ("old_age_allowance", {"age": 80}, ("waiting", None, None, ("local_household",))),
        ("old_age_allowance", {"age": 89, "local_household": True}, ("approved", 20000, "month", ())),
        ("old_age_allowance", {"age": 90, "local_household": True}, ("approved", 30000, "month", ())),
        ("old_age_allowance", {"age": 101, "local_household": True}, ("approved", 100000, "month", ())),
        ("old_age_allowance", {"age": 101, "local_household": False}, ("refused", None, None, ())),
        ("old_age_allowance", {"age": 90, "granted_before": True}, ("refused", None, None, ())),
        ("bed_construction", {"home_care_bed": False, "ability_grade": "lost", "local_household": True},
         ("refused", None, None, ())),
        ("bed_construction", {"home_care_bed": True, "ability_grade": "lost", "local_household": True},
         ("waiting", None, None, ("low_income",))),
        ("bed_construction", {"home_care_bed": True, "ability_grade": "lost", "local_household": True,
                              "low_income": True}, ("approved", 800000, "once", ())),
        ("bed_operation", {"home_care_bed": True, "ability_grade": "severe"}, ("approved", 40000, "month", ())),
        ("bed_operation", {"home_care_bed": True, "ability_grade": "mild"}, ("refused", None, None, ())),
        ("bed_operation", {"home_care_bed": True}, ("waiting", None, None, ("ability_grade",))),
        ("age_friendly", {"owner_agrees": True, "extreme_poverty": False, "low_income": True, "cost": 5000},
         ("approved", 400000, "once", ())),
        ("age_friendly", {"owner_agrees": True, "extreme_poverty": True, "cost": 90000},
         ("approved", 1200000, "once", ())),
        ("age_friendly", {"owner_agrees": False}, ("refused", None, None, ())),
        ("service_subsidy", {"paid_elsewhere": False, "extreme_poverty": False, "low_income": False,
                             "ability_grade": "moderate"}, ("refused", None, None, ())),
        ("service_subsidy", {"paid_elsewhere": False, "extreme_poverty": False, "low_income": False,
                             "ability_grade": "severe"}, ("approved", 30000, "month", ())),
    ],
)  # fmt: skip
def test_the_rules_that_come_with_the_program(
    kind: str, facts: dict[str, bool | int | str], wanted: tuple[str, int | None, str | None, tuple[str, ...]]
) -> None:
    assert decided(kind, **facts) == wanted


def test_the_reason_names_rule_facts_and_amount_or_what_is_missing() -> None:
    facts = {"granted_before": False, "age": 92, "local_household": True}
    found = settle(RULES["old_age_allowance"], facts)
    assert found.zh == "满 90 周岁，每月 300 元（年龄：92岁、本市户籍）：每月 300.00 元"
    assert found.en.endswith("300.00 yuan a month")
    waiting = settle(RULES["old_age_allowance"], {"granted_before": False, "age": 92})
    assert (waiting.zh, waiting.en) == ("尚缺：本市户籍", "Still unknown: registered in the city")
    nothing = settle(read_rules("", KINDS["bed_operation"].subject), {})
    assert (nothing.state, nothing.missing, nothing.zh) == ("waiting", (), "没有适用的规则")
    open_amount = '[[rule]]\ncode = "a"\nzh = "面议"\nen = "open"\nthen = { approve = true, per = "once" }\n'
    assert "人工核定" in settle(read_rules(open_amount, KINDS["bed_operation"].subject), {}).zh


def test_forms_are_read_and_what_is_left_empty_stays_unknown() -> None:
    kind = KINDS["age_friendly"]
    assert read_form(kind, {"owner_agrees": "是", "cost": "1200", "other": "x"}) == {"owner_agrees": True, "cost": 1200}
    assert read_form(kind, {"owner_agrees": "", "cost": " "}) == {}
    for wrong in ({"owner_agrees": "perhaps"}, {"cost": "-1"}, {"cost": "99999999"}):
        with pytest.raises(ProvisioningError):
            read_form(kind, wrong)


def test_facts_that_changed_since_are_named_but_not_age() -> None:
    assert changed_facts({"age": 79, "low_income": True}, {"age": 80, "low_income": False, "lonely": True}) == [
        ("low_income", True, False), ("lonely", None, True),
    ]  # fmt: skip
    assert next_month(dt.date(2026, 12, 31)) == dt.date(2027, 1, 1)


@settings(max_examples=25)
@given(
    amount=st.integers(1, 1_000_000),
    first=st.dates(dt.date(2026, 1, 1), dt.date(2026, 12, 31)),
    days=st.none() | st.integers(0, 90),
)
def test_a_month_is_due_by_the_days_that_are_not_paused(amount: int, first: dt.date, days: int | None) -> None:
    until = None if days is None else first + dt.timedelta(days=days)
    for month in (first.replace(day=1), next_month(first)):
        after = next_month(month)
        rest = [(dt.date(2000, 1, 1), first), *([] if until is None else [(until, None)])]
        paid, unpaid = due_of(amount, month, None, [(first, until)]), due_of(amount, month, None, rest)
        assert abs(paid + unpaid - amount) <= 1, "what is paused and what is not are the whole, but for a fen"
        assert due_of(amount, month, after, [(first, first)]) == amount, "a pause that was taken back at once"
        assert due_of(amount, month, month, []) == 0
