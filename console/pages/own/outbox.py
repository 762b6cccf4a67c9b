"""The demonstration's outbox: messages that would have gone out as SMS and calls."""

from typing import Any

from fastapi import HTTPException, Request
from starlette.responses import Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.access.visible import visible_households
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of, page
from dispatch.channels import recent

router = page_router()


@router.get("/outbox", dependencies=[needs(Action.VIEW_OUTBOX)])
def outbox_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    return page(request, "outbox.html", account, **_outbox(request, console, account))


@router.get("/outbox/cards", dependencies=[needs(Action.VIEW_OUTBOX)])
def outbox_cards(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The cards alone, for the live page to put in place."""
    return page(request, "_outbox.html", account, **_outbox(request, console, account))


def _outbox(request: Request, console: Console, account: Account) -> dict[str, Any]:
    if not console.channels.outbox:
        raise HTTPException(404)
    with console.database() as conn:
        households = list(visible_households(conn, account))
        entries = recent.messages(conn, households, language_of(request, account))
    return {"entries": entries, "channel_names": console.channels.names}
