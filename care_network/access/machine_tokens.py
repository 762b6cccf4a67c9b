"""Tokens of other systems: made, listed, revoked, and recognised at each request.

A token belongs to an account of the role *machine*, which has no password. It is shown once, when it is made; the
database keeps its hash alone. A request is bounded by the token's scopes, its area and its account's, and
the residents' consents (:mod:`care_network.access.exchange_consents`).
"""

import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Collection
from enum import StrEnum
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account, account_by_id, clean
from care_network.access.permissions import Action, Role, audit, in_area, require
from care_network.errors import NotFoundError, NotPermittedError, ProvisioningError

PREFIX = "sw_"
"""By which scanners of leaked secrets, and people, know a token."""
LONGEST = dt.timedelta(days=366)
MOST_LIVE = 50
"""Tokens in force of one account."""
SEEN_EVERY = dt.timedelta(minutes=1)
_LOGIN = re.compile(r"^[a-z0-9][a-z0-9.-]{1,62}\Z")


class MachineScope(StrEnum):
    """A permission of a token."""

    PATIENT_READ = "patient.read"
    DEVICE_READ = "device.read"
    OBSERVATION_READ = "observation.read"
    ALERT_READ = "alert.read"
    BULK_EXPORT = "bulk.export"
    OBSERVATION_WRITE = "observation.write"
    ENTRIES_READ = "entries.read"
    ENTRIES_WRITE = "entries.write"
    WEBHOOK = "webhook"


SCOPES: dict[MachineScope, tuple[str, str]] = {
    MachineScope.PATIENT_READ: ("读取老人基本信息", "read who the residents are"),
    MachineScope.DEVICE_READ: ("读取设备", "read devices and what they measure"),
    MachineScope.OBSERVATION_READ: ("读取体征", "read vital signs"),
    MachineScope.ALERT_READ: ("读取预警", "read alerts"),
    MachineScope.BULK_EXPORT: ("批量导出", "export in bulk"),
    MachineScope.OBSERVATION_WRITE: ("写入体征", "bring vital signs in"),
    MachineScope.ENTRIES_READ: ("读取血糖（Nightscout）", "read glucose as Nightscout does"),
    MachineScope.ENTRIES_WRITE: ("写入血糖（Nightscout）", "bring glucose in as Nightscout does"),
    MachineScope.WEBHOOK: ("查看自己的推送", "look at its own webhooks"),
}
"""In words, Chinese and English."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Another system that asks, by one of its tokens."""

    token_id: int
    name: str
    account: Account
    scopes: frozenset[str]
    area_path: str


class KeptToken(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list of tokens; the token itself is not in it."""

    id: int
    name: str
    login: str
    name_zh: str
    name_en: str
    scopes: list[str]
    area_path: str
    created_at: dt.datetime
    expires_at: dt.datetime
    last_used_at: dt.datetime | None
    last_origin: str
    revoked_at: dt.datetime | None

    def standing(self, now: dt.datetime) -> str:
        """'revoked', 'expired', 'soon' (it expires within 30 days) or 'good'."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= now:
            return "expired"
        return "soon" if self.expires_at <= now + dt.timedelta(days=30) else "good"


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token to be made. ``login``: the other system's account; one that is not there is added with both names."""

    name: str
    login: str
    scopes: Collection[str]
    area: str
    expires_at: dt.datetime
    name_zh: str = ""
    name_en: str = ""


def add(conn: Connection[Any], account: Account, new: NewToken, *, at: dt.datetime, origin: str) -> tuple[int, str]:
    """Make a token, and its account where there is none yet. Returns its number and the token, which is shown once.

    Raises NotPermittedError, ProvisioningError with the wrong field.
    """
    require(account, Action.MANAGE_MACHINES)
    name, login = clean(new.name), clean(new.login).lower()
    _check(account, new, name, login, at)
    token = PREFIX + secrets.token_urlsafe(32)
    with conn.transaction():
        owner = _owner(conn, account, new, login)
        row = conn.execute(
            """
            INSERT INTO machine_token (account_id, name, token_hash, nightscout_hash, scopes, area_path, created_at,
                                       created_by, expires_at)
            VALUES (%s, %s, %s, %s, %s, %s::text::ltree, %s, %s, %s) RETURNING id
            """,
            (
                owner, name, hash_of(token), hash_of(nightscout_secret(token)), sorted(set(new.scopes)), new.area, at,
                account.id, new.expires_at,
            ),
        ).fetchone()  # fmt: skip
        number = int(row[0]) if row else 0
        detail = {"login": login, "token": number, "name": name, "scopes": sorted(set(new.scopes)), "area": new.area}
        audit(conn, account, "add_machine_token", at=at, origin=origin, detail=detail)
    return number, token


def _check(account: Account, new: NewToken, name: str, login: str, at: dt.datetime) -> None:
    if not 1 <= len(name) <= 80:
        raise ProvisioningError(
            en="name the token in 1 to 80 characters", zh="请填写令牌名称，1 至 80 个字符", field="name"
        )
    if not _LOGIN.match(login):
        raise ProvisioningError(
            en="the other system's login has small Latin letters, digits, dots and hyphens: hospital-yantian",
            zh="外部系统的账号名只能用小写字母、数字、点和连字符，例如 hospital-yantian",
            field="login",
        )
    unknown = set(new.scopes) - set(SCOPES)
    if unknown or not new.scopes:
        raise ProvisioningError(
            en=f"choose at least one scope of: {', '.join(SCOPES)}", zh="请至少选择一项权限范围", field="scopes"
        )
    if not in_area(account, new.area):
        raise NotPermittedError(
            en=f"{new.area or '(no area)'} is not below your area {account.area_path}",
            zh=f"{new.area or '（未填）'} 不在您的管辖区域 {account.area_path} 内",
            field="area",
        )
    if not at < new.expires_at <= at + LONGEST:
        raise ProvisioningError(
            en="a token ends within a year: choose a day between tomorrow and a year from now",
            zh="令牌有效期最长一年，请选择明天至一年内的日期",
            field="expires",
        )


def _owner(conn: Connection[Any], account: Account, new: NewToken, login: str) -> int:
    if conn.execute("SELECT FROM area WHERE path = %s::text::ltree", (new.area,)).fetchone() is None:
        raise NotFoundError(en=f"there is no area {new.area}", zh=f"没有区域 {new.area}", field="area")
    found = conn.execute("SELECT id, role, active, area_path::text FROM account WHERE login = %s", (login,)).fetchone()
    if found is None:
        names = (clean(new.name_zh) or clean(new.name_en) or login, clean(new.name_en) or clean(new.name_zh) or login)
        found = conn.execute("SELECT add_machine_account(%s, %s, %s, %s), 'machine', true, %s::text",
                             (login, *names, new.area, new.area)).fetchone()  # fmt: skip
    if found is None or found[0] is None or found[1] != Role.MACHINE or not found[2]:
        raise ProvisioningError(
            en=f"the login {login} belongs to a person, or is switched off: choose another one for the system",
            zh=f"账号名 {login} 已被人员使用或已停用，请为外部系统换一个",
            field="login",
        )
    if not in_area(account, found[3]) or not (new.area == found[3] or new.area.startswith(f"{found[3]}.")):
        raise NotPermittedError(
            en=f"the system {login} is kept for {found[3]}: choose an area below that and below your own",
            zh=f"外部系统 {login} 的区域是 {found[3]}，请选择其下且在您管辖范围内的区域",
            field="area",
        )
    row = conn.execute(
        "SELECT count(*) FROM machine_token WHERE account_id = %s AND revoked_at IS NULL AND expires_at > now()",
        (found[0],),
    ).fetchone()
    if row is not None and row[0] >= MOST_LIVE:
        raise ProvisioningError(
            en=f"{login} has {MOST_LIVE} tokens: revoke one that is not needed",
            zh=f"{login} 已有 {MOST_LIVE} 个令牌，请先撤销不用的",
            field="login",
        )
    return int(found[0])


def listing(
    conn: Connection[Any], account: Account, *, after: int = 0, limit: int = 100, live: bool = False
) -> list[KeptToken]:
    """The tokens of systems below the account's area, newest first, from below the number ``after`` (0: the newest).

    ``live``: only those that are neither revoked nor expired. Raises NotPermittedError.
    """
    require(account, Action.MANAGE_MACHINES)
    with conn.cursor(row_factory=class_row(KeptToken)) as cursor:
        return cursor.execute(
            """
            SELECT t.id, t.name, a.login, a.name_zh, a.name_en, t.scopes, t.area_path::text AS area_path, t.created_at,
                   t.expires_at, t.last_used_at, t.last_origin, t.revoked_at
            FROM machine_token t JOIN account a ON a.id = t.account_id
            WHERE t.area_path <@ %(area)s::text::ltree AND (%(after)s = 0 OR t.id < %(after)s)
              AND (NOT %(live)s OR t.revoked_at IS NULL AND t.expires_at > now())
            ORDER BY t.id DESC LIMIT %(limit)s
            """,
            {"area": account.area_path, "after": after, "live": live, "limit": limit},
        ).fetchall()


def systems(conn: Connection[Any], account: Account) -> list[tuple[str, str, str]]:
    """(login, Chinese, English) of the other systems below the account's area."""
    require(account, Action.MANAGE_MACHINES)
    return conn.execute(
        "SELECT login, name_zh, name_en FROM account WHERE role = 'machine' AND active"
        " AND area_path <@ %s::text::ltree ORDER BY login LIMIT 500",
        (account.area_path,),
    ).fetchall()


def revoke(conn: Connection[Any], account: Account, number: int, *, at: dt.datetime, origin: str) -> KeptToken:
    """End a token at once; its next request is refused. Raises NotPermittedError, NotFoundError."""
    require(account, Action.MANAGE_MACHINES)
    kept = next(iter(listing(conn, account, after=number + 1, limit=1)), None) if 0 < number < 2**31 - 1 else None
    if kept is None or kept.id != number:
        raise NotFoundError(
            en=f"there is no token {number} in your area", zh=f"您的管辖范围内没有编号为 {number} 的令牌"
        )
    with conn.transaction():
        conn.execute(
            "UPDATE machine_token SET revoked_at = %s, revoked_by = %s WHERE id = %s AND revoked_at IS NULL",
            (at, account.id, number),
        )
        audit(
            conn, account, "revoke_machine_token", at=at, origin=origin,
            detail={"login": kept.login, "token": number, "name": kept.name},
        )  # fmt: skip
    return kept


def hash_of(token: str) -> bytes:
    """Hash that the database keeps: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def nightscout_secret(token: str) -> str:
    """Secret that Nightscout's clients send in the header ``api-secret``: the SHA-1 of the secret, in hexadecimal."""
    return hashlib.sha1(token.encode(errors="replace"), usedforsecurity=False).hexdigest()


def recognise(
    conn: Connection[Any], token: str, *, at: dt.datetime, origin: str, nightscout: bool = False
) -> Machine | None:
    """The machine of a token; None where it is unknown, revoked, expired, or its account switched off.

    ``nightscout``: it came as the SHA-1 that Nightscout's clients send. Its last use is noted, to the minute.
    """
    column = b"nightscout_hash" if nightscout else b"token_hash"
    row = conn.execute(
        b"SELECT t.id, t.name, t.account_id, t.scopes, t.area_path::text, t.last_used_at FROM machine_token t"
        b" JOIN account a ON a.id = t.account_id AND a.active AND a.role = 'machine'"
        b" WHERE t." + column + b" = %s AND t.revoked_at IS NULL AND t.expires_at > %s",
        (hash_of(token.lower() if nightscout else token), at),
    ).fetchone()
    account = None if row is None else account_by_id(conn, row[2])
    if row is None or account is None:
        return None
    if row[5] is None or at - row[5] >= SEEN_EVERY:
        conn.execute(
            "UPDATE machine_token SET last_used_at = %s, last_origin = %s WHERE id = %s", (at, clean(origin), row[0])
        )
    return Machine(token_id=row[0], name=row[1], account=account, scopes=frozenset(row[3]), area_path=row[4])
