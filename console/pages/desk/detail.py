"""Contents of the screen of one alert: its course, clocks, people to call, and how it may end."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import psycopg
from fastapi import Request

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.catalogues.ability import GRADES
from care_network.catalogues.services import SERVICES
from care_network.records import residents
from care_services.time_bank.running import alarms
from console.access.alerts import load_alert
from console.pages.desk.rows import headline, place
from console.shell.security import origin_of
from console.shell.state import Console
from console.shell.views import language_of
from dispatch.alerts.outcomes import Outcome, outcomes_for
from dispatch.alerts.reopening import REOPEN_WITHIN, UNDO_WITHIN
from dispatch.alerts.snoozing import SPANS
from dispatch.core.notice import AlertNotice
from dispatch.desk import calls, merging, procedures
from dispatch.desk.clock import clock_of
from dispatch.desk.progress import progress
from dispatch.orders import results
from dispatch.orders import store as work_orders
from dispatch.orders.states import LIVE
from dispatch.orders.store import OrderFilter

IN_PLACE = "X-In-Place"
"""Header of a script that puts the answer into the page: it gets the alert alone, and no redirect."""
ENDED = ("resolved", "cancelled", "cleared")


def is_mine(alert: Any, account: Account) -> bool:
    """Whether the account has the alert."""
    return alert.owner_id is not None and bool(alert.owner_id == account.id)


def detail_of(
    conn: psycopg.Connection[Any],
    request: Request,
    console: Console,
    account: Account,
    alert_id: uuid.UUID,
    *,
    audited: bool = True,
) -> dict[str, Any]:
    """Load an alert with all that its screen shows; the look is in the audit (unless it was a moment ago).

    Raises 404 for an alert that is not there or not the account's to see.
    """
    alert, events = load_alert(conn, console.board, account, alert_id, origin_of(request), audited=audited)
    language, now = language_of(request, account), dt.datetime.now(dt.UTC)
    staff = permissions.may_do(account, Action.VIEW_NETWORK)
    attempts = calls.of_alert(conn, alert_id) if staff else ()
    # Whoever was sent for an alert that is merged into this one goes to the same door.
    incident = [alert_id, *(one.alert_id for one in merging.followers(conn, alert_id))]
    orders = [
        order
        for one in incident
        if permissions.may_do(account, Action.VIEW_ORDERS)
        for order in work_orders.list_orders(conn, OrderFilter(alert_id=one))
    ]
    helpers = alarms.neighbours(conn, [order.staff_id for order in orders if order.staff_id is not None])
    results_found = [found for one in incident if staff and (found := results.newest_result(conn, one)) is not None]
    live = [one for one in orders if one.state in LIVE]
    return {
        "alert": alert,
        "events": events,
        "closed": alert.state in ENDED,
        "headline": headline(alert, language),
        "place": place(alert, language),
        "clock_from": dt.datetime.fromtimestamp(alert.raised_us / 1e6, dt.UTC),
        "clock": clock_of(conn, alert_id, now) if staff else None,
        "step": primary_step(alert, called=bool(attempts), sent=bool(live)),
        "ladder": progress(conn, alert_id) if staff else None,
        "attempts": attempts,
        "callables": calls.callees(conn, alert_id, now)
        if permissions.may_do(account, Action.NOTE) and alert.state not in ENDED
        else (),
        "results": calls.RESULTS,
        "orders": orders,
        "neighbours": helpers,
        "services": SERVICES,
        "channel_names": console.channels.names,
        "cards": cards(alert.severity),
        "outcome": next((e["outcome"] for e in reversed(events) if e["outcome"]), None),
        "staff": staff,
        "rests": alert.state not in ENDED and alert.snoozed_us is not None and alert.snoozed_us > now.timestamp() * 1e6,
        "found": max(results_found, key=lambda found: found.at, default=None),
        **(_beside(conn, account, alert, events, now) if staff else {}),
    }


def _beside(
    conn: psycopg.Connection[Any],
    account: Account,
    alert: AlertNotice,
    events: Sequence[dict[str, Any]],
    now: dt.datetime,
) -> dict[str, Any]:
    """Load the parts for staff alone: the person's file, alerts of the same event, ways back from an end."""
    alert_id, closed = uuid.UUID(alert.id), alert.state in ENDED
    file = (
        residents.file_of(conn, alert.resident_code, now, without_alert=alert.id)
        if alert.resident_code is not None and permissions.may_do(account, Action.VIEW_RESIDENT)
        else None
    )
    may_merge = permissions.may_do(account, Action.MERGE)
    ended = next((e for e in reversed(events) if e["to_state"] in ENDED), None)
    own = ended is not None and ended["action"] == "resolve" and ended["actor"] == account.name_zh
    undo = ended["at"] + UNDO_WITHIN if closed and own and ended is not None else None
    return {
        "file": file,
        "grades": GRADES,
        "mine": is_mine(alert, account),
        "lead": alert.merged_into,
        "offers": merging.offers(conn, alert_id) if may_merge else [],
        "followers": merging.followers(conn, alert_id),
        "card": procedures.card(alert.rule, alert.severity),
        "checked": procedures.checked(conn, alert_id),
        "answers": calls.ANSWERS,
        "snooze_spans": SPANS,
        "reopenable": closed and ended is not None and now - ended["at"] < REOPEN_WITHIN,
        "undo_until_ms": round(undo.timestamp() * 1000) if undo is not None and undo > now else None,
    }


def primary_step(alert: AlertNotice, *, called: bool, sent: bool) -> str:
    """The one next step: acknowledge, call, dispatch, arrive, resolve; empty where the alert has ended. Pure."""
    if alert.state in ENDED:
        return ""
    if alert.state == "raised":
        return "acknowledge"
    if alert.severity == "technical":
        return "resolve" if sent or alert.state != "acknowledged" else "dispatch"
    if alert.state == "acknowledged":
        return "arrive" if called and sent else "dispatch" if called else "call"
    return "arrive" if alert.state == "responding" else "resolve"


def cards(severity: str) -> list[Outcome]:
    """The outcomes to choose from: six for people, five for devices. Pure."""
    return list(outcomes_for(severity))
