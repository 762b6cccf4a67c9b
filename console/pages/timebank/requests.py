"""Requests for help: lists, asking, one request with its matches and steps."""

import datetime as dt
import secrets
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, may_do
from care_network.consents import register
from care_network.errors import ProvisioningError
from care_services.time_bank import requests, store
from care_services.time_bank.requests import PURPOSE, NewRequest, as_account
from care_services.time_bank.running import alarms, ending, missed
from console.pages.lists import pager_of
from console.pages.timebank.common import BANK, bank_page, number_of
from console.pages.timebank.family import MY, family_page
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
LOOK, MANAGE, SAY = needs(Action.VIEW_CARE), needs(Action.MANAGE_TIME_BANK), needs(Action.CONFIRM_HELP)
ASK = needs(Action.MANAGE_TIME_BANK, Action.CONFIRM_HELP)
Text = Annotated[str, Form(max_length=400)]


@router.get(f"{BANK}/requests", dependencies=[LOOK])
def list_page(
    request: Request, console: Shared, account: CurrentAccount, which: str = "open", after: str = ""
) -> Response:
    """List requests of the account's area: open, planned, to be confirmed, disputed, closed."""
    which = which if which in store.LISTS else "open"
    with console.database() as conn:
        found, more = store.listing(conn, account, which, after[:80])
        counts = store.counts(conn, account)
    return bank_page(
        request, "timebank-requests.html", account, requests=found, which=which, counts=counts,
        pager=pager_of(request, more), now=dt.datetime.now(dt.UTC),
    )  # fmt: skip


@router.get(f"{BANK}/requests/new", dependencies=[MANAGE])
def new_page(request: Request, account: CurrentAccount, resident: str = "", kind: str = "") -> Response:
    """Show the form of a request."""
    sent = {"resident": resident[:40], "kind": kind[:20], "key": secrets.token_hex(8)}
    return bank_page(request, "timebank-request-form.html", account, sent=sent)


@router.post(f"{BANK}/requests/new", dependencies=[MANAGE])
def add(
    request: Request, console: Shared, account: CurrentAccount, resident: Text = "", kind: Text = "", day: Text = "",
    hour: Text = "", minutes: Text = "", language: Text = "", sex: Text = "", paid_by: Text = "community",
    words: Text = "", asked_as: Text = "station", key: Text = "",
) -> Response:  # fmt: skip
    """Ask for help for a resident."""
    new = NewRequest(
        resident=resident, kind=kind, day=day, hour=hour, minutes=minutes, language=language, sex=sex, paid_by=paid_by,
        words=words, asked_as=asked_as,
    )  # fmt: skip
    try:
        with console.database() as conn:
            number = requests.ask(
                conn, account, new, dt.datetime.now(dt.UTC), key=f"redeem/{key}" if key else "",
                origin=origin_of(request),
            )  # fmt: skip
    except ProvisioningError as error:
        sent = msgspec.structs.asdict(new) | {"key": key}
        return bank_page(request, "timebank-request-form.html", account, error, sent=sent)
    return RedirectResponse(f"{BANK}/requests/{number}", 303)


@router.get(f"{BANK}/requests/{{number}}", dependencies=[LOOK])
def request_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Show a request with whom to ask and why, what both sides said, and its history."""
    return _one(request, console, account, number)


@router.post(f"{BANK}/requests/{{number}}/{{step}}", dependencies=[ASK])
def take_step(
    request: Request, console: Shared, account: CurrentAccount, number: int, step: str, volunteer: Text = "",
    minutes: Text = "", note: Text = "", said_as: Text = "", who: Text = "", accepted: Text = "", cannot: Text = "",
    version: Annotated[int, Form()] = 0,
) -> Response:  # fmt: skip
    """Take a step: offer, accept, decline, back, tell, confirm, settle, cancel, no-show, not-opened."""
    now, origin = dt.datetime.now(dt.UTC), origin_of(request)
    person = as_account(account, origin)
    acts: dict[str, Callable[[Any], object]] = {
        "offer": lambda conn: requests.offer(
            conn, account, number, volunteer, version, now, accepted=accepted == "true", origin=origin
        ),
        "accept": lambda conn: requests.answer_for(conn, account, number, version, now, yes=True, origin=origin),
        "decline": lambda conn: requests.answer_for(conn, account, number, version, now, yes=False, origin=origin),
        "back": lambda conn: requests.take_back(
            conn, account, number, version, note, now, origin, cannot=cannot
        ),
        "tell": lambda conn: requests.tell(
            conn, store.find(conn, account, number), number_of(minutes), person, now, version
        ),
        "confirm": lambda conn: requests.confirm(
            conn, store.find(conn, account, number), number_of(minutes), person, now, said_as=said_as,
            who=who, version=version,
        ),
        "settle": lambda conn: requests.settle(
            conn, account, number, number_of(minutes), note, version, now, origin
        ),
        "no-show": lambda conn: ending.not_come(conn, account, number, note, version, now, origin),
        "not-opened": lambda conn: ending.not_opened(
            conn, store.find(conn, account, number), person, now, version
        ),
        "cancel": lambda conn: ending.cancel(conn, account, number, note, version, now, origin),
    }  # fmt: skip
    own = not may_do(account, Action.VIEW_CARE)
    try:
        if step not in acts:
            raise ProvisioningError(zh="没有这种操作", en="this is nothing that can be done")
        with console.database() as conn:
            acts[step](conn)
    except ProvisioningError as error:
        if own:
            return family_page(request, console, account, error)
        return _one(request, console, account, number, error)
    return RedirectResponse(MY if own else f"{BANK}/requests/{number}", 303)


def _one(
    request: Request, console: Console, account: Account, number: int, error: ProvisioningError | None = None
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        one = store.find(conn, account, number)
        detail = {"number": number}
        audit(conn, account, "view_help", at=now, resident_id=one.resident_id, origin=origin_of(request), detail=detail)
        found = requests.matches(conn, account, one) if one.state in ("open", "offered") else []
        return bank_page(
            request, "timebank-request.html", account, error, one=one, history=store.history(conn, one.id),
            matches=[each for each in found if not each.against][:12],
            others=[each for each in found if each.against][:20], now=now,
            booked=store.booked(conn, one.id), own_words={person_key(account)},
            agreed=register.agrees(conn, one.resident_id, PURPOSE), alarm=alarms.alert_of(conn, one.order_id),
            waited=now >= one.wanted_from + ending.WAITED, at_door=now >= one.wanted_from - ending.EARLY,
            late=now > one.wanted_from - missed.LATE, told=store.told(conn, one.id) if one.state == "done" else [],
        )  # fmt: skip


def person_key(account: Account) -> str:
    """The account as the two sides of a request name it."""
    return as_account(account).key
