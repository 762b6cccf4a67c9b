"""Accounts: who may log in, found by login."""

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access import passwords

Connect = Callable[[], AbstractContextManager[Connection[Any]]]
"""Lends a connection for a short while; committed at its end."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person who may log in. It never holds the password's hash."""

    id: int
    login: str
    name_zh: str
    name_en: str
    role: str
    """A code of ``permissions.Role``."""
    area_path: str | None
    """Staff see the residents below it; None for family."""
    language: str
    """'zh' or 'en'."""
    must_change_password: bool = False
    """Somebody else chose the password: nothing may be done before it is changed."""
    has_news: bool = False
    """Password or second factor changed, and the person has not read it yet; told by a session alone."""


_BY_LOGIN: LiteralString = """
    SELECT id, login, name_zh, name_en, role, area_path::text AS area_path, language,
           one_time_until IS NOT NULL AS must_change_password
    FROM account WHERE login = %s AND active
"""
_BY_ID: LiteralString = """
    SELECT id, login, name_zh, name_en, role, area_path::text AS area_path, language,
           one_time_until IS NOT NULL AS must_change_password
    FROM account WHERE id = %s
"""
ONE_TIME = dt.timedelta(hours=72)
"""How long a one-time password can be used (ASVS 4.0.3, 2.3.1: a short time); a weekend."""


def account_by_login(conn: Connection[Any], login: str) -> Account | None:
    """Find the active account of a login."""
    with conn.cursor(row_factory=class_row(Account)) as cursor:
        return cursor.execute(_BY_LOGIN, (clean(login).lower(),)).fetchone()


def account_by_id(conn: Connection[Any], number: int) -> Account | None:
    """Find an account by its row, active or not."""
    with conn.cursor(row_factory=class_row(Account)) as cursor:
        return cursor.execute(_BY_ID, (number,)).fetchone()


def set_password(
    conn: Connection[Any], account_id: int, login: str, password: str, one_time_until: dt.datetime | None = None
) -> None:
    """Give an account a new password; with ``one_time_until`` one that has to be changed, and is good until then.

    Raises ProvisioningError for a password that is too weak.
    """
    passwords.check_new(password, login)
    hashed = passwords.hash_password(password)
    conn.execute(
        "UPDATE account SET password_hash = %s, one_time_until = %s WHERE id = %s",
        (hashed, one_time_until, account_id),
    )


def lock_all(conn: Connection[Any]) -> None:
    """Hold every change of roles, areas and states back until the transaction ends.

    A lock of its own: the console's role may not lock the table.
    """
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('shouwang accounts', 0))")


def has_any(conn: Connection[Any]) -> bool:
    """Whether there is an account, active or not."""
    return conn.execute("SELECT FROM account LIMIT 1").fetchone() is not None


def clean(text: str) -> str:
    """A login or an address as it is stored: PostgreSQL takes no NUL, and nobody's is longer than this."""
    return text.replace("\x00", "").encode(errors="replace").decode().strip()[:128]
