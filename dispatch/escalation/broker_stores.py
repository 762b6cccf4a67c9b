"""Warn by a technical alert while a broker's store is half full: a service is away, or a session was forgotten."""

import datetime as dt
import uuid
from typing import Any

import psycopg

from dispatch.alerts import lifecycle
from dispatch.alerts.platform import platform_household
from vocabulary.alert_state import OPEN

RULE = "broker_queue"
FULL, EMPTY = 0.5, 0.4
"""Shares of the bound at which the alert is raised and cleared."""
_SPACE = uuid.UUID("0f3f0f0e-9d55-4a6c-b1b4-2f0a9f7f3c11")


def record(conn: psycopg.Connection[Any], now: dt.datetime) -> int:
    """Raise an alert for each store that is newly half full, and clear those that are not any more; gives the number of
    new ones. One transaction; of several processes each alert is new for one."""
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (RULE,))
        running = {
            subject: number
            for number, subject in conn.execute(
                "SELECT id, subject FROM alert WHERE rule = %s AND state = ANY(%s)", (RULE, list(OPEN))
            ).fetchall()
        }
        new = 0
        for broker, filled, bound in conn.execute("SELECT broker, bytes, bound FROM broker_store").fetchall():
            share, subject = filled / bound, f"broker:{broker}"
            if share < EMPTY and subject in running:
                lifecycle.follow_up(conn, running[subject], "clear", now, "积压已消除", "no longer half full")
            elif share >= FULL and subject not in running:
                new += _raise(conn, broker, share, now)
        return new


def _raise(conn: psycopg.Connection[Any], broker: str, share: float, now: dt.datetime) -> bool:
    household_id = platform_household(conn)
    if household_id is None:
        return False
    alert = lifecycle.NewAlert(
        id=uuid.uuid5(_SPACE, f"{broker} {now.isoformat()}"),
        rule=RULE,
        rule_version=1,
        severity="technical",
        subject=f"broker:{broker}",
        household_id=household_id,
        resident_id=None,
        onset=now,
        sensed_at=now,
        received_at=now,
        raised_at=now,
        reason_zh=f"消息服务器 {broker} 的积压已达上限的 {share:.0%}：有服务停止读取，或有停用的会话未清除",
        reason_en=(
            f"The store of broker {broker} is {share:.0%} full: a service does not read, or a session of one that"
            " is gone was not ended"
        ),
        evidence={"kind": "queue", "broker": broker, "share": share},
    )
    return lifecycle.raise_alert(conn, alert)
