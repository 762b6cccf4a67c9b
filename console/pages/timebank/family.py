"""A family's own page: help for its relative, asked for, paid and confirmed; minutes, their statement, and wishes."""

import datetime as dt
import secrets
from typing import Annotated, Any

import msgspec
from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit_each
from care_network.access.visible import visible_residents
from care_network.errors import ProvisioningError
from care_services.time_bank import books, holders, requests, statement, store
from care_services.time_bank.requests import NewRequest
from care_services.time_bank.running import wishes
from care_services.time_bank.running.wishes import NewWish
from console.pages.timebank.common import BANK, bank_page, day
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import SHANGHAI

router = page_router()
SAY, MANAGE, LOOK = needs(Action.CONFIRM_HELP), needs(Action.MANAGE_TIME_BANK), needs(Action.VIEW_CARE)
MY = "/time-bank"
Text = Annotated[str, Form(max_length=400)]


@router.get(MY, dependencies=[SAY])
def my_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Show a family the help that its relative asked for and got, and the minutes."""
    return family_page(request, console, account)


@router.post(MY, dependencies=[SAY])
def my_request(
    request: Request, console: Shared, account: CurrentAccount, resident: Text = "", kind: Text = "", day: Text = "",
    hour: Text = "", minutes: Text = "", sex: Text = "", words: Text = "", paid_by: Text = "community", key: Text = "",
) -> Response:  # fmt: skip
    """Ask for help for one's relative, free or by the relative's own hours."""
    new = NewRequest(
        resident=resident, kind=kind, day=day, hour=hour, minutes=minutes, sex=sex, words=words, asked_as="family",
        paid_by=paid_by,
    )  # fmt: skip
    try:
        with console.database() as conn:
            requests.ask(
                conn, account, new, dt.datetime.now(dt.UTC), key=f"redeem/{account.id}/{key}" if key else "",
                origin=origin_of(request),
            )  # fmt: skip
    except ProvisioningError as error:
        return family_page(request, console, account, error, msgspec.structs.asdict(new))
    return RedirectResponse(MY, 303)


@router.get(f"{MY}/statement/{{code}}", dependencies=[SAY])
def my_statement(
    request: Request, console: Shared, account: CurrentAccount, code: str, first: str = "", last: str = ""
) -> Response:
    """Show a family the statement of its relative's minutes, to print."""
    now = dt.datetime.now(dt.UTC)
    today = now.astimezone(SHANGHAI).date()
    ends = day(last, today)
    begins = min(day(first, ends - dt.timedelta(days=365)), ends)
    with console.database() as conn:
        holder = holders.find(conn, account, "resident", code)
        found = statement.statement(conn, account, holder, begins, ends, now, origin_of(request))
    return bank_page(
        request, "timebank-statement.html", account, one=found, kind="resident", holder=code, now=now
    )  # fmt: skip


@router.post(f"{MY}/wishes", dependencies=[SAY])
def wish(
    request: Request, console: Shared, account: CurrentAccount, giver: Text = "", what: Text = "", taker: Text = "",
    wished: Text = "", relation: Text = "", why: Text = "",
) -> Response:  # fmt: skip
    """Ask that minutes of one's relative be given, transferred or donated."""
    new = NewWish(resident=giver, what=what, taker=taker, minutes=wished, relation=relation, words=why)
    try:
        with console.database() as conn:
            wishes.ask(conn, account, new, dt.datetime.now(dt.UTC), origin_of(request))
    except ProvisioningError as error:
        sent = {"giver": giver, "what": what, "taker": taker, "wished": wished, "relation": relation, "why": why}
        return family_page(request, console, account, error, sent)
    return RedirectResponse(MY, 303)


@router.post(f"{MY}/wishes/{{number}}/withdraw", dependencies=[SAY])
def withdraw(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Take a wish back that nobody has decided."""
    try:
        with console.database() as conn:
            wishes.withdraw(conn, account, number, dt.datetime.now(dt.UTC), origin_of(request))
    except ProvisioningError as error:
        return family_page(request, console, account, error)
    return RedirectResponse(MY, 303)


@router.get(f"{BANK}/wishes", dependencies=[LOOK])
def waiting_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """List the wishes of families that wait for the station."""
    return _waiting(request, console, account)


@router.post(f"{BANK}/wishes/{{number}}/decide", dependencies=[MANAGE])
def decide(
    request: Request, console: Shared, account: CurrentAccount, number: int, taker: Text = "", reason: Text = "",
    agreed: Text = "",
) -> Response:  # fmt: skip
    """Book a wish after talking with the resident, or refuse it."""
    try:
        with console.database() as conn:
            wishes.decide(
                conn, account, number, taker, reason, dt.datetime.now(dt.UTC), agreed=agreed == "true",
                origin=origin_of(request),
            )  # fmt: skip
    except ProvisioningError as error:
        return _waiting(request, console, account, error)
    return RedirectResponse(f"{BANK}/wishes", 303)


def _waiting(request: Request, console: Console, account: Account, error: ProvisioningError | None = None) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        found = wishes.waiting(conn, account)
        seen = {one.resident_id for one in found}
        audit_each(conn, account, "view_statement", seen, at=now, origin=origin_of(request))
    return bank_page(request, "timebank-wishes.html", account, error, wishes=found, wish_kinds=wishes.WHAT)


def family_page(
    request: Request, console: Console, account: Account, error: ProvisioningError | None = None,
    sent: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    """Show the page of a family, with an error in its place and what was written kept."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        mine = visible_residents(conn, account) if account.role == "family" else frozenset()
        relatives = conn.execute(
            "SELECT code, name_zh, name_en FROM resident r WHERE id = ANY(%s) ORDER BY code", (list(mine),)
        ).fetchall()
        found = store.of_family(conn, account)
        owned = {
            code: sum(lot.minutes for lot in books.lots_of(conn, holders.find(conn, account, "resident", code)))
            for code, _, _ in relatives
        }
        seen = {one.resident_id for one in found} | set(mine)
        audit_each(conn, account, "view_help", seen, at=now, origin=origin_of(request))
        return bank_page(
            request, "timebank-mine.html", account, error, requests=found, relatives=relatives, owned=owned,
            sent={"key": secrets.token_hex(8), **(sent or {})}, my=MY, now=now, wishes=wishes.of_family(conn, account),
            wish_kinds=wishes.WHAT, wish_states=wishes.STATES,
        )  # fmt: skip
