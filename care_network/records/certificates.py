"""Certificates of gateways in the database: enrolment codes, what was signed, revocation, and when each expires."""

import datetime as dt
import hashlib
import secrets
from typing import Any

import msgspec
from psycopg import Connection

CHANGED = "gateways_changed"
"""Notification (LISTEN) at each change of who may connect to the brokers."""


class EnrolmentError(ValueError):
    """Raised where a code opens nothing; the text is for the installer."""


class Expiry(msgspec.Struct, frozen=True):
    """The end of somebody's certificate."""

    holder: str
    expires_at: dt.datetime
    household_id: int | None = None
    """Of a gateway; None: a service's or a broker's."""


def make_code(conn: Connection[Any], gateway: str, now: dt.datetime, life: dt.timedelta) -> str:
    """Store a new enrolment code of a gateway (its hash alone) and return it; an older one opens nothing any more.

    Raises EnrolmentError for a gateway that is not in the registry, or whose name was revoked.
    """
    if conn.execute("SELECT FROM gateway WHERE name = %s", (gateway,)).fetchone() is None:
        raise EnrolmentError(f"no gateway {gateway!r} in the registry: provision it first")
    if gateway in revoked(conn):
        raise EnrolmentError(
            f"{gateway!r} was revoked, and a revoked name never comes back: give the gateway a new one"
        )
    code = secrets.token_hex(16)
    conn.execute(
        """
        INSERT INTO enrolment_code (gateway, code_hash, made_at, expires_at) VALUES (%s, %s, %s, %s)
        ON CONFLICT (gateway) DO UPDATE SET code_hash = EXCLUDED.code_hash, made_at = EXCLUDED.made_at,
            expires_at = EXCLUDED.expires_at, used_at = NULL
        """,
        (gateway, _hash(code), now, now + life),
    )
    return code


def use_code(conn: Connection[Any], gateway: str, code: str, now: dt.datetime) -> None:
    """Mark a code as used; one transaction with what it opens.

    Raises EnrolmentError, with the same words whatever was wrong with it: unknown, another gateway's, used, too old.
    """
    used = conn.execute(
        "UPDATE enrolment_code SET used_at = %(now)s WHERE gateway = %(gateway)s AND code_hash = %(hash)s"
        " AND used_at IS NULL AND expires_at > %(now)s"
        " AND NOT EXISTS (SELECT FROM revoked_identity WHERE identity = %(gateway)s)",
        {"now": now, "gateway": gateway, "hash": _hash(code)},
    )
    if used.rowcount != 1:
        raise EnrolmentError("this code opens nothing: it is mistyped, used or too old; ask for a new one")


def note_issued(
    conn: Connection[Any], gateway: str, serial: int, key_hash: bytes, now: dt.datetime, expires_at: dt.datetime
) -> None:
    """Record a certificate that was signed for a gateway."""
    conn.execute(
        "INSERT INTO issued_certificate (serial, gateway, key_hash, issued_at, expires_at) VALUES (%s, %s, %s, %s, %s)",
        (f"{serial:x}", gateway, key_hash, now, expires_at),
    )


def note_signed(
    conn: Connection[Any], gateway: str, serial: int, key_hash: bytes, signed_at: dt.datetime, expires_at: dt.datetime
) -> None:
    """Record a certificate that was signed elsewhere; once, however often it is told.

    Where the gateway has enrolled with a key of its own it counts as older than that: renewals stay bound to the key
    that the gateway has.
    """
    conn.execute(
        """
        INSERT INTO issued_certificate (serial, gateway, key_hash, issued_at, expires_at)
        SELECT %(serial)s, %(gateway)s, %(key)s, least(%(at)s, min(issued_at) - interval '1 second'), %(until)s
        FROM issued_certificate WHERE gateway = %(gateway)s AND key_hash <> %(key)s
        ON CONFLICT (serial) DO NOTHING
        """,
        {"serial": f"{serial:x}", "gateway": gateway, "key": key_hash, "at": signed_at, "until": expires_at},
    )


def last_issued(conn: Connection[Any], gateway: str) -> tuple[bytes, dt.datetime] | None:
    """(hash of the public key, time) of the certificate signed last for a gateway; None where there is none."""
    return conn.execute(
        "SELECT key_hash, issued_at FROM issued_certificate WHERE gateway = %s ORDER BY issued_at DESC LIMIT 1",
        (gateway,),
    ).fetchone()


def is_known(conn: Connection[Any], gateway: str) -> bool:
    """Whether a gateway is in the registry and was not revoked."""
    return (
        conn.execute(
            "SELECT FROM gateway WHERE name = %(name)s"
            " AND NOT EXISTS (SELECT FROM revoked_identity WHERE identity = %(name)s)",
            {"name": gateway},
        ).fetchone()
        is not None
    )


def revoke(conn: Connection[Any], identity: str, now: dt.datetime, login: str, reason: str) -> bool:
    """Take every right from an identity, for ever; False where that was done before."""
    done = conn.execute(
        "INSERT INTO revoked_identity (identity, revoked_at, revoked_by, reason) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (identity, now, login, reason),
    )
    conn.execute(f"NOTIFY {CHANGED}")
    return done.rowcount == 1


def revoked(conn: Connection[Any]) -> set[str]:
    """The revoked identities."""
    return {row[0] for row in conn.execute("SELECT identity FROM revoked_identity")}


def revoked_serials(conn: Connection[Any]) -> set[int]:
    """Serial numbers of all certificates that were signed for identities revoked since."""
    query = "SELECT serial FROM issued_certificate JOIN revoked_identity ON identity = gateway"
    return {int(row[0], 16) for row in conn.execute(query)}


def keep_list(conn: Connection[Any], authority: str, pem: str, now: dt.datetime) -> None:
    """Store the newest revocation list of an authority, for the brokers."""
    conn.execute(
        "INSERT INTO revocation_list (authority, pem, made_at) VALUES (%s, %s, %s)"
        " ON CONFLICT (authority) DO UPDATE SET pem = EXCLUDED.pem, made_at = EXCLUDED.made_at",
        (authority, pem, now),
    )
    conn.execute(f"NOTIFY {CHANGED}")


def lists(conn: Connection[Any]) -> dict[str, str]:
    """The stored revocation lists (PEM), by authority."""
    return dict(conn.execute("SELECT authority, pem FROM revocation_list").fetchall())


def expiries(conn: Connection[Any]) -> list[Expiry]:
    """The end of every certificate in use that is known: gateways' by their status, services' and brokers' as they
    were seen (:mod:`database.reports.certificate_ends`).

    Of services and brokers only those seen in the last week: one that was taken out of use warns nobody. A synthetic
    gateway counts as a service: of its home nobody would be told.
    """
    gateways = conn.execute(
        """
        SELECT g.name, to_timestamp((g.status->>'certificate_until_us')::bigint / 1e6),
               CASE WHEN NOT h.synthetic THEN h.id END
        FROM gateway g JOIN household h ON h.id = g.household_id
        WHERE (g.status->>'certificate_until_us')::bigint > 0
          AND NOT EXISTS (SELECT FROM revoked_identity WHERE identity = g.name)
        """
    ).fetchall()
    others = conn.execute(
        "SELECT holder, expires_at, NULL FROM certificate_expiry WHERE seen_at > now() - interval '7 days'"
    ).fetchall()
    return [Expiry(*row) for row in (*gateways, *others)]


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.strip().lower().encode()).digest()
