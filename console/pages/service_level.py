"""The clock of the service level: a page and JSON, by organisation and shift, below the reader's area."""

import datetime as dt
from typing import Annotated, Any, LiteralString

import msgspec
import psycopg
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from console.shell.security import CurrentAccount, origin_of, require
from console.shell.state import Console, console_of
from console.shell.views import page
from dispatch.alerts.outcomes import OUTCOMES
from dispatch.desk import statistics
from dispatch.sla import clock as sla
from dispatch.sla import report as sla_store

router = APIRouter()
Shared = Annotated[Console, Depends(console_of)]
Days = Annotated[int, Query(ge=1, le=92)]


@router.get("/sla")
def sla_page(
    request: Request, console: Shared, account: CurrentAccount, days: Days = 7, by_shift: bool = True
) -> Response:
    lines, breaches = _read(request, console, account, days, by_shift)
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        in_force = sla_store.targets(conn).at(now)
        organisations = _names(conn, "SELECT code, name_zh, name_en FROM organisation")
        shifts = _names(
            conn,
            "SELECT o.code || ' ' || s.code, s.name_zh, s.name_en FROM shift s"
            " JOIN organisation o ON o.id = s.organisation_id",
        )
        counted = statistics.summarise(
            statistics.load_cases(conn, now - dt.timedelta(days=days), now, account.area_path)
        )
    return page(
        request, "service_level.html", account, lines=lines, breaches=breaches, days=days, by_shift=by_shift,
        milestones=sla.WORDS, targets=in_force, organisations=organisations, shifts=shifts, counted=counted,
        answer_s=statistics.ANSWER_S, outcome_words=OUTCOMES,
    )  # fmt: skip


@router.get("/api/sla")
def sla_json(
    request: Request, console: Shared, account: CurrentAccount, days: Days = 7, by_shift: bool = True
) -> Response:
    lines, breaches = _read(request, console, account, days, by_shift)
    with console.database() as conn:
        in_force = sla_store.targets(conn).at(dt.datetime.now(dt.UTC))
    body = {"days": days, "lines": lines, "breaches": breaches}
    body |= {"targets_s": in_force.seconds, "share": in_force.share}
    return Response(msgspec.json.encode(body), media_type="application/json")


def _names(conn: psycopg.Connection[Any], query: LiteralString) -> dict[str, tuple[str, str]]:
    """Words by code, in Chinese and English."""
    return {code: (zh, en) for code, zh, en in conn.execute(query)}


def _read(
    request: Request, console: Console, account: Account, days: int, by_shift: bool
) -> tuple[list[sla.ReportLine], list[dict[str, Any]]]:
    require(account, Action.VIEW_OPERATIONS)
    now = dt.datetime.now(dt.UTC)
    since = now - dt.timedelta(days=days)
    with console.database() as conn:
        lines = sla_store.report(conn, since, now, now, under=account.area_path, by_shift=by_shift)
        breaches = sla_store.breaches(conn, since, account.area_path)
        permissions.audit(conn, account, "view_sla", at=now, origin=origin_of(request), detail={"days": days})
    return lines, breaches
