"""Dishes of the demonstration's canteens: invented menus of a Cantonese kitchen, with allergens and marks."""

from care_services.meals.checking import Dish

RICE = Dish(zh="软米饭", en="soft rice", allergens=(), marks=("low_salt", "halal", "soft"), texture="soft")
PORRIDGE = Dish(zh="小米南瓜粥", en="millet and pumpkin porridge", allergens=(), marks=("low_salt", "diabetic", "halal",
                "soft"), texture="pureed")  # fmt: skip
GREENS = Dish(zh="蒜蓉菜心", en="choy sum with garlic", allergens=(), marks=("low_salt", "diabetic", "halal"))
MAINS = (
    Dish(zh="清蒸鲈鱼", en="steamed sea bass", allergens=("fish", "soy"), marks=("low_salt", "diabetic", "soft"),
         texture="soft"),
    Dish(zh="番茄牛腩", en="beef brisket with tomato", allergens=("soy",), marks=("halal",)),
    Dish(zh="白切鸡", en="poached chicken", allergens=("soy",), marks=("diabetic",)),
    Dish(zh="宫保鸡丁", en="chicken with peanuts", allergens=("peanut", "soy")),
    Dish(zh="虾仁滑蛋", en="scrambled egg with shrimps", allergens=("crustacean", "egg"), texture="soft"),
    Dish(zh="香菇蒸肉饼", en="steamed pork patty with mushrooms", allergens=("soy",), marks=("soft",), texture="soft"),
    Dish(zh="冬瓜排骨", en="spare ribs with wax gourd", allergens=()),
)  # fmt: skip
SOFT = (
    Dish(zh="肉末蒸蛋", en="steamed egg with minced pork", allergens=("egg", "soy"), marks=("soft",), texture="minced"),
    Dish(zh="麻婆豆腐（少辣）", en="mild mapo tofu", allergens=("soy",), marks=("soft",), texture="minced"),
    Dish(zh="鱼蓉羹", en="fish soup, fine", allergens=("fish",), marks=("low_salt", "soft"), texture="pureed"),
    Dish(zh="山药泥", en="mashed yam", allergens=(), marks=("low_salt", "halal", "soft"), texture="pureed"),
)  # fmt: skip
UNSTATED = Dish(zh="今日例汤", en="soup of the day")
"""Of which nobody has said what it holds: so it is, too, in the demonstration."""


def lunch(day: int) -> tuple[tuple[str, int, tuple[Dish, ...]], ...]:
    """The sets of a day's lunch: code, price in fen, dishes. ``day``: any number that counts days."""
    main, soft = MAINS[day % len(MAINS)], SOFT[day % len(SOFT)]
    with_soup = (UNSTATED,) if day % 5 == 0 else ()
    return ("A", 1500, (main, GREENS, RICE, *with_soup)), ("B", 1300, (soft, PORRIDGE))


def dinner(day: int) -> tuple[tuple[str, int, tuple[Dish, ...]], ...]:
    """The sets of a day's dinner."""
    return (("A", 1200, (MAINS[(day + 3) % len(MAINS)], GREENS, RICE)),)
