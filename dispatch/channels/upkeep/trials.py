"""Send a test message over one channel, the way of every message, and follow it.

It goes to whoever asks, or to an address that they typed and confirmed: never to a resident's people.
"""

import datetime as dt
import re
from typing import Any, Literal

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.errors import ProvisioningError
from dispatch.channels.names import ChannelFacts, ChannelNames
from dispatch.channels.notifications import WAKE
from dispatch.channels.recipients import TEST

MOST_AN_HOUR, PAUSE = 10, dt.timedelta(seconds=30)
"""Tests of one account: in an hour, and between two over the same channel."""
LOST_AFTER = dt.timedelta(minutes=3)
"""A test that nobody has planned or sent by then: the delivery service does not run."""
_PHONE = re.compile(r"[+0-9][0-9 -]{2,24}\Z")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,180}\Z")
Step = Literal["queued", "under way", "sent", "delivered", "failed", "unknown"]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A test and how far it has come."""

    id: int
    channel: str
    address: str
    asked_at: dt.datetime
    login: str
    notification: str
    """State of its notification."""
    message: str | None
    """State of its message; None: none is made yet."""
    awaits_receipt: bool
    attempts: int
    error: str | None
    ended_at: dt.datetime | None

    def step(self, now: dt.datetime) -> Step:
        """How far it has come; *sent* without a promised receipt says nothing of its arrival."""
        if self.notification == "failed" or self.message == "failed":
            return "failed"
        if self.message == "delivered" or self.notification == "delivered":
            return "delivered"
        if self.message == "sent":
            return "sent"
        if now - self.asked_at > LOST_AFTER:
            return "unknown"
        return "queued" if self.message is None else "under way"


def own_address(conn: Connection[Any], account: Account, facts: ChannelFacts) -> str:
    """The account's own address on a channel; empty where the registry has none."""
    if facts.address == "account":
        return str(account.id)
    row = conn.execute(
        "SELECT s.phone, o.code FROM staff s JOIN organisation o ON o.id = s.organisation_id"
        " WHERE s.account_id = %s AND s.active ORDER BY s.id LIMIT 1",
        (account.id,),
    ).fetchone()
    if row is None:
        return ""
    return str({"phone": row[0], "organisation": row[1]}.get(facts.address, "") or "")


def ask(
    conn: Connection[Any],
    account: Account,
    names: ChannelNames,
    channel: str,
    address: str,
    *,
    confirmed: bool,
    now: dt.datetime,
    origin: str,
) -> int:
    """Send a test over a channel; its number. ``address``: empty for one's own; another one has to be confirmed.

    Raises ProvisioningError with the field: a channel that is not there, an address that is none or a resident's
    people's, too many tests.
    """
    require(account, Action.SET_CHANNELS)
    facts = next((one for one in names.channels if one.name == channel and one.enabled), None)
    if facts is None:
        raise ProvisioningError(en="there is no such channel in use", zh="没有启用这个渠道", field="channel")
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('channel test', %s))", (account.id,))
        own = own_address(conn, account, facts)
        wanted = address.strip() or own
        _check(conn, account, facts, wanted, own, confirmed)
        _check_rate(conn, account, channel)
        row = conn.execute(
            """
            WITH asked AS (
                INSERT INTO channel_test (channel, address, name_zh, name_en, language, account_id)
                VALUES (%(channel)s, %(address)s, %(zh)s, %(en)s, %(language)s, %(account)s) RETURNING id
            ), told AS (
                INSERT INTO notification
                    (channel_test_id, reason, step, round, recipient_kind, recipient_key, at, due_at)
                SELECT id, 'channel_test', 0, 0, 'service', %(key)s || id, %(now)s, clock_timestamp() FROM asked)
            SELECT id, pg_notify(%(wake)s, '') FROM asked
            """,
            {
                "channel": channel, "address": wanted, "zh": account.name_zh, "en": account.name_en,
                "language": account.language, "account": account.id, "key": TEST, "now": now, "wake": WAKE,
            },
        ).fetchone()  # fmt: skip
        assert row is not None  # noqa: S101 - INSERT … RETURNING
        audit(
            conn, account, "test_channel", at=now, origin=origin,
            detail={"channel": channel, "own": wanted == own, "test": row[0]},
        )  # fmt: skip
    return int(row[0])


def _check(
    conn: Connection[Any], account: Account, facts: ChannelFacts, wanted: str, own: str, confirmed: bool
) -> None:
    if not wanted:
        raise ProvisioningError(
            en="your account has no address on this channel: type one",
            zh="您的账号没有该渠道的地址，请填写",
            field="address",
        )
    if wanted == own:
        return
    form = {"phone": _PHONE, "email": _EMAIL}.get(facts.address)
    if form is None and facts.address == "account":
        raise ProvisioningError(en="only to your own browsers", zh="只能发给您自己的浏览器", field="address")
    if form is not None and not form.match(wanted):
        raise ProvisioningError(en="this is no address of this channel", zh="这不是该渠道的地址", field="address")
    if facts.address == "organisation" and not _has_organisation(conn, account, wanted):
        raise ProvisioningError(
            en="there is no such organisation in your area", zh="您的管辖区域内没有这个机构", field="address"
        )
    if facts.address == "phone" and _of_a_resident(conn, wanted):
        raise ProvisioningError(
            en="this number is a resident's or of their family: test messages go to staff alone",
            zh="这是老人或其联系人的号码：测试消息只发给工作人员",
            field="address",
        )
    if not confirmed:
        raise ProvisioningError(
            en="tick that this number is to get a test message", zh="请勾选确认向该地址发送测试消息", field="confirmed"
        )


def _check_rate(conn: Connection[Any], account: Account, channel: str) -> None:
    row = conn.execute(
        "SELECT count(*), coalesce(max(asked_at) FILTER (WHERE channel = %s) > clock_timestamp() - %s, false)"
        " FROM channel_test WHERE account_id = %s AND asked_at > clock_timestamp() - interval '1 hour'",
        (channel, PAUSE, account.id),
    ).fetchone()
    if row is not None and (row[0] >= MOST_AN_HOUR or row[1]):
        raise ProvisioningError(
            en=f"wait: one test in {PAUSE.seconds} s over a channel, and {MOST_AN_HOUR} an hour",
            zh=f"请稍候：同一渠道每 {PAUSE.seconds} 秒一次，每小时至多 {MOST_AN_HOUR} 次",
            field="channel",
        )


def _has_organisation(conn: Connection[Any], account: Account, code: str) -> bool:
    found = conn.execute(
        "SELECT FROM organisation o JOIN area a ON a.id = o.area_id"
        " WHERE o.code = %s AND o.active AND a.path <@ %s::ltree",
        (code, account.area_path),
    )
    return found.fetchone() is not None


def _of_a_resident(conn: Connection[Any], phone: str) -> bool:
    """Whether a number is that of a home or of a contact, however it is written."""
    digits = re.sub(r"\D", "", phone).removeprefix("0086").removeprefix("86")
    found = conn.execute(
        r"""
        SELECT FROM (SELECT phone FROM contact UNION ALL SELECT phone FROM household WHERE NOT synthetic) known
        WHERE phone <> '' AND regexp_replace(regexp_replace(phone, '\D', '', 'g'), '^(0086|86)', '') = %s LIMIT 1
        """,
        (digits,),
    )
    return found.fetchone() is not None


def latest(conn: Connection[Any], account: Account, limit: int = 10) -> list[Trial]:
    """The account's own tests of the last day, the newest first."""
    with conn.cursor(row_factory=class_row(Trial)) as cursor:
        return cursor.execute(
            """
            SELECT t.id, t.channel, t.address, t.asked_at, %s AS login, coalesce(n.state, 'waiting') AS notification,
                   m.state AS message, m.receipt_due IS NOT NULL AS awaits_receipt,
                   (SELECT count(*)::int FROM delivery_attempt d WHERE d.message_id = m.id) AS attempts,
                   last.error, coalesce(last.receipt_at, last.finished_at) AS ended_at
            FROM channel_test t LEFT JOIN notification n ON n.channel_test_id = t.id
            LEFT JOIN message m ON m.id = n.message_id
            LEFT JOIN LATERAL (SELECT error, receipt_at, finished_at FROM delivery_attempt d WHERE d.message_id = m.id
                               ORDER BY d.id DESC LIMIT 1) last ON true
            WHERE t.account_id = %s AND t.asked_at > now() - interval '1 day' ORDER BY t.id DESC LIMIT %s
            """,
            (account.login, account.id, limit),
        ).fetchall()
