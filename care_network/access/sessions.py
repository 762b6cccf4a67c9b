"""Sessions: a token in the browser, its hash in the database, and when it ends.

A session ends after its lifetime, which begins anew with what its person does (a page that only watches is no use, and
asks before the end), after a rest without a page open (an open board asks every 15 s, so a dispatcher who watches is
never put out), at the log-out, at a new login in the same browser, with the account, and when its account has opened
too many newer ones (ASVS 4.0.3, 3.3).
"""

import datetime as dt
import hashlib
import secrets
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from care_network.access.accounts import Account, clean
from care_network.access.throttle import network_of

_BY_SESSION: LiteralString = """
    SELECT s.last_seen_at, s.created_at, s.expires_at, a.id, a.login, a.name_zh, a.name_en, a.role,
           a.area_path::text, a.language, a.one_time_until IS NOT NULL
    FROM session s JOIN account a ON a.id = s.account_id
    WHERE s.token_hash = %s AND s.expires_at > %s AND s.revoked_at IS NULL AND a.active
"""


class Limits(msgspec.Struct, frozen=True):
    """When a session ends."""

    lifetime: dt.timedelta
    """From the last thing that was done in it."""
    longest: dt.timedelta
    """From its opening, however much is done; also the cookie's."""
    rest: dt.timedelta
    """Without a request of the session."""
    most: int
    """Sessions of an account at one time; the one that rests longest ends for a new one."""


STAFF = Limits(dt.timedelta(hours=12), dt.timedelta(hours=24), dt.timedelta(minutes=30), 64)
"""A shift with its handover; the rest of ASVS 4.0.3, 3.3.2, level 2; no desk of a center that shares an account is put
out."""
FAMILY = Limits(dt.timedelta(days=30), dt.timedelta(days=30), dt.timedelta(days=14), 10)
"""They see one resident, from a telephone of their own."""
TRUST = dt.timedelta(days=30)
"""How long an origin counts as known to a login after a success from there."""
SEEN_EACH = dt.timedelta(minutes=1)
"""How exactly a session's last request is known: not every request is a write."""


class Term(msgspec.Struct, frozen=True):
    """When a session began, and when it ends unless something is done in it."""

    began_at: dt.datetime
    ends_at: dt.datetime
    last_at: dt.datetime
    """The end beyond which nothing keeps it."""


class OpenSession(msgspec.Struct, frozen=True):
    """A session that has not ended, for the list."""

    origin: str
    """The network that it was opened from."""
    created_at: dt.datetime
    last_seen_at: dt.datetime
    expires_at: dt.datetime


def limits_of(role: str) -> Limits:
    """The limits of a role's sessions."""
    return FAMILY if role == "family" else STAFF


def open_session(
    conn: Connection[Any], account: Account, origin: str, now: dt.datetime, replaces: str | None = None
) -> str:
    """Start a session; returns its token, for the cookie. The database keeps only its SHA-256.

    ``replaces``: the token that the browser had before; that session ends.
    """
    token = secrets.token_urlsafe(32)
    with conn.transaction():
        if replaces is not None:
            revoke_session(conn, replaces, now)
        conn.execute(
            """
            INSERT INTO session (token_hash, account_id, origin, created_at, last_seen_at, expires_at)
            VALUES (%s, %s, %s, %s, %s, %s)
            """,
            (_hash(token), account.id, network_of(clean(origin)), now, now, now + limits_of(account.role).lifetime),
        )
        conn.execute(
            """
            UPDATE session SET revoked_at = %(now)s WHERE token_hash IN (
                SELECT token_hash FROM session
                WHERE account_id = %(account)s AND revoked_at IS NULL AND expires_at > %(now)s
                ORDER BY last_seen_at DESC, created_at DESC OFFSET %(most)s)
            """,
            {"account": account.id, "now": now, "most": limits_of(account.role).most},
        )
        # Ended sessions stay for a while: they are the origins from which a login has succeeded.
        conn.execute("DELETE FROM session WHERE expires_at < %s", (now - TRUST,))
    return token


def session_account(conn: Connection[Any], token: str, now: dt.datetime, *, used: bool = False) -> Account | None:
    """Find the account of a session; None where it is unknown or has ended, or the account is not active.

    The look itself keeps the session awake; ``used``: its person does something, and its lifetime begins anew.
    """
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_BY_SESSION, (_hash(token), now)).fetchone()
    if row is None:
        return None
    seen, began, ends = row[:3]
    account = Account(**dict(zip(Account.__struct_fields__, row[3:], strict=True)))
    limits = limits_of(account.role)
    if now - seen >= limits.rest:
        return None
    anew = min(now + limits.lifetime, began + limits.longest)
    if used and anew - ends >= SEEN_EACH:
        conn.execute("UPDATE session SET expires_at = %s WHERE token_hash = %s", (anew, _hash(token)))
    if now - seen >= SEEN_EACH:
        conn.execute("UPDATE session SET last_seen_at = %s WHERE token_hash = %s", (now, _hash(token)))
    return account


def term_of(conn: Connection[Any], token: str, account: Account) -> Term | None:
    """The term of a session of ``account``; None for an unknown one."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            "SELECT created_at, expires_at FROM session WHERE token_hash = %s", (_hash(token),)
        ).fetchone()
    return None if row is None else Term(row[0], row[1], row[0] + limits_of(account.role).longest)


def revoke_session(conn: Connection[Any], token: str, now: dt.datetime) -> None:
    """End a session (log out); an unknown token changes nothing."""
    with conn.transaction():
        conn.execute(
            "UPDATE session SET revoked_at = %s WHERE token_hash = %s AND revoked_at IS NULL", (now, _hash(token))
        )


def revoke_all(conn: Connection[Any], account_id: int, now: dt.datetime, but: str | None = None) -> int:
    """End every session of an account except the one of the token ``but``; returns how many."""
    return conn.execute(
        """
        UPDATE session SET revoked_at = %s
        WHERE account_id = %s AND revoked_at IS NULL AND expires_at > %s AND token_hash <> %s
        """,
        (now, account_id, now, _hash(but or "")),
    ).rowcount


def open_sessions(conn: Connection[Any], account: Account, now: dt.datetime) -> list[OpenSession]:
    """The sessions of an account that have not ended, the newest first."""
    with conn.cursor(row_factory=class_row(OpenSession)) as cursor:
        return cursor.execute(
            """
            SELECT origin, created_at, last_seen_at, expires_at FROM session
            WHERE account_id = %s AND revoked_at IS NULL AND expires_at > %s AND last_seen_at > %s
            ORDER BY created_at DESC
            """,
            (account.id, now, now - limits_of(account.role).rest),
        ).fetchall()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
