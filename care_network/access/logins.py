"""Check logins: the throttle, the password, the second factor; each login and each failure is in the audit.

The password is hashed between two short transactions and never within one: an attacker's guesses must not hold the
connections that alerts are shown by. An attempt counts as a failure from its begin and is forgotten when it succeeds,
so that a hundred at once do not all pass as the first.
"""

import datetime as dt
import hashlib
from typing import Any, Literal

import msgspec
import structlog
from psycopg import Connection
from psycopg.pq import TransactionStatus

from care_network.access import news, passwords, recovery_codes, second_factor, throttle
from care_network.access.accounts import Account, Connect, account_by_login, clean
from care_network.access.permissions import audit
from care_network.access.sessions import TRUST, Countersign, no_countersign
from care_network.errors import LoginRefusedError


class EnrolmentNeededError(LoginRefusedError):
    """The password was right, and the account has to enrol a second factor before a session opens."""

    def __init__(self, account: Account) -> None:
        super().__init__(
            zh="该账号须先登记手机动态码：请在网页登录，页面会显示二维码。没有手机时，请值班长为您开一个临时码。",
            en="This account needs an authenticator app first: log in on the web page, which shows a QR code. Without"
            " a telephone, the desk lead gives you a code that lets you in.",
        )
        self.account = account


log = structlog.get_logger(__name__)

SecondFactor = Literal["optional", "admin", "staff"]
"""Roles that need a second factor to log in: none, administrators, all staff. An enrolled one is always asked for."""


class _Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A login that is tried."""

    login: str
    address: str
    now: dt.datetime
    code: str = ""
    stored: str | None = None
    """The hash; None: no such account."""
    number: int = 0
    """Of the account."""

    @property
    def network(self) -> str:
        """Failures are counted by this."""
        return throttle.network_of(self.address)


def authenticate(
    connect: Connect,
    login: str,
    password: str,
    origin: str,
    now: dt.datetime,
    *,
    code: str | None = "",
    second_factor_for: SecondFactor = "optional",
    purpose: str = "login",
    countersign: Countersign = no_countersign,
) -> Account:
    """Check a login, password and code tried from ``origin`` (the client's address); returns the active account.

    ``code`` None: the second factor is not asked for, because a session that passed it asks for the password again.
    ``purpose``: what the audit calls a success; the wrong ones are failed logins whatever they were for.

    Raises LoginRefusedError otherwise. After too many wrong passwords, attempts are refused unseen until the wait that
    the error names is over. Failures are committed before it is raised, so ``connect`` must not lend a connection that
    is in a transaction (ValueError).
    """
    attempt = _Attempt(login=clean(login).lower(), address=clean(origin), now=now, code=code or "")
    attempt = _begin(connect, attempt)
    right = passwords.verify(attempt.stored, password) and attempt.stored is not None
    better = passwords.hash_password(password) if right and passwords.outdated(attempt.stored or "") else None
    if better is not None:
        _countersign_password(countersign, attempt.number, better)
    return _settle(connect, attempt, better, code, second_factor_for, right=right, purpose=purpose)


def _countersign_password(countersign: Countersign, account_id: int, hashed: str) -> None:
    """Countersign a password's hash that is written anew without a session."""
    countersign(hashlib.sha256(f"password {account_id} {hashed}".encode()).digest())


def _begin(connect: Connect, attempt: _Attempt) -> _Attempt:
    """Count the attempt, and read what it is compared with."""
    with connect() as conn:
        if conn.info.transaction_status != TransactionStatus.IDLE:
            raise ValueError("authenticate() commits its own transactions: give it a connection that is not in one")
        with conn.transaction():
            # One attempt at a time for a login and for an origin.
            for key in sorted({f"login:{attempt.login}", f"origin:{attempt.network}"}):
                conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))
            wait = _wait(conn, attempt, asks=True)
            row = conn.execute(
                "SELECT password_hash, id FROM account WHERE login = %s AND active", (attempt.login,)
            ).fetchone()
            if not wait:
                conn.execute(
                    "INSERT INTO login_failure (login, origin, at) VALUES (%s, %s, %s)",
                    (attempt.login, attempt.network, attempt.now),
                )
                conn.execute(
                    "DELETE FROM login_knock WHERE login = %s AND origin = %s", (attempt.login, attempt.network)
                )
                conn.execute("DELETE FROM login_failure WHERE at < %s", (attempt.now - throttle.WINDOW,))
                conn.execute("DELETE FROM login_knock WHERE at < %s", (attempt.now - throttle.WINDOW,))
    if wait:
        log.warning("login throttled", origin=attempt.address, wait_s=wait)
        raise LoginRefusedError(
            zh=f"密码错误次数过多，请在 {wait} 秒后再试。紧急情况请直接打电话。",
            en=f"Too many wrong passwords. Try again in {wait} seconds; in an emergency use the telephone.",
            retry_after_s=wait,
        )
    return msgspec.structs.replace(attempt, stored=row[0] if row else None, number=row[1] if row else 0)


def _settle(
    connect: Connect,
    attempt: _Attempt,
    better: str | None,
    code: str | None,
    second_factor_for: SecondFactor,
    *,
    right: bool,
    purpose: str,
) -> Account:
    refusal: LoginRefusedError | None = None
    with connect() as conn, conn.transaction():
        account = account_by_login(conn, attempt.login)
        if account is None or not right:
            refusal = _wrong(conn, attempt, account)
        elif _expired(conn, account, attempt.now):
            refusal = LoginRefusedError(
                zh="该一次性密码已过期，请向管理员索取新的。",
                en="This one-time password has expired: ask the administrator for a new one.",
            )
        elif code is not None:
            refusal = _second(conn, attempt, account, code, second_factor_for)
        if account is not None and refusal is None:
            _forget(conn, attempt)
            if better is not None:
                conn.execute("UPDATE account SET password_hash = %s WHERE id = %s", (better, account.id))
            audit(conn, account, purpose, at=attempt.now, origin=attempt.address)
    if account is None or refusal is not None:
        log.info("login failed", origin=attempt.address)
        raise refusal or LoginRefusedError(zh="账号或密码不正确。", en="Wrong login or password.")
    return account


def _wrong(conn: Connection[Any], attempt: _Attempt, account: Account | None) -> LoginRefusedError:
    # An unknown login may be a password, typed into the wrong field: it is not written down.
    audit(conn, account, "login_failed", at=attempt.now, origin=attempt.address)
    wait = _wait(conn, attempt)
    return LoginRefusedError(
        zh="账号或密码不正确。" + (f"请在 {wait} 秒后再试。" if wait else ""),
        en="Wrong login or password." + (f" Try again in {wait} seconds." if wait else ""),
        retry_after_s=wait,
    )


def needs_second_factor(role: str, needed: SecondFactor) -> bool:
    """Whether an account of this role has to have a second factor where ``needed`` is the district's setting."""
    return role != "family" and (needed == "staff" or (needed == "admin" and role == "admin"))


def _second(
    conn: Connection[Any], attempt: _Attempt, account: Account, code: str, needed: SecondFactor
) -> LoginRefusedError | None:
    """The refusal of the second factor, if any."""
    if not second_factor.enrolled(conn, account.id):
        if not needs_second_factor(account.role, needed):
            return None
        if code.strip() and _recovered(conn, attempt, account, code):
            return None  # a colleague has let them in
        _forget(conn, attempt)
        audit(conn, account, "login_without_second_factor", at=attempt.now, origin=attempt.address)
        return EnrolmentNeededError(account)
    if not code.strip():
        _forget(conn, attempt)
        return LoginRefusedError(
            zh="请再输入手机验证器上的六位动态码；手机不在身边时，输入一个恢复码。",
            en="Enter the six digits of your authenticator app, too; without the telephone, a recovery code.",
        )
    if second_factor.accept(conn, account.id, code, attempt.now):
        return None
    if _recovered(conn, attempt, account, code):
        return None
    audit(conn, account, "login_failed", at=attempt.now, origin=attempt.address, detail={"second_factor": "wrong"})
    wait = _wait(conn, attempt)
    return LoginRefusedError(
        zh="动态码不正确或已用过，请等下一个。" + (f"请在 {wait} 秒后再试。" if wait else ""),
        en="This code is wrong or was used before: wait for the next one."
        + (f" Try again in {wait} seconds." if wait else ""),
        retry_after_s=wait,
    )


def _recovered(conn: Connection[Any], attempt: _Attempt, account: Account, code: str) -> bool:
    """Take a recovery code, or the code by which a colleague lets somebody in."""
    if not recovery_codes.accept(conn, account.id, code, attempt.now):
        return False
    left = recovery_codes.left(conn, account.id)
    audit(conn, account, "use_recovery_code", at=attempt.now, origin=attempt.address, detail={"left": left})
    news.tell(conn, account.id, "use_recovery_code", attempt.now, origin=attempt.address)
    return True


def _expired(conn: Connection[Any], account: Account, now: dt.datetime) -> bool:
    row = conn.execute("SELECT one_time_until <= %s FROM account WHERE id = %s", (now, account.id)).fetchone()
    return bool(row and row[0])


def _forget(conn: Connection[Any], attempt: _Attempt) -> None:
    conn.execute("DELETE FROM login_failure WHERE login = %s AND origin = %s", (attempt.login, attempt.network))


def _wait(conn: Connection[Any], attempt: _Attempt, *, asks: bool = False) -> int:
    """Seconds until this attempt is looked at; ``asks``: it asks now, and the place's waiting begins."""
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
        {
            "login": attempt.login,
            "origin": attempt.network,
            "since": attempt.now - throttle.WINDOW,
            "trusted": attempt.now - TRUST,
        },
    ).fetchone()
    if row is None:
        return 0
    pair, place, login = (throttle.Failures(*row[n : n + 2]) for n in (0, 2, 4))
    own = throttle.longest_wait_s([(pair, throttle.PAIR), (place, throttle.ORIGIN)], attempt.now)
    others = 0 if row[6] else throttle.wait_s(login, throttle.LOGIN, attempt.now)
    if not others or _has_code(conn, attempt):
        return own
    return max(own, min(others, throttle.turn_s(_asked_at(conn, attempt, asks=asks), attempt.now)))


def _asked_at(conn: Connection[Any], attempt: _Attempt, *, asks: bool) -> dt.datetime:
    """Since when this place waits for others' wrong passwords."""
    if asks:
        conn.execute(
            "INSERT INTO login_knock (login, origin, at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (attempt.login, attempt.network, attempt.now),
        )
    row = conn.execute(
        "SELECT at FROM login_knock WHERE login = %s AND origin = %s", (attempt.login, attempt.network)
    ).fetchone()
    return row[0] if row else attempt.now


def _has_code(conn: Connection[Any], attempt: _Attempt) -> bool:
    """Whether the attempt brings the present code of the account's app: no guesser of passwords has it."""
    row = conn.execute(
        "SELECT totp_secret FROM account WHERE login = %s AND active AND totp_secret IS NOT NULL", (attempt.login,)
    ).fetchone()
    return row is not None and second_factor.step_of(row[0], attempt.code, attempt.now) is not None
