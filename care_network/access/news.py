"""Tell people on their next page that their password or second factor was changed (ASVS 4.0.3, 2.2.3)."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

WORDS: Mapping[str, tuple[str, str]] = {
    "change_password": ("密码已修改", "The password was changed"),
    "reset_password": ("密码已重置为一次性密码", "The password was replaced by a one-time password"),
    "enrol_second_factor": ("已启用动态码登录", "Codes of an authenticator app are asked for from now on"),
    "remove_second_factor": ("已停用动态码登录", "Codes of the authenticator app are no longer asked for"),
    "reset_second_factor": (
        "动态码、恢复码和通行密钥已全部清除",
        "Authenticator app, recovery codes and passkeys were all taken away",
    ),
    "renew_recovery_codes": (
        "恢复码已更换，旧的全部失效",
        "The recovery codes were renewed; the old ones work no more",
    ),
    "let_in": ("同事为您开了一个登录临时码", "A colleague made a code that lets you in"),
    "use_recovery_code": ("用一个恢复码登录", "Somebody logged in with a recovery code"),
    "add_passkey": ("已添加通行密钥", "A passkey was added"),
    "remove_passkey": ("已移除通行密钥", "A passkey was removed"),
}
"""Chinese and English of each kind of news."""


class News(msgspec.Struct, frozen=True, kw_only=True):
    """One change of an account's password or second factor."""

    at: dt.datetime
    kind: str
    by_other: bool
    """An administrator did it."""
    origin: str
    seen_at: dt.datetime | None

    @property
    def words(self) -> tuple[str, str]:
        """The change in words, in Chinese and English."""
        return WORDS.get(self.kind, (self.kind, self.kind))


def tell(
    conn: Connection[Any], account_id: int, kind: str, at: dt.datetime, *, origin: str, by_other: bool = False
) -> None:
    """Leave news for an account's person; part of the caller's transaction."""
    conn.execute(
        "INSERT INTO account_news (account_id, at, kind, by_other, origin) VALUES (%s, %s, %s, %s, %s)",
        (account_id, at, kind, by_other, origin),
    )


def latest(conn: Connection[Any], account_id: int, most: int = 10) -> list[News]:
    """The newest changes of an account, the newest first."""
    with conn.cursor(row_factory=class_row(News)) as cursor:
        return cursor.execute(
            "SELECT at, kind, by_other, origin, seen_at FROM account_news WHERE account_id = %s"
            " ORDER BY id DESC LIMIT %s",
            (account_id, most),
        ).fetchall()


def read(conn: Connection[Any], account_id: int, now: dt.datetime) -> None:
    """Note that the person has read all news of their account."""
    conn.execute("UPDATE account_news SET seen_at = %s WHERE account_id = %s AND seen_at IS NULL", (now, account_id))
