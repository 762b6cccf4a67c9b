"""A week's sets come from a file, and a wrong one is refused with words."""

import datetime as dt

import pytest

from care_network.errors import ProvisioningError
from care_services.meals import menus
from care_services.meals.checking import Dish

FILE = """
[[set]]
day = 2026-12-01
meal = "lunch"
code = "A"
price = "15"
dishes = [{ zh = "清蒸鲈鱼", allergens = ["fish"], texture = "soft" }, { zh = "例汤" }]
"""


def test_sets_are_read_from_a_file() -> None:
    (one,) = menus.read_sets(FILE)
    assert (one.day, one.price, one.most) == (dt.date(2026, 12, 1), 1500, None)
    assert one.dishes[1] == Dish(zh="例汤"), "nobody has said which allergens it holds"
    menus.check(one)
    with pytest.raises(ValueError, match="alergens"):
        menus.read_sets(FILE.replace("allergens", "alergens"))


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [('"lunch"', '"tea"', "meal"), ('"A"', '"Z"', "code"), ('"15"', '"999"', "price"), ("fish", "glass", "dishes")],
)
def test_a_wrong_set_names_its_field(old: str, new: str, field: str) -> None:
    (one,) = menus.read_sets(FILE.replace(old, new))
    with pytest.raises(ProvisioningError) as refused:
        menus.check(one)
    assert refused.value.field == field
