"""Equipment: the stock by kind, what is overdue, lists, one item with its history, lending and return."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_services.home_beds.equipment.desk import CONDITIONS, GROUPS, KINDS, PAGE, STATES, STEP_WORDS, Equipment
from care_services.home_beds.terms import day_of
from console.pages.beds.board import organisations
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
    "equipment_kinds": KINDS, "equipment_states": STATES, "conditions": CONDITIONS, "equipment_steps": STEP_WORDS,
    "equipment_groups": GROUPS, "here": "/care/equipment",
}  # fmt: skip


def _kit(conn: Any, request: Request, account: Account) -> Equipment:
    return Equipment(conn, account, at=dt.datetime.now(dt.UTC), origin=origin_of(request))


def _today() -> dt.date:
    return dt.datetime.now(SHANGHAI).date()


@router.get("/care/equipment", dependencies=[LOOK])
def stock_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The stock by kind, and what is overdue."""
    return _stock(request, console, account)


def _stock(
    request: Request, console: Console, account: Account, error: ProvisioningError | None = None,
    sent: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        kit = _kit(conn, request, account)
        counts, overdue, offices = kit.counts(), kit.overdue(), organisations(conn, account)
    message = message_of(request, error, account) if error else ""
    return care_page(
        request, "equipment.html", account, status_of(error) if error else 200, counts=counts, overdue=overdue,
        offices=offices, message=message, wrong={error.field: message} if error and error.field else {},
        sent=sent or {}, today=_today(), **WORDS,
    )  # fmt: skip


@router.post("/care/equipment", dependencies=[MANAGE])
def add(
    request: Request, console: Shared, account: CurrentAccount, kind: Annotated[str, Form(max_length=40)] = "",
    serial: Annotated[str, Form(max_length=60)] = "", organisation: Annotated[str, Form(max_length=40)] = "",
    note: Annotated[str, Form(max_length=400)] = "",
) -> Response:  # fmt: skip
    """Add an item to a stock."""
    try:
        with console.database() as conn:
            number = _kit(conn, request, account).add(kind, serial, organisation, note)
    except ProvisioningError as error:
        sent = {"kind": kind, "serial": serial, "organisation": organisation, "note": note}
        return _stock(request, console, account, error, sent)
    return RedirectResponse(f"/care/equipment/at/{number}", 303)


@router.get("/care/equipment/items", dependencies=[LOOK])
def items_page(
    request: Request, console: Shared, account: CurrentAccount, kind: str = "", state: str = "", after: int = 0
) -> Response:
    """Items by number, of one kind or state where it is asked for."""
    with console.database() as conn:
        found = _kit(conn, request, account).items(kind, state, after)
    more = str(found[PAGE - 1].id) if len(found) > PAGE else None
    return care_page(
        request, "equipment_items.html", account, items=found[:PAGE], kind=kind, state=state, today=_today(),
        pager=pager_of(request, more, PAGE), **WORDS,
    )  # fmt: skip


@router.get("/care/equipment/at/{item_id}", dependencies=[LOOK])
def item_page(request: Request, console: Shared, account: CurrentAccount, item_id: int) -> Response:
    """One item, whose it is now, and its history."""
    return _item(request, console, account, item_id)


def _item(
    request: Request, console: Console, account: Account, item_id: int, error: ProvisioningError | None = None,
    sent: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        item, steps = _kit(conn, request, account).item(item_id)
    message = message_of(request, error, account) if error else ""
    usual = _today() + dt.timedelta(days=KINDS[item.kind].loan_days if item.kind in KINDS else 180)
    return care_page(
        request, "equipment_item.html", account, status_of(error) if error else 200, item=item, steps=steps,
        message=message, wrong={error.field: message} if error and error.field else {}, sent=sent or {},
        usual=usual, today=_today(), **WORDS,
    )  # fmt: skip


@router.post("/care/equipment/at/{item_id}", dependencies=[MANAGE])
def act(
    request: Request, console: Shared, account: CurrentAccount, item_id: int,
    act: Annotated[str, Form(max_length=20)], resident: Annotated[str, Form(max_length=40)] = "",
    due_on: Annotated[str, Form(max_length=10)] = "", condition: Annotated[str, Form(max_length=10)] = "",
    note: Annotated[str, Form(max_length=400)] = "",
) -> Response:  # fmt: skip
    """Lend it, take it back, let a loan go on, send it to repair, take it out of use."""
    try:
        with console.database() as conn:
            kit = _kit(conn, request, account)
            match act:
                case "lend":
                    kit.lend(item_id, resident, day_of(due_on, "due_on") if due_on else None)
                case "extend":
                    kit.extend(item_id, day_of(due_on, "due_on"))
                case "return":
                    kit.give_back(item_id, condition, note)
                case "repair":
                    kit.repair(item_id, note)
                case "repaired":
                    kit.repaired(item_id, note)
                case "scrap":
                    kit.scrap(item_id, note)
                case _:
                    raise ProvisioningError(en="there is no such step", zh="没有这种操作")
    except NotFoundError as error:
        if error.field != "resident":
            raise
        return _item(request, console, account, item_id, error, {"resident": resident, "due_on": due_on, "act": act})
    except ProvisioningError as error:
        sent = {"resident": resident, "due_on": due_on, "condition": condition, "note": note, "act": act}
        return _item(request, console, account, item_id, error, sent)
    return RedirectResponse(f"/care/equipment/at/{item_id}", 303)
