"""Accounts, logins and sessions."""

import datetime as dt
import hashlib
import secrets
from typing import Any, LiteralString

import msgspec
import structlog
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import class_row

from care_network.access import passwords, throttle
from care_network.errors import LoginRefusedError

log = structlog.get_logger(__name__)

SESSION_LIFETIME = dt.timedelta(hours=12)
"""A shift, with its handover."""
FAMILY_SESSION_LIFETIME = dt.timedelta(days=30)
TRUST = dt.timedelta(days=30)
"""How long an origin counts as known to a login after a success from there."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person who may log in. It never holds the password's hash."""

    id: int
    login: str
    name_zh: str
    name_en: str
    role: str
    """'admin', 'dispatcher', 'carer' or 'family'."""
    area_path: str | None
    """Staff see the residents below it; None for family."""
    language: str
    """'zh' or 'en'."""


_BY_SESSION: LiteralString = """
    SELECT a.id, a.login, a.name_zh, a.name_en, a.role, a.area_path::text AS area_path, a.language
    FROM session s JOIN account a ON a.id = s.account_id
    WHERE s.token_hash = %s AND s.expires_at > %s AND s.revoked_at IS NULL AND a.active
"""
_BY_LOGIN: LiteralString = """
    SELECT id, login, name_zh, name_en, role, area_path::text AS area_path, language
    FROM account WHERE login = %s AND active
"""


def authenticate(conn: Connection[Any], login: str, password: str, origin: str, now: dt.datetime) -> Account:
    """Check a login and password tried from ``origin`` (the client's address); returns the active account.

    Raises LoginRefusedError otherwise. After too many wrong passwords, attempts are refused unseen until the wait that
    the error names is over. Failures are committed before it is raised, so ``conn`` must not be in a transaction
    (ValueError).
    """
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise ValueError("authenticate() commits its own transaction: give it a connection that is not in one")
    login, origin = _clean(login).lower(), _clean(origin)
    with conn.transaction():
        # One attempt at a time for a login and for an origin: a hundred at once must not all pass as the first.
        for key in sorted({f"login:{login}", f"origin:{origin}"}):
            conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))
        wait = _wait(conn, login, origin, now)
        account = None if wait else _check(conn, login, password)
        if account is not None:
            conn.execute("DELETE FROM login_failure WHERE login = %s AND origin = %s", (login, origin))
        elif not wait:
            conn.execute("INSERT INTO login_failure (login, origin, at) VALUES (%s, %s, %s)", (login, origin, now))
            conn.execute("DELETE FROM login_failure WHERE at < %s", (now - throttle.WINDOW,))
            wait_next = _wait(conn, login, origin, now)
    if account is not None:
        return account
    if wait:
        log.warning("login throttled", origin=origin, wait_s=wait)
        raise LoginRefusedError(
            zh=f"密码错误次数过多，请在 {wait} 秒后再试。紧急情况请直接打电话。",
            en=f"Too many wrong passwords. Try again in {wait} seconds; in an emergency use the telephone.",
            retry_after_s=wait,
        )
    log.info("login failed", origin=origin)
    raise LoginRefusedError(
        zh="账号或密码不正确。" + (f"请在 {wait_next} 秒后再试。" if wait_next else ""),
        en="Wrong login or password." + (f" Try again in {wait_next} seconds." if wait_next else ""),
        retry_after_s=wait_next,
    )


def open_session(conn: Connection[Any], account: Account, origin: str, now: dt.datetime) -> str:
    """Start a session; returns its token, for the cookie. The database keeps only its SHA-256."""
    token = secrets.token_urlsafe(32)
    lifetime = FAMILY_SESSION_LIFETIME if account.role == "family" else SESSION_LIFETIME
    with conn.transaction():
        conn.execute(
            "INSERT INTO session (token_hash, account_id, origin, created_at, expires_at) VALUES (%s, %s, %s, %s, %s)",
            (_hash(token), account.id, _clean(origin), now, now + lifetime),
        )
        # Ended sessions stay for a while: they are the origins from which a login has succeeded.
        conn.execute("DELETE FROM session WHERE expires_at < %s", (now - TRUST,))
    return token


def session_account(conn: Connection[Any], token: str, now: dt.datetime) -> Account | None:
    """Find the account of a session; None where it is unknown, expired or revoked, or the account is not active."""
    with conn.cursor(row_factory=class_row(Account)) as cursor:
        return cursor.execute(_BY_SESSION, (_hash(token), now)).fetchone()


def revoke_session(conn: Connection[Any], token: str, now: dt.datetime) -> None:
    """End a session (log out); an unknown token changes nothing."""
    with conn.transaction():
        conn.execute(
            "UPDATE session SET revoked_at = %s WHERE token_hash = %s AND revoked_at IS NULL", (now, _hash(token))
        )


def account_by_login(conn: Connection[Any], login: str) -> Account | None:
    """Find the active account of a login."""
    with conn.cursor(row_factory=class_row(Account)) as cursor:
        return cursor.execute(_BY_LOGIN, (_clean(login).lower(),)).fetchone()


def lock_all(conn: Connection[Any]) -> None:
    """Hold every change of an account back until the transaction ends."""
    conn.execute("LOCK TABLE account IN SHARE ROW EXCLUSIVE MODE")


def has_any(conn: Connection[Any]) -> bool:
    """Whether there is an account, active or not."""
    return conn.execute("SELECT FROM account LIMIT 1").fetchone() is not None


def _check(conn: Connection[Any], login: str, password: str) -> Account | None:
    row = conn.execute("SELECT password_hash FROM account WHERE login = %s AND active", (login,)).fetchone()
    stored = row[0] if row else None
    if not passwords.verify(stored, password) or stored is None:
        return None
    if passwords.outdated(stored):
        conn.execute(
            "UPDATE account SET password_hash = %s WHERE login = %s", (passwords.hash_password(password), login)
        )
    return account_by_login(conn, login)


def _wait(conn: Connection[Any], login: str, origin: str, now: dt.datetime) -> int:
    since = now - throttle.WINDOW
    row = conn.execute(
        """
        SELECT count(*) FILTER (WHERE login = %(login)s AND origin = %(origin)s),
               max(at) FILTER (WHERE login = %(login)s AND origin = %(origin)s),
               count(*) FILTER (WHERE origin = %(origin)s), max(at) FILTER (WHERE origin = %(origin)s),
               count(*) FILTER (WHERE login = %(login)s), max(at) FILTER (WHERE login = %(login)s),
               EXISTS (SELECT FROM session s JOIN account a ON a.id = s.account_id
                       WHERE a.login = %(login)s AND s.origin = %(origin)s AND s.created_at > %(trusted)s)
        FROM login_failure
        WHERE (login = %(login)s OR origin = %(origin)s) AND at > %(since)s
        """,
        {"login": login, "origin": origin, "since": since, "trusted": now - TRUST},
    ).fetchone()
    if row is None:
        return 0
    checks = [
        (throttle.Failures(row[0], row[1]), throttle.PAIR),
        (throttle.Failures(row[2], row[3]), throttle.ORIGIN),
    ]
    if not row[6]:
        checks.append((throttle.Failures(row[4], row[5]), throttle.LOGIN))
    return throttle.longest_wait_s(checks, now)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _clean(text: str) -> str:
    # PostgreSQL stores no NUL, and nobody's login or address is longer than this.
    return text.replace("\x00", "").encode(errors="replace").decode().strip()[:128]
