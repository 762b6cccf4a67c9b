"""Store how somebody wants to be told: channels, language, quiet hours, addresses that the registry does not have."""

import datetime as dt
from typing import Any, Literal, LiteralString

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.errors import NotFoundError, NotPermittedError
from dispatch.channels.notifications import Recipient
from dispatch.channels.policy import QuietHours
from vocabulary.area_path import within


class Preference(msgspec.Struct, frozen=True):
    """Wishes of one recipient. An empty field stands for what the settings and the registry say."""

    channels: tuple[str, ...] = ()
    """In the order in which they are tried."""
    language: Literal["zh", "en"] | None = None
    quiet: QuietHours | None = None
    addresses: dict[str, str] = {}
    """By channel, where the registry has none (e-mail)."""


MOST_BROWSERS = 10
"""Browsers of one account; a further one replaces the oldest."""


def add_browser(conn: psycopg.Connection[Any], account: Account, endpoint: str, p256dh: str, auth: str) -> None:
    """Register a browser of the account for Web Push: its push service's address and its keys (RFC 8291)."""
    with conn.transaction():
        # of whoever used this browser before, whose rows the account does not see
        conn.execute("SELECT release_browser(%s)", (endpoint,))
        conn.execute(
            """
            INSERT INTO push_subscription (endpoint, account_id, p256dh, auth) VALUES (%s, %s, %s, %s)
            ON CONFLICT (endpoint) DO NOTHING
            """,
            (endpoint, account.id, p256dh, auth),
        )
        conn.execute(
            """
            DELETE FROM push_subscription WHERE endpoint IN (
                SELECT endpoint FROM push_subscription WHERE account_id = %s ORDER BY created_at DESC OFFSET %s)
            """,
            (account.id, MOST_BROWSERS),
        )


def drop_browser(conn: psycopg.Connection[Any], account: Account, endpoint: str) -> None:
    """Take a browser of the account out again."""
    conn.execute("DELETE FROM push_subscription WHERE endpoint = %s AND account_id = %s", (endpoint, account.id))


# (path of the area, id of the resident whose contact it is)
_PLACES: dict[str, LiteralString] = {
    "staff": """
        SELECT a.path::text, NULL FROM staff s JOIN organisation o ON o.id = s.organisation_id
        JOIN area a ON a.id = o.area_id WHERE s.code = %(key)s
    """,
    "organisation": """
        SELECT a.path::text, NULL FROM organisation o JOIN area a ON a.id = o.area_id WHERE o.code = %(key)s
    """,
    "contact": """
        SELECT a.path::text, r.id FROM contact c JOIN resident r ON r.id = c.resident_id
        JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
        WHERE r.code || '/' || c.phone = %(key)s
    """,
}


def set_preference(
    conn: psycopg.Connection[Any],
    account: Account,
    recipient: Recipient,
    wanted: Preference,
    at: dt.datetime,
    origin: str,
) -> None:
    """Replace what the recipient preferred before. Audited, in one transaction with the change.

    Raises NotPermittedError for a role that may not, and for a service (as '120') where homes lie outside the account's
    area; NotFoundError for a recipient that is not there or not in that area.
    """
    require(account, Action.SET_PREFERENCES)
    with conn.transaction():
        resident_id = _check_area(conn, account, recipient)
        quiet = wanted.quiet
        conn.execute(
            """
            INSERT INTO notification_preference
                (recipient_kind, recipient_key, channels, language, quiet_from, quiet_until, addresses)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (recipient_kind, recipient_key) DO UPDATE SET channels = excluded.channels,
                language = excluded.language, quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until,
                addresses = excluded.addresses
            """,
            (
                recipient.kind,
                recipient.key,
                list(wanted.channels),
                wanted.language,
                None if quiet is None else quiet.starts,
                None if quiet is None else quiet.ends,
                Jsonb(wanted.addresses),
            ),
        )
        audit(
            conn, account, Action.SET_PREFERENCES, at=at, resident_id=resident_id, origin=origin,
            detail={
                "recipient": f"{recipient.kind}:{recipient.key}",
                "channels": list(wanted.channels),
                "language": wanted.language,
                "quiet": None if quiet is None else f"{quiet.starts:%H:%M}-{quiet.ends:%H:%M}",
                "addresses": wanted.addresses,
            },
        )  # fmt: skip


def _check_area(conn: psycopg.Connection[Any], account: Account, recipient: Recipient) -> int | None:
    """Check that the recipient lies in the account's area; gives the resident whose contact it is."""
    if recipient.kind == "service":
        if _homes_outside(conn, account):
            raise NotPermittedError(
                en=f"{recipient.key} is called for homes beyond {account.login}'s area; an account of the whole"
                " district may set it",
                zh=f"{recipient.key} 涉及全区，超出 {account.login} 的管辖区域，需由全区账号设置",
            )
        return None
    row = conn.execute(_PLACES[recipient.kind], {"key": recipient.key}).fetchone()
    if row is None or account.area_path is None or not within(row[0], account.area_path):
        raise NotFoundError(
            en=f"there is no {recipient.kind} {recipient.key!r} in your area",
            zh=f"您的管辖区域内没有 {recipient.key}",
            field="key",
        )
    resident_id: int | None = row[1]
    return resident_id


def _homes_outside(conn: psycopg.Connection[Any], account: Account) -> bool:
    row = conn.execute("SELECT has_homes_outside(%s::text::ltree)", (account.area_path,)).fetchone()
    return row is None or bool(row[0])
