"""Conflicts of an import by kind: many decided at once after the consequence was shown, and taken back together."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.errors import NotFoundError, ProvisioningError
from care_services.registers import batches, collecting
from care_services.registers.batches import MOST, Outcome
from console.pages.care.frame import care_page
from console.pages.lists import pager_of
from console.pages.registers.register_lines import WORDS, named
from console.pages.registers.registers import KEEP
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of

router = page_router()
SHOWN = 100
LEFT_WORDS = {
    "left died": ("去世", "died"), "left moved": ("迁出", "moved away"), "left other": ("离开", "left"),
    "left here": ("仍在住", "here after all"),
}  # fmt: skip


@router.get("/care/registers/imports/{number}/conflicts", dependencies=[KEEP])
def conflicts_page(
    request: Request, console: Shared, account: CurrentAccount, number: int,
    kind: Annotated[str, Query(max_length=40)] = "", ticked: Annotated[str, Query(max_length=4)] = "",
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:  # fmt: skip
    """Conflicts of one kind, to be ticked and decided on together."""
    return _page(request, console, account, number, kind, after, ticked=bool(ticked))


def _page(
    request: Request, console: Console, account: Account, number: int, kind: str = "", after: int = 0,
    error: ProvisioningError | None = None, chosen: dict[int, int] | None = None, **more: Any,
) -> Response:  # fmt: skip
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        head = collecting.one(conn, account, number)
        counts = batches.kinds(conn, account, number)
        kind = kind if kind in counts else next(iter(counts), "")
        rows = batches.conflicts(
            conn, account, number, kind, at=now, after=after, limit=SHOWN + 1, origin=origin_of(request)
        )
        past = batches.listing(conn, account, number)
    shown = rows[:SHOWN]
    empty: dict[str, Any] = {"ticked": False, "filled": {}, "outcome": None, "asked": None}
    return care_page(
        request, "register-conflicts.html", account, status_of(error) if error else 200, head=head, counts=counts,
        kind=kind, rows=shown, past=past, chosen=chosen or {}, left_words=LEFT_WORDS,
        pager=pager_of(request, str(shown[-1].number) if len(rows) > SHOWN else None, SHOWN),
        message=message_of(request, error, account) if error else "", place=error.field if error else None,
        **WORDS, **named(head.register), **(empty | more),
    )  # fmt: skip


@router.post("/care/registers/imports/{number}/conflicts", dependencies=[KEEP])
async def decide(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Show what follows from a decision on the ticked lines; with the confirmation carry it out."""
    async with request.form(max_files=0, max_fields=MOST + 20) as form:
        rows = dict(_row(str(value)) for value in form.getlist("row"))
        sent = {name: str(form.get(name, ""))[:400] for name in ("kind", "choice", "reason", "confirmed")}
    return await run_in_threadpool(_decide, request, console, account, number, rows, sent)


def _row(text: str) -> tuple[int, int]:
    difference, _, version = text[:40].partition(":")
    return (int(difference), int(version)) if difference.isdecimal() and version.isdecimal() else (0, 0)


def _decide(
    request: Request, console: Console, account: Account, number: int, rows: dict[int, int], sent: dict[str, str]
) -> Response:
    now, kind, choice = dt.datetime.now(dt.UTC), sent["kind"], sent["choice"]
    try:
        if not sent["confirmed"]:
            batches.check(account, choice, rows, sent["reason"])
            with console.database() as conn:
                there = batches.conflicts(conn, account, number, kind, at=now, among=list(rows), limit=MOST)
                told = batches.consequence(conn, account, number, kind, choice, there, now)
            words = [pick(language_of(request, account), *one) for one in told]
            asked = {"words": words, "n": len(there), **sent}
            return _page(request, console, account, number, kind, chosen=rows, asked=asked)
        with console.database() as conn:
            found = batches.decide_many(
                conn, account, number, kind, choice, list(rows.items()), sent["reason"], at=now,
                origin=origin_of(request),
            )  # fmt: skip
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _page(request, console, account, number, kind, error=error, chosen=rows, filled=sent)
    return _done(request, console, account, number, kind, found)


@router.post("/care/registers/batches/{batch}/undo", dependencies=[KEEP])
def undo(request: Request, console: Shared, account: CurrentAccount, batch: int) -> Response:
    """Take a decision on many lines back."""
    with console.database() as conn:
        number = batches.import_of(conn, account, batch)
        found = batches.undo(conn, account, batch, at=dt.datetime.now(dt.UTC), origin=origin_of(request))
    return _done(request, console, account, number, "", found)


def _done(
    request: Request, console: Console, account: Account, number: int, kind: str, found: Outcome
) -> Response:  # fmt: skip
    if found.failed:
        return _page(request, console, account, number, kind, outcome=found)
    return RedirectResponse(f"/care/registers/imports/{number}/conflicts?kind={kind.replace(' ', '+')}", 303)
