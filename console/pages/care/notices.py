"""Reminders of care: one's own, and those of the area with how they went."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_services.core import notice_lists
from care_services.core.notice_kinds import KINDS, STATES, WHY
from care_services.rounds.running import blind
from console.pages.care.frame import care_page
from console.pages.lists import pager_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
MONTH = dt.timedelta(days=30)
MARKS = {
    "queued": "late", "handed": "late", "sent": "good", "delivered": "good", "failed": "bad", "unknown": "unknown",
    "withdrawn": "off",
}  # fmt: skip
WORDS: dict[str, Any] = {"kinds": KINDS, "states": STATES, "whys": WHY, "marks": MARKS}


@router.get("/care/notices", dependencies=[needs(Action.VIEW_NOTICES)])
def notices_page(
    request: Request, console: Shared, account: CurrentAccount, only: Annotated[str, Query(max_length=20)] = "",
    after: int | None = None,
) -> Response:  # fmt: skip
    """Reminders to people of the area: which wait, were sent, could not be sent, and of which nothing is known."""
    return _page(request, console, account, only, after)


def _page(
    request: Request, console: Console, account: Account, only: str, after: int | None,
    error: ProvisioningError | None = None,
) -> Response:  # fmt: skip
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        found = notice_lists.listing(conn, account, only, after)
        counts = notice_lists.counts(conn, account, now - MONTH)
        still = blind(conn, now, "notices")
    shown = found[: notice_lists.LIMIT]
    more = str(shown[-1].id) if len(found) > notice_lists.LIMIT else None
    pager = pager_of(request, more, notice_lists.LIMIT)
    return care_page(
        request,
        "care-notices.html",
        account,
        status_of(error) if error else 200,
        found=shown,
        counts=counts,
        only=only,
        still=still,
        pager=pager,
        reasons={one.id: notice_lists.reason_of(one, now) for one in shown},
        message=message_of(request, error, account) if error else "",
        **WORDS,
    )


@router.post("/care/notices/{number}/again", dependencies=[needs(Action.VIEW_NOTICES)])
def again(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Queue a reminder anew that could not be sent, or of which nothing is known."""
    try:
        with console.database() as conn:
            notice_lists.send_again(conn, account, [number], at=dt.datetime.now(dt.UTC), origin=origin_of(request))
    except ProvisioningError as error:
        return _page(request, console, account, "trouble", None, error)
    return RedirectResponse("/care/notices?only=waiting", 303)


@router.get("/care/notices/mine")
def own_notices(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """One's own reminders, whoever one is."""
    with console.database() as conn:
        found = notice_lists.own(conn, account)
    return care_page(request, "care-notices-mine.html", account, found=found, **WORDS)
