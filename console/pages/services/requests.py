"""Requests by one tap: the station's list and one request; the family's page of services."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_services.home_services.catalogue.catalogue import CareService, services
from care_services.home_services.orders import store
from care_services.home_services.orders.states import WORDS
from care_services.home_services.visits import ratings
from care_services.meals.orders import serving
from care_services.one_tap import buttons, requests
from care_services.one_tap.needs import NEEDS, Need, service_of, soonest
from care_services.one_tap.options import ranked
from console.access.residents import load_resident
from console.pages.lists import pager_of
from console.pages.services.frame import acting_of, moment_of, services_page
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page
from vocabulary.labels import ROOMS

router = page_router()


def buttons_of(offered: Sequence[CareService]) -> list[tuple[Need, str]]:
    """The large buttons of needs, each with the service that it asks for."""
    have = [(one.code, one.work) for one in offered]
    found = [(need, service_of(need, have, ())) for need in NEEDS]
    return [(need, code) for need, code in found if code is not None]


LOOK = needs(Action.VIEW_CARE)
ASK = needs(Action.REQUEST_SERVICE)
PLAN = needs(Action.PLAN_SERVICES)
ANSWER = needs(Action.PLAN_SERVICES, Action.SERVE)
OWN = needs(Action.FAMILY_CIRCLE)
AHEAD = dt.timedelta(days=14)
BEFORE = dt.timedelta(days=30)


@router.get("/care/requests", dependencies=[LOOK])
def requests_page(request: Request, console: Shared, account: CurrentAccount, after: int = 0) -> Response:
    """List the requests of the area, those that wait first."""
    acting = acting_of(request, account)
    with console.database() as conn:
        found = requests.listed(conn, acting, after=max(0, min(after, 2**31 - 1)), limit=51)
        lost = [] if after else buttons.unplaced(conn, acting)
    more = len(found) > 50
    found = found[:50]
    return services_page(
        request, "services-requests.html", account, requests=found, states=requests.STATES, asked_by=requests.ASKED_BY,
        pager=pager_of(request, str(min(one.id for one in found)) if more else None), lost=lost,
        outcomes=buttons.OUTCOMES,
    )  # fmt: skip


@router.post("/care/requests/presses/{event_id}", dependencies=[PLAN])
def press_seen(request: Request, console: Shared, account: CurrentAccount, event_id: int) -> Response:
    """Note that somebody has looked into a press of a button that could not become a request."""
    with console.database() as conn:
        buttons.look_into(conn, acting_of(request, account), event_id)
    return RedirectResponse("/care/requests", 303)


@router.get("/care/requests/{request_id}", dependencies=[LOOK])
def request_page(request: Request, console: Shared, account: CurrentAccount, request_id: int) -> Response:
    """Show one request: who was asked and why, and what can be answered."""
    return _request(request, console, account, request_id)


def _request(
    request: Request, console: Console, account: Account, request_id: int, error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        found = requests.one(conn, acting, request_id)
        events = requests.history(conn, request_id)
        choices = (
            ranked(conn, found.resident_id, found.service, max(found.wanted_at, acting.at))[:8]
            if found.state in ("asked", "station") and found.service else []
        )  # fmt: skip
        call = buttons.where(conn, request_id) if found.asked_by == "button" else None
        offered = services(conn, active=True) if call is not None and not found.service else []
    return services_page(
        request, "services-request.html", account, error, asked=found, events=events, choices=choices,
        states=requests.STATES, event_words=requests.EVENTS, asked_by=requests.ASKED_BY, call=call, rooms=ROOMS,
        needs=buttons_of(offered), services=offered, filled=filled or {},
        urgent=isinstance(error, requests.UrgentWordsError),
    )  # fmt: skip


@router.post("/care/requests/{request_id}", dependencies=[ANSWER])
def answer(
    request: Request, console: Shared, account: CurrentAccount, request_id: int,
    act: Annotated[str, Form(max_length=20)],
    version: Annotated[int, Form(ge=0)] = 0,
    start: Annotated[str, Form(max_length=40)] = "",
    choice: Annotated[str, Form(max_length=120)] = "",
    note: Annotated[str, Form(max_length=400)] = "",
    service: Annotated[str, Form(max_length=40)] = "",
    resident: Annotated[str, Form(max_length=40)] = "",
    sure: Annotated[str, Form(max_length=2)] = "",
) -> Response:  # fmt: skip
    """Say yes or no for the provider that is asked; the station chooses one, or tells that it is not possible.

    Of a button's request the station writes down first what is wanted.
    """
    acting = acting_of(request, account)
    try:
        with console.database() as conn:
            match act:
                case "accept":
                    provider, _, staff = choice.partition("/")
                    number = (
                        int(provider) if provider.isascii() and provider.isdecimal() and len(provider) < 10 else None
                    )
                    requests.accept(
                        conn, acting, request_id, version, moment_of(start, "start") if start else None,
                        staff if choice else None, number,
                    )  # fmt: skip
                case "kind":
                    when = moment_of(start, "start") if start else soonest(acting.at)
                    buttons.choose_kind(
                        conn, acting, request_id, version, service, when, note, resident, sure=bool(sure)
                    )
                case "decline":
                    requests.decline(conn, acting, request_id, version, note)
                case "refuse":
                    requests.refuse(conn, acting, request_id, version, note)
                case _:
                    raise ProvisioningError(en="this is nothing that can be done", zh="没有这种操作")
    except ProvisioningError as error:
        filled = {"service": service, "start": start, "note": note, "resident": resident}
        return _request(request, console, account, request_id, error, filled)
    return RedirectResponse(f"/care/requests/{request_id}", 303)


@router.get("/care/residents/{code}/request", dependencies=[ASK])
def ask_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Show the form by which the desk asks for somebody who is on the telephone."""
    return _ask(request, console, account, code)


def _ask(
    request: Request, console: Console, account: Account, code: str, error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_care", origin_of(request))
        offered = services(conn, active=True)
        asked = requests.of_resident(conn, resident["id"], acting.at - BEFORE)
    return services_page(
        request, "services-ask.html", account, error, resident=resident, services=offered, requests=asked,
        states=requests.STATES, filled=filled or {}, soon=acting.at + dt.timedelta(hours=1),
        urgent=isinstance(error, requests.UrgentWordsError),
    )  # fmt: skip


@router.post("/care/residents/{code}/request", dependencies=[ASK])
def ask(
    request: Request, console: Shared, account: CurrentAccount, code: str,
    service: Annotated[str, Form(max_length=40)] = "",
    wanted_at: Annotated[str, Form(max_length=40)] = "",
    words: Annotated[str, Form(max_length=400)] = "",
    sure: Annotated[str, Form(max_length=2)] = "",
) -> Response:  # fmt: skip
    """Ask for a service for a resident who is on the telephone: the best provider is asked at once."""
    acting = acting_of(request, account)
    try:
        with console.database() as conn:
            made = requests.ask(
                conn, acting, code, service, moment_of(wanted_at, "wanted_at") if wanted_at else acting.at, words,
                "telephone", sure=bool(sure),
            )  # fmt: skip
    except ProvisioningError as error:
        filled = {"service": service, "wanted_at": wanted_at, "words": words}
        return _ask(request, console, account, code, error, filled)
    return RedirectResponse(f"/care/requests/{made}" if account.role != "family" else f"/family/{code}/services", 303)


@router.get("/family/{code}/services", dependencies=[OWN])
def family_services(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Show a family the visits to come, those to rate, and where their requests stand."""
    return _family(request, console, account, code)


def _family(
    request: Request, console: Console, account: Account, code: str, error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_resident", origin_of(request))
        asked = requests.of_resident(conn, resident["id"], acting.at - BEFORE)
        ahead = store.of_resident(conn, resident["id"], acting.at - dt.timedelta(hours=12), acting.at + AHEAD)
        offered = services(conn, active=True)
        to_rate = ratings.to_rate(conn, resident["id"], acting.at)
        canteen = any(one.delivers for one in serving(conn, acting, resident["id"]))
    return page(
        request, "services-family.html", account, status_of(error) if error else 200, resident=resident,
        requests=asked, visits=[one for one in ahead if one.state != "cancelled"], services=offered, to_rate=to_rate,
        states=requests.STATES, words=WORDS, stars=ratings.STARS, filled=filled or {},
        urgent=isinstance(error, requests.UrgentWordsError), needs=buttons_of(offered), orders={v.id: v for v in ahead},
        canteen=canteen,
        message=message_of(request, error, account) if error else "",
    )  # fmt: skip


@router.post("/family/{code}/services", dependencies=[OWN])
def family_does(
    request: Request, console: Shared, account: CurrentAccount, code: str,
    act: Annotated[str, Form(max_length=20)],
    service: Annotated[str, Form(max_length=40)] = "",
    wanted_at: Annotated[str, Form(max_length=40)] = "",
    words: Annotated[str, Form(max_length=500)] = "",
    number: Annotated[int, Form(ge=0)] = 0,
    version: Annotated[int, Form(ge=0)] = 0,
    stars: Annotated[int, Form(ge=0, le=5)] = 0,
    sure: Annotated[str, Form(max_length=2)] = "",
) -> Response:  # fmt: skip
    """Ask for a service, take a request back, or rate a visit."""
    acting = acting_of(request, account)
    try:
        with console.database() as conn:
            match act:
                case "ask":
                    requests.ask(
                        conn,
                        acting,
                        code,
                        service,
                        moment_of(wanted_at, "wanted_at") if wanted_at else soonest(acting.at),
                        words,
                        sure=bool(sure),
                    )
                case "withdraw":
                    requests.withdraw(conn, acting, number, version)
                case "rate":
                    ratings.rate(conn, acting, number, stars, words)
                case _:
                    raise ProvisioningError(en="this is nothing that can be done", zh="没有这种操作")
    except ProvisioningError as error:
        filled = {"service": service, "wanted_at": wanted_at, "words": words} if act == "ask" else None
        return _family(request, console, account, code, error, filled)
    return RedirectResponse(f"/family/{code}/services", 303)
