"""Services on the panel in a home: "I need …", who comes, the code for the carer, the faces after a visit. No login.

A call for help has nothing to do with it: these requests go to providers, and every screen of them has the call on top.
"""

import datetime as dt
from typing import Any, Literal

import psycopg
from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from care_network.errors import ProvisioningError
from care_services.core.money import in_yuan
from care_services.home_services.orders.store import Order
from care_services.meals.orders import Quote
from care_services.meals.words import MEALS
from care_services.one_tap import home_meals, requests
from care_services.one_tap import panel as wishes
from care_services.one_tap.panel import Services
from care_services.time_bank.running import at_home
from console.pages.home.panel import opened
from console.shell.errors import message_of
from console.shell.i18n import Language, pick
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = page_router()
_DAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


class Wish(BaseModel):
    """A press on the services' part of the panel."""

    act: Literal["ask", "take_back", "rate", "meal", "cancel_meal"]
    need: str = Field("", max_length=40)
    resident: str = Field("", max_length=40)
    number: int = Field(0, ge=0, lt=2**31)
    face: str = Field("", max_length=10)
    cook: bool = False
    """Of a meal: somebody shall cook at home, though a canteen would bring one."""


@router.get("/home/{token}/services")
def panel_services(request: Request, console: Shared, token: str) -> Response:
    """Tell what was asked for, who comes today, the code for the carer, the visit to be rated. Raises LinkError."""
    now = dt.datetime.now(dt.UTC)
    with console.links_database() as conn:
        panel = opened(console, conn, token, now)
        return JSONResponse(_told(conn, request, panel.household_id, now))


@router.post("/home/{token}/services")
def panel_wish(request: Request, console: Shared, token: str, wish: Wish) -> Response:
    """Ask for a service, take a request back, or say how a visit was. Raises LinkError.

    The answer is a sentence to be shown and spoken, with the state after it; ``failed`` where nothing was done.
    """
    now = dt.datetime.now(dt.UTC)
    language = language_of(request, None)
    with console.links_database() as conn:
        panel = opened(console, conn, token, now)
        asked = 0
        menu: list[dict[str, Any]] = []
        try:
            match wish.act:
                case "ask" if (
                    wish.need == "meal"
                    and not wish.cook
                    and (found := home_meals.menu(conn, panel.household_id, wish.resident, now))
                ):
                    menu, words = [_set(one, language, now) for one in found], ""
                case "meal":
                    paid = home_meals.order(conn, panel.household_id, wish.resident, wish.number, now)
                    own = in_yuan(paid.own)
                    words = pick(language, f"订好了，食堂会送到家，自付 {own} 元",
                                 f"Ordered: the canteen brings it; your part is {own} yuan.")  # fmt: skip
                case "cancel_meal":
                    home_meals.take_back(conn, panel.household_id, wish.number, now)
                    words = pick(language, "已取消", "Taken back.")
                case "ask":
                    asked = wishes.ask(conn, panel.household_id, wish.need, wish.resident, now)
                    words = pick(language, "已经帮您申请了。安排好了，这里会告诉您谁来、几点来",
                                 "It is asked for. Here you will see who comes, and when.")  # fmt: skip
                case "take_back":
                    wishes.take_back(conn, panel.household_id, wish.number, now)
                    words = pick(language, "已取消", "Taken back.")
                case "rate":
                    wishes.rate(conn, panel.household_id, wish.number, wish.face, now)
                    words = (
                        "" if wish.face == "skip" else pick(language, "谢谢您，已经记下了", "Thank you, it is noted.")
                    )
        except ProvisioningError as error:
            told = _told(conn, request, panel.household_id, now)
            return JSONResponse({**told, "said": message_of(request, error), "failed": True}, 409)
        told = _told(conn, request, panel.household_id, now)
    return JSONResponse({**told, "said": words, "asked": asked, "menu": menu, "failed": False})


def _told(conn: psycopg.Connection[Any], request: Request, household_id: int, now: dt.datetime) -> dict[str, Any]:
    found = wishes.shown(conn, household_id, now)
    language = language_of(request, None)
    digits = found.code
    return {
        "cards": [_card(one, found, language, now) for one in found.requests]
        + [_meal_card(one, language, now) for one in home_meals.ahead(conn, household_id, now)],
        "visits": [_visit(one, language) for one in found.today],
        "code": f"{digits[:3]} {digits[3:]}" if digits else "",
        "helped": bool(at_home.waiting(conn, household_id)),
        "rate": None if found.to_rate is None else _question(found.to_rate, language),
    }


def _card(asked: requests.Request, found: Services, language: Language, now: dt.datetime) -> dict[str, Any]:
    what = pick(language, asked.service_zh, asked.service_en)
    order = found.booked.get(asked.id)
    if order is not None and asked.state == "confirmed":
        when = _when(order.planned_start, language, now)
        who = pick(language, order.staff_zh or order.provider_zh, order.staff_en or order.provider_en)
        words = f"{when} {who}来{what}" if language == "zh" else f"{when}: {who} comes, {what}"
    elif asked.state == "station" and not asked.service:
        words = pick(
            language, "您按了服务键，服务站会给您打电话", "You pressed the service button: the station will call you"
        )
    elif asked.state == "refused":
        words = pick(language, f"{what}：这次安排不了，请致电中心", f"{what}: not possible now, call the center")
    else:
        words = pick(language, f"{what}：正在安排", f"{what}: being arranged")
    return {"id": asked.id, "words": words, "cancel": asked.state != "refused", "act": "take_back"}


def _day(day: dt.date, language: Language, now: dt.datetime) -> str:
    days = (day - now.astimezone(SHANGHAI).date()).days
    if 0 <= days <= 2:
        return pick(language, ("今天", "明天", "后天")[days], ("Today", "Tomorrow", f"{day:%A}")[days])
    return pick(language, f"{day.month}月{day.day}日", f"{day.day} {day:%B}")


def _meal_card(one: home_meals.Ordered, language: Language, now: dt.datetime) -> dict[str, Any]:
    when, what = _day(one.day, language, now), pick(language, *MEALS[one.meal])
    if one.brought:
        words = pick(language, f"{when}{what}：{one.canteen_zh}送到家", f"{when}, {what}: {one.canteen_en} brings it")
    else:
        words = pick(language, f"{when}{what}：请到{one.canteen_zh}用餐", f"{when}, {what}: at {one.canteen_en}")
    return {"id": one.id, "words": words, "cancel": one.cancel, "act": "cancel_meal"}


def _set(one: Quote, language: Language, now: dt.datetime) -> dict[str, Any]:
    """A set as a large button: when, what, and what it costs the resident."""
    dishes = pick(
        language, "、".join(dish.zh for dish in one.offer.dishes),
        ", ".join(dish.en or dish.zh for dish in one.offer.dishes),
    )  # fmt: skip
    gap = "" if language == "zh" else " "
    when = f"{_day(one.offer.day, language, now)}{gap}{pick(language, *MEALS[one.offer.meal])}"
    own = in_yuan(one.split.own)
    return {
        "offer": one.offer.id,
        "when": when,
        "words": dishes,
        "own": pick(language, f"自付 {own} 元", f"{own} yuan"),
    }


def _when(at: dt.datetime, language: Language, now: dt.datetime) -> str:
    local, today = at.astimezone(SHANGHAI), now.astimezone(SHANGHAI).date()
    days = (local.date() - today).days
    clock = local.strftime("%H:%M")
    if days in (0, 1, 2):
        return pick(language, ("今天", "明天", "后天")[days], ("Today", "Tomorrow", f"{local:%A}")[days]) + f" {clock}"
    if language == "zh":
        return f"{local.month}月{local.day}日{_DAYS[local.weekday()]} {clock}"
    return f"{local:%A} {local.day} {local:%B} {clock}"


def _visit(order: Order, language: Language) -> str:
    clock = order.planned_start.astimezone(SHANGHAI).strftime("%H:%M")
    what = pick(language, order.service_zh, order.service_en)
    who = pick(language, order.staff_zh, order.staff_en)
    if language == "zh":
        return f"{clock} {who or '有人'}来{what}"
    return f"{clock} {who or 'Somebody'} comes: {what}"


def _question(order: Order, language: Language) -> dict[str, Any]:
    who = pick(language, order.staff_zh or "", order.staff_en or "")
    what = pick(language, order.service_zh, order.service_en)
    if language == "zh":
        return {"order": order.id, "words": f"{who}的{what}，您满意吗？" if who else f"{what}，您满意吗？"}
    return {"order": order.id, "words": f"How was it with {who}: {what}?" if who else f"How was the {what}?"}
