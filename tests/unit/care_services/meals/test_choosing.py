"""Which meals an arrangement asks for, and which set of the menu each becomes, or why none."""

import datetime as dt

import pytest

from care_services.meals.arrangements.choosing import Missing, choose, often, slots
from care_services.meals.checking import UNASKED, Diet, Dish
from care_services.meals.menus import Offer

MONDAY = dt.date(2026, 11, 30)
PORRIDGE, PEANUTS = Dish(zh="粥", allergens=()), Dish(zh="花生", allergens=("peanut",))
ALLERGIC = Diet(allergies=frozenset({"peanut"}), diets=frozenset(), texture="regular")
SALT = Diet(allergies=frozenset(), diets=frozenset({"low_salt"}), texture="regular")


def offer(code: str, dish: Dish = PORRIDGE, most: int | None = None, withdrawn: bool = False) -> Offer:
    return Offer(
        id=ord(code), canteen_id=1, day=MONDAY, meal="lunch", code=code, dishes=(dish,), price=1500, most=most,
        withdrawn=withdrawn, version=1, ordered=0,
    )  # fmt: skip


def chosen(*sets: Offer, diet: Diet = ALLERGIC, left: int = 0, **more: bool) -> str:
    asked = {"serves": True, "delivers": True, "is_open": True} | more
    found = choose(sets, diet, mode="delivery", left=dict.fromkeys((one.id for one in sets), left), **asked)
    return found.why if isinstance(found, Missing) else found.code


def test_the_days_of_the_week_become_meals_from_the_first_day_to_the_last() -> None:
    found = slots((1, 3), (1,), MONDAY, MONDAY + dt.timedelta(days=7), MONDAY, MONDAY + dt.timedelta(days=14))
    days = [(day.day, meal) for day, meal in found]
    assert days == [(30, "lunch"), (30, "dinner"), (2, "lunch"), (7, "lunch"), (7, "dinner")]
    assert slots((1,), (), MONDAY, MONDAY, MONDAY + dt.timedelta(days=1), MONDAY + dt.timedelta(days=9)) == []
    assert often((1, 3), range(1, 8)) == ("周一、三午餐，每天晚餐", "lunch on Mon, Wed; dinner every day")


def test_of_what_may_be_eaten_the_set_with_the_least_to_be_told() -> None:
    assert chosen(offer("A", PEANUTS), offer("B")) == "B"
    assert chosen(offer("A"), offer("B", Dish(zh="粥", allergens=(), marks=("low_salt",))), diet=SALT) == "B"
    assert chosen(offer("A", most=1), offer("B")) == "B", "the first is sold out"
    assert chosen(offer("A", most=1), left=1) == "A"


@pytest.mark.parametrize(
    ("sets", "more", "why"),
    [
        ((), {}, "no_menu"),
        ((), {"is_open": False}, "late"),
        ((offer("A"),), {"serves": False}, "canteen"),
        ((offer("A"),), {"delivers": False}, "no_delivery"),
        ((offer("A", withdrawn=True),), {}, "withdrawn"),
        ((offer("A", PEANUTS),), {}, "diet"),
        ((offer("A", most=3),), {}, "sold_out"),
    ],
)
def test_why_none(sets: tuple[Offer, ...], more: dict[str, bool], why: str) -> None:
    assert chosen(*sets, **more) == why


def test_who_was_never_asked_gets_no_meal_by_itself() -> None:
    found = choose([offer("A")], UNASKED, serves=True, delivers=True, mode="dine_in", is_open=True, left={})
    assert isinstance(found, Missing)
    assert "请先询问" in found.zh
