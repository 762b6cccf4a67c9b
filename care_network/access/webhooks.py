"""Webhooks of other systems: added, paused, removed; their deliveries, and those that were given up, sent again."""

import base64
import datetime as dt
import secrets
from collections.abc import Collection
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, in_area, require
from care_network.access.webhook_addresses import checked_address
from care_network.errors import NotFoundError, NotPermittedError, ProvisioningError

EVENTS: dict[str, tuple[str, str]] = {
    "alert.raised": ("新预警", "an alert is raised"),
    "alert.changed": ("预警状态变化", "its state changes"),
    "alert.closed": ("预警结束", "it is closed"),
}
"""In words, Chinese and English."""
GIVE_UP = dt.timedelta(hours=24)
MOST = 50
"""Webhooks of one system."""


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list; the secret is not in it."""

    id: int
    name: str
    login: str
    name_zh: str
    name_en: str
    url: str
    events: list[str]
    area_path: str
    created_at: dt.datetime
    paused_at: dt.datetime | None
    waiting: int
    parked: int
    """Deliveries that were given up after 24 hours and wait for somebody."""
    delivered_at: dt.datetime | None
    """Of the newest delivery; None: none yet."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, or a delivery that was not tried yet."""

    id: int
    message_id: str
    kind: str
    alert_id: str
    created_at: dt.datetime
    state: str
    attempts: int
    next_at: dt.datetime
    at: dt.datetime | None
    status: int | None
    ms: int | None
    error: str | None


_LIST: LiteralString = """
    SELECT w.id, w.name, a.login, a.name_zh, a.name_en, w.url, w.events, w.area_path::text AS area_path, w.created_at,
           w.paused_at,
           (SELECT count(*) FROM webhook_delivery d WHERE d.webhook_id = w.id AND d.state = 'waiting') AS waiting,
           (SELECT count(*) FROM webhook_delivery d WHERE d.webhook_id = w.id AND d.state = 'parked') AS parked,
           (SELECT max(d.done_at) FROM webhook_delivery d WHERE d.webhook_id = w.id AND d.state = 'delivered')
               AS delivered_at
    FROM webhook w JOIN account a ON a.id = w.account_id
    WHERE w.removed_at IS NULL AND w.area_path <@ %(area)s::text::ltree
      AND (%(login)s::text IS NULL OR a.login = %(login)s)
      AND (%(id)s::int IS NULL OR w.id = %(id)s) AND (%(after)s = 0 OR w.id < %(after)s)
    ORDER BY w.id DESC LIMIT %(limit)s
"""


def add(
    conn: Connection[Any], account: Account, login: str, name: str, url: str, events: Collection[str], area: str,
    *, at: dt.datetime, origin: str, local: bool = False,
) -> tuple[int, str]:  # fmt: skip
    """Add a webhook of the system ``login``; returns its number and the secret that signs, which is shown once.

    It is told what happens from now on. Raises NotPermittedError, NotFoundError, ProvisioningError with the field.
    """
    require(account, Action.MANAGE_MACHINES)
    name, url = clean(name), url.strip()
    if not 1 <= len(name) <= 80:
        raise ProvisioningError(
            en="name the webhook in 1 to 80 characters", zh="请填写名称，1 至 80 个字符", field="name"
        )
    checked_address(url, local=local)
    if not events or set(events) - set(EVENTS):
        raise ProvisioningError(en=f"choose of: {', '.join(EVENTS)}", zh="请至少选择一种事件", field="events")
    owner = conn.execute(
        "SELECT id, area_path::text FROM account WHERE login = %s AND role = 'machine' AND active", (clean(login),)
    ).fetchone()
    if owner is None or not in_area(account, owner[1]):
        raise NotFoundError(
            en=f"there is no other system {login!r} in your area: make its token first",
            zh=f"您的管辖范围内没有外部系统 {login}，请先创建令牌",
            field="login",
        )
    if not (area == owner[1] or area.startswith(f"{owner[1]}.")) or not in_area(account, area):
        raise NotPermittedError(
            en=f"the system is kept for {owner[1]}: choose that area or one below it",
            zh=f"该系统的区域是 {owner[1]}，请选择该区域或其下级",
            field="area",
        )
    if conn.execute("SELECT FROM area WHERE path = %s::text::ltree", (area,)).fetchone() is None:
        raise NotFoundError(en=f"there is no area {area}", zh=f"没有区域 {area}", field="area")
    row = conn.execute(
        "SELECT count(*) FROM webhook WHERE account_id = %s AND removed_at IS NULL", (owner[0],)
    ).fetchone()
    if row is not None and row[0] >= MOST:
        raise ProvisioningError(en=f"{login} has {MOST} webhooks", zh=f"{login} 已有 {MOST} 个推送", field="login")
    secret = secrets.token_bytes(32)
    with conn.transaction():
        made = conn.execute(
            """
            INSERT INTO webhook (account_id, name, url, secret, events, area_path, created_at, created_by, position)
            SELECT %s, %s, %s, %s, %s, %s::text::ltree, %s, %s, coalesce(max(position), 0) FROM sealed_entry
            RETURNING id
            """,
            (owner[0], name, url, secret, sorted(set(events)), area, at, account.id),
        ).fetchone()
        number = int(made[0]) if made else 0
        detail = {"login": login, "webhook": number, "url": url, "events": sorted(set(events)), "area": area}
        audit(conn, account, "add_webhook", at=at, origin=origin, detail=detail)
    return number, "whsec_" + base64.b64encode(secret).decode()


def listing(
    conn: Connection[Any], account: Account, *, login: str | None = None, after: int = 0, limit: int = 100
) -> list[Webhook]:
    """The webhooks below the account's area, newest first, from below the number ``after``."""
    require(account, Action.MANAGE_MACHINES)
    return _listed(conn, account.area_path, login, None, after, limit)


def own(conn: Connection[Any], account: Account) -> list[Webhook]:
    """The webhooks of a machine, for itself."""
    return _listed(conn, account.area_path, account.login, None, 0, MOST)


def set_paused(
    conn: Connection[Any], account: Account, number: int, *, paused: bool, at: dt.datetime, origin: str
) -> Webhook:
    """Let a webhook rest, or go on: what happened meanwhile is told then. Raises NotFoundError."""
    return _change(
        conn,
        account,
        number,
        "paused_at",
        at if paused else None,
        "pause_webhook" if paused else "resume_webhook",
        at,
        origin,
    )


def remove(conn: Connection[Any], account: Account, number: int, *, at: dt.datetime, origin: str) -> Webhook:
    """End a webhook: what still waits is told no more. Raises NotFoundError."""
    with conn.transaction():
        found = _change(conn, account, number, "removed_at", at, "remove_webhook", at, origin)
        conn.execute(
            "UPDATE webhook_delivery SET state = 'dropped', done_at = %s WHERE webhook_id = %s"
            " AND state IN ('waiting', 'parked')",
            (at, number),
        )
    return found


def deliveries(
    conn: Connection[Any], account: Account, number: int, *, after: int = 0, limit: int = 50
) -> list[Delivery]:
    """The newest deliveries of a webhook, each with its last attempt. Raises NotFoundError."""
    if not account_keeps(account):
        one(conn, account, number)
    elif not any(mine.id == number for mine in own(conn, account)):
        raise _missing(number)
    with conn.cursor(row_factory=class_row(Delivery)) as cursor:
        return cursor.execute(
            """
            SELECT d.id, d.message_id, d.kind, d.alert_id::text AS alert_id, d.created_at, d.state, d.attempts,
                   d.next_at, t.at, t.status, t.ms, t.error
            FROM webhook_delivery d LEFT JOIN LATERAL (
                SELECT at, status, ms, error FROM webhook_attempt WHERE delivery_id = d.id ORDER BY id DESC LIMIT 1
            ) t ON true
            WHERE d.webhook_id = %s AND (%s = 0 OR d.id < %s) ORDER BY d.id DESC LIMIT %s
            """,
            (number, after, after, limit),
        ).fetchall()


def account_keeps(account: Account) -> bool:
    """Whether the account is a machine, which looks at its own webhooks alone."""
    return account.role == "machine"


def resend(conn: Connection[Any], account: Account, number: int, *, at: dt.datetime, origin: str) -> int:
    """Send what was given up once more, in its order, for another 24 hours; returns how many. Raises NotFoundError."""
    require(account, Action.MANAGE_MACHINES)
    one(conn, account, number)
    with conn.transaction():
        again = conn.execute(
            "UPDATE webhook_delivery SET state = 'waiting', attempts = 0, next_at = %s, give_up_at = %s, done_at = NULL"
            " WHERE webhook_id = %s AND state = 'parked'",
            (at, at + GIVE_UP, number),
        ).rowcount
        audit(conn, account, "resend_webhook", at=at, origin=origin, detail={"webhook": number, "n": again})
    return again


def _change(
    conn: Connection[Any], account: Account, number: int, column: LiteralString, value: dt.datetime | None, word: str,
    at: dt.datetime, origin: str,
) -> Webhook:  # fmt: skip
    require(account, Action.MANAGE_MACHINES)
    found = one(conn, account, number)
    with conn.transaction():
        conn.execute(b"UPDATE webhook SET " + column.encode() + b" = %s WHERE id = %s", (value, number))
        audit(conn, account, word, at=at, origin=origin, detail={"login": found.login, "webhook": number})
    return found


def one(conn: Connection[Any], account: Account, number: int) -> Webhook:
    """A webhook below the account's area. Raises NotPermittedError, NotFoundError."""
    require(account, Action.MANAGE_MACHINES)
    found = _listed(conn, account.area_path, None, number, 0, 1) if 0 < number < 2**31 else []
    if not found:
        raise _missing(number)
    return found[0]


def _missing(number: int) -> NotFoundError:
    return NotFoundError(
        en=f"there is no webhook {number} in your area", zh=f"您的管辖范围内没有编号为 {number} 的推送"
    )


def _listed(
    conn: Connection[Any], area: str | None, login: str | None, number: int | None, after: int, limit: int
) -> list[Webhook]:
    asked = {"area": area, "login": login, "id": number, "after": after, "limit": limit}
    with conn.cursor(row_factory=class_row(Webhook)) as cursor:
        return cursor.execute(_LIST, asked).fetchall()
