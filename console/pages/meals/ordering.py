"""A resident's meals: what is known of their food, the menu as they would have it, ordering and cancelling.

The same pages serve staff for a resident and families for their own.
"""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_services.meals import diets, orders
from care_services.meals.arrangements import absent, desk, gaps, making
from care_services.meals.deadlines import monday_of
from care_services.meals.diets import NewDiet
from care_services.meals.finding_words import said
from care_services.meals.orders import Choice, Quote
from console.access.residents import load_resident
from console.pages.care.frame import care_page
from console.pages.meals.arranging import PLANNED
from console.pages.meals.asking import WORDS, acting_of, day_of, number, text, texts
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
LOOK = needs(Action.VIEW_CARE, Action.FAMILY_CIRCLE)
ORDER = needs(Action.MANAGE_MEALS, Action.FAMILY_CIRCLE)
PAST = dt.timedelta(days=60)
SAID = ("other_allergies", "texture", "said_by", "said_by_name", "said_on", "asked", "diets_asked")
"""Fields of the form of a diet with one value each."""


@router.get("/care/meals/of/{code}", dependencies=[LOOK])
def resident_meals(
    request: Request, console: Shared, account: CurrentAccount, code: str, week: str = "", told: str = ""
) -> Response:
    """A resident's diet, the week's menu as they would have it, and their orders."""
    return _page(
        request, console, account, code, week, told=told if told in ("ordered", "cancelled", "diet", "arranged") else ""
    )


def _page(
    request: Request, console: Console, account: Account, code: str, week: str = "", *, told: str = "",
    error: ProvisioningError | None = None, chosen: dict[str, str] | None = None, filled: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    monday = monday_of(day_of(week, acting.today + dt.timedelta(days=1), "week"))
    last = monday + dt.timedelta(days=6)
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_diet", origin_of(request))
        serving = orders.serving(conn, acting, resident["id"])
        quotes = orders.quotes(conn, acting, resident["id"], serving, monday, last)
        lines = orders.of_resident(conn, resident["id"], min(monday, acting.today) - PAST)
        said_before = diets.history(conn, resident["id"])
        missing = gaps.of_resident(conn, resident["id"])
        planned = {
            "arrangement": desk.of_resident(conn, resident["id"]), "gaps": missing, "gap_groups": gaps.grouped(missing),
            "away": absent.of(conn, resident["id"]),
        }  # fmt: skip
    by_meal: dict[tuple[dt.date, str], list[Quote]] = {}
    for one in quotes:
        by_meal.setdefault((one.offer.day, one.offer.meal), []).append(one)
    ordered = {(one.day, one.meal): one for one in lines if one.state != "cancelled"}
    return care_page(
        request, "meals-resident.html", account, status_of(error) if error else 200, resident=resident,
        canteens={one.id: one for one in serving}, by_meal=by_meal, ordered=ordered,
        week=[monday + dt.timedelta(days=n) for n in range(7)], before=monday - dt.timedelta(days=7),
        following=monday + dt.timedelta(days=7), today=acting.today, lines=lines[: orders.LIMIT],
        diet=said_before[0] if said_before else None, history=said_before[1:], said=said, told=told,
        message=message_of(request, error, account) if error else "", wrong=(error.field or "all") if error else "",
        chosen=chosen or {}, filled=filled or {}, open_until={one.id: one.deadline for one in serving},
        **planned, **PLANNED, **WORDS,
    )  # fmt: skip


@router.post("/care/meals/of/{code}/diet", dependencies=[ORDER])
async def record_diet(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Write down what somebody said of the resident's food."""
    return await run_in_threadpool(_diet, request, console, account, code, await request.form())


def _diet(request: Request, console: Console, account: Account, code: str, form: FormData) -> Response:
    acting = acting_of(request, account)
    family = account.role == "family"
    try:
        new = NewDiet(
            allergies=tuple(texts(form, "allergies")) if text(form, "asked") == "true" else None,
            other_allergies=text(form, "other_allergies"),
            diets=tuple(texts(form, "diets")) if text(form, "diets_asked") == "true" else None,
            texture=text(form, "texture") or None, said_by="family" if family else text(form, "said_by"),
            said_by_name=account.name_zh if family else text(form, "said_by_name"),
            said_on=day_of(text(form, "said_on"), acting.today, "said_on"),
        )  # fmt: skip
        with console.database() as conn:
            diets.record(conn, acting, code, new, number(form, "version"))
            making.make(conn, acting.at, resident_id=acting.resident(conn, code, "record_diet"))
    except NotFoundError:
        raise
    except ProvisioningError as error:
        filled = {name: text(form, name) for name in SAID}
        sent = filled | {"allergies": texts(form, "allergies"), "diets": texts(form, "diets")}
        return _page(request, console, account, code, text(form, "week"), error=error, filled=sent)
    return RedirectResponse(f"/care/meals/of/{code}?week={text(form, 'week')}&told=diet", 303)


@router.post("/care/meals/of/{code}/order", dependencies=[ORDER])
async def order_meals(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Show what the chosen meals cost whom, and order them with the second press."""
    return await run_in_threadpool(_order, request, console, account, code, await request.form())


def _order(request: Request, console: Console, account: Account, code: str, form: FormData) -> Response:
    acting = acting_of(request, account)
    week, mode = text(form, "week"), text(form, "mode") or "delivery"
    fields = {name: str(value) for name, value in form.multi_items() if name.startswith("meal.") and value}
    reason = text(form, "reason")
    try:
        choices = [Choice(int(value), mode) for value in fields.values() if value.isdigit() and len(value) < 10]
        with console.database() as conn:
            sure = text(form, "sure") == "true"
            with conn.transaction(force_rollback=not sure):
                splits = orders.order(
                    conn, acting, code, choices, reason, though_away=not sure or text(form, "though_away") == "true"
                )
            if not sure:
                resident = load_resident(conn, account, code, "view_diet", origin_of(request), audited=False)
                quotes = {
                    one.offer.id: one
                    for one in orders.quotes(
                        conn, acting, resident["id"], orders.serving(conn, acting, resident["id"]),
                        acting.today, acting.today + dt.timedelta(days=60),
                    )
                }  # fmt: skip
                gone = absent.of(conn, resident["id"])
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _page(request, console, account, code, week, error=error, chosen=fields, filled={"reason": reason})
    if sure:
        return RedirectResponse(f"/care/meals/of/{code}?week={week}&told=ordered", 303)
    listed = sorted(
        (quotes[one.offer_id].offer for one in choices), key=lambda offer: (offer.day, offer.meal == "dinner")
    )
    return care_page(
        request, "meals-sure.html", account, resident=resident, meals=list(zip(listed, splits, strict=True)),
        price=sum(one.price for one in splits), subsidy=sum(one.subsidy for one in splits),
        own=sum(one.own for one in splits), fields=fields,
        away=gone if gone and any(gone.on(offer.day) for offer in listed) else None,
        week=week, mode=mode, reason=reason,
        unsettled=sorted({name for one in splits for name in one.missing}), **WORDS,
    )  # fmt: skip


@router.post("/care/meals/of/{code}/cancel/{number}", dependencies=[ORDER])
def cancel_meal(
    request: Request, console: Shared, account: CurrentAccount, code: str, number: int,
    version: Annotated[int, Form()], week: Annotated[str, Form(max_length=10)] = "",
) -> Response:  # fmt: skip
    """Cancel a meal before the deadline; it can be ordered again until then."""
    try:
        with console.database() as conn:
            orders.cancel(conn, acting_of(request, account), number, version)
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _page(request, console, account, code, week, error=error)
    return RedirectResponse(f"/care/meals/of/{code}?week={week}&told=cancelled", 303)
