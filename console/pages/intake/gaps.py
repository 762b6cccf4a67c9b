"""Gaps in the streams: what is missing of which home, whether it can still come; by day, by home; blind hours."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_network.upkeep import gaps
from care_network.upkeep.scope import Acting
from console.pages.admin.frame import admin_page
from console.pages.lists import pager_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from database.upkeep import requests as upkeep_requests

router = page_router()
LOOK = needs(Action.VIEW_OPERATIONS)
SETTLE = needs(Action.SETTLE_QUARANTINE)


@router.get("/gaps", dependencies=[LOOK])
def gaps_page(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    gateway: Annotated[str, Query(max_length=80)] = "",
    settled: bool = False,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> Response:
    return _show(request, console, account, gateway, settled, after)


@router.post("/gaps/ask", dependencies=[SETTLE])
def ask(request: Request, console: Shared, account: CurrentAccount, number: Annotated[int, Form(le=2**53)]) -> Response:
    """Ask the gateway for it at once."""
    with console.database() as conn:
        gaps.ask(_acting(conn, account, request), "ask_gaps", number)
    return RedirectResponse("/gaps#asked", 303)


@router.post("/gaps/accept", dependencies=[SETTLE])
def accept(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    number: Annotated[int, Form(le=2**53)],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Accept that it is lost; that can be withdrawn for half a minute."""
    try:
        with console.database() as conn:
            gaps.ask(_acting(conn, account, request), "accept_gaps", number, reason)
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _show(request, console, account, "", False, 0, error, number)
    return RedirectResponse("/gaps#asked", 303)


@router.post("/gaps/withdraw", dependencies=[SETTLE])
def withdraw(
    request: Request, console: Shared, account: CurrentAccount, number: Annotated[int, Form(le=2**53)]
) -> Response:
    with console.database() as conn:
        gaps.withdraw(_acting(conn, account, request), number)
    return RedirectResponse("/gaps#asked", 303)


def _acting(conn: Any, account: Account, request: Request) -> Acting:
    return Acting(conn, account, dt.datetime.now(dt.UTC), origin_of(request))


def _show(
    request: Request,
    console: Console,
    account: Account,
    gateway: str,
    settled: bool,
    after: int,
    error: ProvisioningError | None = None,
    wrong: int | None = None,
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        found = gaps.listing(conn, account, gateway=gateway.strip(), settled=settled, after=after)
        summed = gaps.sums(conn, account, now)
        blind = gaps.blind_times(conn, now)
        asked = [
            one
            for one in upkeep_requests.latest(conn, ("ask_gaps", "accept_gaps"), limit=50)
            if one.login == account.login
        ][:5]
    shown = found[: gaps.LIMIT]
    pager = pager_of(request, str(shown[-1].id) if len(found) > gaps.LIMIT else None, gaps.LIMIT)
    return admin_page(
        request, "gaps.html", account, status_of(error) if error else 200, gaps=shown, pager=pager, days=summed.days,
        homes=summed.homes, blind=blind, chances=gaps.CHANCES, streams=gaps.STREAMS, gateway=gateway, settled=settled,
        asked=asked, wrong=wrong, message=message_of(request, error, account) if error else "", back=gaps.BACK,
    )  # fmt: skip
