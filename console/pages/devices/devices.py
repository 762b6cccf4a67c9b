"""The list of gateways, and gateways that nobody has registered."""

import datetime as dt
from typing import Annotated

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import MalformedError, ProvisioningError
from care_network.importing.forms import words_of
from care_network.upkeep import devices, gateways
from care_network.upkeep.scope import Acting
from console.pages.admin.frame import admin_page
from console.pages.lists import pager_of
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of

router = page_router()
LOOK = needs(Action.VIEW_OPERATIONS)
OPERATE = needs(Action.OPERATE_DEVICES)


@router.get("/devices", dependencies=[LOOK])
def devices_page(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    q: Annotated[str, Query(max_length=80)] = "",
    only: gateways.Filter = "all",
    after: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """Gateways of the account's area, paged by name."""
    return _list(request, console, account, q, only, after)


@router.post("/devices/register", dependencies=[OPERATE])
def register(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    gateway: Annotated[str, Form(max_length=80)],
    household: Annotated[str, Form(max_length=80)] = "",
) -> Response:
    """Register a gateway at a home, and show it."""
    try:
        with console.database() as conn:
            devices.register(Acting(conn, account, dt.datetime.now(dt.UTC), origin_of(request)), gateway, household)
    except ProvisioningError as error:
        return _list(request, console, account, "", "all", "", error, {"gateway": gateway, "household": household})
    return RedirectResponse(f"/devices/{gateway.strip()}", 303)


@router.post("/devices/refuse", dependencies=[OPERATE])
def refuse(
    request: Request, console: Shared, account: CurrentAccount, gateway: Annotated[str, Form(max_length=80)]
) -> Response:
    """Say that a gateway that was heard is none of ours."""
    with console.database() as conn:
        devices.refuse(Acting(conn, account, dt.datetime.now(dt.UTC), origin_of(request)), gateway, "")
    return RedirectResponse(f"/devices?refused={gateway}", 303)


@router.post("/devices/unrefuse", dependencies=[OPERATE])
def unrefuse(
    request: Request, console: Shared, account: CurrentAccount, gateway: Annotated[str, Form(max_length=80)]
) -> Response:
    """Take that back."""
    with console.database() as conn:
        devices.ask_again(Acting(conn, account, dt.datetime.now(dt.UTC), origin_of(request)), gateway, "")
    return RedirectResponse("/devices", 303)


def _told(request: Request, error: ProvisioningError, account: Account) -> str:
    if isinstance(error, MalformedError):
        return pick(language_of(request, account), *words_of("gateway", error))
    return message_of(request, error, account)


def _list(
    request: Request,
    console: Console,
    account: Account,
    q: str,
    only: gateways.Filter,
    after: str,
    error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        found = gateways.listing(conn, account, now, words=q, only=only, after=after)
        counts = gateways.counts(conn, account, now)
        unpaired = devices.unpaired_gateways(Acting(conn, account, now))
    shown = found[: gateways.LIMIT]
    pager = pager_of(request, shown[-1].name if len(found) > gateways.LIMIT else None, gateways.LIMIT)
    return admin_page(
        request, "devices.html", account, status_of(error) if error else 200, lines=shown, pager=pager, q=q, only=only,
        counts=counts, filters=gateways.FILTERS, unpaired=unpaired, words=gateways.STANDING_WORDS,
        ends_soon=now + gateways.ENDS_SOON, battery_low=gateways.BATTERY_LOW, filled=filled or {},
        wrong={error.field or "gateway": _told(request, error, account)} if error else {},
        refused=request.query_params.get("refused", ""), undo_until=now + dt.timedelta(seconds=30),
    )  # fmt: skip
