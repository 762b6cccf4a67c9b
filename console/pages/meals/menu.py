"""A canteen's weekly menu: look at it, add and change sets of dishes, copy a week, set until when it takes orders."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_services.core.money import in_yuan, yuan
from care_services.meals import canteens, menus
from care_services.meals.checking import Dish
from care_services.meals.deadlines import monday_of, week_of
from care_services.meals.menus import CODES, MOST_DISHES, NewOffer, Offer
from console.pages.care.frame import care_page
from console.pages.meals.asking import WORDS, acting_of, day_of, number, text, texts
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
LOOK, MANAGE = needs(Action.VIEW_CARE), needs(Action.MANAGE_MEALS)
ROWS = 4
"""Empty rows for dishes of a new set."""


@router.get("/care/meals/canteens/{place}/menu", dependencies=[LOOK])
def menu_page(request: Request, console: Shared, account: CurrentAccount, place: str, week: str = "") -> Response:
    """A week's sets by day and meal."""
    return _menu(request, console, account, place, week)


def _menu(
    request: Request, console: Console, account: Account, place: str, week: str, error: ProvisioningError | None = None
) -> Response:
    acting = acting_of(request, account)
    monday = monday_of(day_of(week, acting.today, "week"))
    with console.database() as conn:
        canteen = canteens.canteen(conn, acting, place)
        found = menus.offers(conn, [canteen.id], monday, monday + dt.timedelta(days=6))
    by_meal: dict[tuple[dt.date, str], list[Offer]] = {}
    for one in found:
        by_meal.setdefault((one.day, one.meal), []).append(one)
    return care_page(
        request, "meals-menu.html", account, status_of(error) if error else 200, canteen=canteen, week=week_of(monday),
        by_meal=by_meal, before=monday - dt.timedelta(days=7), following=monday + dt.timedelta(days=7),
        today=acting.today, message=message_of(request, error, account) if error else "",
        wrong=error.field if error else "", any=bool(found), **WORDS,
    )  # fmt: skip


@router.post("/care/meals/canteens/{place}/copy", dependencies=[MANAGE])
def copy_week(
    request: Request, console: Shared, account: CurrentAccount, place: str,
    source: Annotated[str, Form(max_length=10)], week: Annotated[str, Form(max_length=10)],
) -> Response:  # fmt: skip
    """Copy the sets of another week to this one; what is there already stays."""
    acting = acting_of(request, account)
    try:
        with console.database() as conn:
            target = day_of(week, acting.today, "week")
            menus.copy_week(conn, acting, place, day_of(source, acting.today, "source"), target)
    except ProvisioningError as error:
        return _menu(request, console, account, place, week, error)
    return RedirectResponse(f"/care/meals/canteens/{place}/menu?week={target}", 303)


@router.post("/care/meals/canteens/{place}/hours", dependencies=[MANAGE])
def set_hours(
    request: Request, console: Shared, account: CurrentAccount, place: str,
    days: Annotated[int, Form()], hour: Annotated[str, Form(max_length=5)],
    delivers: Annotated[str, Form(max_length=5)] = "", version: Annotated[int, Form()] = 0,
) -> Response:  # fmt: skip
    """Set until when the canteen takes orders, and whether it delivers."""
    try:
        try:
            until = dt.time.fromisoformat(hour)
        except ValueError:
            raise ProvisioningError(en="write the time as 16:00", zh="时间写法如 16:00", field="hour") from None
        with console.database() as conn:
            canteens.set_hours(
                conn, acting_of(request, account), place, days, until, delivers=delivers == "true", version=version
            )
    except ProvisioningError as error:
        return _menu(request, console, account, place, "", error)
    return RedirectResponse(f"/care/meals/canteens/{place}/menu", 303)


@router.get("/care/meals/canteens/{place}/set", dependencies=[MANAGE])
def set_page(
    request: Request, console: Shared, account: CurrentAccount, place: str, day: str = "", meal: str = "lunch",
    set_code: str = "",
) -> Response:  # fmt: skip
    """The form of a set: a new one, or one that is on the menu."""
    acting = acting_of(request, account)
    chosen = day_of(day, acting.today)
    with console.database() as conn:
        canteen = canteens.managed(conn, acting, place)
        found = [one for one in menus.offers(conn, [canteen.id], chosen, chosen) if one.meal == meal]
    one = next((one for one in found if one.code == set_code), None)
    free = next((code for code in CODES if code not in {one.code for one in found}), CODES[-1])
    filled: dict[str, Any] = {
        "day": str(chosen), "meal": meal, "code": one.code if one else free,
        "price": in_yuan(one.price) if one else "", "most": (one.most or "") if one else "",
        "version": one.version if one else 0, "id": one.id if one else 0,
    }  # fmt: skip
    dishes = list(one.dishes) if one else []
    return _form(request, account, canteen, filled, dishes, one)


def _form(
    request: Request, account: Account, canteen: canteens.Canteen, filled: dict[str, Any], dishes: list[Dish],
    one: Offer | None = None, error: ProvisioningError | None = None,
) -> Response:  # fmt: skip
    rows: list[Dish | None] = [*dishes, *([None] * max(1, min(MOST_DISHES, ROWS) - len(dishes)))][:MOST_DISHES]
    return care_page(
        request, "meals-set.html", account, status_of(error) if error else 200, canteen=canteen, filled=filled,
        dishes=rows, one=one, message=message_of(request, error, account) if error else "",
        wrong=(error.field or "all") if error else "", codes=CODES,
        here=f"/care/meals/canteens/{canteen.code}/menu", **WORDS,
    )  # fmt: skip


@router.post("/care/meals/canteens/{place}/set", dependencies=[MANAGE])
async def put_set(request: Request, console: Shared, account: CurrentAccount, place: str) -> Response:
    """Add or change a set; with the press on 'withdraw' take it off the menu."""
    return await run_in_threadpool(_put, request, console, account, place, await request.form())


def _dishes(form: FormData) -> list[Dish]:
    found = []
    for n in range(MOST_DISHES):
        name = text(form, f"dish.{n}.zh")
        if name:
            stated = text(form, f"dish.{n}.stated") == "true"
            listed = tuple(texts(form, f"dish.{n}.allergens"))
            found.append(
                Dish(
                    zh=name, en=text(form, f"dish.{n}.en"), allergens=listed if stated or listed else None,
                    marks=tuple(texts(form, f"dish.{n}.marks")), texture=text(form, f"dish.{n}.texture") or "regular",
                )
            )  # fmt: skip
    return found


def _put(request: Request, console: Console, account: Account, place: str, form: FormData) -> Response:
    acting = acting_of(request, account)
    dishes = _dishes(form)
    filled = {name: text(form, name) for name in ("day", "meal", "code", "price", "most", "version", "id")}
    with console.database() as conn:
        canteen = canteens.managed(conn, acting, place)
    try:
        day = day_of(filled["day"], acting.today)
        with console.database() as conn:
            if text(form, "act") == "withdraw":
                menus.withdraw(conn, acting, place, number(form, "id"), number(form, "version"), text(form, "why"))
            else:
                new = NewOffer(
                    day=day, meal=filled["meal"], code=filled["code"], dishes=tuple(dishes),
                    price=yuan(filled["price"], "price"), most=number(form, "most") or None,
                )  # fmt: skip
                menus.put(conn, acting, place, new, number(form, "version"))
    except NotFoundError:
        raise
    except ProvisioningError as error:
        one = None
        if filled["id"].isdigit() and int(filled["id"]):
            with console.database() as conn:
                one = menus.offers_by_id(conn, [int(filled["id"])]).get(int(filled["id"]))
        return _form(request, account, canteen, filled, dishes, one, error)
    return RedirectResponse(f"/care/meals/canteens/{place}/menu?week={day}#d{day}", 303)
