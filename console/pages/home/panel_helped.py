"""The page of a home's panel on which the resident says whether a neighbour helped, and so long. No login."""

import datetime as dt
from typing import Annotated

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from care_network.errors import ProvisioningError
from care_services.time_bank.kinds import KINDS
from care_services.time_bank.running import at_home
from console.pages.home.panel import opened
from console.shell.errors import message_of, status_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page
from dispatch.core.links import LinkError

router = page_router()


@router.get("/home/{token}/helped")
def helped_page(
    request: Request, console: Shared, token: str, done: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """Ask about each help that a neighbour has told, in large type."""
    return _page(request, console, token, done=done)


@router.post("/home/{token}/helped")
def helped(
    request: Request, console: Shared, token: str, number: Annotated[int, Form(ge=1, lt=2**63)],
    minutes: Annotated[int, Form(ge=0, le=720)],
) -> Response:  # fmt: skip
    """Take the resident's word; the same minutes are in the books at once, others go to the station."""
    now = dt.datetime.now(dt.UTC)
    try:
        with console.links_database() as conn:
            panel = opened(console, conn, token, now)
            state = at_home.confirm(conn, panel.household_id, panel.id, number, minutes, now)
    except LinkError:
        return _page(request, console, token)
    except ProvisioningError as error:
        return _page(request, console, token, error)
    return RedirectResponse(f"/home/{token}/helped?done={state}", 303)


def _page(
    request: Request, console: Console, token: str, error: ProvisioningError | None = None, done: str = ""
) -> Response:
    try:
        with console.links_database() as conn:
            panel = opened(console, conn, token, dt.datetime.now(dt.UTC))
            found = at_home.waiting(conn, panel.household_id)
    except LinkError as refused:
        return page(request, "panel_ended.html", status=410, message=message_of(request, refused))
    return page(
        request, "panel_helped.html", status=status_of(error) if error else 200, token=token, found=found, kinds=KINDS,
        done=done, message=message_of(request, error) if error else "",
    )  # fmt: skip
