"""Flood of alerts: more than one desk can take in. Counted by a pure rule; a desk may ask others for support."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import psycopg

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.errors import NotPermittedError
from dispatch.alerts.states import LifecycleError
from dispatch.channels.notifications import Recipient, enqueue
from dispatch.core import history
from dispatch.core.notice import AlertNotice
from vocabulary.times import SHANGHAI

MOST_WAITING = 10
"""More alerts that nobody has taken are a flood."""
MOST_NEW = 10
"""More new alerts within WINDOW are a flood: EEMUA 191 gives an operator ten in ten minutes at most."""
WINDOW = dt.timedelta(minutes=10)
AGAIN = dt.timedelta(minutes=10)
"""Support is asked for at most once in this time."""
SEEN = dt.timedelta(minutes=15)
"""A dispatcher counts as a desk whose session was used within this time."""


class Flood(msgspec.Struct, frozen=True, kw_only=True):
    """The load of the desks of an area."""

    active: bool
    waiting: int
    """Alerts about people that nobody has taken."""
    new: int
    """Alerts of the last WINDOW."""
    desks: int
    """Dispatchers at work, at least 1."""

    @property
    def per_desk(self) -> float:
        """New alerts of the last WINDOW for each desk."""
        return self.new / self.desks


class Support(msgspec.Struct, frozen=True, kw_only=True):
    """A request for support."""

    at: dt.datetime
    actor: str
    waiting: int
    told: int


def state(alerts: Iterable[AlertNotice], now: dt.datetime, desks: int = 1) -> Flood:
    """Judge the open alerts of an area. Pure. Technical ones count while they are new, not while they wait: a device
    may wait for days."""
    now_us = round(now.timestamp() * 1e6)
    since_us = now_us - WINDOW // dt.timedelta(microseconds=1)
    shown = [alert for alert in alerts if alert.shows(now_us)]
    waiting = sum(alert.state == "raised" and alert.severity != "technical" for alert in shown)
    new = sum(alert.raised_us >= since_us for alert in shown)
    return Flood(active=waiting > MOST_WAITING or new > MOST_NEW, waiting=waiting, new=new, desks=max(1, desks))


def desks(conn: psycopg.Connection[Any], area: str, now: dt.datetime) -> int:
    """Count the dispatchers at work whose area holds ``area`` (path) or lies in it."""
    row = conn.execute(
        """
        SELECT count(DISTINCT s.account_id) FROM session s JOIN account a ON a.id = s.account_id
        WHERE a.role IN ('dispatcher', 'lead') AND a.active AND s.revoked_at IS NULL AND s.expires_at > %(now)s
          AND s.last_seen_at > %(since)s
          AND (a.area_path <@ %(area)s::text::ltree OR a.area_path @> %(area)s::text::ltree)
        """,
        {"now": now, "since": now - SEEN, "area": area},
    ).fetchone()
    return 0 if row is None else int(row[0])


def last_support(conn: psycopg.Connection[Any], area: str, now: dt.datetime) -> Support | None:
    """The request of the last AGAIN for this area or one around it; None: there is none."""
    row = conn.execute(
        "SELECT at, actor, waiting, told FROM desk_support WHERE at > %s AND area @> %s::text::ltree"
        " ORDER BY at DESC LIMIT 1",
        (now - AGAIN, area),
    ).fetchone()
    return None if row is None else Support(at=row[0], actor=row[1], waiting=row[2], told=row[3])


def ask_for_support(conn: psycopg.Connection[Any], account: Account, at: dt.datetime, origin: str) -> Support:
    """Tell the other dispatchers of the area and the desk above it that this one needs support, by their channels; the
    message is about the gravest alert that waits. Audited, and in that alert's history.

    Raises NotPermittedError for an account that does not hand over alerts or has no area; LifecycleError where nothing
    waits, where support was asked for within AGAIN, and where nobody else is there to be told.
    """
    require(account, Action.HAND_OVER)
    if account.area_path is None:
        raise NotPermittedError(en=f"{account.login} has no area", zh=f"账号 {account.login} 没有管辖区域")
    with conn.transaction():
        conn.execute("SELECT FROM area WHERE path = %s::text::ltree FOR UPDATE", (account.area_path,))
        before = last_support(conn, account.area_path, at)
        if before is not None:
            clock = before.at.astimezone(SHANGHAI).strftime("%H:%M:%S")
            raise LifecycleError(
                zh=f"{before.actor} 已于 {clock} 请求支援，10 分钟内不重复通知",
                en=f"{before.actor} asked for support at {clock}; it is told once in 10 minutes",
            )
        row = conn.execute(
            """
            SELECT (array_agg(a.id ORDER BY severity_rank(a.severity), a.raised_at))[1], count(*)
            FROM alert a JOIN household h ON h.id = a.household_id JOIN area ar ON ar.id = h.area_id
            WHERE a.state = 'raised' AND a.merged_into IS NULL AND NOT h.synthetic AND ar.path <@ %s::text::ltree
            """,
            (account.area_path,),
        ).fetchone()
        if row is None or row[0] is None:
            raise LifecycleError(zh="没有待接警的预警，无需支援", en="no alert waits: there is nothing to support")
        people = _others(conn, account)
        if not people:
            raise LifecycleError(
                zh="没有其他值班人员可以通知，请电话联系上级值班台",
                en="nobody else is there to be told: telephone the desk above",
            )
        seconds = int(at.timestamp())
        enqueue(conn, alert_id=row[0], step=0, round=seconds, recipients=people, reason="support", at=at)
        conn.execute(
            "INSERT INTO desk_support (at, area, account_id, actor, alert_id, waiting, told)"
            " VALUES (%s, %s::text::ltree, %s, %s, %s, %s, %s)",
            (at, account.area_path, account.id, account.name_zh, row[0], row[1], len(people)),
        )
        history.record(
            conn, [row[0]], at, "support", f"{account.name_zh} 请求支援：{row[1]} 条待接警，已通知 {len(people)} 处",
            f"{account.name_en} asks for support: {row[1]} wait, {len(people)} told",
        )  # fmt: skip
        audit(conn, account, "ask_for_support", at=at, origin=origin, detail={"waiting": row[1], "told": len(people)})
        return Support(at=at, actor=account.name_zh, waiting=row[1], told=len(people))


def _others(conn: psycopg.Connection[Any], account: Account) -> Sequence[Recipient]:
    """The staff of the other dispatchers' accounts around the area, and the desks above it."""
    staff = conn.execute(
        """
        SELECT s.code FROM staff s JOIN account a ON a.id = s.account_id
        WHERE s.active AND a.active AND a.role IN ('dispatcher', 'lead') AND a.id <> %(me)s
          AND (a.area_path <@ %(area)s::text::ltree OR a.area_path @> %(area)s::text::ltree) ORDER BY s.code
        """,
        {"me": account.id, "area": account.area_path},
    ).fetchall()
    posts = conn.execute(
        """
        SELECT o.code FROM organisation o JOIN area ar ON ar.id = o.area_id
        WHERE o.active AND o.kind IN ('street_elder_center', 'district_center') AND o.phone <> ''
          AND ar.path @> %s::text::ltree ORDER BY nlevel(ar.path) DESC, o.code
        """,
        (account.area_path,),
    ).fetchall()
    return [Recipient("staff", row[0]) for row in staff] + [Recipient("organisation", row[0]) for row in posts]
