"""Pauses of a home: a carer is there, or a device is worked on, and some alerts wait."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from alerting.tuning import pauses
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page

router = page_router()


@router.get("/pauses/{household}", dependencies=[needs(Action.PAUSE_ALERTS)])
def pauses_page(request: Request, console: Shared, account: CurrentAccount, household: str) -> Response:
    return _pauses(request, console, account, household)


@router.post("/pauses/{household}", dependencies=[needs(Action.PAUSE_ALERTS)])
def begin_pause(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    household: str,
    kind: Annotated[str, Form()],
    hours: Annotated[float, Form(gt=0, le=1000)],
    reason: Annotated[str, Form(max_length=2000)],
    device: Annotated[str, Form()] = "",
) -> Response:
    try:
        with console.database() as conn:
            now, origin = dt.datetime.now(dt.UTC), origin_of(request)
            pauses.begin(conn, account, household, kind, dt.timedelta(hours=hours), reason, now, origin, device)
    except ProvisioningError as error:
        return _pauses(request, console, account, household, error)
    return RedirectResponse(f"/pauses/{household}", 303)


@router.post("/pauses/{household}/{number}/end", dependencies=[needs(Action.PAUSE_ALERTS)])
def end_pause(request: Request, console: Shared, account: CurrentAccount, household: str, number: int) -> Response:
    try:
        with console.database() as conn:
            pauses.end(conn, account, number, dt.datetime.now(dt.UTC), origin_of(request))
    except ProvisioningError as error:
        return _pauses(request, console, account, household, error)
    return RedirectResponse(f"/pauses/{household}", 303)


def _pauses(
    request: Request, console: Console, account: Account, household: str, error: ProvisioningError | None = None
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        entries = pauses.listing(conn, account, now, household)
        home = pauses.home(conn, account, household)
    longest: dict[str, Any] = {kind: length.total_seconds() / 3600 for kind, length in pauses.LONGEST.items()}
    return page(
        request, "pauses.html", account, status_of(error) if error else 200, household=household,
        entries=entries, home=home, running=pauses.covering(entries, now), words=pauses.WORDS, longest=longest,
        message=message_of(request, error, account) if error else "",
    )  # fmt: skip
