"""Visits to which nobody came: the station hears of it once, and that it is over when the carer checks in late."""

import datetime as dt
import uuid
from typing import Any

from psycopg import Connection

from care_services.core import rule_book
from care_services.core.rules import Ruling
from care_services.home_services.catalogue.subsidy import facts_of
from care_services.home_services.orders import store
from care_services.home_services.orders.store import SYSTEM, Order
from care_services.home_services.visits.waiting import SUBJECT, minutes_of
from care_services.rounds.outside import CareAlert, Outside
from vocabulary.times import SHANGHAI

RULE = "visit_missed"
TITLE = ("护理员未按时上门", "carer has not come")
NAMESPACE = uuid.UUID("3c5be1a6-0c0f-5f39-9c0c-51c9d8a0a7e2")
"""Namespace of the alerts' ids (UUIDv5): one a visit and planned time."""
OLDEST = dt.timedelta(hours=12)
"""A visit of longer ago is noted as missed, without an alert: it would be news of yesterday."""
BATCH = 500


def look(conn: Connection[Any], now: dt.datetime, outside: Outside) -> int:
    """Open an alert for each visit that nobody has begun in time, and end those that are over; how many of both."""
    return _end(conn, now, outside) + _open(conn, now, outside)


def _open(conn: Connection[Any], now: dt.datetime, outside: Outside) -> int:
    rules = rule_book.current(conn, SUBJECT, now.astimezone(SHANGHAI).date())
    soonest = min((int(rule.then["after_minutes"]) for rule in rules.rules), default=30)
    due = store.select(
        conn,
        " WHERE o.state IN ('planned', 'assigned') AND o.missed_at IS NULL AND o.planned_start <= %(until)s"
        " AND o.planned_start > %(since)s ORDER BY o.planned_start, o.id LIMIT %(batch)s",
        {"until": now - dt.timedelta(minutes=soonest), "since": now - OLDEST, "batch": BATCH},
    )
    if not due:
        return 0
    facts = facts_of(conn, {order.resident_id for order in due}, now.astimezone(SHANGHAI).date())
    opened = 0
    for order in due:
        ruling = rules.decide({**facts.get(order.resident_id, {}), "service": order.service, "work": order.work})
        limit = minutes_of(ruling, rules)
        if now - order.planned_start >= dt.timedelta(minutes=limit):
            opened += _tell(conn, order, ruling, limit, now, outside)
    return opened


def _tell(
    conn: Connection[Any], seen: Order, ruling: Ruling, limit: int, now: dt.datetime, outside: Outside
) -> bool:  # fmt: skip
    with conn.transaction():
        locked = store.select(conn, " WHERE o.id = %(id)s FOR UPDATE OF o SKIP LOCKED", {"id": seen.id})
        if not locked or locked[0].version != seen.version:
            return False  # somebody is at it, and the next turn looks again
        order = locked[0]
        clock = order.planned_start.astimezone(SHANGHAI).strftime("%H:%M")
        who_zh, who_en = order.staff_zh or "未安排人员", order.staff_en or "nobody was named"
        key = uuid.uuid5(NAMESPACE, f"{RULE}|{order.id}|{round(order.planned_start.timestamp())}")
        alert = CareAlert(
            key=key, rule=RULE, severity="attention", household_id=order.household_id, resident_id=order.resident_id,
            subject=f"resident:{order.resident_code}", onset=order.planned_start, at=now, title=TITLE,
            reason=(
                f"{clock} 的{order.service_zh}超过 {limit} 分钟无人签到（{order.provider_zh}，{who_zh}），"
                "请联系护理员，并确认老人是否平安",
                f"{order.service_en} of {clock}: nobody has checked in after {limit} min ({order.provider_en},"
                f" {who_en}); reach the carer, and make sure that the resident is well",
            ),
            service=order.work,
            evidence={
                "kind": RULE, "visit": order.id, "service": order.service_zh, "provider": order.provider_zh,
                "carer": order.staff_zh, "planned": order.planned_start.isoformat(), "after_minutes": limit,
                "by_rule": ruling.rule.code if ruling.rule else None,
            },
        )  # fmt: skip
        outside.open_alert(conn, alert)
        store.change(conn, order, "tell_missing", SYSTEM, now, detail={"alert": str(key), "after_minutes": limit},
                     columns={"missed_at": now, "missed_alert": key})  # fmt: skip
    return True


def _end(conn: Connection[Any], now: dt.datetime, outside: Outside) -> int:
    """End the alerts of visits that have begun, were moved, cancelled or refused; of those noted as missed only words
    are added: a person has to close them."""
    over = conn.execute(
        "SELECT id, missed_alert, state, missed_at, checked_in_at FROM service_order WHERE missed_alert IS NOT NULL"
        " AND (state NOT IN ('planned', 'assigned') OR missed_at IS NULL) ORDER BY id LIMIT %s",
        (BATCH,),
    ).fetchall()
    for order_id, key, state, missed_at, checked_in_at in over:
        with conn.transaction():
            taken = conn.execute(
                "UPDATE service_order SET missed_alert = NULL WHERE id = %s AND missed_alert = %s", (order_id, key)
            )
            if not taken.rowcount:
                continue
            if checked_in_at is not None:
                clock = checked_in_at.astimezone(SHANGHAI).strftime("%H:%M")
                outside.end_alert(conn, key, now, (f"护理员已于 {clock} 签到", f"the carer checked in at {clock}"))
            elif state == "missed":
                outside.note_alert(conn, key, now, ("该次服务已记为未上门", "the visit was noted as missed"))
            elif missed_at is None:
                outside.end_alert(conn, key, now, ("该次服务已改期", "the visit was moved"))
            elif state == "cancelled":
                outside.end_alert(conn, key, now, ("该次服务已取消", "the visit was cancelled"))
            else:
                outside.end_alert(
                    conn, key, now, ("护理员已到门口，未能入户", "the carer was at the door, and not let in")
                )
    return len(over)


def close_past(conn: Connection[Any], now: dt.datetime, _outside: Outside) -> int:
    """Note visits as missed that nobody has begun within twelve hours; how many."""
    past = store.select(
        conn,
        " WHERE o.state IN ('planned', 'assigned') AND o.planned_start <= %(until)s ORDER BY o.planned_start"
        " LIMIT %(batch)s",
        {"until": now - OLDEST, "batch": BATCH},
    )
    done = 0
    for order in past:
        with conn.transaction():
            locked = store.select(conn, " WHERE o.id = %(id)s FOR UPDATE OF o SKIP LOCKED", {"id": order.id})
            if locked and locked[0].version == order.version:
                store.change(conn, locked[0], "miss", SYSTEM, now, note="超过 12 小时无人签到")
                done += 1
    return done
