"""The pages of people of a provider or canteen: nothing of a resident but what an order needs, while it needs it."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_services.complaints.words import CATEGORIES, SEVERITIES
from care_services.complaints.words import STATES as COMPLAINT_STATES
from care_services.core.money import in_yuan
from care_services.home_services.orders.states import WORDS
from care_services.home_services.visits.door_links import HOLDS
from care_services.meals.words import ALLERGENS, MEALS, MODES, TEXTURES
from care_services.meals.words import STATES as MEAL_STATES
from care_services.providers import desk, meals, record, requests, visits
from console.access.door_links import address_of
from console.pages.lists import Pager
from console.pages.services.frame import acting_of, moment_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page

router = page_router()
RUN = needs(Action.RUN_PROVIDER)
DAY = dt.timedelta(days=1)


def _day(text: str, today: dt.date) -> dt.date:
    try:
        found = dt.date.fromisoformat(text)
    except ValueError:
        return today
    return found if abs((found - today).days) <= 400 else today


def _number(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    return number or None


def _pager(day: dt.date, after: str, onward: int | None) -> Pager:
    """The ways on from a page of a day; of an answer to a form, too, whose address is not the day's."""
    first = f"/provider?day={day}"
    return Pager(first if _number(after) else None, f"{first}&after={onward}" if onward else None, visits.PAGE)


def _page(
    request: Request, name: str, account: Account, error: ProvisioningError | None = None, **context: Any
) -> Response:  # fmt: skip
    return page(
        request, name, account, status_of(error) if error else 200,
        message=message_of(request, error, account) if error else "", **context,
    )  # fmt: skip


@router.get("/provider", dependencies=[RUN])
def provider_day(
    request: Request, console: Shared, account: CurrentAccount, day: str = "", after: str = ""
) -> Response:  # fmt: skip
    """Show the provider's visits of a day, and who goes; a canteen's people are led to its meals."""
    with console.database() as conn:
        canteen = desk.of(conn, acting_of(request, account)).kind == "canteen"
    return RedirectResponse("/provider/meals", 303) if canteen else _visits(request, console, account, day, after)


def _visits(
    request: Request, console: Console, account: Account, day: str, after: str, error: ProvisioningError | None = None,
    links: dict[int, str] | None = None,
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    wanted = _day(day, acting.today)
    with console.database() as conn:
        mine, found = visits.of_day(conn, acting, wanted, _number(after))
        able = visits.free(conn, mine, found.visits)
        may_not = visits.unfit_among(conn, mine, found.visits)
    near = {one.id for one in found.visits if one.staff and one.state in ("assigned", "checked_in") and one.name_zh}
    return _page(
        request, "provider-day.html", account, error, mine=mine, visits=found.visits, able=able, day=wanted,
        unnamed=found.unnamed, number=found.number, after=after if _number(after) else "",
        pager=_pager(wanted, after, found.onward), links=links or {}, near=near, today=acting.today, one_day=DAY,
        words=WORDS, may_not=may_not,
    )  # fmt: skip


@router.post("/provider/visits/{order_id}", dependencies=[RUN])
def provider_assign(
    request: Request, console: Shared, account: CurrentAccount, order_id: int,
    staff: Annotated[str, Form(max_length=40)] = "",
    version: Annotated[int, Form(ge=0)] = 0,
    day: Annotated[str, Form(max_length=10)] = "",
    after: Annotated[str, Form(max_length=20)] = "",
) -> Response:  # fmt: skip
    """Name who of the provider's people goes."""
    acting = acting_of(request, account)
    try:
        with console.database() as conn:
            visits.assign(conn, acting, order_id, staff, version)
    except ProvisioningError as error:
        return _visits(request, console, account, day, after, error)
    behind = f"&after={number}" if (number := _number(after)) else ""
    return RedirectResponse(f"/provider?day={_day(day, acting.today)}{behind}#v{order_id}", 303)


@router.post("/provider/visits/{order_id}/link", dependencies=[RUN])
def provider_link(
    request: Request, console: Shared, account: CurrentAccount, order_id: int,
    reason: Annotated[str, Form(max_length=200)] = "",
    day: Annotated[str, Form(max_length=10)] = "",
    after: Annotated[str, Form(max_length=20)] = "",
) -> Response:  # fmt: skip
    """Show a new door link of a visit, in this answer alone."""
    acting = acting_of(request, account)
    try:
        with console.database() as conn:
            subject, start = visits.show_link(conn, acting, order_id, reason)
    except ProvisioningError as error:
        return _visits(request, console, account, day, after, error)
    response = _visits(
        request, console, account, day, after, links={order_id: address_of(console, subject, start + HOLDS)}
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@router.get("/provider/requests", dependencies=[RUN])
def provider_requests(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Show the requests that the provider is asked for."""
    return _requests(request, console, account)


def _requests(
    request: Request, console: Console, account: Account, error: ProvisioningError | None = None
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        found, mine = requests.waiting(conn, acting), desk.of(conn, acting)
    return _page(request, "provider-requests.html", account, error, requests=found, mine=mine)


@router.post("/provider/requests/{number}", dependencies=[RUN])
def provider_answer(
    request: Request, console: Shared, account: CurrentAccount, number: int,
    act: Annotated[str, Form(max_length=10)] = "",
    version: Annotated[int, Form(ge=0)] = 0,
    start: Annotated[str, Form(max_length=40)] = "",
    staff: Annotated[str, Form(max_length=40)] = "",
    note: Annotated[str, Form(max_length=400)] = "",
) -> Response:  # fmt: skip
    """Say yes with a time and who goes, or no with the reason."""
    acting = acting_of(request, account)
    try:
        with console.database() as conn:
            if act == "yes":
                requests.say_yes(conn, acting, number, version, moment_of(start, "start"), staff)
            else:
                requests.say_no(conn, acting, number, version, note)
    except ProvisioningError as error:
        return _requests(request, console, account, error)
    return RedirectResponse("/provider/requests", 303)


@router.get("/provider/meals", dependencies=[RUN])
def provider_meals(request: Request, console: Shared, account: CurrentAccount, day: str = "") -> Response:
    """Show the canteen's meals of a day."""
    return _meals(request, console, account, day)


def _meals(
    request: Request, console: Console, account: Account, day: str, error: ProvisioningError | None = None
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    wanted = _day(day, acting.today)
    with console.database() as conn:
        mine, portions, eaters = meals.of_day(conn, acting, wanted)
    return _page(
        request, "provider-meals.html", account, error, mine=mine, portions=portions, eaters=eaters, day=wanted,
        today=acting.today, one_day=DAY, meal_words=MEALS, mode_words=MODES, state_words=MEAL_STATES,
        allergen_words=ALLERGENS, texture_words=TEXTURES,
    )  # fmt: skip


@router.post("/provider/meals/{order_id}", dependencies=[RUN])
def provider_eaten(request: Request, console: Shared, account: CurrentAccount, order_id: int) -> Response:
    """Note that a meal was eaten at the canteen."""
    try:
        with console.database() as conn:
            meals.eaten(conn, acting_of(request, account), order_id)
    except ProvisioningError as error:
        return _meals(request, console, account, "", error)
    return RedirectResponse("/provider/meals", 303)


@router.get("/provider/record", dependencies=[RUN])
def provider_record(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Show the provider's settlements, complaints about it and findings of checks."""
    return _record(request, console, account)


def _record(
    request: Request, console: Console, account: Account, error: ProvisioningError | None = None
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        settled = record.settlements(conn, acting)
        complaints = record.complaints(conn, acting)
        found, mine = record.found(conn, acting), desk.of(conn, acting)
    return _page(
        request, "provider-record.html", account, error, settled=settled, complaints=complaints, findings=found,
        mine=mine, yuan=in_yuan, categories=CATEGORIES, severities=SEVERITIES, complaint_states=COMPLAINT_STATES,
        today=acting.today,
    )  # fmt: skip


@router.post("/provider/findings/{number}", dependencies=[RUN])
def provider_mends(
    request: Request, console: Shared, account: CurrentAccount, number: int,
    words: Annotated[str, Form(max_length=1000)] = "",
    version: Annotated[int, Form(ge=0)] = 0,
) -> Response:  # fmt: skip
    """Report that a finding is mended; an inspector looks again."""
    try:
        with console.database() as conn:
            record.mend(conn, acting_of(request, account), number, words, version)
    except ProvisioningError as error:
        return _record(request, console, account, error)
    return RedirectResponse("/provider/record", 303)
