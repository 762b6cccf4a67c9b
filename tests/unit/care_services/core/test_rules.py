"""Rules decide by known facts, name unknown ones that could change the answer, and are refused where they are wrong."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_network.errors import ProvisioningError
from care_services.core.facts import COMMON
from care_services.core.rules import Outcome, Subject, condition_words, read_rules

DEFAULT = """
[[rule]]
code = "poor"
zh = "低保老人免费"
en = "free of charge on low income"
when = [["low_income", "=", true]]
then = { percent = 100 }

[[rule]]
code = "frail"
zh = "失能老人"
en = "frail"
when = [["ability_grade", ">=", "moderate"], ["age", ">=", 60]]
then = { percent = 50 }

[[rule]]
code = "old"
zh = "高龄老人"
en = "very old"
when = [["age", ">=", 80]]
then = { percent = 50 }
"""
SUBJECT = Subject(
    code="test", zh="试", en="test", facts=COMMON,
    outcomes={"percent": Outcome(zh="补贴比例", en="share", kind=int, high=100)}, default=DEFAULT,
)  # fmt: skip
RULES = read_rules(DEFAULT, SUBJECT)


def test_the_first_rule_that_applies_decides_and_says_why() -> None:
    ruling = RULES.decide({"low_income": True, "age": 90})
    assert ruling.rule is not None
    assert ruling.settled
    assert (ruling.rule.code, ruling.rule.then) == ("poor", {"percent": 100})
    assert ruling.reason("zh") == "低保老人免费（低保或低收入）"
    ruling = RULES.decide({"low_income": False, "ability_grade": "severe", "age": 70})
    assert ruling.reason("en") == "frail (ability grade: severely impaired, age: 70 years)"


def test_an_unknown_fact_is_not_a_no() -> None:
    ruling = RULES.decide({"age": 85})
    assert ruling.missing == ("low_income",), "the grade is unknown, too, but would give the same"
    assert not ruling.settled
    assert ruling.reason("zh") == "尚缺：低保或低收入"
    ruling = RULES.decide({"age": 70, "low_income": False})
    assert (ruling.rule, ruling.missing) == (None, ("ability_grade",))


def test_a_known_fact_that_fails_makes_others_needless() -> None:
    ruling = RULES.decide({"age": 50, "low_income": False})
    assert (ruling.rule, ruling.missing) == (None, ())
    assert ruling.reason("en") == "No rule applies"


FACTS = st.fixed_dictionaries({
    "low_income": st.sampled_from([None, True, False]),
    "age": st.sampled_from([None, 50, 59, 60, 79, 80]),
    "ability_grade": st.sampled_from([None, "intact", "mild", "moderate", "lost"]),
})  # fmt: skip


@given(FACTS, st.data())
def test_what_is_settled_stays_whatever_the_unknown_turns_out_to_be(facts: dict[str, Any], data: st.DataObject) -> None:
    ruling = RULES.decide(facts)
    known = {
        name: value if value is not None else data.draw(st.sampled_from({
            "low_income": [True, False], "age": [50, 60, 80], "ability_grade": ["intact", "moderate", "lost"],
        }[name])) for name, value in facts.items()
    }  # fmt: skip
    later = RULES.decide(known)
    assert later.settled
    if ruling.settled:
        assert (ruling.rule.then if ruling.rule else None) == (later.rule.then if later.rule else None)


def test_conditions_in_words() -> None:
    rule = RULES.rules[1]
    assert condition_words(rule.when[0], SUBJECT, "zh") == "能力等级不低于中度失能"
    assert condition_words(rule.when[1], SUBJECT, "en") == "age at least 60 years"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[rule", "TOML"),
        ("x = 1", "[[rule]]"),
        ('[[rule]]\ncode="a"\nzh="a"\nen="a"\nthen={}', "percent"),
        ('[[rule]]\ncode="a"\nzh="a"\nen="a"\nthen={percent=101}', "101"),
        ('[[rule]]\ncode="a"\nzh="a"\nen="a"\nthen={percent=true}', "True"),
        ('[[rule]]\ncode="a"\nzh="a"\nen="a"\nwhen=[["wealth","=",1]]\nthen={percent=1}', "wealth"),
        ('[[rule]]\ncode="a"\nzh="a"\nen="a"\nwhen=[["age",">=","80"]]\nthen={percent=1}', "'80'"),
        ('[[rule]]\ncode="a"\nzh="a"\nen="a"\nwhen=[["age",">=",true]]\nthen={percent=1}', "True"),
        ('[[rule]]\ncode="a"\nzh="a"\nen="a"\nwhen=[["sex",">","male"]]\nthen={percent=1}', "compared"),
        ('[[rule]]\ncode="a"\nzh="a"\nen="a"\nwhen=[["age","in",[]]]\nthen={percent=1}', "no value"),
        ('[[rule]]\ncode="a"\nen="a"\nthen={percent=1}', "zh is missing"),
        ('[[rule]]\ncode="a"\nzh="a"\nen="a"\nthen={percent=1}\n' * 2, "two rules"),
    ],
)
def test_a_wrong_rule_is_refused_and_named(text: str, says: str) -> None:
    with pytest.raises(ProvisioningError) as refused:
        read_rules(text, SUBJECT)
    assert says in refused.value.message_en
