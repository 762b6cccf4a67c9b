"""Reminders of care: one's own, and those of the area with how they went."""

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from care_network.access.permissions import Action
from care_services.core import notice_lists
from care_services.core.notice_kinds import KINDS, STATES, WHY
from care_services.rounds.running import blind
from console.pages.care.frame import care_page
from console.pages.lists import pager_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Shared

router = APIRouter()
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
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        found = notice_lists.listing(conn, account, only, after)
        counts = notice_lists.counts(conn, account, now - MONTH)
        still = blind(conn, now, "notices")
    shown = found[: notice_lists.LIMIT]
    more = str(shown[-1].id) if len(found) > notice_lists.LIMIT else None
    pager = pager_of(request, more, notice_lists.LIMIT)
    return care_page(
        request, "care-notices.html", account, found=shown, counts=counts, only=only, still=still, pager=pager, **WORDS
    )


@router.get("/care/notices/mine")
def own_notices(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """One's own reminders, whoever one is."""
    with console.database() as conn:
        found = notice_lists.own(conn, account)
    return care_page(request, "care-notices-mine.html", account, found=found, **WORDS)
