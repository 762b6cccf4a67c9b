"""Things that people still have to do when somebody is gone: devices to bring back, loans, hours, sums paid too much.

Each line is read from the records at that moment and is done when the records say so; nothing is ticked here.
"""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_services.core.money import in_yuan
from care_services.registers.following import Terms
from vocabulary.times import local_day


class Task(msgspec.Struct, frozen=True):
    """A thing to do. ``n``: how many; ``address``: the page on which it is done."""

    code: str
    n: int
    zh: str
    en: str
    address: str


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A device in a home in which nobody lives any more, or that somebody wore who is gone."""

    device: str
    gateway: str
    model: str
    room: str
    heard_at: dt.datetime | None
    resident: str
    name_zh: str
    name_en: str
    gone: str
    gone_on: dt.date
    area_zh: str
    area_en: str
    address_zh: str
    address_en: str
    empty: bool
    """Nobody lives in the home any more."""

    @property
    def heard_after(self) -> bool:
        """Whether it was heard on a later day than that on which the person is said to have gone."""
        return self.heard_at is not None and local_day(self.heard_at) > self.gone_on + dt.timedelta(days=1)


_EMPTY: LiteralString = "NOT EXISTS (SELECT FROM resident o WHERE o.household_id = r.household_id AND o.gone IS NULL)"
_LEFT: LiteralString = f"""
    SELECT d.name AS device, g.name AS gateway, d.model, d.room, n.heard_at, r.code AS resident, r.name_zh, r.name_en,
           r.gone, r.gone_on, a.name_zh AS area_zh, a.name_en AS area_en, h.address_zh, h.address_en, {_EMPTY} AS empty
    FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic
    JOIN area a ON a.id = h.area_id AND a.path <@ %(under)s::text::ltree
    JOIN gateway g ON g.household_id = h.id
    JOIN device d ON d.gateway_id = g.id AND d.retired_at IS NULL
                 AND (d.resident_id = r.id OR d.resident_id IS NULL AND {_EMPTY}
                      AND r.id = (SELECT o.id FROM resident o WHERE o.household_id = r.household_id
                                  ORDER BY o.gone_on DESC, o.id LIMIT 1))
    LEFT JOIN device_now n ON n.device_id = d.id
    WHERE r.gone IS NOT NULL
"""  # noqa: S608 - of constants
_COUNTS: LiteralString = f"""
    SELECT (SELECT count(*) FROM ({_LEFT} AND r.id = %(who)s) d),
           (SELECT count(*) FROM equipment_loan l WHERE l.resident_id = %(who)s AND l.returned_at IS NULL),
           (SELECT count(*) FROM alert e WHERE e.resident_id = %(who)s AND alert_is_open(e.state)),
           (SELECT count(*) FROM work_order o WHERE o.resident_id = %(who)s AND o.alert_id IS NULL
                                                AND o.state NOT IN ('done', 'cancelled', 'failed')),
           (SELECT count(*) FROM time_request q WHERE q.resident_id = %(who)s AND q.paid_by = 'hours'
                                                  AND q.state IN ('open', 'offered', 'accepted')),
           (SELECT coalesce(sum(e.minutes), 0) FROM time_entry e JOIN time_account t ON t.id = e.account_id
            WHERE t.resident_id = %(who)s)
"""  # noqa: S608 - of constants


def of_resident(
    conn: Connection[Any], account: Account, resident: int, code: str, terms: Terms, written: dt.date, too_much: int
) -> list[Task]:
    """List what is still to be done about somebody who is gone (or would be), as the viewer may see it.

    ``too_much``: what was settled of grants beyond what is due, in fen.
    """
    row = conn.execute(_COUNTS, {"who": resident, "under": account.area_path or ""}).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    devices, loans, alerts, orders, paid, minutes = row
    claim = written + dt.timedelta(days=terms.hours_days)
    hours = {
        "heirs": (
            f"由继承人于 {claim} 前认领（赠与亲属，核对证明）",
            f"heirs claim them by {claim} (a gift to a relative, with a proof)",
        ),
        "community": ("转入互助池", "they go into the community's pool"),
        "keep": ("保留在其账户", "they stay in the person's account"),
    }[terms.hours]
    yuan = in_yuan(too_much)
    bank = "/care/timebank"
    found = [
        Task("devices", devices, f"{devices} 台设备待取回并停用",
             f"{devices} devices to be brought back and taken out of use", "/care/left/devices"),
        Task("loans", loans, f"{loans} 件借用器具待归还", f"{loans} lent pieces of equipment to come back",
             "/care/equipment"),
        Task("alerts", alerts, f"{alerts} 条未结束的预警待人工办结",
             f"{alerts} open alerts to be closed by a person", "/"),
        Task("orders", orders, f"{orders} 张计划工单待取消",
             f"{orders} planned work orders to be cancelled", "/orders"),
        Task("paid", paid, f"{paid} 个以时间支付的求助待取消，时间退回",
             f"{paid} requests paid in hours to be cancelled, the hours come back", f"{bank}/requests"),
        Task("hours", minutes, f"时间银行余额 {minutes} 分钟：{hours[0]}",
             f"{minutes} minutes in the time bank: {hours[1]}", f"{bank}/statement/resident/{code}"),
        Task("too_much", too_much, f"已多发补贴 {yuan} 元，待追回",
             f"{yuan} yuan of grants were paid too much, to be claimed back", "/care/grants/reclaim"),
    ]  # fmt: skip
    return [one for one in found if one.n > 0]


def devices(conn: Connection[Any], account: Account, *, at: dt.datetime, origin: str = "") -> list[Left]:
    """Devices to be brought back in the account's area, those that are still heard first; 300 at most."""
    require(account, Action.MANAGE_REGISTERS)
    with conn.cursor(row_factory=class_row(Left)) as cursor:
        rows = cursor.execute(
            _LEFT + " ORDER BY n.heard_at DESC NULLS LAST, r.id, d.id LIMIT 300", {"under": account.area_path or ""}
        ).fetchall()
    audit(conn, account, "view_left_devices", at=at, origin=origin, detail={"n": len(rows)})
    return rows
