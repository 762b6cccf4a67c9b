"""Which meals an arrangement asks for, and which set of the menu each becomes, or why none. Pure."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence

import msgspec

from care_services.meals.checking import Diet, findings, refused
from care_services.meals.finding_words import said
from care_services.meals.menus import Offer

AHEAD_DAYS = 14
"""Meals are ordered so many days ahead, where there is a menu."""
NEAR = dt.timedelta(days=3)
"""So long before the deadline a menu that is not there yet becomes a thing to do."""
WEEKDAYS = (("一", "Mon"), ("二", "Tue"), ("三", "Wed"), ("四", "Thu"), ("五", "Fri"), ("六", "Sat"), ("日", "Sun"))

Slot = tuple[dt.date, str]
"""A day and a meal."""


class Missing(msgspec.Struct, frozen=True):
    """A reason why a meal is not ordered, with what to do."""

    why: str
    zh: str
    en: str


WHYS: Mapping[str, tuple[str, str]] = {
    "no_menu": ("无菜单", "no menu"), "withdrawn": ("套餐停供", "off the menu"), "sold_out": ("已订完", "sold out"),
    "diet": ("饮食不合", "diet"), "no_delivery": ("不送餐", "no delivery"), "canteen": ("食堂停用", "canteen closed"),
    "late": ("已截止", "too late"), "unsafe": ("已订的不能吃", "must not eat it"),
}  # fmt: skip
"""The reasons in short."""


def slots(
    lunch: Collection[int], dinner: Collection[int], first_day: dt.date, last_day: dt.date | None, since: dt.date,
    until: dt.date,
) -> list[Slot]:  # fmt: skip
    """The meals of an arrangement from day to day, in their order. ``lunch``, ``dinner``: days of the week, from 1."""
    first, last = max(first_day, since), min(last_day or until, until)
    days = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    return [
        (day, meal) for day in days for meal, wanted in (("lunch", lunch), ("dinner", dinner))
        if day.isoweekday() in wanted
    ]  # fmt: skip


def choose(
    sets: Sequence[Offer], diet: Diet, *, serves: bool, delivers: bool, mode: str, is_open: bool,
    left: Mapping[int, int],
) -> Offer | Missing:  # fmt: skip
    """The set that somebody gets: of those they may eat the one with the least to be told, then the first.

    ``left``: portions by set, of those that have a bound. A set that a diet refuses is never ordered by itself.
    """
    if not serves:
        return Missing(
            "canteen",
            "食堂已停用或不再服务该住址：请在助餐安排中改选食堂",
            "the canteen is closed, or serves this home no more: choose another in the arrangement",
        )
    if not is_open:
        return Missing(
            "late",
            "到订餐截止时仍未订上：请致电食堂或另行安排用餐",
            "it was not ordered by the deadline: call the canteen, or see to the meal otherwise",
        )
    if not sets:
        return Missing("no_menu", "食堂这一餐没有菜单（未发布或休息）：请催食堂发布，或另行安排用餐",
                       "the canteen has no menu for it (not published, or closed that day): ask the canteen, or see to"
                       " the meal otherwise")  # fmt: skip
    if mode == "delivery" and not delivers:
        return Missing(
            "no_delivery",
            "食堂不送餐：请改为堂食或改选食堂",
            "the canteen does not deliver: change to the canteen's table, or choose another",
        )
    there = [one for one in sets if not one.withdrawn]
    if not there:
        return Missing(
            "withdrawn",
            "这一餐的套餐已全部停供：请与食堂联系，或另行安排用餐",
            "every set of it is off the menu: ask the canteen, or see to the meal otherwise",
        )
    judged = [(one, findings(diet, one.contents)) for one in there]
    fit = [(one, found) for one, found in judged if not refused(found)]
    if not fit:
        return UNASKED if diet.allergies is None else _unfit(there, diet)
    here = [(one, found) for one, found in fit if one.most is None or left.get(one.id, 0) > 0]
    if not here:
        return Missing("sold_out", "老人能吃的套餐已订完：请与食堂联系加份，或另行安排用餐",
                       "the sets that they may eat are sold out: ask the canteen for one more, or see to the meal"
                       " otherwise")  # fmt: skip
    return min(here, key=lambda one: (len(one[1]), one[0].code))[0]


def _unfit(there: Sequence[Offer], diet: Diet) -> Missing:
    zh, en = [], []
    for one in there:
        words = [said(found) for found in refused(findings(diet, one.contents))]
        zh.append(f"{one.code} {'、'.join(found[0] for found in words)}")
        en.append(f"{one.code} {', '.join(found[1] for found in words)}")
    return Missing(
        "diet",
        f"没有老人能吃的套餐（{'；'.join(zh)}）：请与食堂商量，或人工订餐并写明理由",
        f"no set that they may eat ({'; '.join(en)}): ask the canteen, or order it yourself with a reason",
    )


UNASKED = Missing(
    "diet", "未询问过敏史：请先询问老人或家属并登记，登记后自动订餐",
    "nobody has asked about allergies: ask and write it down, then it is ordered by itself",
)  # fmt: skip
UNSAFE = Missing(
    "unsafe", "饮食登记变更后，已订的餐老人不能吃，且已过取消时间：请立即致电食堂更换",
    "after the diet changed they must not eat what is ordered, and it is too late to cancel: call the canteen now",
)  # fmt: skip


def often(lunch: Collection[int], dinner: Collection[int]) -> tuple[str, str]:
    """How often, in Chinese and English."""
    zh, en = [], []
    for (name_zh, name_en), days in ((("午餐", "lunch"), lunch), (("晚餐", "dinner"), dinner)):
        if not days:
            continue
        if len(days) == 7:
            zh.append(f"每天{name_zh}")
            en.append(f"{name_en} every day")
        else:
            zh.append(f"周{'、'.join(WEEKDAYS[day - 1][0] for day in sorted(days))}{name_zh}")
            en.append(f"{name_en} on {', '.join(WEEKDAYS[day - 1][1] for day in sorted(days))}")
    return "，".join(zh), "; ".join(en)
