"""Sessions: a token in the browser, its hash in the database, and when it ends.

A session ends after its lifetime, which begins anew with what its person does (a page that only watches is no use, and
asks before the end), after a rest without a page open (an open board asks every 15 s, so a dispatcher who watches is
never put out), at the log-out, at a new login in the same browser, with the account, and when its account has opened
too many newer ones (ASVS 4.0.3, 3.3).
"""

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from care_network.access.accounts import Account, clean
from care_network.access.throttle import network_of

_BY_SESSION: LiteralString = """
    SELECT s.last_seen_at, s.created_at, s.expires_at, a.id, a.login, a.name_zh, a.name_en, a.role,
           a.area_path::text, a.language, a.one_time_until IS NOT NULL,
           EXISTS (SELECT FROM account_news n WHERE n.account_id = a.id AND n.seen_at IS NULL)
    FROM session s JOIN account a ON a.id = s.account_id
    WHERE s.token_hash = %s AND s.expires_at > %s AND s.revoked_at IS NULL AND a.active
"""


Countersign = Callable[[bytes], None]
"""Has the database take a row of that digest from the role that checks passwords: a call by another role's login."""


def no_countersign(digest: bytes) -> None:
    """For the database's owner, whose rows are taken without."""


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


CONFIRMED = dt.timedelta(minutes=10)
"""How long a proof of who somebody is counts for what is sensitive (ASVS 4.0.3, 3.7.1)."""
LONGEST_DEVICE = 40


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
    number: int
    device: str
    """Browser and system, coarse: 'chrome windows'; empty: not told."""
    is_this: bool
    """The one that asks."""


def limits_of(role: str) -> Limits:
    """The limits of a role's sessions."""
    return FAMILY if role == "family" else STAFF


def open_session(
    conn: Connection[Any],
    account: Account,
    origin: str,
    now: dt.datetime,
    replaces: str | None = None,
    device: str = "",
    countersign: Countersign = no_countersign,
) -> str:
    """Start a session of somebody who has just proved who they are; returns its token, for the cookie.

    The database keeps only its SHA-256. ``replaces``: the token that the browser had before; that session ends.
    ``device``: browser and system, coarse.
    """
    token = secrets.token_urlsafe(32)
    countersign(hashlib.sha256(f"session {account.id} {_hash(token).hex()}".encode()).digest())
    with conn.transaction():
        if replaces is not None:
            revoke_session(conn, replaces, now)
        conn.execute(
            """
            INSERT INTO session
                (token_hash, account_id, origin, device, created_at, confirmed_at, last_seen_at, expires_at)
            VALUES (%(hash)s, %(account)s, %(origin)s, %(device)s, %(now)s, %(now)s, %(now)s, %(end)s)
            """,
            {
                "hash": _hash(token),
                "account": account.id,
                "origin": network_of(clean(origin)),
                "device": device[:LONGEST_DEVICE],
                "now": now,
                "end": now + limits_of(account.role).lifetime,
            },
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


def revoke_number(conn: Connection[Any], account_id: int, number: int, now: dt.datetime) -> bool:
    """End one session of an account by its number in the list; False where there is none that is open."""
    taken = conn.execute(
        "UPDATE session SET revoked_at = %s WHERE account_id = %s AND number = %s AND revoked_at IS NULL",
        (now, account_id, number),
    )
    return taken.rowcount == 1


def confirm(conn: Connection[Any], token: str, now: dt.datetime) -> None:
    """Note that the session's person has proved anew who they are."""
    conn.execute("UPDATE session SET confirmed_at = %s WHERE token_hash = %s", (now, _hash(token)))


def confirmed(conn: Connection[Any], token: str, now: dt.datetime) -> bool:
    """Whether the session's person has proved within CONFIRMED who they are."""
    row = conn.execute(
        "SELECT confirmed_at > %s FROM session WHERE token_hash = %s", (now - CONFIRMED, _hash(token))
    ).fetchone()
    return bool(row and row[0])


def staff_networks(conn: Connection[Any], now: dt.datetime, most: int = 10_000) -> frozenset[str]:
    """The networks from which staff have logged in within TRUST."""
    rows = conn.execute(
        """
        SELECT s.origin FROM session s JOIN account a ON a.id = s.account_id
        WHERE s.created_at > %s AND a.role <> 'family' AND a.active
        GROUP BY s.origin ORDER BY max(s.created_at) DESC LIMIT %s
        """,
        (now - TRUST, most),
    )
    return frozenset(row[0] for row in rows)


def open_sessions(
    conn: Connection[Any], account: Account, now: dt.datetime, this: str | None = None
) -> list[OpenSession]:
    """The sessions of an account that have not ended, the newest first; ``this``: the token of the one that asks."""
    with conn.cursor(row_factory=class_row(OpenSession)) as cursor:
        return cursor.execute(
            """
            SELECT origin, created_at, last_seen_at, expires_at, number, device, token_hash = %s AS is_this FROM session
            WHERE account_id = %s AND revoked_at IS NULL AND expires_at > %s AND last_seen_at > %s
            ORDER BY created_at DESC
            """,
            (_hash(this or ""), account.id, now, now - limits_of(account.role).rest),
        ).fetchall()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
