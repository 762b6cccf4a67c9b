"""The time bank at a glance: who helps, open requests, this week's rounds, hours earned and spent, work orders."""

import datetime as dt
import functools

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from care_network.access.permissions import Action
from care_network.upkeep.recent import Recent
from care_services.time_bank import people, rounds, statement, store
from care_services.time_bank.running import alarms, missed, wishes
from console.pages.timebank.common import BANK, bank_page
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, MANAGE = needs(Action.VIEW_CARE), needs(Action.MANAGE_TIME_BANK)
MONTHS = 12
_SUMMED: Recent[list[statement.Month]] = Recent(60.0)
"""The minutes of a year, by area: up to a minute old."""


@router.get(BANK, dependencies=[LOOK])
def overview_page(request: Request, console: Shared, account: CurrentAccount, wrong: str = "") -> Response:
    """Show the account's area today, and twelve months of minutes."""
    now = dt.datetime.now(dt.UTC)
    local = now.astimezone(SHANGHAI)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = midnight - dt.timedelta(days=midnight.weekday())
    with console.database() as conn:
        visits = store.of_rounds(conn, account, monday, monday + dt.timedelta(days=7))
        first = midnight.replace(day=1)
        for _ in range(MONTHS - 1):
            first = (first - dt.timedelta(days=1)).replace(day=1)
        months = _SUMMED.of(
            f"{conn.info.dbname} {account.area_path}", functools.partial(statement.by_month, conn, first, now)
        )
        return bank_page(
            request, "timebank.html", account, volunteers=people.counts(conn, account),
            expired=people.expired(conn, account, local.date()), counts=store.counts(conn, account),
            soon=store.listing(conn, account, "open", limit=6)[0],
            confirming=store.listing(conn, account, "confirm", limit=6)[0], visits=visits, now=now,
            missed=[one for one in visits if one.missed(now)], months=months, picture=statement.picture(months),
            orders=alarms.answered(conn, account), wishes=wishes.count(conn, account),
            rounds=rounds.listing(conn, account), appeals=missed.appeals(conn, account), missed_kinds=missed.KINDS,
        )  # fmt: skip


@router.post(f"{BANK}/orders/{{order}}", dependencies=[MANAGE])
def take_order(request: Request, console: Shared, account: CurrentAccount, order: int) -> Response:
    """Book the minutes of an alarm that a volunteer answered: a request that waits for the receiving side."""
    with console.database() as conn:
        number = alarms.from_order(conn, account, order, dt.datetime.now(dt.UTC), origin_of(request))
    return RedirectResponse(f"{BANK}/requests/{number}", 303)
