"""Pauses some alerts of a home while a carer is there or a device is being repaired.

A carer is there while an alert or a work order is 'on scene' or 'arrived', without anybody doing more, or for a time
that somebody sets. Maintenance is set by people, for one device or a whole home. Every pause ends by itself, so none is
forgotten for ever.
"""

import contextlib
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from alerting.detection.kit.context import Pause
from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit_home, require
from care_network.access.visible import visible_households
from care_network.errors import NotFoundError, ProvisioningError
from database.local_copy import replace_copy

LONGEST = {"carer": dt.timedelta(hours=12), "maintenance": dt.timedelta(days=3)}
WORDS = {"carer": ("护理员在场", "a carer is there"), "maintenance": ("设备维护", "maintenance")}
BEHIND = dt.timedelta(hours=1)
"""Time for which a pause still counts after its end, for data of it that are judged late."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A pause that somebody began."""

    id: int
    kind: str
    household: str
    device: str
    """'gateway/device'; '' for the whole home."""
    since: dt.datetime
    until: dt.datetime
    reason: str
    actor: str
    ended_at: dt.datetime | None
    ended_by: str | None


class PausedHome(msgspec.Struct, frozen=True, kw_only=True):
    """A home as people call it. ``devices``: (model, room) by 'gateway/device'."""

    area_zh: str
    area_en: str
    address_zh: str
    address_en: str
    residents_zh: list[str]
    residents_en: list[str]
    devices: dict[str, tuple[str, str]] = {}


def begin(
    conn: Connection[Any],
    account: Account,
    household: str,
    kind: str,
    lasts: dt.timedelta,
    reason: str,
    at: dt.datetime,
    origin: str,
    device: str = "",
) -> int:
    """Begin a pause; its number. ``device``: 'gateway/device', maintenance only.

    Raises ProvisioningError: longer than allowed, without a reason, not permitted, no such home or device.
    """
    if kind not in LONGEST:
        raise ProvisioningError(
            en=f"a pause is 'carer' or 'maintenance', not {kind!r}", zh=f"没有暂停类别 {kind}", field="kind"
        )
    if not dt.timedelta(0) < lasts <= LONGEST[kind]:
        hours = LONGEST[kind].total_seconds() / 3600
        raise ProvisioningError(
            en=f"{WORDS[kind][1]}: at most {hours:g} hours; begin another one afterwards if it takes longer",
            zh=f"{WORDS[kind][0]}最长 {hours:g} 小时，如仍需要请届时重新设置",
            field="hours",
        )
    reason = reason.strip()
    if not 0 < len(reason) <= 500:
        raise ProvisioningError(en="say why, in 1 to 500 characters", zh="请填写原因（1 至 500 字）", field="reason")
    if device and kind == "carer":
        raise ProvisioningError(
            en="a carer is in a home, not at a device", zh="护理员在场针对整户，不针对设备", field="device"
        )
    with conn.transaction():
        household_id = _household(conn, account, household)
        device_id = _device(conn, household_id, device) if device else None
        row = conn.execute(
            """
            INSERT INTO pause (kind, household_id, device_id, since, until, reason, account_id, actor)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
            """,
            (kind, household_id, device_id, at, at + lasts, reason, account.id, account.name_zh),
        ).fetchone()
        assert row is not None  # noqa: S101 - RETURNING
        detail = {"pause": row[0], "kind": kind, "household": household, "device": device}
        audit_home(conn, account, "begin_pause", household_id, at=at, origin=origin, detail=detail)
    return int(row[0])


def end(conn: Connection[Any], account: Account, number: int, at: dt.datetime, origin: str) -> None:
    """End a pause now. Raises NotFoundError where none of that number runs in the account's area."""
    with conn.transaction():
        row = conn.execute("SELECT household_id FROM pause WHERE id = %s FOR UPDATE", (number,)).fetchone()
        require(account, Action.PAUSE_ALERTS)
        done = row is not None and row[0] in visible_households(conn, account)
        if (
            not done
            or not conn.execute(
                "UPDATE pause SET ended_at = greatest(%s, since), ended_by = %s"
                " WHERE id = %s AND ended_at IS NULL AND until > %s",
                (at, account.name_zh, number, at),
            ).rowcount
        ):
            raise NotFoundError(
                en=f"no pause {number} is running in your area", zh=f"您的管辖区域内没有进行中的暂停 {number}"
            )
        assert row is not None  # noqa: S101 - done
        audit_home(conn, account, "end_pause", row[0], at=at, origin=origin, detail={"pause": number})


def listing(conn: Connection[Any], account: Account, at: dt.datetime, household: str | None = None) -> list[Entry]:
    """Running pauses in the account's area, or with ``household`` the last 20 of that home. Newest first."""
    homes = [_household(conn, account, household)] if household else list(visible_households(conn, account))
    with conn.cursor(row_factory=class_row(Entry)) as cursor:
        return cursor.execute(
            """
            SELECT p.id, p.kind, h.code AS household, coalesce(g.name || '/' || d.name, '') AS device, p.since, p.until,
                   p.reason, p.actor, p.ended_at, p.ended_by
            FROM pause p JOIN household h ON h.id = p.household_id
            LEFT JOIN device d ON d.id = p.device_id LEFT JOIN gateway g ON g.id = d.gateway_id
            WHERE p.household_id = ANY(%(homes)s) AND (%(past)s OR (p.ended_at IS NULL AND p.until > %(at)s))
            ORDER BY p.id DESC LIMIT CASE WHEN %(past)s THEN 20 END
            """,
            {"homes": homes, "past": household is not None, "at": at},
        ).fetchall()


_NOW: LiteralString = """
    SELECT p.kind, p.household_id,
           CASE WHEN d.name = 'gateway' THEN g.name ELSE coalesce(g.name || '/' || d.name, '') END,
           p.since, coalesce(p.ended_at, p.until)
    FROM pause p LEFT JOIN device d ON d.id = p.device_id LEFT JOIN gateway g ON g.id = d.gateway_id
    WHERE p.until > %(since)s AND coalesce(p.ended_at, p.until) > %(since)s
    UNION ALL
    SELECT 'carer', a.household_id, '', e.at, least(e.at + %(longest)s, (
        SELECT min(x.at) FROM alert_event x WHERE x.alert_id = e.alert_id AND x.id > e.id AND x.to_state <> 'on_scene'))
    FROM alert_event e JOIN alert a ON a.id = e.alert_id
    WHERE e.action = 'arrive' AND e.at > %(arrived)s
    UNION ALL
    SELECT 'carer', o.household_id, '', e.at, least(e.at + %(longest)s, (
        SELECT min(x.at) FROM work_order_event x
        WHERE x.order_id = e.order_id AND x.id > e.id AND x.to_state <> 'arrived'))
    FROM work_order_event e JOIN work_order o ON o.id = e.order_id
    WHERE e.action = 'arrive' AND e.at > %(arrived)s
    ORDER BY 2, 4, 1, 3, 5
"""
ON_SCENE = dt.timedelta(hours=4)
"""Longest pause by 'on scene' or 'arrived': after this the carer has left without reporting it."""


def load(conn: Connection[Any], at: dt.datetime) -> list[Pause]:
    """Running pauses, and those that ended within the last hour."""
    since = at - BEHIND
    rows = conn.execute(_NOW, {"since": since, "longest": ON_SCENE, "arrived": since - ON_SCENE})
    return [
        Pause(kind, home, device, _us(begun), _us(over)) for kind, home, device, begun, over in rows if since < over
    ]


class PauseCache:
    """Holds the pauses, with a copy on disk for a start while the database is away."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.pauses: list[Pause] = []
        if file.exists():
            with contextlib.suppress(msgspec.DecodeError, OSError):
                self.pauses = msgspec.json.decode(file.read_bytes(), type=list[Pause])

    def refresh(self, conn: Connection[Any], at: dt.datetime) -> bool:
        """Read the pauses; whether they changed. Raises psycopg.Error while the database is away."""
        pauses = load(conn, at)
        if pauses == self.pauses:
            return False
        self.pauses = pauses
        replace_copy(self._file, msgspec.json.encode(pauses))
        return True


def covering(pauses: Sequence[Entry], at: dt.datetime) -> list[Entry]:
    """The pauses of a list that run at a moment."""
    return [entry for entry in pauses if entry.since <= at < (entry.ended_at or entry.until)]


def _household(conn: Connection[Any], account: Account, code: str) -> int:
    require(account, Action.PAUSE_ALERTS)
    row = conn.execute("SELECT id FROM household WHERE code = %s", (code,)).fetchone()
    if row is None or row[0] not in visible_households(conn, account):
        raise NotFoundError(
            en=f"there is no home {code!r} in your area", zh=f"您的管辖区域内没有住户 {code}", field="household"
        )
    return int(row[0])


def home(conn: Connection[Any], account: Account, household: str) -> PausedHome:
    """A home, with its devices. Raises NotFoundError."""
    household_id = _household(conn, account, household)
    with conn.cursor(row_factory=class_row(PausedHome)) as cursor:
        found = cursor.execute(
            """
            SELECT a.name_zh AS area_zh, a.name_en AS area_en, h.address_zh, h.address_en,
                   array(SELECT r.name_zh FROM resident r WHERE r.household_id = h.id ORDER BY r.id) AS residents_zh,
                   array(SELECT r.name_en FROM resident r WHERE r.household_id = h.id ORDER BY r.id) AS residents_en
            FROM household h JOIN area a ON a.id = h.area_id WHERE h.id = %s
            """,
            (household_id,),
        ).fetchone()
    rows = conn.execute(
        "SELECT g.name || '/' || d.name, d.model, d.room FROM device d JOIN gateway g ON g.id = d.gateway_id"
        " WHERE g.household_id = %s AND d.retired_at IS NULL ORDER BY d.room, d.model, 1",
        (household_id,),
    ).fetchall()
    assert found is not None  # noqa: S101 - just found by its code
    return msgspec.structs.replace(found, devices={name: (model, room) for name, model, room in rows})


def _devices(conn: Connection[Any], household_id: int) -> dict[str, int]:
    query = (
        "SELECT g.name || '/' || d.name, d.id FROM device d JOIN gateway g ON g.id = d.gateway_id"
        " WHERE g.household_id = %s ORDER BY 1"
    )
    return dict(conn.execute(query, (household_id,)).fetchall())


def _device(conn: Connection[Any], household_id: int, name: str) -> int:
    found = _devices(conn, household_id)
    if name not in found:
        raise NotFoundError(
            en=f"the home has no device {name!r}; it has: {', '.join(found) or 'none'}",
            zh=f"该住户没有设备 {name}；现有：{'、'.join(found) or '无'}",
            field="device",
        )
    return found[name]


def _us(time: dt.datetime) -> int:
    return round(time.timestamp() * 1e6)
