"""The services of the demonstration's beds: plans, a suspension that stops them, money to be reclaimed."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_services.core.facts import facts_of
from care_services.grants import store
from care_services.grants.settling import month_of, next_month
from vocabulary.times import SHANGHAI

_MORE = (
    ("visit", "wellness_check", "上门探视", "visit", 30, 3_000),
    ("rehab", "rehabilitation", "居家康复训练", "exercises at home", 45, 12_000),
)
"""Code, work, Chinese, English, minutes, price in fen."""
_ACTOR, _BOSS = "何站长", "梁主任"


def fill(conn: Connection[Any], now: dt.datetime) -> None:
    """Make plans of residents with a bed the bed's own, where no bed has any; stop what a suspension stops."""
    if conn.execute("SELECT FROM home_bed_service UNION ALL SELECT FROM grant_pause LIMIT 1").fetchone() is not None:
        return
    _offer(conn, now)
    conn.execute(
        """
        INSERT INTO home_bed_service (bed_id, contract_id, work, weekly, plan_id, made_at, made_by)
        SELECT DISTINCT ON (b.id, s.work) b.id, c.id, s.work, cardinality(p.weekdays), p.id, c.signed_at, %s
        FROM home_bed b JOIN home_bed_contract c ON c.bed_id = b.id JOIN service_plan p ON p.resident_id = b.resident_id
        JOIN care_service s ON s.code = p.service
        WHERE b.state IN ('in_service', 'suspended') AND p.state = 'active' ORDER BY b.id, s.work, p.id, c.id DESC
        """,
        (_BOSS,),
    )
    conn.execute(
        "UPDATE service_plan p SET last_day = b.contract_until FROM home_bed_service s"
        " JOIN home_bed b ON b.id = s.bed_id"
        " WHERE p.id = s.plan_id AND p.last_day IS NULL AND b.contract_until >= p.first_day"
    )
    _suspend(conn, now)
    _closed(conn, now)


def _offer(conn: Connection[Any], now: dt.datetime) -> None:
    """Let the teams of the beds offer what plans of assessments ask for beside the catalogue of services at home."""
    for code, work, zh, en, minutes, price in _MORE:
        conn.execute(
            "INSERT INTO care_service (code, work, name_zh, name_en, unit, minutes)"
            " VALUES (%s, %s, %s, %s, 'visit', %s) ON CONFLICT DO NOTHING",
            (code, work, zh, en, minutes),
        )
        conn.execute(
            "INSERT INTO service_price (service, organisation_id, valid_from, price_fen, actor, at)"
            " SELECT %(code)s, o.id, %(from)s, %(price)s, %(by)s, %(now)s FROM organisation o"
            " WHERE o.kind = 'home_care_bed_team' AND o.active AND NOT EXISTS (SELECT FROM service_price p"
            " WHERE p.service = %(code)s AND p.organisation_id = o.id)",
            {
                "code": code, "from": now.astimezone(SHANGHAI).date() - dt.timedelta(days=90), "price": price,
                "by": _BOSS, "now": now,
            },
        )  # fmt: skip


def _suspend(conn: Connection[Any], now: dt.datetime) -> None:
    """Stop the plans, the visits ahead and the grant of every bed that is suspended, as the step itself does."""
    for bed, since in conn.execute("SELECT id, state_since FROM home_bed WHERE state = 'suspended'").fetchall():
        day = since.astimezone(SHANGHAI).date()
        plans = [
            row[0]
            for row in conn.execute(
                "UPDATE service_plan SET state = 'paused', made_until = NULL FROM home_bed_service s"
                " WHERE s.plan_id = service_plan.id AND s.bed_id = %s AND state = 'active' RETURNING service_plan.id",
                (bed,),
            )
        ]
        conn.execute(
            """
            WITH stopped AS (
                UPDATE service_order SET state = 'cancelled' WHERE plan_id = ANY(%(plans)s) AND planned_start > %(now)s
                  AND state IN ('planned', 'assigned') RETURNING id
            ) INSERT INTO service_order_event (order_id, at, action, to_state, actor, note, detail)
            SELECT id, %(since)s, 'cancel', 'cancelled', %(actor)s, '服务计划已变更', '{"by": "plan"}' FROM stopped
            """,
            {"plans": plans, "now": now, "since": since, "actor": _ACTOR},
        )
        grants = [
            row[0]
            for row in conn.execute(
                "INSERT INTO grant_pause (application_id, bed_id, why, from_on, at, actor)"
                " SELECT g.id, b.id, 'suspended', %s, %s, %s FROM home_bed b JOIN grant_application g"
                " ON g.resident_id = b.resident_id AND g.kind = 'bed_operation' AND g.state = 'approved'"
                " WHERE b.id = %s RETURNING application_id",
                (day, since, _ACTOR, bed),
            )
        ]
        conn.execute(
            "UPDATE home_bed_step SET detail = detail || jsonb_build_object('from', %s::text, 'plans', %s::integer[],"
            " 'grants', %s::integer[]) WHERE bed_id = %s AND step = 'suspend'",
            (str(day), plans, grants, bed),
        )


def _closed(conn: Connection[Any], now: dt.datetime) -> None:
    """A bed that was closed after its last month had been settled in full: the rest of the month is to be reclaimed."""
    row = conn.execute(
        "SELECT b.id, b.resident_id, b.state_since FROM home_bed b WHERE b.state = 'closed' ORDER BY b.id LIMIT 1"
    ).fetchone()
    if row is None:
        return
    bed, resident, closed = row
    day = closed.astimezone(SHANGHAI).date()
    month = month_of(day)
    at = closed - dt.timedelta(days=70)
    facts = facts_of(conn, [resident], day).get(resident, {}) | {"home_care_bed": True, "ability_grade": "moderate"}
    number = store.insert(conn, "bed_operation", resident, "女儿", at, {})
    assert number is not None  # noqa: S101 - they have no bed, so nobody has applied for it
    store.change(conn, number, {
        "bed_id": bed, "facts": facts, "state": "approved", "settled_by": "rules", "rule": "moderate",
        "rule_version": 0,
        "reason_zh": "中度失能，每月 250 元：每月 250.00 元", "reason_en": "moderately impaired: 250.00 yuan a month",
        "amount_fen": 25_000, "per": "month", "pays_from": month_of(month - dt.timedelta(days=1)),
        "pays_until": next_month(month), "decided_at": at, "due_at": None,
    })  # fmt: skip
    conn.execute(
        "INSERT INTO grant_pause (application_id, bed_id, why, from_on, at, actor)"
        " VALUES (%s, %s, 'closed', %s, %s, %s)",
        (number, bed, day, closed, _ACTOR),
    )
    conn.execute(
        "INSERT INTO grant_step (application_id, at, step, to_state, actor, origin, reason) VALUES"
        " (%(id)s, %(at)s, 'apply', 'waiting', %(actor)s, 'demo', ''),"
        " (%(id)s, %(at)s, 'settle', 'approved', %(rules)s, 'demo', '中度失能，每月 250 元：每月 250.00 元'),"
        " (%(id)s, %(closed)s, 'end', 'approved', %(actor)s, 'demo', '随子女迁往外地，床位终止')",
        {"id": number, "at": at, "closed": closed, "actor": _ACTOR, "rules": store.RULES_ACTOR},
    )
    conn.execute(
        "INSERT INTO grant_payment (month, application_id, resident_id, amount_fen, settled_at, settled_by)"
        " VALUES (%s, %s, %s, 25000, %s, %s)",
        (month, number, resident, min(now, closed), _BOSS),
    )
