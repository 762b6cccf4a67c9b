"""Keep accounts: add, list, switch off and on, passwords, second factors, sessions, consents; each change audited.

An administrator keeps the accounts of staff below their own area, and those of the family of residents there. The
first one comes by :func:`add_first_admin`. Functions with a slow hash take ``connect`` and not a connection: see
:mod:`care_network.access.logins`.
"""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access import accounts, logins, news, passkeys, passwords, recovery_codes, second_factor, sessions
from care_network.access.accounts import Account, Connect
from care_network.access.permissions import Action, audit, in_area, require
from care_network.errors import NotFoundError, NotPermittedError, ProvisioningError
from care_network.records.provisioning import add_account
from care_network.records.records import NewAccount


class Admin(msgspec.Struct, frozen=True):
    """The administrator who acts, when, and from where."""

    account: Account
    at: dt.datetime
    origin: str


class KeptAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list of accounts."""

    id: int
    login: str
    name_zh: str
    name_en: str
    role: str
    area_path: str | None
    active: bool
    one_time_until: dt.datetime | None
    has_second_factor: bool
    passkeys: int
    version: int
    residents: tuple[str, ...]
    """Whom a family account may see: codes."""
    last_seen_at: dt.datetime | None


def list_accounts(conn: Connection[Any], admin: Admin, login: str | None = None) -> list[KeptAccount]:
    """The accounts that the administrator keeps, by login; only that one with ``login``."""
    return find_accounts(conn, admin, Wanted(login=login), None)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the accounts are listed; what is None or empty does not bind."""

    login: str | None = None
    words: str = ""
    """A part of the login or of a name."""
    role: str | None = None
    area: str | None = None
    """Accounts of this area and below."""
    state: str = ""
    """'active', 'off', 'bare' (staff without a second factor), 'never' (nobody has logged in with it yet)."""
    after: str = ""
    """The login before the page."""


STATES = ("active", "off", "bare", "never")


def find_accounts(conn: Connection[Any], admin: Admin, wanted: Wanted, limit: int | None) -> list[KeptAccount]:
    """The accounts that the administrator keeps and that are wanted, by login, ``limit`` at most."""
    require(admin.account, Action.MANAGE_ACCOUNTS)
    like = "%" + wanted.words.replace("\\", "").replace("%", "").replace("_", "\\_") + "%"
    with conn.cursor(row_factory=class_row(KeptAccount)) as cursor:
        return cursor.execute(
            """
            SELECT a.id, a.login, a.name_zh, a.name_en, a.role, a.area_path::text AS area_path, a.active,
                   a.one_time_until, a.totp_secret IS NOT NULL AS has_second_factor, a.version,
                   (SELECT count(*) FROM passkey k WHERE k.account_id = a.id) AS passkeys,
                   ARRAY(SELECT r.code FROM family_member f JOIN resident r ON r.id = f.resident_id
                         WHERE f.account_id = a.id ORDER BY r.code) AS residents,
                   (SELECT max(last_seen_at) FROM session s WHERE s.account_id = a.id) AS last_seen_at
            FROM account a
            WHERE (%(login)s::text IS NULL OR a.login = %(login)s)
              AND a.login > %(after)s
              AND (%(like)s = '%%' OR a.login LIKE %(like)s OR a.name_zh ILIKE %(like)s OR a.name_en ILIKE %(like)s)
              AND (%(role)s::text IS NULL OR a.role = %(role)s)
              AND (%(below)s::ltree IS NULL OR a.area_path <@ %(below)s::ltree)
              AND CASE %(state)s WHEN 'active' THEN a.active WHEN 'off' THEN NOT a.active
                  WHEN 'bare' THEN a.active AND a.role NOT IN ('family', 'machine') AND a.totp_secret IS NULL
                       AND NOT EXISTS (SELECT FROM passkey k WHERE k.account_id = a.id)
                  WHEN 'never' THEN a.role <> 'machine' AND NOT EXISTS (
                       SELECT FROM audit l WHERE l.account_id = a.id AND l.action IN ('login', 'login_by_passkey'))
                  ELSE true END
              AND (a.area_path <@ %(area)s::ltree OR a.role = 'family' AND NOT EXISTS (
                    SELECT FROM family_member f JOIN resident r ON r.id = f.resident_id
                    JOIN household h ON h.id = r.household_id JOIN area p ON p.id = h.area_id
                    WHERE f.account_id = a.id AND NOT p.path <@ %(area)s::ltree)
                   OR a.role = 'provider' AND NOT EXISTS (
                    SELECT FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area p ON p.id = o.area_id
                    WHERE s.account_id = a.id AND NOT p.path <@ %(area)s::ltree))
            ORDER BY a.login LIMIT %(limit)s
            """,
            {
                "login": wanted.login, "after": wanted.after, "like": like, "role": wanted.role or None,
                "below": wanted.area or None, "state": wanted.state, "area": admin.account.area_path, "limit": limit,
            },
        ).fetchall()  # fmt: skip


def is_admin(conn: Connection[Any], login: str) -> bool:
    """Whether an active administrator has this login."""
    row = conn.execute("SELECT FROM account WHERE login = %s AND role = 'admin' AND active", (login,)).fetchone()
    return row is not None


def add_first_admin(conn: Connection[Any], login: str, password: str, area: str, name: str, at: dt.datetime) -> None:
    """Add the administrator who adds all others. Raises NotPermittedError where an active administrator exists."""
    with conn.transaction():
        accounts.lock_all(conn)
        if _admins(conn):
            raise NotPermittedError(
                en="there is an administrator: a forgotten password is set anew by "
                "'shouwang accounts password LOGIN --reset --as LOGIN'",
                zh="已有管理员账号；忘记密码时请用 shouwang accounts password LOGIN --reset --as LOGIN 重设",
            )
        new = NewAccount(login=login, password=password, name_zh=name, name_en=name, role="admin", area=area)
        account = _account(conn, add_account(conn, new))
        audit(conn, account, "add_first_admin", at=at, origin="cli", detail={"login": login})


def add(conn: Connection[Any], admin: Admin, new: NewAccount, *, one_time: bool) -> None:
    """Add an account below the administrator's area; ``one_time``: its password has to be changed at once.

    Raises NotPermittedError, ProvisioningError.
    """
    require(admin.account, Action.MANAGE_ACCOUNTS)
    own = admin.account.area_path
    if new.area is not None and not in_area(admin.account, new.area):
        raise NotPermittedError(
            en=f"{new.area} is not below your area {own}", zh=f"{new.area} 不在您的管辖区域 {own} 内"
        )
    with conn.transaction():
        number = add_account(conn, new)
        if one_time:
            conn.execute("UPDATE account SET one_time_until = %s WHERE id = %s", (admin.at + accounts.ONE_TIME, number))
        _audit(conn, admin, "add_account", new.login, role=new.role, area=new.area)


def reset_password(conn: Connection[Any], admin: Admin, login: str) -> str:
    """Give an account a one-time password, which is returned; its sessions end. Raises NotFoundError."""
    kept = _kept(conn, admin, login)
    password = passwords.generate()
    with conn.transaction():
        accounts.set_password(conn, kept.id, kept.login, password, admin.at + accounts.ONE_TIME)
        sessions.revoke_all(conn, kept.id, admin.at)
        conn.execute("DELETE FROM login_failure WHERE login = %s", (kept.login,))
        _told(conn, admin, "reset_password", kept)
    return password


def change_own_password(
    connect: Connect, account: Account, current: str, new: str, *, at: dt.datetime, origin: str, keep: str | None
) -> None:
    """Change one's own password, by the present one; other sessions than that of the token ``keep`` end.

    Raises LoginRefusedError for a wrong present password (counted like a failed login), ProvisioningError for a new one
    that is too weak or the same.
    """
    logins.authenticate(connect, account.login, current, origin, at, code=None, purpose="confirm")
    if new == current:
        raise ProvisioningError(en="the new password is the present one", zh="新密码不能与当前密码相同")
    passwords.check_new(new, account.login)
    hashed = passwords.hash_password(new)
    with connect() as conn, conn.transaction():
        conn.execute("UPDATE account SET password_hash = %s, one_time_until = NULL WHERE id = %s", (hashed, account.id))
        sessions.revoke_all(conn, account.id, at, but=keep)
        audit(conn, account, "change_password", at=at, origin=origin)
        news.tell(conn, account.id, "change_password", at, origin=origin)


def set_active(conn: Connection[Any], admin: Admin, login: str, *, active: bool) -> None:
    """Switch an account off (its sessions end) or on again.

    Raises NotFoundError; NotPermittedError for the last administrator.
    """
    kept = _kept(conn, admin, login)
    with conn.transaction():
        accounts.lock_all(conn)
        if not active:
            keep_an_administrator(conn, kept)
        conn.execute("UPDATE account SET active = %s, version = version + 1 WHERE id = %s", (active, kept.id))
        if not active:
            sessions.revoke_all(conn, kept.id, admin.at)
            conn.execute("DELETE FROM push_subscription WHERE account_id = %s", (kept.id,))
        _audit(conn, admin, "enable_account" if active else "disable_account", kept.login)


def list_sessions(conn: Connection[Any], admin: Admin, login: str) -> list[sessions.OpenSession]:
    """The open sessions of an account. Raises NotFoundError."""
    kept = _kept(conn, admin, login)
    return sessions.open_sessions(conn, _account(conn, kept.id), admin.at)


def end_sessions(conn: Connection[Any], admin: Admin, login: str) -> int:
    """End all sessions of an account; returns how many. Raises NotFoundError."""
    kept = _kept(conn, admin, login)
    with conn.transaction():
        count = sessions.revoke_all(conn, kept.id, admin.at)
        _audit(conn, admin, "end_sessions", kept.login, sessions=count)
    return count


def withdraw_consent(conn: Connection[Any], admin: Admin, login: str, resident: str) -> None:
    """Take back a resident's consent to be seen by a family account; what it saw stays in the audit.

    Raises NotFoundError where there is no such consent.
    """
    kept = _kept(conn, admin, login)
    with conn.transaction():
        row = conn.execute(
            """
            DELETE FROM family_member USING resident r
            WHERE resident_id = r.id AND account_id = %s AND r.code = %s RETURNING resident_id, consent_at
            """,
            (kept.id, resident),
        ).fetchone()
        if row is None:
            raise NotFoundError(
                en=f"{login} sees no resident {resident}", zh=f"账号 {login} 没有老人 {resident} 的授权"
            )
        detail = {"login": kept.login, "consent_at": row[1].isoformat()}
        audit(
            conn, admin.account, "withdraw_consent", at=admin.at, resident_id=row[0], origin=admin.origin,
            detail=detail,
        )  # fmt: skip


def enrol_second_factor(conn: Connection[Any], admin: Admin, login: str, secret: str, code: str) -> None:
    """Ask an account for codes of ``secret`` from now on; ``code`` shows that its app has it.

    Raises NotFoundError, ProvisioningError for a wrong code.
    """
    kept = _kept(conn, admin, login)
    if second_factor.step_of(secret, code, admin.at) is None:
        raise ProvisioningError(
            en="this code does not fit: is the telephone's clock right?", zh="动态码不正确：请检查手机时间是否准确"
        )
    with conn.transaction():
        second_factor.enrol(conn, kept.id, secret)
        _told(conn, admin, "enrol_second_factor", kept)


def remove_second_factor(conn: Connection[Any], admin: Admin, login: str) -> None:
    """Ask an account for its password alone again (a lost telephone); its sessions end. Raises NotFoundError.

    Recovery codes and passkeys go, too: they may have lain on the telephone.
    """
    kept = _kept(conn, admin, login)
    with conn.transaction():
        second_factor.enrol(conn, kept.id, None)
        recovery_codes.remove(conn, kept.id)
        passkeys.remove_all(conn, kept.id)
        sessions.revoke_all(conn, kept.id, admin.at)
        _told(conn, admin, "reset_second_factor", kept)


def kept_account(conn: Connection[Any], admin: Admin, login: str) -> Account:
    """An account that the administrator keeps, active or not. Raises NotFoundError."""
    return _account(conn, _kept(conn, admin, login).id)


def keep_an_administrator(conn: Connection[Any], kept: KeptAccount) -> None:
    """Refuse to take away the last administrator of an area. ``conn``: within :func:`accounts.lock_all`.

    One of the whole district keeps all streets; one of a street does not keep the district. Raises NotPermittedError.
    """
    if kept.role != "admin" or not kept.active:
        return
    others = conn.execute(
        "SELECT FROM account WHERE role = 'admin' AND active AND id <> %s AND area_path @> %s::ltree LIMIT 1",
        (kept.id, kept.area_path),
    ).fetchone()
    if others is None:
        raise NotPermittedError(
            en=f"{kept.login} is the last administrator of {kept.area_path}: add another one first",
            zh=f"{kept.login} 是 {kept.area_path} 的最后一名管理员，请先添加另一名",
        )


def kept(conn: Connection[Any], admin: Admin, login: str) -> KeptAccount:
    """An account that the administrator keeps, as the list has it. Raises NotFoundError."""
    return _kept(conn, admin, login)


def _kept(conn: Connection[Any], admin: Admin, login: str) -> KeptAccount:
    found = list_accounts(conn, admin, accounts.clean(login).lower())
    if not found:
        raise NotFoundError(en=f"there is no account {login!r} that you keep", zh=f"没有您可管理的账号 {login}")
    return found[0]


def _account(conn: Connection[Any], number: int) -> Account:
    found = accounts.account_by_id(conn, number)
    if found is None:
        raise NotFoundError(en="the account is gone", zh="账号已不存在")
    return found


def _admins(conn: Connection[Any]) -> list[int]:
    rows = conn.execute("SELECT id FROM account WHERE role = 'admin' AND active ORDER BY id LIMIT 2").fetchall()
    return [row[0] for row in rows]


def _told(conn: Connection[Any], admin: Admin, action: str, kept: KeptAccount) -> None:
    """Record a change of a password or second factor, and tell its person."""
    _audit(conn, admin, action, kept.login)
    by_other = kept.id != admin.account.id
    news.tell(conn, kept.id, action, admin.at, origin=admin.origin, by_other=by_other)


def _audit(conn: Connection[Any], admin: Admin, action: str, login: str, **detail: Any) -> None:
    audit(conn, admin.account, action, at=admin.at, origin=admin.origin, detail={"login": login, **detail})
