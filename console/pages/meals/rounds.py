"""Delivery rounds: make them, walk them with a telephone in one hand, print them."""

import datetime as dt
import secrets
from typing import Annotated

import msgspec
from fastapi import Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.errors import ProvisioningError
from care_services.core import doors, presses
from care_services.meals import canteens, delivery
from care_services.meals.people import deliverers
from console.pages.care.frame import care_page
from console.pages.meals.asking import WORDS, acting_of, day_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page

router = page_router()


def void(_: object) -> None:
    """Leave the answer of a call away."""


LOOK = needs(Action.VIEW_CARE)
MANAGE, WALK = needs(Action.MANAGE_MEALS), needs(Action.DELIVER_MEALS, Action.MANAGE_MEALS)


@router.get("/care/meals/rounds", dependencies=[LOOK])
def rounds_page(request: Request, console: Shared, account: CurrentAccount, day: str = "") -> Response:
    """The rounds of a day: who goes, how far they are, and meals that are on no round."""
    return _rounds(request, console, account, day)


def _rounds(
    request: Request, console: Console, account: Account, day: str, error: ProvisioningError | None = None,
    chosen: tuple[str, ...] = (),
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    on = day_of(day, acting.today)
    with console.database() as conn:
        places = canteens.canteens(conn, acting)
        ids = [one.id for one in places]
        found = delivery.rounds(conn, acting, ids, on)
        waiting = delivery.waiting(conn, ids, on)
        people = deliverers(conn, acting) if may_do(account, Action.MANAGE_MEALS) else []
    return care_page(
        request, "meals-rounds.html", account, status_of(error) if error else 200, rounds=found, day=on,
        waiting=waiting, canteens=places, people=people, chosen=chosen, today=acting.today,
        before=on - dt.timedelta(days=1), following=on + dt.timedelta(days=1),
        message=message_of(request, error, account) if error else "", **WORDS,
    )  # fmt: skip


@router.post("/care/meals/rounds", dependencies=[MANAGE])
def plan_rounds(
    request: Request, console: Shared, account: CurrentAccount,
    place: Annotated[str, Form(max_length=40)], day: Annotated[str, Form(max_length=10)],
    meal: Annotated[str, Form(max_length=10)], staff: Annotated[list[str] | None, Form()] = None,
) -> Response:  # fmt: skip
    """Make the rounds of a meal for the people who were chosen."""
    acting = acting_of(request, account)
    people = tuple(staff or ())
    try:
        with console.database() as conn:
            delivery.plan(conn, acting, place, day_of(day, acting.today), meal, people)
    except ProvisioningError as error:
        return _rounds(request, console, account, day, error, people)
    return RedirectResponse(f"/care/meals/rounds?day={day}", 303)


@router.get("/care/meals/rounds/{number}", dependencies=[WALK])
def round_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """A round on a telephone: the next door first, and what happened at each."""
    return _round(request, console, account, number)


def _round(
    request: Request, console: Console, account: Account, number: int, error: ProvisioningError | None = None
) -> Response:
    acting = acting_of(request, account)
    with console.database() as conn:
        found, stops = delivery.load(conn, acting, number)
    following = next((one for one in stops if one.state == "ordered"), None)
    return page(
        request, "meals-round.html", account, status_of(error) if error else 200, round=found, stops=stops,
        following=following, message=message_of(request, error, account) if error else "", key=secrets.token_hex(12),
        tried_words=doors.TRIED, needed=doors.NEEDED, **WORDS,
    )  # fmt: skip


@router.get("/care/meals/rounds/{number}/print", dependencies=[WALK])
def round_print(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """A round on paper (A4)."""
    with console.database() as conn:
        found, stops = delivery.load(conn, acting_of(request, account), number)
    return page(request, "meals-round-print.html", account, round=found, stops=stops, **WORDS)


@router.post("/care/meals/rounds/{number}/at/{order}", dependencies=[needs(Action.DELIVER_MEALS)])
def record_meal(
    request: Request, console: Shared, account: CurrentAccount, number: int, order: int,
    version: Annotated[int, Form()], result: Annotated[str, Form(max_length=20)] = "",
    note: Annotated[str, Form(max_length=400)] = "", key: Annotated[str, Form(max_length=80)] = "",
    tried: Annotated[list[str] | None, Form()] = None, tried_text: Annotated[str, Form(max_length=100)] = "",
    pressed_at: Annotated[int | None, Form()] = None, sent_at: Annotated[int | None, Form()] = None,
) -> Response:  # fmt: skip
    """Record what happened at a door; ``result`` is 'delivered:resident', 'absent', 'refused' or 'failed'.

    A press of the round's script has a ``key``: it is taken once, as of its own time.
    """
    what, _, whom = result.partition(":")
    steps = list(tried or []) or [one for one in tried_text.split(",") if one]
    if "application/json" in request.headers.get("accept", "") and len(key) >= 8:
        acting = acting_of(request, account)
        at = presses.time_of_press(pressed_at, sent_at, acting.at)
        at_the_door = msgspec.structs.replace(acting, at=at)
        with console.database() as conn:
            delivery.load(conn, acting, number)
            answer = presses.once(
                conn, acting, key, order, result, at,
                lambda: void(delivery.record(conn, at_the_door, order, what, None, whom, note, steps)),
                "meal_press",
            )  # fmt: skip
        return JSONResponse({
            "result": answer.result, "message_zh": answer.message_zh, "message_en": answer.message_en
        })  # fmt: skip
    try:
        with console.database() as conn:
            number = delivery.record(conn, acting_of(request, account), order, what, version, whom, note, steps)
    except ProvisioningError as error:
        return _round(request, console, account, number, error)
    return RedirectResponse(f"/care/meals/rounds/{number}#now", 303)
