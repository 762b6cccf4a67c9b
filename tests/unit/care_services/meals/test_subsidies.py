"""A price splits between the public purse and the resident, by rules that are data; unknown facts are named."""

from hypothesis import given, settings
from hypothesis import strategies as st

from care_services.core.rules import read_rules
from care_services.meals.subsidies import DEFAULT, MEAL_SUBSIDY, Used, split

RULES = read_rules(DEFAULT, MEAL_SUBSIDY)
KNOWN = {"extreme_poverty": False, "low_income": False, "ability_grade": "intact", "age": 82}


def test_the_default_rules_are_right_and_have_words() -> None:
    assert [rule.code for rule in RULES.rules] == ["supported", "low-income", "severe", "eighty", "sixty"]


def test_the_first_rule_that_applies_decides() -> None:
    low = split(1500, RULES, KNOWN | {"low_income": True}, Used())
    assert (low.subsidy, low.own, low.rule, low.missing) == (1200, 300, "low-income", ())
    old = split(1500, RULES, KNOWN, Used())
    assert (old.subsidy, old.rule, old.reason_zh) == (450, "eighty", "年满 80 岁：每天一餐补 30%，不超过 5 元")
    assert split(1500, RULES, KNOWN | {"age": 50}, Used()).rule is None


def test_what_nobody_knows_is_named_and_only_what_is_certain_is_given() -> None:
    unsure = split(1500, RULES, {"age": 82}, Used())
    assert unsure.subsidy == 450
    assert set(unsure.missing) == {"extreme_poverty", "low_income", "ability_grade"}
    assert "尚缺" in unsure.reason_zh
    nothing = split(1500, RULES, {}, Used())
    assert nothing.subsidy == 0
    assert "age" in nothing.missing


def test_caps_by_day_and_month() -> None:
    assert split(1500, RULES, KNOWN, Used(day=1, month=1)).subsidy == 0
    over = split(1500, RULES, KNOWN, Used(day=0, month=31))
    assert (over.subsidy, over.rule) == (0, None)
    assert "达到上限" in over.reason_zh


@given(st.integers(0, 20_000), st.integers(0, 3), st.integers(0, 70), st.integers(40, 110), st.booleans())
@settings(max_examples=50)
def test_both_parts_are_the_price(price: int, day: int, month: int, age: int, low: bool) -> None:
    paid = split(price, RULES, {"age": age, "low_income": low}, Used(day, month))
    assert paid.subsidy + paid.own == price
    assert 0 <= paid.subsidy <= price
