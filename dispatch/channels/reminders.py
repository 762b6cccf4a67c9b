"""Load what messages of care remind of, and to whom they may go: nobody is rung up for a reminder."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from dispatch.channels.config import Channels
from dispatch.channels.notifications import REMINDED
from dispatch.channels.recipients import Card, Key


def waiting_digests(conn: Connection[Any], most: int) -> dict[int, dict[str, Any]]:
    """Load the digests that wait in the planner's form; each goes alone, for its link leads to it."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            SELECT n.id, 'care digest ' || d.id AS about, n.reason, n.step, n.round, n.recipient_kind, n.recipient_key,
                   n.due_at, n.page, CASE WHEN d.urgent THEN 'urgent' ELSE 'attention' END AS severity, 'care' AS rule,
                   '{}'::jsonb AS evidence, d.words_zh AS reason_zh, d.words_en AS reason_en, d.made_at AS onset,
                   '' AS household, '' AS address_zh, '' AS address_en, '' AS phone, NULL AS longitude,
                   NULL AS latitude, '' AS area, '' AS place_zh, '' AS place_en, '' AS resident_zh, '' AS resident_en,
                   '' AS sex, d.notices
            FROM notification n JOIN care_digest d ON d.id = n.care_digest_id
            WHERE n.state = 'waiting' AND n.message_id IS NULL ORDER BY n.id LIMIT %s FOR UPDATE OF n SKIP LOCKED
            """,
            (most,),
        ).fetchall()
    return {row["id"]: row for row in rows}


def written_only(card: Card, channels: Channels) -> Card | None:
    """The card without calls, and without the board, which shows no reminders; None where nothing is left."""
    route = tuple(
        name for name in card.route if channels.form(name) != "spoken" and channels.channels[name].adapter != "console"
    )
    return msgspec.structs.replace(card, route=route) if route else None


def of_digests(
    conn: Connection[Any], wanted: Iterable[Key], channels: Channels, reaches: Callable[[str, str], bool]
) -> dict[Key, Card]:
    """Load the cards of those who are neither staff nor a contact: a volunteer's telephone, an account's browsers."""
    numbers = [int(key.removeprefix(REMINDED)) for _, key in wanted if key.startswith(REMINDED)]
    if not numbers:
        return {}
    cards: dict[Key, Card] = {}
    for number, phone, account, zh, en, language in conn.execute(
        "SELECT id, phone, coalesce(account_id::text, ''), name_zh, name_en, language FROM care_digest"
        " WHERE id = ANY(%s)",
        (numbers,),
    ).fetchall():
        usual = {"phone": phone, "account": account}
        addresses = {
            name: address
            for name in channels.order.get("contact", [])
            if (address := usual.get(channels.address(name), "")) and reaches(name, address)
        }
        if addresses:
            cards["service", f"{REMINDED}{number}"] = Card(
                name_zh=zh, name_en=en, language=language, route=tuple(addresses), addresses=addresses, quiet=None,
                sent=(),
            )  # fmt: skip
    return cards
