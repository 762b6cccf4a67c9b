"""Move work orders on without a person: silence, people coming free, alerts that ended, targets that are missed.

Nothing is kept in memory: deadlines are a column. Each order is taken further in a transaction of its own, and only if
it is still at the version that was read; so a worker that is killed loses nothing and repeats nothing, and of two
workers one does each step.
"""

import datetime as dt
import threading
from itertools import groupby
from typing import Any

import msgspec
import psycopg
import structlog

from care_network.matching.matching import assign
from database.pool import connect_options
from database.settings import DatabaseSettings
from dispatch.alerts import lookup, reopening
from dispatch.core.faults import traceback_summary
from dispatch.core.history import SYSTEM
from dispatch.orders import store
from dispatch.orders.assigning import offer
from dispatch.orders.people import Crews, jobs_of
from dispatch.orders.states import OrderChanged
from dispatch.orders.store import Order
from dispatch.sla.report import note_breaches
from observability import metrics
from observability.liveness import Liveness
from vocabulary.alert_state import OPEN

log = structlog.get_logger(__name__)
BATCH = 200
EVERY_S = 1.0
AFTER_TROUBLE_S = 5.0


class SweepCounts(msgspec.Struct, frozen=True):
    """Numbers of one sweep. ``oldest_s``: seconds that the most overdue order had waited."""

    expired: int = 0
    offered: int = 0
    unmatched: int = 0
    cancelled: int = 0
    breaches: int = 0
    oldest_s: float = 0.0


def sweep(conn: psycopg.Connection[Any], crews: Crews, now: dt.datetime) -> SweepCounts:
    """Sweep once. ``conn``: in autocommit, not in a transaction."""
    cancelled = _cancel_ended(conn, now)
    due = store.due(conn, now, BATCH)
    waits = [(now - order.next_at).total_seconds() for order in due if order.next_at is not None]
    counts = {"expired": 0, "offered": 0, "unmatched": 0}

    def wanted_at(order: Order) -> dt.datetime:
        return max(order.due_at, now)

    # Orders for the same time are matched together: the best for all, not the best for the first.
    for moment, orders in groupby(sorted(due, key=wanted_at), wanted_at):
        together = list(orders)
        plan = assign(crews.crew(conn, moment, now), jobs_of(conn, together, now))
        for order in together:
            chosen = plan.get(str(order.id))
            _next(conn, crews, order, chosen.code if chosen else None, now, counts)
    return SweepCounts(
        **counts, cancelled=cancelled, breaches=note_breaches(conn, now), oldest_s=max(waits, default=0.0)
    )


def _next(
    conn: psycopg.Connection[Any],
    crews: Crews,
    order: Order,
    first: str | None,
    now: dt.datetime,
    counts: dict[str, int],
) -> None:
    try:
        with conn.transaction():
            claimed = store.lock(conn, order.id)
            if claimed.version != order.version or claimed.next_at != order.next_at:
                return  # somebody answered, or another worker was first
            if claimed.alert_id is not None and not lookup.is_open(conn, claimed.alert_id):
                return  # it was closed just now
            expired = claimed.state == "offered"
            if expired:
                claimed = store.change(conn, claimed, "expire", SYSTEM, now)
            after = offer(conn, crews, claimed, now, first=first)
    except OrderChanged:
        return
    counts["expired"] += expired
    counts["offered" if after.state == "offered" else "unmatched"] += 1


def _cancel_ended(conn: psycopg.Connection[Any], now: dt.datetime) -> int:
    """Cancel unanswered orders of alerts that are over; a person who has accepted decides at the door.

    While whoever closed an alert can still take that back, its orders rest: nobody else is asked, and they go on.
    """
    ended = conn.execute(
        "SELECT o.id FROM work_order o JOIN alert a ON a.id = o.alert_id"
        " WHERE o.state IN ('open', 'offered') AND NOT a.state = ANY (%s)"
        " AND (a.state <> 'resolved' OR a.closed_at < %s)",
        (list(OPEN), now - reopening.UNDO_WITHIN - reopening.LATE),
    ).fetchall()
    done = 0
    for (order_id,) in ended:
        with conn.transaction():
            order = store.lock(conn, order_id)
            over = order.alert_id is not None and not lookup.is_open(conn, order.alert_id)
            if over and order.state in ("open", "offered"):
                store.change(conn, order, "cancel", SYSTEM, now, note="预警已结束")
                done += 1
    return done


def run(database: DatabaseSettings, stop: threading.Event, liveness: Liveness | None = None) -> None:
    """Sweep every second until ``stop``; a database that is away is tried again."""
    part = (liveness or Liveness()).part("orders")
    crews = Crews()
    log.info("work orders: sweeping", every_s=EVERY_S)
    while not stop.is_set():
        try:
            with psycopg.connect(database.url, autocommit=True, **connect_options(database, "orders")) as conn:
                while not stop.wait(EVERY_S):
                    counts = sweep(conn, crews, _clock(conn))
                    part.turned()
                    for outcome in ("expired", "offered", "unmatched", "cancelled", "breaches"):
                        metrics.orders_swept.labels(outcome).inc(getattr(counts, outcome))
                    metrics.order_oldest.set(counts.oldest_s)
                    if counts.offered or counts.expired or counts.unmatched or counts.cancelled:
                        log.info("work orders swept", **msgspec.structs.asdict(counts))
        except psycopg.Error as error:  # away, a standby after a fail-over, amid a migration
            part.held_up(f"the database takes nothing: {error}")
            log.warning("work orders: the database takes nothing", error=str(error).strip())
            stop.wait(AFTER_TROUBLE_S)
        except Exception as error:  # one faulty order must not stop the others
            part.held_up(f"sweeping stumbled: {type(error).__name__}")
            log.error("work orders: sweeping stumbled", fault=type(error).__name__, where=traceback_summary(error))
            stop.wait(AFTER_TROUBLE_S)
    log.info("work orders: stopped")


def _clock(conn: psycopg.Connection[Any]) -> dt.datetime:
    """The database's time: a machine whose clock is wrong lets no order expire too early or too late."""
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    moment: dt.datetime = row[0]
    return moment
