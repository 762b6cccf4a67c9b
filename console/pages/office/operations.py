"""The state of the district's machines as the doctor saw it, and of the intake: gateways, gaps, quarantine."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from care_network.access.permissions import Action
from care_network.access.visible import visible_households
from console.shell.security import CurrentAccount, needs
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import page
from database.health import intake
from database.reports import doctor_rows

router = page_router()


@router.get("/operations", dependencies=[needs(Action.VIEW_OPERATIONS)])
def operations_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    with console.database() as conn:
        state: dict[str, Any] = {
            **intake(conn, visible_households(conn, account)),
            "checks": doctor_rows.load(conn),
        }
    return page(request, "operations.html", account, feed=console.feed, **state)
