"""The card of the time bank on a resident's page of care: minutes, help to come, and who came last."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_services.time_bank import books, holders
from care_services.time_bank.kinds import KINDS, hours
from console.pages.care.card import Card
from vocabulary.times import SHANGHAI


def card(conn: Connection[Any], account: Account, resident: dict[str, Any], now: dt.datetime) -> Card | None:
    """Minutes of the resident, the next help, how much is to be confirmed. The page's loader has looked at them."""
    if not may_do(account, Action.VIEW_CARE):
        return None
    holder = holders.find(conn, account, "resident", resident["code"])
    there = sum(lot.minutes for lot in books.lots_of(conn, holder))
    lines = [(f"时间余额 {hours(there)} 小时", f"{hours(there)} hours in the account")] if holder.account_id else []
    row = conn.execute(
        "SELECT kind, wanted_from, state FROM time_request WHERE resident_id = %s AND closed_at IS NULL"
        " AND wanted_from >= %s AND state IN ('open', 'offered', 'accepted') ORDER BY wanted_from LIMIT 1",
        (resident["id"], now),
    ).fetchone()
    if row is not None and row[0] in KINDS:
        at = row[1].astimezone(SHANGHAI)
        promised = row[2] == "accepted"
        lines.append((
            f"{at:%m-%d %H:%M} {KINDS[row[0]].zh}{'' if promised else '（尚无志愿者）'}",
            f"{KINDS[row[0]].en} on {at:%m-%d %H:%M}{'' if promised else ' (nobody yet)'}",
        ))  # fmt: skip
    counted = conn.execute(
        "SELECT count(*) FILTER (WHERE state IN ('done', 'disputed')), count(*) FILTER (WHERE state = 'confirmed'"
        " AND wanted_from > %s) FROM time_request WHERE resident_id = %s",
        (now - dt.timedelta(days=90), resident["id"]),
    ).fetchone()
    if counted is not None and counted[1]:
        lines.append((f"近 90 天获得互助 {counted[1]} 次", f"helped {counted[1]} times in 90 days"))
    if counted is not None and counted[0]:
        lines.append((f"待确认时长 {counted[0]} 次", f"{counted[0]} to be confirmed"))
    near = conn.execute(
        "SELECT count(*), max(wanted_from) FROM time_request WHERE resident_id = %s AND kind = 'alarm'"
        " AND state = 'confirmed' AND wanted_from > %s",
        (resident["id"], now - dt.timedelta(days=90)),
    ).fetchone()
    if near is not None and near[0]:
        at = near[1].astimezone(SHANGHAI)
        lines.append((
            f"近 90 天邻里应急 {near[0]} 次，最近 {at:%m-%d %H:%M}",
            f"a neighbour answered an alarm {near[0]} times in 90 days, last on {at:%m-%d %H:%M}",
        ))  # fmt: skip
    address = f"/care/time-bank/statement/resident/{resident['code']}"
    return Card(zh="时间银行", en="Time bank", address=address, lines=tuple(lines))
