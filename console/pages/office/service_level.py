"""The service level by organisation and shift, below the reader's area: a page, and JSON."""

import datetime as dt
from typing import Annotated, Any

import msgspec
import psycopg
from fastapi import Query, Request
from starlette.responses import Response

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.records.lookup import names
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import page
from dispatch.alerts.outcomes import OUTCOMES
from dispatch.desk import statistics
from dispatch.sla import clock as sla
from dispatch.sla import report as sla_store

router = page_router()
Days = Annotated[int, Query(ge=1, le=92)]


@router.get("/sla", dependencies=[needs(Action.VIEW_OPERATIONS)])
def sla_page(
    request: Request, console: Shared, account: CurrentAccount, days: Days = 7, by_shift: bool = False
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        lines, breaches = _read(conn, account, now, days, by_shift, origin_of(request))
        in_force = sla_store.targets(conn).at(now)
        organisations, shifts = names(conn, "organisation"), names(conn, "shift")
        counted = statistics.summarise(
            statistics.load_cases(conn, now - dt.timedelta(days=days), now, account.area_path)
        )
    return page(
        request, "service_level.html", account, lines=lines, breaches=breaches, days=days, by_shift=by_shift,
        milestones=sla.WORDS, targets=in_force, organisations=organisations, shifts=shifts, counted=counted,
        answer_s=statistics.ANSWER_S, outcome_words=OUTCOMES,
    )  # fmt: skip


@router.get("/api/sla", dependencies=[needs(Action.VIEW_OPERATIONS)])
def sla_json(
    request: Request, console: Shared, account: CurrentAccount, days: Days = 7, by_shift: bool = True
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        lines, breaches = _read(conn, account, now, days, by_shift, origin_of(request))
        in_force = sla_store.targets(conn).at(now)
    body = {"days": days, "lines": lines, "breaches": breaches}
    body |= {"targets_s": in_force.seconds, "share": in_force.share}
    return Response(msgspec.json.encode(body), media_type="application/json")


def _read(
    conn: psycopg.Connection[Any], account: Account, now: dt.datetime, days: int, by_shift: bool, origin: str
) -> tuple[list[sla.ReportLine], list[dict[str, Any]]]:
    """The report's lines and the missed targets of the last ``days``. Audited."""
    since = now - dt.timedelta(days=days)
    lines = sla_store.report(conn, since, now, now, under=account.area_path, by_shift=by_shift)
    breaches = sla_store.breaches(conn, since, account.area_path)
    permissions.audit(conn, account, "view_sla", at=now, origin=origin, detail={"days": days})
    return lines, breaches
