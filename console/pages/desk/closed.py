"""The list of closed alerts: filters in the address, pages by key; every look is audited."""

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_network.records.lookup import street_names
from console.shell.errors import message_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import page
from dispatch.alerts.states import CLOSED
from dispatch.desk import closed, procedures
from dispatch.desk.closed import ClosedFilter, ClosedPage
from vocabulary.area_path import within
from vocabulary.times import SHANGHAI

router = page_router()
NOTHING = ClosedPage(alerts=(), next="")


@router.get("/alerts", dependencies=[needs(Action.VIEW_NETWORK)])
def closed_alerts(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    state: str = "closed",
    severity: str = "",
    kind: str = "",
    street: str = "",
    outcome: str = "",
    since: str = "",
    until: str = "",
    q: str = "",
    after: str = "",
) -> Response:
    """The alerts that have ended, the newest end first. ``state``: closed, or one of its states; dates by Shanghai."""
    if state == "open":
        return RedirectResponse("/", 303)
    given = {
        "state": state, "severity": severity, "kind": kind, "street": street, "outcome": outcome, "since": since,
        "until": until, "q": q,
    }  # fmt: skip
    found, message = NOTHING, ""
    with console.database() as conn:
        try:
            wanted = ClosedFilter(
                states=() if state == "closed" else (state,),  # type: ignore[arg-type]
                severities=(severity,) if severity else (),  # type: ignore[arg-type]
                kind=kind, area=street, words=q[:100], outcome=outcome, since=_day(since), until=_day(until, days=1),
            )  # fmt: skip
            found = closed.search(conn, account, wanted, after=after)
        except ProvisioningError as error:
            message = message_of(request, error, account)
        permissions.audit(
            conn, account, "view_closed_alerts", at=dt.datetime.now(dt.UTC), origin=origin_of(request),
            detail={"alerts": len(found.alerts), "residents": sorted(closed.known(found.alerts))},
        )  # fmt: skip
        streets = {path: words for path, words in street_names(conn).items() if within(path, str(account.area_path))}
    following = urlencode({**{key: value for key, value in given.items() if value}, "after": found.next})
    return page(
        request, "closed.html", account, status=422 if message else 200, found=found, given=given, message=message,
        streets=streets, cards=procedures.all_cards(), states=sorted(CLOSED), following=following, after=after,
    )  # fmt: skip


def _day(text: str, days: int = 0) -> Any:
    """Midnight of a date in Shanghai, ``days`` later. Raises ProvisioningError for what is no date."""
    if not text:
        return None
    try:
        day = dt.date.fromisoformat(text) + dt.timedelta(days=days)
        return dt.datetime.combine(day, dt.time(), SHANGHAI)
    except (ValueError, OverflowError):
        raise ProvisioningError(en=f"{text!r} is no date", zh=f"日期有误：{text}", field="since") from None
