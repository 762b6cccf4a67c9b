"""Meals of the area at a glance: today's numbers by canteen, doors that nobody opened, a day's orders, the month."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_services.meals import canteens, delivery, orders, settlement
from care_services.meals.arrangements import gaps
from console.pages.care.frame import care_page
from console.pages.lists import LIMIT, pager_of
from console.pages.meals.asking import WORDS, acting_of, day_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
LOOK, MANAGE, DELIVER = needs(Action.VIEW_CARE), needs(Action.MANAGE_MEALS), needs(Action.DELIVER_MEALS)
RECENT = dt.timedelta(days=7)


@router.get("/care/meals", dependencies=[LOOK])
def meals_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Today's and tomorrow's meals by canteen, and the doors that nobody opened."""
    acting = acting_of(request, account)
    with console.database() as conn:
        places = canteens.canteens(conn, acting)
        ids = [one.id for one in places]
        tomorrow = acting.today + dt.timedelta(days=1)
        counted: dict[tuple[int, dt.date, str], dict[str, int]] = {}
        for canteen_id, day, meal, state, n in orders.counts(conn, ids, acting.today, tomorrow):
            counted.setdefault((canteen_id, day, meal), {})[state] = n
        waiting = delivery.waiting(conn, ids, acting.today)
        absent = delivery.absences(conn, acting)
        missing = gaps.count(conn, acting)
    return care_page(
        request, "meals.html", account, missing=missing, canteens=places, counted=counted, waiting=waiting,
        absent=absent, days=(acting.today, tomorrow), **WORDS,
    )  # fmt: skip


@router.get("/care/meals/absent", dependencies=[LOOK])
def absent_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Doors that nobody opened for a meal, with the last sign of life; and what was found behind the latest."""
    return _absent(request, console, account)


def _absent(
    request: Request, console: Console, account: Account, error: ProvisioningError | None = None, of: int = 0
) -> Response:
    acting = acting_of(request, account)
    with console.database() as conn:
        waiting = delivery.absences(conn, acting)
        done = delivery.seen_to(conn, acting, acting.at - RECENT)
    return care_page(
        request, "meals-absent.html", account, status_of(error) if error else 200, absent=waiting, done=done, of=of,
        message=message_of(request, error, account) if error else "", **WORDS,
    )  # fmt: skip


@router.post("/care/meals/absent/{number}", dependencies=[needs(Action.MANAGE_MEALS, Action.DELIVER_MEALS)])
def see_to(
    request: Request, console: Shared, account: CurrentAccount, number: int,
    found: Annotated[str, Form(max_length=20)] = "", note: Annotated[str, Form(max_length=400)] = "",
) -> Response:  # fmt: skip
    """Say what became of somebody who did not open the door."""
    try:
        with console.database() as conn:
            delivery.see_to(conn, acting_of(request, account), number, found, note)
    except ProvisioningError as error:
        return _absent(request, console, account, error, number)
    return RedirectResponse("/care/meals/absent", 303)


@router.get("/care/meals/canteens/{place}/orders", dependencies=[LOOK])
def orders_page(
    request: Request, console: Shared, account: CurrentAccount, place: str, day: str = "", meal: str = "",
    after: int = 0,
) -> Response:  # fmt: skip
    """A canteen's orders of a day, as far as the account sees the residents."""
    acting = acting_of(request, account)
    chosen = day_of(day, acting.today)
    with console.database() as conn:
        canteen = canteens.canteen(conn, acting, place)
        found = orders.of_day(conn, canteen.id, chosen, meal if meal in WORDS["meal_words"] else "", after)
        counted: dict[tuple[str, str], int] = {}
        for _, _, one, state, n in orders.counts(conn, [canteen.id], chosen, chosen):
            counted[one, state] = n
    shown = found[:LIMIT]
    return care_page(
        request, "meals-orders.html", account, canteen=canteen, day=chosen, meal=meal, orders=shown, counted=counted,
        pager=pager_of(request, str(shown[-1].id) if len(found) > LIMIT else None),
        before=chosen - dt.timedelta(days=1), following=chosen + dt.timedelta(days=1), **WORDS,
    )  # fmt: skip


def _month(text: str, today: dt.date) -> str:
    if text:
        settlement.month_of(text)
        return text
    return f"{today:%Y-%m}"


@router.get("/care/meals/canteens/{place}/settlement", dependencies=[MANAGE])
def settlement_page(
    request: Request, console: Shared, account: CurrentAccount, place: str, month: str = "", after: int = 0
) -> Response:
    """A canteen's month: sums, and a line for each resident."""
    acting = acting_of(request, account)
    chosen = _month(month, acting.today)
    first, following = settlement.month_of(chosen)
    with console.database() as conn:
        canteen, total = settlement.sums(conn, acting, place, chosen)
        found = settlement.rows(conn, acting, place, chosen, after, LIMIT)
    shown = found[:LIMIT]
    return care_page(
        request, "meals-settlement.html", account, canteen=canteen, month=chosen, total=total, rows=shown,
        pager=pager_of(request, str(shown[-1].resident_id) if len(found) > LIMIT else None),
        before=f"{first - dt.timedelta(days=1):%Y-%m}", following=f"{following:%Y-%m}", **WORDS,
    )  # fmt: skip


@router.get("/care/meals/canteens/{place}/settlement.csv", dependencies=[MANAGE])
def settlement_file(
    request: Request, console: Shared, account: CurrentAccount, place: str, month: str = ""
) -> Response:
    """A canteen's month as a file for a spreadsheet."""
    acting = acting_of(request, account)
    chosen = _month(month, acting.today)
    with console.database() as conn:
        text = settlement.as_csv(conn, acting, place, chosen)
    headers: dict[str, Any] = {"Content-Disposition": f'attachment; filename="meals-{chosen}.csv"'}
    return Response(text.encode(), media_type="text/csv; charset=utf-8", headers=headers)
