"""Enrol an authenticator app at the login, where a second factor is needed and none is there: no session before."""

import datetime as dt
import hashlib
import secrets
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access import news, recovery_codes, second_factor, sessions
from care_network.access.accounts import Account, account_by_id
from care_network.access.permissions import audit
from care_network.access.sessions import Countersign, no_countersign
from care_network.errors import LoginRefusedError, ProvisioningError

WAITS = dt.timedelta(minutes=15)
"""From the right password to the app's first code."""


class Enrolling(msgspec.Struct, frozen=True):
    """Somebody who gave the right password, and whose app has been shown a secret."""

    account: Account
    secret: str


def begin(conn: Connection[Any], account: Account, now: dt.datetime, countersign: Countersign = no_countersign) -> str:
    """Make a secret for the app of somebody who has just given the right password; returns the browser's token."""
    browser = secrets.token_urlsafe(32)
    countersign(hashlib.sha256(f"enrolment {account.id} {_hash(browser).hex()}".encode()).digest())
    with conn.transaction():
        conn.execute("DELETE FROM login_enrolment WHERE ends_at < %s OR account_id = %s", (now, account.id))
        conn.execute(
            """
            INSERT INTO login_enrolment (browser, account_id, secret, password, ends_at)
            SELECT %s, id, %s, sha256(convert_to(password_hash, 'UTF8')), %s FROM account WHERE id = %s
            """,
            (_hash(browser), second_factor.new_secret(), now + WAITS, account.id),
        )
    return browser


def waiting(conn: Connection[Any], browser: str, now: dt.datetime) -> Enrolling | None:
    """Find whoever enrols in this browser; None where it took too long, or the account changed meanwhile."""
    row = conn.execute(
        """
        SELECT e.account_id, e.secret FROM login_enrolment e JOIN account a ON a.id = e.account_id
        WHERE e.browser = %s AND e.ends_at > %s AND a.active AND a.totp_secret IS NULL
          AND e.password = sha256(convert_to(a.password_hash, 'UTF8'))
        """,
        (_hash(browser), now),
    ).fetchone()
    account = None if row is None else account_by_id(conn, row[0])
    return None if account is None or row is None else Enrolling(account, str(row[1]))


def finish(
    conn: Connection[Any],
    browser: str,
    code: str,
    origin: str,
    now: dt.datetime,
    countersign: Countersign = no_countersign,
) -> tuple[Account, list[str]]:
    """Ask for codes of the app from now on; ``code`` shows that it has the secret. Returns the recovery codes.

    Sessions that the account had end. Raises LoginRefusedError where it took too long, ProvisioningError for a wrong
    code.
    """
    found = waiting(conn, browser, now)
    if found is None:
        raise LoginRefusedError(
            en="This took too long: log in again, and a new picture is shown.",
            zh="等待时间过长：请重新登录，页面会显示新的二维码。",
        )
    me = found.account
    if second_factor.step_of(found.secret, code, now) is None:
        raise ProvisioningError(
            en="this code does not fit: is the telephone's clock right?",
            zh="动态码不正确：请检查手机时间是否准确",
            field="code",
        )
    countersign(second_factor.digest_of(me.id, found.secret))
    with conn.transaction():
        conn.execute("DELETE FROM login_enrolment WHERE account_id = %s", (me.id,))
        second_factor.enrol(conn, me.id, found.secret)
        second_factor.accept(conn, me.id, code, now)  # this code is used: it logs nobody in again
        codes = recovery_codes.renew(conn, me.id)
        sessions.revoke_all(conn, me.id, now)
        audit(conn, me, "enrol_second_factor", at=now, origin=origin, detail={"login": me.login, "at_the_login": True})
        audit(conn, me, "login", at=now, origin=origin)
        news.tell(conn, me.id, "enrol_second_factor", now, origin=origin)
    return me, codes


def _hash(browser: str) -> bytes:
    return hashlib.sha256(browser.encode(errors="replace")).digest()
