"""Render a page of care and services in its frame, and the page that lists them all."""

import datetime as dt
from typing import Any

from fastapi import Request
from starlette.responses import Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_services.assessment import lists
from care_services.home_beds import contracts
from care_services.meals.arrangements import gaps
from console.pages.care.another import needing_another
from console.pages.care.sections import GROUPS
from console.pages.sections import open_to
from console.shell.security import CurrentAccount, needs
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import page
from vocabulary.times import SHANGHAI

router = page_router()


def care_page(request: Request, name: str, account: Account, status: int = 200, **context: Any) -> Response:
    """Render a template that extends ``care.html``: its block ``page`` stands beside the list of sections."""
    return page(request, name, account, status, groups=open_to(account, GROUPS), **context)


@router.get("/care", dependencies=[needs(Action.VIEW_CARE)])
def care(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """All pages of care and services that this account may open, with a sentence each, and what is due."""
    now = dt.datetime.now(SHANGHAI)
    today = now.date()
    with console.database() as conn:
        due = lists.counts(conn, account, today)
        ending = contracts.counts(conn, account.area_path, today)
        meal_gaps = gaps.below(conn, account.area_path)
        another = needing_another(conn, account.area_path, now)
    return care_page(
        request, "care-sections.html", account, due=due, ending=ending, meal_gaps=meal_gaps, another=another
    )
