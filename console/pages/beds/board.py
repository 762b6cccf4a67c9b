"""The board of home care beds by stage, a stage's list, and the form of a new application."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_network.records.lookup import street_names
from care_services.home_beds import board, contracts, life
from care_services.home_beds.catalogue import DEADLINES
from care_services.home_beds.desk import grade_words
from care_services.home_beds.installing import Installation
from console.pages.care.frame import care_page
from console.pages.lists import pager_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, MANAGE = needs(Action.VIEW_CARE), needs(Action.MANAGE_BEDS)
WORDS: dict[str, Any] = {
    "states": life.STATE_WORDS, "grade_words": grade_words, "deadlines": DEADLINES, "bed_ends": life.ENDS,
    "bed_stages": life.STAGES,
}  # fmt: skip


def beds_of(conn: Any, request: Request, account: Account) -> Installation:
    """The service layer, for whoever asks, now."""
    return Installation(conn, account, at=dt.datetime.now(dt.UTC), origin=origin_of(request))


def streets(conn: Any, account: Account) -> list[tuple[str, tuple[str, str]]]:
    """The streets of the account's area; none where it has one or less."""
    found = [
        (path, words) for path, words in street_names(conn).items()
        if account.area_path and path.startswith(f"{account.area_path}.")
    ]  # fmt: skip
    return found if len(found) > 1 else []


def organisations(conn: Any, account: Account) -> list[tuple[str, str, str]]:
    """Open organisations of the account's area: (code, Chinese, English)."""
    rows = conn.execute(
        "SELECT o.code, o.name_zh, o.name_en FROM organisation o JOIN area a ON a.id = o.area_id"
        " WHERE o.active AND a.path <@ %s::ltree ORDER BY nlevel(a.path), o.code LIMIT 200",
        (account.area_path,),
    )
    return list(rows.fetchall())


@router.get("/care/beds", dependencies=[LOOK])
def board_page(request: Request, console: Shared, account: CurrentAccount, street: str = "") -> Response:
    """Every stage with its counts, and the beds that are latest."""
    with console.database() as conn:
        stages, ends = board.board(conn, account, dt.datetime.now(dt.UTC), street)
        known = streets(conn, account)
        over, _, _, soon = contracts.counts(conn, board.under_of(account, street), dt.datetime.now(SHANGHAI).date())
    return care_page(
        request,
        "beds.html",
        account,
        stages=stages,
        ends=ends,
        over=over,
        soon=soon,
        streets=known,
        street=street,
        here="/care/beds",
        **WORDS,
    )


@router.get("/care/beds/stage/{stage}", dependencies=[LOOK])
def stage_page(
    request: Request, console: Shared, account: CurrentAccount, stage: str, street: str = "", after: str = ""
) -> Response:
    """One page of a stage, the latest first."""
    with console.database() as conn:
        found, more = board.listing(conn, account, stage, street, after)
        known = streets(conn, account)
    return care_page(
        request, "beds_stage.html", account, cards=found, stage=stage, streets=known, street=street,
        pager=pager_of(request, more, board.PAGE), here="/care/beds", **WORDS,
    )  # fmt: skip


@router.get("/care/beds/ending", dependencies=[LOOK])
def ending_page(request: Request, console: Shared, account: CurrentAccount, after: str = "") -> Response:
    """Contracts that end within 60 days, or have ended, with the way to renew each."""
    today = dt.datetime.now(SHANGHAI).date()
    with console.database() as conn:
        found = contracts.ending(conn, account, today, after)
    shown = found[: contracts.PAGE]
    more = shown[-1].key if len(found) > contracts.PAGE else None
    return care_page(
        request, "beds_ending.html", account, found=shown, today=today,
        pager=pager_of(request, more, contracts.PAGE), here="/care/beds", **WORDS,
    )  # fmt: skip


@router.get("/care/beds/new", dependencies=[MANAGE])
def new_page(request: Request, console: Shared, account: CurrentAccount, resident: str = "") -> Response:
    """The form of an application."""
    return _new(request, console, account, {"resident": resident[:40]})


@router.post("/care/beds/new", dependencies=[MANAGE])
def apply(
    request: Request, console: Shared, account: CurrentAccount,
    resident: Annotated[str, Form(max_length=40)] = "", applicant: Annotated[str, Form(max_length=80)] = "",
    organisation: Annotated[str, Form(max_length=40)] = "", note: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Enter an application."""
    sent = {"resident": resident, "applicant": applicant, "organisation": organisation, "note": note}
    try:
        with console.database() as conn:
            bed = beds_of(conn, request, account).apply(resident.strip(), applicant, organisation, note)
    except ProvisioningError as error:
        return _new(request, console, account, sent, error)
    return RedirectResponse(f"/care/beds/at/{bed}", 303)


def _new(
    request: Request, console: Console, account: Account, sent: dict[str, str], error: ProvisioningError | None = None
) -> Response:
    with console.database() as conn:
        offices = organisations(conn, account)
    message = message_of(request, error, account) if error else ""
    wrong = {error.field: message} if error and error.field else {}
    return care_page(
        request, "bed_new.html", account, status_of(error) if error else 200, sent=sent, wrong=wrong,
        message=message, offices=offices, here="/care/beds", **WORDS,
    )  # fmt: skip
