"""Keep one's own account: second factor, recovery codes, passkeys, sessions, language. No permission: it is one's own.

Functions with a slow hash take ``connect`` and not a connection: see :mod:`care_network.access.logins`.
"""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access import logins, news, passkeys, recovery_codes, second_factor, sessions
from care_network.access.accounts import Account, Connect
from care_network.access.passkeys import Party, Passkey
from care_network.access.permissions import audit
from care_network.errors import LoginRefusedError, NotFoundError, ProvisioningError

LOGINS = 8
"""Last logins that are shown."""


class Self(msgspec.Struct, frozen=True):
    """A person who acts on their own account: when, from where, and by which session."""

    account: Account
    at: dt.datetime
    origin: str
    token: str
    """Of the session; it stays when others end."""


class LastLogin(msgspec.Struct, frozen=True):
    """A login, or a try that failed."""

    at: dt.datetime
    action: str
    origin: str


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """One's own account, as its page shows it."""

    area_zh: str | None
    area_en: str | None
    has_second_factor: bool
    codes_left: int
    passkeys: list[Passkey]
    sessions: list[sessions.OpenSession]
    logins: list[LastLogin]
    news: list[news.News]
    confirmed: bool
    """Sensitive things are done without asking for the password again."""


def overview(conn: Connection[Any], me: Self) -> Overview:
    """Read one's own account."""
    area = conn.execute("SELECT name_zh, name_en FROM area WHERE path = %s::ltree", (me.account.area_path,)).fetchone()
    with conn.cursor(row_factory=class_row(LastLogin)) as cursor:
        last = cursor.execute(
            """
            SELECT at, action, origin FROM audit
            WHERE account_id = %s AND action IN ('login', 'login_by_passkey', 'login_failed')
            ORDER BY at DESC, id DESC LIMIT %s
            """,
            (me.account.id, LOGINS),
        ).fetchall()
    return Overview(
        area_zh=area[0] if area else None,
        area_en=area[1] if area else None,
        has_second_factor=second_factor.enrolled(conn, me.account.id),
        codes_left=recovery_codes.left(conn, me.account.id),
        passkeys=passkeys.of_account(conn, me.account.id),
        sessions=sessions.open_sessions(conn, me.account, me.at, me.token),
        logins=last,
        news=news.latest(conn, me.account.id),
        confirmed=sessions.confirmed(conn, me.token, me.at),
    )


def confirm(connect: Connect, me: Self, password: str) -> None:
    """Prove anew who one is, by the password; it counts for ``sessions.CONFIRMED``. Raises LoginRefusedError."""
    logins.authenticate(connect, me.account.login, password, me.origin, me.at, code=None, purpose="confirm")
    with connect() as conn, conn.transaction():
        sessions.confirm(conn, me.token, me.at)


def offer_second_factor(conn: Connection[Any], me: Self) -> str:
    """Make the secret that an authenticator app takes. Raises ProvisioningError where one is enrolled already."""
    if second_factor.enrolled(conn, me.account.id):
        raise ProvisioningError(
            en="an authenticator app is enrolled already: switch it off first", zh="已启用动态码，请先停用再重新登记"
        )
    return second_factor.offer(conn, me.account.id, me.at)


def enrol_second_factor(conn: Connection[Any], me: Self, code: str) -> list[str]:
    """Ask for codes from now on; ``code`` shows that the app has the secret. Returns the recovery codes, this once.

    Other sessions end. Raises ProvisioningError for a wrong code, or where no secret was offered.
    """
    secret = second_factor.offered(conn, me.account.id, me.at)
    if secret is None:
        raise ProvisioningError(en="this took too long: begin again", zh="等待时间过长，请重新开始")
    step = second_factor.step_of(secret, code, me.at)
    if step is None:
        raise ProvisioningError(
            en="this code does not fit: is the telephone's clock right?",
            zh="动态码不正确：请检查手机时间是否准确",
            field="code",
        )
    with conn.transaction():
        second_factor.enrol(conn, me.account.id, secret)
        second_factor.accept(conn, me.account.id, code, me.at)  # this code is used: it logs nobody in
        codes = recovery_codes.renew(conn, me.account.id)
        sessions.revoke_all(conn, me.account.id, me.at, but=me.token)
        _told(conn, me, "enrol_second_factor")
    return codes


def remove_second_factor(connect: Connect, me: Self, password: str, code: str) -> None:
    """Ask for the password alone again, by the password and a code (a recovery code will do).

    Raises LoginRefusedError.
    """
    if not code.strip():
        raise LoginRefusedError(zh="请输入动态码或恢复码。", en="Enter a code of the app, or a recovery code.")
    logins.authenticate(connect, me.account.login, password, me.origin, me.at, code=code, purpose="confirm")
    with connect() as conn, conn.transaction():
        second_factor.enrol(conn, me.account.id, None)
        recovery_codes.remove(conn, me.account.id)
        _told(conn, me, "remove_second_factor")


def renew_recovery_codes(connect: Connect, me: Self, password: str) -> list[str]:
    """Make ten new recovery codes, by the password; the old ones work no more. Raises LoginRefusedError."""
    logins.authenticate(connect, me.account.login, password, me.origin, me.at, code=None, purpose="confirm")
    with connect() as conn, conn.transaction():
        if not second_factor.enrolled(conn, me.account.id):
            raise ProvisioningError(en="enrol an authenticator app first", zh="请先启用动态码")
        codes = recovery_codes.renew(conn, me.account.id)
        _told(conn, me, "renew_recovery_codes")
    return codes


def add_passkey(connect: Connect, me: Self, party: Party, answer: str, name: str) -> None:
    """Take a passkey that this browser has made. Raises ProvisioningError."""
    passkeys.add(connect, me.account, party, me.token, answer, name, me.at)
    with connect() as conn, conn.transaction():
        _told(conn, me, "add_passkey", name=name.strip()[: passkeys.LONGEST_NAME])


def remove_passkey(conn: Connection[Any], me: Self, number: int) -> None:
    """Take one of one's passkeys away. Raises NotFoundError."""
    with conn.transaction():
        name = passkeys.remove(conn, me.account.id, number)
        if name is None:
            raise NotFoundError(en="this passkey is gone already", zh="该通行密钥已不存在")
        _told(conn, me, "remove_passkey", name=name)


def end_session(conn: Connection[Any], me: Self, number: int) -> None:
    """End one of one's sessions. Raises NotFoundError where it has ended."""
    with conn.transaction():
        if not sessions.revoke_number(conn, me.account.id, number, me.at):
            raise NotFoundError(en="this session has ended already", zh="该会话已结束")
        audit(conn, me.account, "end_own_session", at=me.at, origin=me.origin)


def end_other_sessions(conn: Connection[Any], me: Self) -> int:
    """End all of one's sessions but this one; returns how many."""
    with conn.transaction():
        count = sessions.revoke_all(conn, me.account.id, me.at, but=me.token)
        audit(conn, me.account, "end_other_sessions", at=me.at, origin=me.origin, detail={"sessions": count})
    return count


def set_language(conn: Connection[Any], me: Self, language: str) -> None:
    """Choose the language of one's pages and messages: 'zh' or 'en'."""
    conn.execute("UPDATE account SET language = %s WHERE id = %s", ("en" if language == "en" else "zh", me.account.id))


def _told(conn: Connection[Any], me: Self, kind: str, **detail: Any) -> None:
    """Record a change of one's own second factor, and tell it on the next page."""
    audit(conn, me.account, kind, at=me.at, origin=me.origin, detail={"login": me.account.login, **detail})
    news.tell(conn, me.account.id, kind, me.at, origin=me.origin)
