"""Bring the orders ahead into line with a plan that has changed: cancelled, brought back, or with another person."""

from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from care_services.core.acting import Acting
from care_services.home_services.catalogue import subsidy
from care_services.home_services.catalogue.catalogue import amount, offers
from care_services.home_services.orders import store
from care_services.home_services.orders.states import Step
from care_services.home_services.orders.store import Order
from care_services.home_services.plans.making import AHEAD_DAYS
from care_services.home_services.plans.recurrence import DAY, Recurrence, slots
from vocabulary.times import SHANGHAI

BY_PLAN = {"by": "plan"}
"""The detail of a cancellation by the plan itself: only these come back with the plan."""


def bring_into_line(conn: Connection[Any], acting: Acting, plan_id: int) -> None:
    """Cancel the orders ahead that the plan no longer has, bring back those that it has again, change the others.

    Orders that somebody cancelled by themself stay cancelled. Part of the caller's transaction.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        plan = cursor.execute(
            "SELECT p.*, c.work, c.unit FROM service_plan p JOIN care_service c ON c.code = p.service WHERE p.id = %s",
            (plan_id,),
        ).fetchone()
    assert plan is not None  # noqa: S101 - the caller has just changed it
    rule = Recurrence(
        weekdays=tuple(plan["weekdays"]), times=tuple(plan["times"]), first_day=plan["first_day"],
        last_day=plan["last_day"], every_weeks=plan["every_weeks"],
    )  # fmt: skip
    wanted = set()
    if plan["state"] == "active":
        wanted = set(slots(rule, acting.today, acting.today + (AHEAD_DAYS + 1) * DAY))
    slot_of = dict(conn.execute(
        "SELECT id, plan_slot FROM service_order WHERE plan_id = %s AND planned_start > %s", (plan_id, acting.at)
    ).fetchall())  # fmt: skip
    by_plan = {
        row[0]
        for row in conn.execute(
            "SELECT DISTINCT ON (e.order_id) e.order_id, e.detail ->> 'by' = 'plan' AND e.action = 'cancel' AS its"
            " FROM service_order_event e WHERE e.order_id = ANY (%s) ORDER BY e.order_id, e.id DESC",
            (list(slot_of),),
        ).fetchall()
        if row[1]
    }
    ahead = store.select(
        conn, " WHERE o.plan_id = %(plan)s AND o.planned_start > %(now)s ORDER BY o.planned_start FOR UPDATE OF o",
        {"plan": plan_id, "now": acting.at},
    )  # fmt: skip
    who = store.doer(acting)
    for order in ahead:
        keep = slot_of[order.id] in wanted
        if order.state in ("planned", "assigned") and not keep:
            store.change(conn, order, "cancel", who, acting.at, note="服务计划已变更", detail=BY_PLAN)
        elif order.state in ("planned", "assigned"):
            _renew(conn, acting, order, plan)
        elif order.state == "cancelled" and keep and order.id in by_plan:
            _renew(conn, acting, store.change(conn, order, "reopen", who, acting.at, detail=BY_PLAN), plan)


def _renew(conn: Connection[Any], acting: Acting, order: Order, plan: dict[str, Any]) -> None:
    """Give an order the plan's provider, person, length and price, where they differ."""
    day = order.planned_start.astimezone(SHANGHAI).date()
    offer = next((one for one in offers(conn, day, plan["service"]) if one.organisation_id == plan["organisation_id"]),
                 None)  # fmt: skip
    price = offer.price_fen if offer else order.price_fen
    same = (order.service, order.organisation_id, order.staff_id, order.planned_minutes, order.price_fen) == (
        plan["service"], plan["organisation_id"], plan["staff_id"], plan["minutes"], price,
    )  # fmt: skip
    if same:
        return
    cost = amount(plan["unit"], price, plan["minutes"])
    share = subsidy.share_of(conn, order.resident_id, plan["service"], plan["work"], cost, day)
    columns = {
        "service": plan["service"], "organisation_id": plan["organisation_id"], "staff_id": plan["staff_id"],
        "planned_minutes": plan["minutes"], "unit": plan["unit"], "price_fen": price, "amount_fen": cost,
        "subsidy_fen": share.subsidy_fen, "own_fen": share.own_fen, "subsidy_rule": share.rule,
        "subsidy_open": share.open,
    }  # fmt: skip
    step: Step = "assign" if plan["staff_id"] is not None else "unassign" if order.state == "assigned" else "move"
    store.change(conn, order, step, store.doer(acting), acting.at, note="服务计划已变更", detail=BY_PLAN,
                 columns=columns)  # fmt: skip
