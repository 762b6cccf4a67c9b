"""Warn by a technical alert of a certificate with which too many sessions were opened at a broker."""

from typing import Any

import msgspec
import psycopg
import structlog

from dispatch.alerts.platform import follow_up, raise_once
from vocabulary.alert_state import OPEN
from vocabulary.rule_words import KEY, RuleWords

log = structlog.get_logger(__name__)

RULE = "broker_sessions"
WORDS = RuleWords(zh="连接过多", en="Too many sessions", outside_zh="连接过多", outside_en="Too many sessions")
OVER = "10 minutes"
"""After so long without a finding the alert is cleared. A finding itself stands for an hour after the last session."""


def watch(conn: psycopg.Connection[Any]) -> None:
    """Raise an alert for each identity that opens too many sessions now, and clear those that do not any more."""
    found = {
        f"sessions:{identity}": (identity, seen, home)
        for identity, seen, home in conn.execute(
            f"""
            SELECT e.identity, sum(e.seen)::integer, min(h.code)
            FROM session_excess e LEFT JOIN gateway g ON g.name = e.identity
                LEFT JOIN household h ON h.id = g.household_id AND NOT h.synthetic
            WHERE e.last_at > now() - INTERVAL '{OVER}' GROUP BY e.identity
            """  # noqa: S608 - the constant above
        ).fetchall()
    }
    running = {
        row[0]
        for row in conn.execute("SELECT subject FROM alert WHERE rule = %s AND state = ANY(%s)", (RULE, list(OPEN)))
    }
    for subject in running - found.keys():
        follow_up(conn, RULE, subject, "clear", ("一小时内没有新的多余会话", "no further sessions for an hour"))
    for subject in found.keys() - running:
        identity, seen, home = found[subject]
        evidence = {KEY: msgspec.to_builtins(WORDS), "identity": identity, "sessions": seen}
        if raise_once(conn, RULE, subject, _reason(identity, seen, home), evidence):
            log.error("too many sessions of one certificate", identity=identity, sessions=seen)


def _reason(identity: str, seen: int, home: str | None) -> tuple[str, str]:
    if identity.startswith("svc-"):
        return (
            f"服务 {identity} 同时有 {seen} 个连接，远超所需：请核实，证书可能被盗用",
            f"Service {identity} has {seen} connections at once, far more than it needs: was its certificate stolen?",
        )
    if identity.startswith("address "):
        return (
            f"来自 {identity.removeprefix('address ')} 的设备以过长的客户端标识打开了 {seen} 个会话，"
            "消息服务器不报其名：请核实该线路的网关",
            f"Somebody at {identity} opened {seen} sessions whose client ids are too long for the broker to tell whose"
            " they are: look at the gateways behind this line",
        )
    return (
        f"网关 {identity}（住户 {home or '未登记'}）的证书在一小时内打开了 {seen} 个会话，多余的已结束："
        f"证书可能被盗用或设备有故障；请核实，必要时执行 shouwang gateways revoke {identity}",
        f"The certificate of gateway {identity} (home {home or 'not registered'}) opened {seen} sessions within an"
        " hour; those beyond its bound were ended. It may be stolen, or the device faulty: find out, and if need be"
        f" run 'shouwang gateways revoke {identity}'",
    )
