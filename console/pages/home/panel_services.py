"""Services on the panel in a home: "I need …", who comes, the code for the carer, the faces after a visit. No login.

A call for help has nothing to do with it: these requests go to providers, and every screen of them has the call on top.
"""

import datetime as dt
from typing import Any, Literal

import psycopg
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from care_network.errors import ProvisioningError
from care_services.home_services.orders.store import Order
from care_services.one_tap import panel as wishes
from care_services.one_tap import requests
from care_services.one_tap.panel import Services
from care_services.time_bank.running import at_home
from console.pages.home.panel import opened
from console.shell.errors import message_of
from console.shell.i18n import Language, pick
from console.shell.state import Shared
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = APIRouter()
_DAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


class Wish(BaseModel):
    """A press on the services' part of the panel."""

    act: Literal["ask", "take_back", "rate"]
    need: str = Field("", max_length=40)
    resident: str = Field("", max_length=40)
    number: int = Field(0, ge=0, lt=2**31)
    face: str = Field("", max_length=10)


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
        try:
            match wish.act:
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
    return JSONResponse({**told, "said": words, "asked": asked, "failed": False})


def _told(conn: psycopg.Connection[Any], request: Request, household_id: int, now: dt.datetime) -> dict[str, Any]:
    found = wishes.shown(conn, household_id, now)
    language = language_of(request, None)
    digits = found.code
    return {
        "cards": [_card(one, found, language, now) for one in found.requests],
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
    return {"id": asked.id, "words": words, "cancel": asked.state != "refused"}


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
