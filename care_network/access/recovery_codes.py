"""Keep recovery codes: ten one-time codes in place of the second factor, for the day on which the telephone is lost,
and one by which a colleague lets somebody in."""

import datetime as dt
import hashlib
import hmac
import secrets
from typing import Any

from psycopg import Connection

from care_network.access import passwords

COUNT = 10


def renew(conn: Connection[Any], account_id: int) -> list[str]:
    """Make new codes of an account, in place of all that it had. They are returned this once: only hashes are kept."""
    codes = [passwords.generate() for _ in range(COUNT)]
    with conn.transaction():
        remove(conn, account_id)
        for code in codes:
            salt = secrets.token_bytes(16)
            conn.execute(
                "INSERT INTO recovery_code (account_id, salt, hash) VALUES (%s, %s, %s)",
                (account_id, salt, _hash(salt, code)),
            )
    return codes


def let_in(conn: Connection[Any], account_id: int, until: dt.datetime) -> str:
    """Make one code more, good until then, by which a colleague lets somebody in; the person's own stay."""
    code, salt = passwords.generate(), secrets.token_bytes(16)
    conn.execute(
        "INSERT INTO recovery_code (account_id, salt, hash, until) VALUES (%s, %s, %s, %s)",
        (account_id, salt, _hash(salt, code), until),
    )
    return code


def remove(conn: Connection[Any], account_id: int) -> None:
    """Take an account's codes away."""
    conn.execute("DELETE FROM recovery_code WHERE account_id = %s", (account_id,))


def left(conn: Connection[Any], account_id: int) -> int:
    """How many codes of an account have not been used."""
    row = conn.execute(
        "SELECT count(*) FROM recovery_code WHERE account_id = %s AND used_at IS NULL AND until IS NULL", (account_id,)
    ).fetchone()
    return int(row[0]) if row else 0


def accept(conn: Connection[Any], account_id: int, code: str, now: dt.datetime) -> bool:
    """Take a code; False for a wrong one and for one that was taken before. Blanks, dashes and case do not count."""
    plain = "".join(code.split()).replace("-", "").lower()
    if len(plain) != 16 or not plain.isascii():
        return False
    typed = "-".join(plain[n : n + 4] for n in range(0, 16, 4))
    rows = conn.execute(
        "SELECT salt, hash FROM recovery_code WHERE account_id = %s AND used_at IS NULL"
        " AND coalesce(until, 'infinity') > %s",
        (account_id, now),
    ).fetchall()
    found = next((kept for salt, kept in rows if hmac.compare_digest(_hash(salt, typed), bytes(kept))), None)
    if found is None:
        return False
    taken = conn.execute(
        "UPDATE recovery_code SET used_at = %s WHERE account_id = %s AND hash = %s AND used_at IS NULL",
        (now, account_id, found),
    )
    return taken.rowcount == 1


def _hash(salt: bytes, code: str) -> bytes:
    return hashlib.sha256(bytes(salt) + code.encode()).digest()
