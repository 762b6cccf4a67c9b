"""A menu is held against what is known of a resident's food; unknown is never 'none'."""

import pytest

from care_services.meals.checking import UNASKED, Diet, Dish, Finding, contents, findings, refused
from care_services.meals.finding_words import said
from care_services.meals.words import ALLERGENS, MARKS, TEXTURES

FISH = Dish(zh="清蒸鲈鱼", allergens=("fish", "soy"), marks=("low_salt",), texture="soft")
RICE = Dish(zh="米饭", allergens=(), marks=("low_salt", "halal"), texture="soft")
NUTS = Dish(zh="宫保鸡丁", allergens=("peanut",), texture="regular")
UNSTATED = Dish(zh="今日例汤")


def kinds(diet: Diet, *dishes: Dish) -> list[tuple[str, str]]:
    return [(one.kind, one.what) for one in findings(diet, contents(dishes))]


def test_who_was_never_asked_is_unknown_and_refused() -> None:
    found = findings(UNASKED, contents([RICE]))
    assert [one.kind for one in refused(found)] == ["unasked"]
    assert ("texture_unasked", "") in kinds(UNASKED, RICE)
    assert said(found[0]) == ("未询问过敏史", "nobody has asked about allergies")


def test_an_allergen_of_any_dish_refuses_the_set() -> None:
    diet = Diet(allergies=frozenset({"peanut"}), texture="regular")
    assert kinds(diet, RICE, NUTS) == [("allergen", "peanut")]
    assert kinds(diet, RICE, FISH) == []


def test_a_dish_without_stated_allergens_is_refused_to_who_has_an_allergy_alone() -> None:
    asked = Diet(allergies=frozenset(), texture="regular")
    assert kinds(asked, RICE, UNSTATED) == []
    assert kinds(Diet(allergies=frozenset({"milk"}), texture="regular"), UNSTATED) == [("unstated", "")]
    assert ("unstated", "") in kinds(Diet(allergies=frozenset(), other_allergies="芒果", texture="soft"), UNSTATED)


def test_an_allergy_in_words_always_asks_a_person() -> None:
    diet = Diet(allergies=frozenset(), other_allergies="芒果", texture="soft")
    assert [one.kind for one in refused(findings(diet, contents([RICE])))] == ["other"]


def test_food_that_is_too_firm_is_refused_and_softer_food_is_not() -> None:
    def diet(texture: str) -> Diet:
        return Diet(allergies=frozenset(), texture=texture)

    assert kinds(diet("soft"), RICE, NUTS) == [("texture", "soft")], "its firmest dish counts"
    assert kinds(diet("soft"), RICE, FISH) == []
    assert kinds(diet("regular"), RICE) == []
    assert kinds(diet("pureed"), RICE) == [("texture", "pureed")]


def test_halal_refuses_and_salt_is_told() -> None:
    diet = Diet(allergies=frozenset(), diets=frozenset({"halal", "low_salt", "diabetic"}), texture="regular")
    found = findings(diet, contents([RICE, FISH]))
    assert [(one.kind, one.what, one.refuses) for one in found] == [
        ("halal", "halal", True),
        ("diet", "diabetic", False),
    ]


@pytest.mark.parametrize("kind", ["allergen", "texture", "diet"])
def test_every_finding_has_words(kind: str) -> None:
    for code in {"allergen": ALLERGENS, "texture": TEXTURES, "diet": MARKS}[kind]:
        if kind == "diet" and code == "soft":
            continue
        zh, en = said(Finding(kind, code, refuses=True))
        assert zh
        assert en
