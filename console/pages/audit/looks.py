"""Looks of a day by account, those that stick out first."""

import datetime as dt

from fastapi import Request
from starlette.responses import Response

from care_network.access.auditing import looks
from care_network.access.permissions import ROLES_ZH, Action, Role, audit
from care_network.errors import ProvisioningError
from console.pages.admin.frame import admin_page
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = page_router()


@router.get("/audit/looks", dependencies=[needs(Action.VIEW_AUDIT)])
def looks_page(request: Request, console: Shared, account: CurrentAccount, day: str = "") -> Response:
    """The accounts that looked on a day, beside what is usual for each; without a day today."""
    now, language = dt.datetime.now(dt.UTC), language_of(request, account)
    error: ProvisioningError | None = None
    asked = now.astimezone(SHANGHAI).date()
    try:
        asked = dt.date.fromisoformat(day) if day else asked
        if not 2000 <= asked.year < 2100:
            raise ValueError(day)
    except ValueError:
        asked = now.astimezone(SHANGHAI).date()
        error = ProvisioningError(
            en="write a day as 2026-11-30, of this century", zh="日期请写成 2026-11-30", field="day"
        )
    with console.database() as conn:
        rows = looks.looks_of(conn, account, asked)
        audit(
            conn, account, "view_looks", at=now, origin=origin_of(request),
            detail={"since": asked.isoformat(), "lines": len(rows)},
        )  # fmt: skip
    return admin_page(
        request, "looks.html", account, status_of(error) if error else 200, rows=rows, day=asked,
        before=asked - dt.timedelta(days=1), message=message_of(request, error, account) if error else "",
        role_word=lambda role: pick(language, ROLES_ZH[Role(role)], role), rule=looks,
    )  # fmt: skip
