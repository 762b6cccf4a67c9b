"""The books: statements (page, print, CSV), the ledger, a transaction and its reversal, bookings between people."""

import datetime as dt
import secrets
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_services.time_bank import books, correcting, holders, statement
from care_services.time_bank.kinds import TRANSACTIONS
from console.pages.lists import pager_of
from console.pages.timebank.common import BANK, bank_page, day, number_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, MANAGE = needs(Action.VIEW_CARE), needs(Action.MANAGE_TIME_BANK)
Text = Annotated[str, Form(max_length=400)]


@router.get(f"{BANK}/ledger", dependencies=[LOOK])
def ledger_page(
    request: Request, console: Shared, account: CurrentAccount, kind: str = "", after: str = ""
) -> Response:
    """List what was booked for people of the account's area, the newest first."""
    kind = kind if kind in TRANSACTIONS else ""
    with console.database() as conn:
        found, more = statement.ledger(conn, account, int(after) if after.isdecimal() else None, kind)
        sums = statement.community(conn)
    return bank_page(
        request, "timebank-ledger.html", account, booked=found, kind=kind, sums=sums, pager=pager_of(request, more)
    )


@router.get(f"{BANK}/ledger/{{number}}", dependencies=[LOOK])
def transaction_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Show a transaction with its entries."""
    return _transaction(request, console, account, number)


@router.post(f"{BANK}/ledger/{{number}}/reverse", dependencies=[MANAGE])
def ask_reversal(
    request: Request, console: Shared, account: CurrentAccount, number: int, reason: Text = ""
) -> Response:
    """Ask that it be reversed: a second person decides."""
    return _on_transaction(
        request, console, account, number,
        lambda conn, now: books.ask_reversal(conn, account, number, reason, now, origin_of(request)),
    )  # fmt: skip


@router.post(f"{BANK}/ledger/{{number}}/decide", dependencies=[MANAGE])
def decide_reversal(
    request: Request, console: Shared, account: CurrentAccount, number: int, agreed: Text = ""
) -> Response:
    """Agree to a reversal that somebody else asked for, or refuse it."""
    return _on_transaction(
        request, console, account, number,
        lambda conn, now: books.decide_reversal(
            conn, account, number, now, agreed=agreed == "true", origin=origin_of(request)
        ),
    )  # fmt: skip


@router.post(f"{BANK}/ledger/{{number}}/anew", dependencies=[MANAGE])
def ask_correction(
    request: Request, console: Shared, account: CurrentAccount, number: int, minutes: Text = "", reason: Text = ""
) -> Response:
    """Ask that a help whose earning was reversed be paid by its right minutes: a second person decides."""
    return _on_transaction(
        request, console, account, number,
        lambda conn, now: correcting.ask(
            conn, account, number, number_of(minutes), reason, now, origin_of(request)
        ),
    )  # fmt: skip


@router.post(f"{BANK}/ledger/{{number}}/anew/decide", dependencies=[MANAGE])
def decide_correction(
    request: Request, console: Shared, account: CurrentAccount, number: int, agreed: Text = ""
) -> Response:
    """Agree to right minutes that somebody else wrote down, and book them, or refuse them."""
    return _on_transaction(
        request, console, account, number,
        lambda conn, now: correcting.decide(
            conn, account, number, now, agreed=agreed == "true", origin=origin_of(request)
        ),
    )  # fmt: skip


@router.get(f"{BANK}/statement/{{kind}}/{{holder}}", dependencies=[LOOK])
def statement_page(
    request: Request, console: Shared, account: CurrentAccount, kind: str, holder: str, first: str = "", last: str = ""
) -> Response:
    """Show a person's statement; the browser prints it."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        found = _statement(conn, account, kind, holder, first, last, now, origin_of(request))
    return bank_page(request, "timebank-statement.html", account, one=found, kind=kind, holder=holder, now=now)


@router.get(f"{BANK}/statement/{{kind}}/{{holder}}/csv", dependencies=[LOOK])
def statement_file(
    request: Request, console: Shared, account: CurrentAccount, kind: str, holder: str, first: str = "", last: str = ""
) -> Response:
    """Give a statement as CSV."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        found = _statement(conn, account, kind, holder, first, last, now, origin_of(request))
    name = f"statement-{found.holder.code}-{found.first:%Y%m%d}-{found.last:%Y%m%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(statement.as_csv(found), media_type="text/csv; charset=utf-8", headers=headers)


@router.get(f"{BANK}/book", dependencies=[MANAGE])
def book_page(request: Request, account: CurrentAccount, giver: str = "") -> Response:
    """Show the form by which minutes go from one account to another."""
    sent = {"giver": giver[:60], "key": secrets.token_hex(8), "what": "transfer"}
    return bank_page(request, "timebank-book.html", account, sent=sent)


@router.post(f"{BANK}/book", dependencies=[MANAGE])
def book(
    request: Request, console: Shared, account: CurrentAccount, what: Text = "", giver: Text = "", taker: Text = "",
    minutes: Text = "", relation: Text = "", reason: Text = "", key: Text = "",
) -> Response:  # fmt: skip
    """Book a transfer, a gift to a relative, minutes into the gift pool or from it. The same form books once."""
    now, origin = dt.datetime.now(dt.UTC), origin_of(request)
    sent = {"what": what, "giver": giver, "taker": taker, "minutes": minutes, "relation": relation, "reason": reason,
            "key": key}  # fmt: skip
    try:
        with console.database() as conn:
            from_ = "gift_pool" if what == "grant" else giver
            to = "gift_pool" if what == "donate" else taker
            pair = [holders.find(conn, account, *holders.read_address(one)) for one in (from_, to)]
            if what == "gift":
                books.give(
                    conn, account, pair[0], pair[1], number_of(minutes), relation, reason, f"form/{key}", now, origin
                )
            else:
                books.transfer(
                    conn, account, pair[0], pair[1], number_of(minutes), f"form/{key}", now, reason=reason,
                    origin=origin,
                )  # fmt: skip
    except ProvisioningError as error:
        return bank_page(request, "timebank-book.html", account, error, sent=sent)
    shown = pair[1] if what == "grant" else pair[0]
    return RedirectResponse(f"{BANK}/statement/{shown.address}", 303)


def _statement(
    conn: Any, account: Account, kind: str, holder: str, first: str, last: str, now: dt.datetime, origin: str
) -> statement.Statement:
    today = now.astimezone(SHANGHAI).date()
    found = holders.find(conn, account, kind if kind in ("resident", "volunteer") else "", holder)
    ends = day(last, today)
    begins = min(day(first, ends - dt.timedelta(days=365)), ends)
    return statement.statement(conn, account, found, begins, ends, now, origin)


def _transaction(
    request: Request, console: Console, account: Account, number: int, error: ProvisioningError | None = None
) -> Response:
    with console.database() as conn:
        found, entries = statement.transaction(conn, account, number)
        waiting, anew = statement.reversal(conn, number), correcting.look(conn, number)
    return bank_page(
        request, "timebank-transaction.html", account, error, one=found, entries=entries, waiting=waiting, anew=anew
    )


def _on_transaction(
    request: Request, console: Console, account: Account, number: int, act: Callable[[Any, dt.datetime], None]
) -> Response:
    try:
        with console.database() as conn:
            act(conn, dt.datetime.now(dt.UTC))
    except ProvisioningError as error:
        return _transaction(request, console, account, number, error)
    return RedirectResponse(f"{BANK}/ledger/{number}", 303)
