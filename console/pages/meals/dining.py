"""The counter of a canteen: who eats here is found by card, code or name, and the meal is noted once."""

from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_services.meals import canteens, dining, menus
from console.pages.care.frame import care_page
from console.pages.meals.asking import WORDS, acting_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
NOTE = needs(Action.MANAGE_MEALS, Action.DELIVER_MEALS)


@router.get("/care/meals/canteens/{place}/dining", dependencies=[NOTE])
def dining_page(
    request: Request, console: Shared, account: CurrentAccount, place: str, q: str = "", meal: str = "", done: int = 0
) -> Response:  # fmt: skip
    """The counter: a field for card, code or name, and what each found one eats."""
    return _page(request, console, account, place, q, meal, done=done)


def _page(
    request: Request, console: Console, account: Account, place: str, q: str, meal: str,
    error: ProvisioningError | None = None, *, done: int = 0,
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    chosen = meal if meal in WORDS["meal_words"] else dining.meal_of(acting.at)
    with console.database() as conn:
        canteen = canteens.canteen(conn, acting, place)
        found = dining.find(conn, acting, place, q, chosen)
        sets = [
            one for one in menus.offers(conn, [canteen.id], acting.today, acting.today)
            if one.meal == chosen and not one.withdrawn and one.left != 0
        ]  # fmt: skip
    return care_page(
        request, "meals-dining.html", account, status_of(error) if error else 200, canteen=canteen, q=q, meal=chosen,
        guests=found, sets=sets, done=done, day=acting.today,
        message=message_of(request, error, account) if error else "",
        overridable=error is not None and error.field == "override", **WORDS,
    )  # fmt: skip


@router.post("/care/meals/canteens/{place}/dining", dependencies=[NOTE])
def dining_note(
    request: Request, console: Shared, account: CurrentAccount, place: str,
    act: Annotated[str, Form(max_length=10)] = "eat", code: Annotated[str, Form(max_length=40)] = "",
    meal: Annotated[str, Form(max_length=10)] = "", offer: Annotated[int, Form(ge=0, lt=2**31)] = 0,
    override: Annotated[str, Form(max_length=400)] = "", number: Annotated[int, Form(ge=0, lt=2**62)] = 0,
) -> Response:  # fmt: skip
    """Note that somebody eats here, or take the note back within 30 s."""
    acting = acting_of(request, account)
    back = f"/care/meals/canteens/{place}/dining?meal={meal if meal in WORDS['meal_words'] else ''}"
    try:
        with console.database() as conn:
            if act == "undo":
                dining.take_back(conn, acting, place, number)
                return RedirectResponse(back, 303)
            number = dining.eat(conn, acting, place, code, meal, offer or None, override)
    except ProvisioningError as error:
        if error.code == "not_found":
            raise
        return _page(request, console, account, place, code, meal, error)
    return RedirectResponse(f"{back}&done={number}", 303)
