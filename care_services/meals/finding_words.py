"""Say in words what speaks against a meal for a resident. Pure."""

from care_services.meals.checking import Finding
from care_services.meals.words import ALLERGENS, DIETS, TEXTURES


def said(one: Finding) -> tuple[str, str]:
    """A finding in Chinese and English."""
    match one.kind:
        case "unasked":
            return "未询问过敏史", "nobody has asked about allergies"
        case "allergen":
            zh, en = ALLERGENS[one.what]
            return f"含{zh}（老人过敏）" if not zh.startswith(
                "含"
            ) else f"有{zh}（老人过敏）", f"allergic to {en}, which it holds"
        case "unstated":
            return "食堂未标明过敏原，而老人有过敏史", "the canteen has not stated allergens, and there is an allergy"
        case "other":
            return (
                f"对“{one.what}”过敏，系统无法核对菜单",
                f"allergic to {one.what}: no program can look for it in a menu",
            )
        case "texture":
            zh, en = TEXTURES[one.what]
            return f"老人只能吃{zh}，此餐偏硬，有噎呛危险", f"they need {en} food: this is too firm and can choke"
        case "texture_unasked":
            return "未询问咀嚼吞咽", "nobody has asked about chewing and swallowing"
        case "halal":
            return "不是清真餐", "it is not halal"
    zh, en = DIETS[one.what]
    return f"未标明{zh}", f"not marked {en}"
