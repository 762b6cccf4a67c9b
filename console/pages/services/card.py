"""The card of services at home on a resident's page of care."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_services.home_services.orders import store
from console.pages.care.card import Card
from vocabulary.times import SHANGHAI


def card(conn: Connection[Any], account: Account, resident: dict[str, Any], now: dt.datetime) -> Card | None:
    """The next visit, the last one, and how many plans run; None for an account that may not see them."""
    if not may_do(account, Action.VIEW_CARE):
        return None
    near = store.of_resident(conn, resident["id"], now - dt.timedelta(days=30), now + dt.timedelta(days=14))
    row = conn.execute(
        "SELECT count(*) FROM service_plan WHERE resident_id = %s AND state = 'active'", (resident["id"],)
    ).fetchone()
    lines: list[tuple[str, str]] = []
    if row is not None and row[0]:
        lines.append((f"{row[0]} 项服务计划在执行", f"{row[0]} service plans run"))
    ahead = next((one for one in near if one.state in ("planned", "assigned") and one.planned_start > now), None)
    if ahead is not None:
        clock = ahead.planned_start.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
        lines.append((f"下次：{clock} {ahead.service_zh}", f"Next: {clock} {ahead.service_en}"))
    done = next((one for one in reversed(near) if one.checked_out_at is not None), None)
    if done is not None:
        clock = done.planned_start.astimezone(SHANGHAI).strftime("%m-%d")
        lines.append((f"上次：{clock} {done.service_zh}", f"Last: {clock} {done.service_en}"))
    missed = sum(one.state == "missed" for one in near)
    if missed:
        lines.append((f"近 30 天有 {missed} 次未上门", f"{missed} missed in the last 30 days"))
    address = f"/care/residents/{resident['code']}/services"
    return Card(zh="上门服务", en="Services at home", address=address, lines=tuple(lines))
