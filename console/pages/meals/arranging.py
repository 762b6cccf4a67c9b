"""The meal arrangement of a resident, and the meals that could not be ordered: what people have to do."""

from typing import Annotated, Any

from fastapi import Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_services.meals import orders
from care_services.meals.arrangements import desk, gaps
from care_services.meals.arrangements.choosing import WHYS
from care_services.meals.arrangements.desk import NewArrangement
from console.access.residents import load_resident
from console.pages.care.frame import care_page
from console.pages.lists import pager_of
from console.pages.meals.asking import WORDS, acting_of, day_of, number, text, texts
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
LOOK, MANAGE = needs(Action.VIEW_CARE), needs(Action.MANAGE_MEALS)
DAYS = tuple((str(n), words) for n, words in enumerate(WORDS["weekdays"], start=1))
PLANNED: dict[str, Any] = {
    "arrangement_states": desk.STATES, "arrangement_actions": desk.ACTIONS, "gap_whys": WHYS,
    "gap_closed": gaps.CLOSED,
}  # fmt: skip
"""The words of arrangements, for templates."""


@router.get("/care/meals/of/{code}/arrangement", dependencies=[MANAGE])
def arrangement_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Make or change the arrangement; to pause or end it names the meals that this cancels."""
    return _page(request, console, account, code)


def _page(
    request: Request, console: Console, account: Account, code: str, error: ProvisioningError | None = None,
    filled: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_diet", origin_of(request))
        serving = orders.serving(conn, acting, resident["id"])
        found = desk.of_resident(conn, resident["id"])
        ahead = desk.stops(conn, acting, code)[1] if found else ()
        history = desk.history(conn, found.id) if found else []
    given = filled or (
        {
            "canteen": found.canteen, "mode": found.mode, "lunch": list(map(str, found.lunch)),
            "dinner": list(map(str, found.dinner)), "first_day": found.first_day, "last_day": found.last_day or "",
            "note": found.note,
        } if found
        else {"mode": "delivery", "lunch": [day for day, _ in DAYS[:5]], "dinner": [], "first_day": acting.today}
    )  # fmt: skip
    return care_page(
        request, "meals-arrangement.html", account, status_of(error) if error else 200, resident=resident,
        serving=serving, found=found, ahead=ahead, history=history, f=given, days=DAYS,
        message=message_of(request, error, account) if error else "", wrong=(error.field or "all") if error else "",
        **WORDS, **PLANNED,
    )  # fmt: skip


@router.post("/care/meals/of/{code}/arrangement", dependencies=[MANAGE])
async def arrange(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Make, change, pause or end the arrangement."""
    return await run_in_threadpool(_arrange, request, console, account, code, await request.form())


def _arrange(request: Request, console: Console, account: Account, code: str, form: FormData) -> Response:
    acting, act = acting_of(request, account), text(form, "act")
    filled: dict[str, Any] = {
        name: text(form, name)[:400] for name in ("canteen", "mode", "first_day", "last_day", "note")
    } | {name: texts(form, name) for name in ("lunch", "dinner")}
    try:
        version = number(form, "version")
        with console.database() as conn:
            if act in desk.STATES:
                desk.set_state(conn, acting, code, act, version, text(form, "note"))
            else:
                last = text(form, "last_day")
                desk.arrange(conn, acting, code, NewArrangement(
                    canteen=filled["canteen"], mode=filled["mode"], lunch=_days(filled["lunch"]),
                    dinner=_days(filled["dinner"]), first_day=day_of(filled["first_day"], acting.today, "first_day"),
                    last_day=day_of(last, acting.today, "last_day") if last else None, note=filled["note"],
                ), version)  # fmt: skip
    except NotFoundError as error:
        if error.field is None:
            raise
        return _page(request, console, account, code, error, filled)
    except ProvisioningError as error:
        return _page(request, console, account, code, error, None if act in desk.STATES else filled)
    return RedirectResponse(f"/care/meals/of/{code}?told=arranged#arrangement", 303)


def _days(sent: list[str]) -> tuple[int, ...]:
    return tuple(sorted({int(day) for day in sent if day in dict(DAYS)}))


@router.get("/care/meals/gaps", dependencies=[LOOK])
def gaps_page(request: Request, console: Shared, account: CurrentAccount, after: str = "") -> Response:
    """The meals of the area that could not be ordered, by their deadline, with what to do."""
    return _gaps(request, console, account, after)


def _gaps(
    request: Request, console: Console, account: Account, after: str = "", error: ProvisioningError | None = None
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        found = gaps.waiting(conn, acting, after)
    shown = found[: gaps.PAGE]
    return care_page(
        request, "meals-gaps.html", account, status_of(error) if error else 200, gaps=shown,
        gap_groups=gaps.grouped(shown),
        pager=pager_of(request, shown[-1].key if len(found) > gaps.PAGE else None),
        message=message_of(request, error, account) if error else "", **WORDS, **PLANNED,
    )  # fmt: skip


@router.post("/care/meals/gaps", dependencies=[MANAGE])
def close_gaps(
    request: Request, console: Shared, account: CurrentAccount,
    meal: Annotated[list[int] | None, Form()] = None, closed_as: Annotated[str, Form(max_length=20)] = "",
    note: Annotated[str, Form(max_length=200)] = "", back: Annotated[str, Form(max_length=20)] = "",
) -> Response:  # fmt: skip
    """Say what was done about meals of a resident that could not be ordered."""
    try:
        with console.database() as conn:
            code = gaps.close(conn, acting_of(request, account), meal or [], closed_as, note)
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _gaps(request, console, account, "", error)
    return RedirectResponse(f"/care/meals/of/{code}#arrangement" if back == "resident" else "/care/meals/gaps", 303)
