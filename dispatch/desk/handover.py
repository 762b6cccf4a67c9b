"""Hand open alerts over from one shift to the next: offered by one dispatcher, accepted by another.

Each function that changes something asks for :attr:`Action.HAND_OVER` and looks at the area itself, so that the console
and the command line refuse the same people.
"""

import datetime as dt
import uuid
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, may_do, require
from care_network.errors import NotFoundError, NotPermittedError
from dispatch.alerts import lifecycle
from dispatch.alerts.states import LifecycleError
from dispatch.core.history import Actor
from vocabulary.alert_state import OPEN
from vocabulary.area_path import within
from vocabulary.times import SHANGHAI


class HandoverAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert of a hand-over, with its state at the offer and its present one."""

    alert_id: uuid.UUID
    severity: str
    reason_zh: str
    reason_en: str
    household: str
    resident_zh: str | None
    resident_en: str | None
    state_then: str
    state_now: str
    onset: dt.datetime


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """An offer of one dispatcher to the next shift, and what became of it."""

    id: int
    area: str
    offered_at: dt.datetime
    from_account: int | None
    from_name: str
    from_name_en: str
    note: str
    accepted_at: dt.datetime | None
    to_name: str | None
    to_name_en: str | None
    withdrawn_at: dt.datetime | None
    """Taken back by the account that offered it; of accepted and withdrawn there is at most one."""
    alerts: tuple[HandoverAlert, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether it can still be accepted or taken back."""
        return self.accepted_at is None and self.withdrawn_at is None


class WaitingHandover(msgspec.Struct, frozen=True, kw_only=True):
    """A hand-over that waits for somebody to accept it, for a badge."""

    id: int
    from_name: str
    from_name_en: str
    offered_at: dt.datetime
    note: str
    alerts: int
    """Alerts of it that are still open."""
    emergencies: int


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """A hand-over that nobody has accepted: below which area, and by which account (None: it is gone)."""

    area: str
    from_account: int | None

    def waits_for(self, account: Account) -> bool:
        """Whether this account may accept it: somebody else offered it, in its area."""
        return (
            account.area_path is not None
            and may_do(account, Action.HAND_OVER)
            and self.from_account != account.id
            and within(self.area, account.area_path)
        )


def offered(conn: psycopg.Connection[Any]) -> tuple[Offered, ...]:
    """List all hand-overs that wait, of every area: for a badge on pages that do not show them."""
    with conn.cursor(row_factory=class_row(Offered)) as cursor:
        return tuple(
            cursor.execute(
                "SELECT area::text, from_account FROM handover WHERE accepted_at IS NULL AND withdrawn_at IS NULL"
            ).fetchall()
        )


def waiting_for(conn: psycopg.Connection[Any], account: Account) -> WaitingHandover | None:
    """The oldest hand-over in the account's area that somebody else offered and nobody has accepted; None: there is
    none, or the account may not accept one."""
    if account.area_path is None or not may_do(account, Action.HAND_OVER):
        return None
    with conn.cursor(row_factory=class_row(WaitingHandover)) as cursor:
        return cursor.execute(
            """
            SELECT h.id, h.from_name, coalesce(f.name_en, h.from_name) AS from_name_en, h.offered_at, h.note,
                   count(a.id)::int AS alerts,
                   (count(a.id) FILTER (WHERE a.severity = 'emergency'))::int AS emergencies
            FROM handover h LEFT JOIN account f ON f.id = h.from_account
            LEFT JOIN handover_alert l ON l.handover_id = h.id
            LEFT JOIN alert a ON a.id = l.alert_id AND alert_is_open(a.state)
            WHERE h.accepted_at IS NULL AND h.withdrawn_at IS NULL AND h.area <@ %(area)s::text::ltree
              AND h.from_account IS DISTINCT FROM %(me)s
            GROUP BY h.id, f.name_en ORDER BY h.id LIMIT 1
            """,
            {"area": account.area_path, "me": account.id},
        ).fetchone()


def offer(
    conn: psycopg.Connection[Any], area: str, account: Account, at: dt.datetime, origin: str, note: str = ""
) -> Handover:
    """Offer the open alerts below ``area`` (path) to the next shift; until it is accepted they stay as they are.

    Audited. Raises NotPermittedError for an account that may not hand over or whose area does not hold ``area``,
    LifecycleError for an area that is not there, and where its last hand-over still waits.
    """
    mine = _area_of(account)
    if not within(area, mine):
        raise NotPermittedError(
            en=f"{account.login} hands over alerts below {mine}; {area} is not there",
            zh=f"{account.login} 的管辖区域为 {mine}，不能交班 {area}",
        )
    with conn.transaction():
        if conn.execute("SELECT FROM area WHERE path = %s::text::ltree FOR UPDATE", (area,)).fetchone() is None:
            raise LifecycleError(zh=f"没有区域 {area}", en=f"there is no area {area!r}")
        waiting = conn.execute(
            "SELECT id FROM handover WHERE area = %s::text::ltree AND accepted_at IS NULL AND withdrawn_at IS NULL"
            " LIMIT 1",
            (area,),
        ).fetchone()
        if waiting is not None:
            raise LifecycleError(
                zh=f"交班 {waiting[0]} 尚未接班，请先接班，或由交班人撤回",
                en=f"hand-over {waiting[0]} waits: somebody accepts it first, or whoever offered it takes it back",
            )
        row = conn.execute(
            "INSERT INTO handover (area, offered_at, from_account, from_name, note)"
            " VALUES (%s::text::ltree, %s, %s, %s, %s) RETURNING id",
            (area, at, account.id, account.name_zh, note),
        ).fetchone()
        assert row is not None  # noqa: S101 - RETURNING of one row
        conn.execute(
            """
            INSERT INTO handover_alert (handover_id, alert_id, state, version)
            SELECT %s, a.id, a.state, a.version FROM alert a JOIN household h ON h.id = a.household_id
            JOIN area ar ON ar.id = h.area_id
            WHERE a.state = ANY(%s) AND ar.path <@ %s::text::ltree
            """,
            (row[0], list(OPEN), area),
        )
        audit(conn, account, "offer_handover", at=at, origin=origin, detail={"handover": row[0], "area": area})
        return _load(conn, row[0])


def accept(conn: psycopg.Connection[Any], number: int, account: Account, at: dt.datetime, origin: str) -> Handover:
    """Take a hand-over: each alert that is still open records it in its history, and its deadline starts again.

    Raises NotPermittedError for an account that may not hand over, NotFoundError where there is no such hand-over in
    its area, LifecycleError where somebody has it already, it was taken back, or it is one's own.
    """
    mine = _area_of(account)
    actor = Actor(account.id, account.name_zh, origin, account.name_en)
    with conn.transaction():
        from_account, from_name = _lock_waiting(conn, number, mine)
        if from_account is not None and from_account == account.id:
            raise LifecycleError(zh="不能接自己的班", en="somebody else accepts what you hand over")
        conn.execute(
            "UPDATE handover SET accepted_at = %s, to_account = %s, to_name = %s WHERE id = %s",
            (at, account.id, account.name_zh, number),
        )
        alerts = conn.execute(
            "SELECT alert_id FROM handover_alert WHERE handover_id = %s ORDER BY alert_id", (number,)
        ).fetchall()
        for (alert_id,) in alerts:
            lifecycle.take_over(conn, alert_id, actor, at, f"接 {from_name} 的班", f"taken over from {from_name}")
        return _load(conn, number)


def withdraw(conn: psycopg.Connection[Any], number: int, account: Account, at: dt.datetime, origin: str) -> Handover:
    """Take back one's own offer; the alerts stay as they are. Audited.

    Raises NotPermittedError for an account that may not hand over, NotFoundError where there is no such hand-over in
    its area, LifecycleError where somebody has accepted it (however short before), it was taken back already, or
    somebody else has offered it.
    """
    mine = _area_of(account)
    with conn.transaction():
        from_account, from_name = _lock_waiting(conn, number, mine)
        if from_account != account.id:
            raise LifecycleError(
                zh=f"只有交班人 {from_name} 可以撤回", en=f"only {from_name}, who offered it, can take it back"
            )
        conn.execute("UPDATE handover SET withdrawn_at = %s WHERE id = %s", (at, number))
        audit(conn, account, "withdraw_handover", at=at, origin=origin, detail={"handover": number})
        return _load(conn, number)


def _area_of(account: Account) -> str:
    """The area whose alerts the account may hand over. Raises NotPermittedError where it may hand over none."""
    require(account, Action.HAND_OVER)
    if account.area_path is None:
        raise NotPermittedError(en=f"{account.login} has no area to hand over", zh=f"账号 {account.login} 没有管辖区域")
    return account.area_path


def _lock_waiting(conn: psycopg.Connection[Any], number: int, mine: str) -> tuple[int | None, str]:
    """Lock a hand-over that waits, below the area ``mine``; gives (account, name) of the offer.

    Locked, so that of two people at once the second hears what the first did. Raises NotFoundError where there is none,
    LifecycleError where it was accepted or taken back.
    """
    row = conn.execute(
        "SELECT from_account, from_name, accepted_at, to_name, withdrawn_at, area::text FROM handover WHERE id = %s"
        " FOR UPDATE",
        (number,),
    ).fetchone()
    if row is None or not within(row[5], mine):
        raise NotFoundError(en=f"there is no hand-over {number} in your area", zh=f"您的管辖区域内没有交班 {number}")
    from_account, from_name, accepted_at, to_name, withdrawn_at, _ = row
    if accepted_at is not None:
        clock = _clock(accepted_at)
        raise LifecycleError(zh=f"{to_name} 已于 {clock} 接班", en=f"{to_name} has accepted it already, at {clock}")
    if withdrawn_at is not None:
        clock = _clock(withdrawn_at)
        raise LifecycleError(zh=f"{from_name} 已于 {clock} 撤回该交班", en=f"{from_name} took it back at {clock}")
    return from_account, from_name


def _clock(moment: dt.datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%H:%M:%S")


def load(conn: psycopg.Connection[Any], number: int) -> Handover | None:
    """Load a hand-over with its alerts, the gravest first; None where there is none."""
    with conn.cursor(row_factory=class_row(Handover)) as heads:
        head = heads.execute(
            """
            SELECT h.id, h.area::text, h.offered_at, h.from_account, h.from_name,
                   coalesce(f.name_en, h.from_name) AS from_name_en, h.note, h.accepted_at, h.to_name,
                   coalesce(t.name_en, h.to_name) AS to_name_en, h.withdrawn_at
            FROM handover h LEFT JOIN account f ON f.id = h.from_account LEFT JOIN account t ON t.id = h.to_account
            WHERE h.id = %s
            """,
            (number,),
        ).fetchone()
    if head is None:
        return None
    with conn.cursor(row_factory=class_row(HandoverAlert)) as cursor:
        alerts = cursor.execute(
            """
            SELECT a.id AS alert_id, a.severity, a.reason_zh, a.reason_en, h.code AS household,
                   r.name_zh AS resident_zh, r.name_en AS resident_en, l.state AS state_then, a.state AS state_now,
                   a.onset
            FROM handover_alert l JOIN alert a ON a.id = l.alert_id JOIN household h ON h.id = a.household_id
            LEFT JOIN resident r ON r.id = a.resident_id WHERE l.handover_id = %s
            ORDER BY severity_rank(a.severity), a.onset
            """,
            (number,),
        ).fetchall()
    return msgspec.structs.replace(head, alerts=tuple(alerts))


def _load(conn: psycopg.Connection[Any], number: int) -> Handover:
    handover = load(conn, number)
    assert handover is not None  # noqa: S101 - no hand-over is ever deleted
    return handover


def latest(conn: psycopg.Connection[Any], area: str, limit: int = 10) -> list[Handover]:
    """List the last hand-overs below ``area`` (path), the newest first."""
    rows = conn.execute(
        "SELECT id FROM handover WHERE area <@ %s::text::ltree ORDER BY id DESC LIMIT %s", (area, limit)
    ).fetchall()
    return [_load(conn, number) for (number,) in rows]


def waiting(conn: psycopg.Connection[Any], under: str | None = None) -> list[Handover]:
    """List hand-overs that nobody has accepted or taken back yet, the oldest first; ``under``: below this area only."""
    rows = conn.execute(
        "SELECT id FROM handover WHERE accepted_at IS NULL AND withdrawn_at IS NULL"
        " AND (%(under)s::text IS NULL OR area <@ %(under)s::text::ltree) ORDER BY id",
        {"under": under},
    ).fetchall()
    return [_load(conn, number) for (number,) in rows]
