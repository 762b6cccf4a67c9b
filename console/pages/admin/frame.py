"""Render a page of administration in its frame, and the page that lists them all."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from console.pages.admin.sections import GROUPS
from console.pages.sections import open_to
from console.shell.security import CurrentAccount, needs
from console.shell.text import page_router
from console.shell.views import page

router = page_router()


def admin_page(request: Request, name: str, account: Account, status: int = 200, **context: Any) -> Response:
    """Render a template that extends ``admin.html``: its block ``page`` stands beside the list of sections."""
    return page(request, name, account, status, groups=open_to(account, GROUPS), **context)


@router.get("/admin", dependencies=[needs(Action.VIEW_NETWORK, Action.VIEW_AUDIT)])
def administration(request: Request, account: CurrentAccount) -> Response:
    """All sections that this account may open, with a sentence each."""
    return admin_page(request, "sections.html", account)
