"""Render a page of care and services in its frame, and the page that lists them all."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from console.pages.care.sections import GROUPS
from console.pages.sections import open_to
from console.shell.security import CurrentAccount, needs
from console.shell.views import page

router = APIRouter()


def care_page(request: Request, name: str, account: Account, status: int = 200, **context: Any) -> Response:
    """Render a template that extends ``care.html``: its block ``page`` stands beside the list of sections."""
    return page(request, name, account, status, groups=open_to(account, GROUPS), **context)


@router.get("/care", dependencies=[needs(Action.VIEW_CARE)])
def care(request: Request, account: CurrentAccount) -> Response:
    """All pages of care and services that this account may open, with a sentence each."""
    return care_page(request, "care-sections.html", account)
