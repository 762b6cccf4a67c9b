"""The page of a street elder center or a community station: people on duty, residents of concern, work of today."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import psycopg
from fastapi import Request
from starlette.responses import Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.catalogues.services import SERVICES
from care_network.catalogues.workforce import ROLES
from care_network.protection import picture
from care_network.upkeep.recent import Recent
from care_services.assessment import lists
from care_services.home_beds import contracts
from care_services.meals.arrangements import gaps
from console.pages.care.another import needing_another
from console.pages.station.protection import Area, areas_above, below, lasting, words
from console.shell.scope import scope_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import page
from dispatch.core.notice import AlertNotice
from dispatch.desk import station, statistics
from dispatch.escalation import duty_warnings
from dispatch.orders import store
from dispatch.orders.states import LIVE
from dispatch.orders.store import Order, OrderFilter
from dispatch.sla import clock as sla
from dispatch.sla import report as sla_store
from vocabulary.area_path import within
from vocabulary.severity import SEVERITIES
from vocabulary.times import SHANGHAI

router = page_router()
SERVICE_LEVEL_DAYS = 30
COLUMNS: dict[str, tuple[str, ...]] = {
    "New": ("open", "offered"),
    "Accepted": ("accepted",),
    "On the way": ("en_route", "arrived"),
    "Done": ("done",),
}
"""The board of orders: heading (a text of the catalogue), states."""
TECHNICAL = "technical"
_PAST: Recent[dict[str, Any]] = Recent(60.0)
"""Service level and last month of an area, for all who look at it: the page comes anew every 15 s and at each alert."""


_CARE: Recent[dict[str, Any]] = Recent(60.0)
"""Counts of care and services that change by the day, by area."""


@router.get("/station", dependencies=[needs(Action.VIEW_NETWORK)])
def station_page(request: Request, console: Shared, account: CurrentAccount, area: Area = "") -> Response:
    """Show the area of the account, or ``area`` below it."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        under = below(conn, account, area)
        scope = scope_of(conn, account)
        alerts = [
            alert
            for alert in console.board.open_alerts(scope.sees)
            if within(alert.area_path, under) and alert.merged_into is None
        ]
        orders = orders_of_today(conn, account, under, now)
        people, number = station.concerns(conn, under, alerts, now)
        context: dict[str, Any] = {
            "above": areas_above(conn, account, under),
            "teams": station.teams(conn, under, now),
            "holes": duty_warnings.warnings(conn, now, under),
            "meal_gaps": gaps.below(conn, under),
            "concerns": people,
            "concerned": number,
            "columns": {head: [o for o in orders if o.state in states] for head, states in COLUMNS.items()},
            "devices": sorted(
                (
                    alert
                    for alert in alerts
                    if alert.severity == TECHNICAL and alert.shows(round(now.timestamp() * 1e6))
                ),
                key=_since,
            ),
            "device_orders": [order for order in orders if order.urgency == TECHNICAL and order.state != "done"],
            "look": picture.look(conn, now),
            **_care(conn, account, under, now),
            **figures(conn, under, now),
        }
    return page(
        request, "station.html", account, services=SERVICES, milestones=sla.WORDS, area=under,
        answer_s=statistics.ANSWER_S, short=short, days=SERVICE_LEVEL_DAYS, **context, lasting=lasting,
        **words(now),
    )  # fmt: skip


@router.get("/station/phones", dependencies=[needs(Action.VIEW_NETWORK)])
def phones_page(request: Request, console: Shared, account: CurrentAccount, area: Area = "") -> Response:
    """The telephone list, to be printed."""
    with console.database() as conn:
        under = below(conn, account, area)
        lines = station.telephones(conn, under)
        above = areas_above(conn, account, under)
    return page(request, "phones.html", account, lines=lines, above=above, roles=ROLES, area=under)


def _since(alert: AlertNotice) -> int:
    return alert.onset_us


def orders_of_today(conn: psycopg.Connection[Any], account: Account, under: str, now: dt.datetime) -> list[Order]:
    """List those that live and are due before tomorrow, late ones of the days before among them, and those done since
    midnight; all of them, of the homes below an area that the account may see."""
    day, tomorrow = station.today(now)
    live = OrderFilter(states=list(LIVE), seen_by=account.id, under=under, due_before=tomorrow, limit=None)
    done = OrderFilter(states=["done"], seen_by=account.id, under=under, done_since=day, limit=None)
    return store.list_orders(conn, live) + store.list_orders(conn, done)


def _by_severity(kept: Iterable[station.Kept]) -> dict[str, dict[str, list[station.Kept]]]:
    """The service level as rows of severities and columns of milestones; a target that was changed makes two."""
    rows: dict[str, dict[str, list[station.Kept]]] = {}
    for one in kept:
        rows.setdefault(one.severity, {}).setdefault(one.milestone, []).append(one)
    return {severity: rows[severity] for severity in SEVERITIES if severity in rows}


def short(seconds: float) -> tuple[str, str]:
    """A target in words."""
    return (f"{seconds:.0f} 秒", f"{seconds:.0f} s") if seconds < 120 else lasting(seconds)


def _care(conn: psycopg.Connection[Any], account: Account, under: str, now: dt.datetime) -> dict[str, Any]:
    """Count assessments due, contracts that end and visits that need another person; nothing for whoever may not see
    care.
    """
    if not may_do(account, Action.VIEW_CARE):
        return {"due": None, "ending": None, "another": None}
    today = now.astimezone(SHANGHAI).date()
    kept = _CARE.of(f"{conn.info.dbname} {under} {today}", lambda: {
        "due": lists.counts(conn, account, today, under), "ending": contracts.counts(conn, under, today),
    })  # fmt: skip
    return {**kept, "another": needing_another(conn, under, now)}


def figures(conn: psycopg.Connection[Any], under: str, now: dt.datetime) -> dict[str, Any]:
    """Gather the service level and the figures of this month, up to now, and of the last one, which is whole."""
    last, since = station.months(now)
    past = _PAST.of(f"{conn.info.dbname} {under} {since}", lambda: _past(conn, under, now))
    return past | {"months": ((since, _month(conn, under, since, now)), (last, past["last"]))}


def _past(conn: psycopg.Connection[Any], under: str, now: dt.datetime) -> dict[str, Any]:
    last, since = station.months(now)
    lines = sla_store.report(conn, now - dt.timedelta(days=SERVICE_LEVEL_DAYS), now, now, under=under, by_shift=False)
    return {
        "kept": _by_severity(station.kept(lines)),
        "targets": sla_store.targets(conn).at(now),
        "last": _month(conn, under, last, since),
    }


def _month(conn: psycopg.Connection[Any], under: str, since: dt.datetime, until: dt.datetime) -> station.Month:
    cases = statistics.load_cases(conn, since, until, under)
    return station.month(conn, under, since, until, cases, statistics.ANSWER_S)
