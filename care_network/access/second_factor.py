"""A second factor: codes of an authenticator app on the telephone (TOTP, RFC 6238: SHA-1, six digits, 30 s)."""

import datetime as dt
import hashlib
from typing import Any

import pyotp
from psycopg import Connection

from care_network.access.accounts import Account

STEP_S = 30
ISSUER = "Shouwang"
DRIFT = 1
"""Steps before and after the present one whose codes count, too (RFC 6238, 5.2: one for the delay)."""


def new_secret() -> str:
    """A new secret of 160 bits, in base32."""
    return pyotp.random_base32()


def address_for_app(account: Account, secret: str) -> str:
    """The ``otpauth://`` address that an authenticator app takes, by hand or as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account.login, issuer_name=ISSUER)


def step_of(secret: str, code: str, now: dt.datetime) -> int | None:
    """The time step to which a code belongs; None where it is wrong or too old."""
    code = "".join(code.split())
    if not (code.isascii() and code.isdecimal()):
        return None
    present, totp = int(now.timestamp()) // STEP_S, pyotp.TOTP(secret)
    steps = range(present - DRIFT, present + DRIFT + 1)
    return next((step for step in steps if pyotp.utils.strings_equal(totp.generate_otp(step), code)), None)


OFFERED = dt.timedelta(minutes=15)
"""How long a secret waits for the first code of the app that took it."""


def offer(conn: Connection[Any], account_id: int, now: dt.datetime) -> str:
    """Make a secret for an account's app to take, in place of an older one; it counts once a code of it came back."""
    secret = new_secret()
    conn.execute(
        """
        INSERT INTO second_factor_offer (account_id, secret, at) VALUES (%(account)s, %(secret)s, %(now)s)
        ON CONFLICT (account_id) DO UPDATE SET secret = EXCLUDED.secret, at = EXCLUDED.at
        """,
        {"account": account_id, "secret": secret, "now": now},
    )
    return secret


def offered(conn: Connection[Any], account_id: int, now: dt.datetime) -> str | None:
    """The secret that an account's app was offered; None where there is none, or it is too old."""
    row = conn.execute(
        "SELECT secret FROM second_factor_offer WHERE account_id = %s AND at > %s", (account_id, now - OFFERED)
    ).fetchone()
    return None if row is None else str(row[0])


def enrolled(conn: Connection[Any], account_id: int) -> bool:
    """Whether the account needs a code to log in."""
    row = conn.execute("SELECT totp_secret IS NOT NULL FROM account WHERE id = %s", (account_id,)).fetchone()
    return bool(row and row[0])


def accept(conn: Connection[Any], account_id: int, code: str, now: dt.datetime) -> bool:
    """Take a code; False for a wrong one and for one that was taken before (RFC 6238, 5.2)."""
    row = conn.execute("SELECT totp_secret FROM account WHERE id = %s", (account_id,)).fetchone()
    step = step_of(row[0], code, now) if row and row[0] else None
    if step is None:
        return False
    taken = conn.execute(
        "UPDATE account SET totp_last_step = %s WHERE id = %s AND totp_last_step < %s", (step, account_id, step)
    )
    return taken.rowcount == 1


def digest_of(account_id: int, secret: str) -> bytes:
    """Compute what is countersigned before this secret becomes an account's without a session (:mod:`sessions`)."""
    return hashlib.sha256(f"second factor {account_id} {secret}".encode()).digest()


def enrol(conn: Connection[Any], account_id: int, secret: str | None) -> None:
    """Ask this account for codes of the secret from now on; None: no longer."""
    conn.execute("UPDATE account SET totp_secret = %s, totp_last_step = 0 WHERE id = %s", (secret, account_id))
    conn.execute("DELETE FROM second_factor_offer WHERE account_id = %s", (account_id,))
