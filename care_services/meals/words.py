"""The words of meals: allergens, marks of diets, textures, meals of a day, states of an order, and who said it."""

from collections.abc import Mapping

Words = Mapping[str, tuple[str, str]]
"""Chinese and English by code."""

ALLERGENS: Words = {
    "gluten": ("含麸质的谷物", "cereals with gluten"),
    "crustacean": ("甲壳类", "crustaceans"),
    "fish": ("鱼类", "fish"),
    "egg": ("蛋类", "eggs"),
    "peanut": ("花生", "peanuts"),
    "soy": ("大豆", "soybeans"),
    "milk": ("乳", "milk"),
    "nuts": ("坚果", "tree nuts"),
}
"""The eight groups of GB 7718-2011, 4.4.3.1 (致敏物质)."""
MARKS: Words = {
    "low_salt": ("低盐", "low in salt"),
    "diabetic": ("控糖", "for diabetes"),
    "soft": ("软食", "soft"),
    "halal": ("清真", "halal"),
}
"""Diets that a dish, or a set of dishes as a whole, is fit for."""
DIETS: Words = {"low_salt": MARKS["low_salt"], "diabetic": MARKS["diabetic"], "halal": MARKS["halal"]}
TEXTURES: Words = {
    "regular": ("普通", "regular"),
    "soft": ("软食", "soft"),
    "minced": ("碎食", "minced and moist"),
    "pureed": ("糊状", "pureed"),
}
"""From the firmest to the softest: IDDSI framework (2019), levels 7, 6, 5 and 4."""
MEALS: Words = {"lunch": ("午餐", "lunch"), "dinner": ("晚餐", "dinner")}
MODES: Words = {"delivery": ("送餐上门", "delivered"), "dine_in": ("堂食", "at the canteen")}
STATES: Words = {
    "ordered": ("已订", "ordered"),
    "cancelled": ("已取消", "cancelled"),
    "delivered": ("已送达", "delivered"),
    "eaten": ("已用餐", "eaten there"),
    "refused": ("拒收", "refused"),
    "absent": ("无人应门", "nobody home"),
    "failed": ("未送出", "not delivered"),
}
SAID_BY: Words = {
    "resident": ("老人本人", "the resident"),
    "family": ("家属", "the family"),
    "doctor": ("医生", "a doctor"),
    "carer": ("照护人员", "a carer"),
}
HANDED_TO: Words = {
    "resident": ("老人本人", "the resident"),
    "family": ("家属", "the family"),
    "neighbour": ("邻居", "a neighbour"),
    "carer": ("照护人员", "a carer"),
}
FOUND: Words = {
    "well": ("人在家，平安", "at home and well"),
    "out": ("外出，平安", "out, and well"),
    "hospital": ("住院", "in hospital"),
    "helped": ("发现需要帮助，已处置", "needed help, and got it"),
}
"""The ends of an absence: what became of somebody who did not open the door for a meal."""
