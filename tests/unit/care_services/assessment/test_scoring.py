"""From answers to a grade, as GB/T 42195-2022 says: every boundary, every adjustment, and what must hold for all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care_services.assessment.scoring import ORDER, Facts, by_total, one_worse, score
from care_services.assessment.standard import standard

FULL = {code: item.maximum for code, item in standard().items.items()}
NONE = {risk.code: 0 for risk in standard().risks}


def facts(total: int = 90, **more: object) -> Facts:
    """Answers with this total, nothing of them at level 0 of consciousness unless there is no other way."""
    answers = dict(FULL)
    left = 90 - total
    for code in [*(one for one in answers if one != "consciousness"), "consciousness"]:
        taken = min(left, answers[code])
        answers[code] -= taken
        left -= taken
    return Facts(**{"answers": answers, "diagnosis": "none", "events": NONE} | more)  # type: ignore[arg-type]


def test_the_standard_has_26_items_and_90_points() -> None:
    rules = standard()
    assert [(len(one.items), one.maximum) for one in rules.domains] == [(8, 32), (4, 15), (9, 28), (5, 15)]
    assert (len(rules.items), rules.maximum) == (26, 90)
    for item in rules.items.values():
        assert [one.score for one in item.levels] == list(range(item.maximum, -1, -1)), item.code
        assert len({one.zh for one in item.levels}) == len({one.en for one in item.levels}) == item.maximum + 1
    assert rules.items["stairs"].maximum == rules.items["transport"].maximum == 3
    assert rules.items["eating"].level(3).zh == "需要指导或提示"


@pytest.mark.parametrize(
    ("total", "grade"),
    [(90, "intact"), (89, "mild"), (66, "mild"), (65, "moderate"), (46, "moderate"), (45, "severe"), (30, "severe"),
     (29, "lost"), (0, "lost")],
)  # fmt: skip
def test_a_total_gives_a_grade(total: int, grade: str) -> None:
    assert by_total(total) == grade
    found = score(facts(total, coma=False))
    assert (found.total, found.preliminary) == (total, grade)
    assert found.grade == grade
    assert found.complete


@pytest.mark.parametrize("total", [-1, 91])
def test_no_other_total_has_a_grade(total: int) -> None:
    with pytest.raises(ValueError, match=str(total)):
        by_total(total)


@pytest.mark.parametrize("answers", [{"eating": 5}, {"stairs": 4}, {"eating": -1}, {"flying": 1}])
def test_an_answer_that_its_item_does_not_have_is_refused(answers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"eating|stairs|flying"):
        score(Facts(answers=answers))


def test_a_coma_decides_at_once_and_a_stupor_does_not() -> None:
    """Level 0 of consciousness stands for both: as long as nobody has told them apart, the grade is unknown."""
    found = score(Facts(answers={"consciousness": 0}, coma=True))
    assert (found.grade, found.complete, found.total, found.preliminary) == ("lost", True, None, None)
    assert [one.code for one in found.adjustments] == ["coma"]
    whole = FULL | {"consciousness": 0}
    assert score(facts(answers=whole, coma=True)).grade == "lost"
    stupor = score(facts(answers=whole, coma=False))
    assert (stupor.total, stupor.grade, stupor.adjustments, stupor.complete) == (88, "mild", (), True)
    unknown = score(facts(answers=whole))
    assert (unknown.preliminary, unknown.grade, unknown.open_facts, unknown.complete) == (
        "mild",
        None,
        ("coma",),
        False,
    )
    assert score(facts(answers=whole, diagnosis="dementia")).grade is None
    assert score(facts(29, coma=None, answers=facts(29).answers | {"consciousness": 0})).grade == "lost", "in any case"
    assert score(facts(answers=FULL | {"consciousness": 1}, coma=True)).grade == "mild", "it counts at level 0 alone"


@pytest.mark.parametrize("diagnosis", ["dementia", "mental"])
@pytest.mark.parametrize(
    ("total", "grade"),
    [
        (90, "mild"),
        (89, "moderate"),
        (66, "moderate"),
        (65, "severe"),
        (46, "severe"),
        (45, "lost"),
        (30, "lost"),
        (29, "lost"),
        (0, "lost"),
    ],
)
def test_a_diagnosis_makes_it_one_worse(diagnosis: str, total: int, grade: str) -> None:
    found = score(facts(total, diagnosis=diagnosis, coma=False))
    assert found.grade == grade
    assert [one.code for one in found.adjustments] == [diagnosis]


@pytest.mark.parametrize(
    ("events", "grade"),
    [({}, "mild"), ({"fall": 1}, "mild"), ({"fall": 2}, "moderate"), ({"fall": 1, "lost": 1}, "moderate"),
     ({"choking": 9}, "moderate")],
)  # fmt: skip
def test_two_care_risk_events_make_it_one_worse(events: dict[str, int], grade: str) -> None:
    assert score(facts(70, events=NONE | events)).grade == grade


def test_both_reasons_together_make_it_one_worse_and_both_are_told() -> None:
    found = score(facts(70, diagnosis="dementia", events=NONE | {"fall": 2, "choking": 1}))
    assert found.grade == "moderate"
    assert [one.code for one in found.adjustments] == ["dementia", "risk"]
    assert "跌倒 2 次、噎食 1 次" in found.adjustments[1].zh


def test_what_is_open_leaves_the_grade_unknown() -> None:
    one_open = {code: points for code, points in FULL.items() if code != "eating"}
    found = score(facts(answers=one_open))
    assert (found.open_items, found.total, found.grade, found.complete) == (("eating",), None, None, False)
    assert found.sums["self_care"] == 28
    unknown = score(Facts(answers=FULL, events={"fall": 0}))
    assert (unknown.preliminary, unknown.grade) == ("intact", None)
    assert unknown.open_facts == ("diagnosis", "lost", "choking", "self_harm", "other")
    sure = score(Facts(answers=FULL, events={"fall": 2}))
    assert (sure.grade, sure.complete) == ("mild", False), "one worse already, whatever else comes"


answered = st.fixed_dictionaries({code: st.integers(0, item.maximum) for code, item in standard().items.items()})
happened = st.fixed_dictionaries({risk.code: st.integers(0, 2) for risk in standard().risks})
diagnoses = st.sampled_from(["none", "dementia", "mental"])


@settings(max_examples=60, deadline=None)
@given(answers=answered, events=happened, diagnosis=diagnoses, item=st.sampled_from(list(FULL)))
def test_no_lower_answer_gives_a_better_grade(
    answers: dict[str, int], events: dict[str, int], diagnosis: str, item: str
) -> None:
    found = score(Facts(answers=answers, diagnosis=diagnosis, events=events, coma=False))  # type: ignore[arg-type]
    lower = answers | {item: max(answers[item] - 1, 0)}
    then = score(Facts(answers=lower, diagnosis=diagnosis, events=events, coma=False))  # type: ignore[arg-type]
    assert found.grade is not None
    assert then.grade is not None
    assert ORDER.index(then.grade) >= ORDER.index(found.grade)
    assert found.total == sum(answers.values()) == sum(found.sums.values())
    assert found.preliminary is not None
    assert found.grade in (found.preliminary, one_worse(found.preliminary), "lost"), "never better, and one at most"
    assert ORDER.index(found.grade) >= ORDER.index(found.preliminary)
    assert (found.grade == found.preliminary) or found.adjustments, "every change has its reason"
