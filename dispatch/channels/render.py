"""Render a claimed message for its channel: texts, links and keys, the same at every attempt."""

import datetime as dt
from types import ModuleType
from typing import cast

import msgspec

from dispatch.channels.adapters.base import Outgoing
from dispatch.channels.notifications import RATING, Page
from dispatch.channels.sending import ClaimedMessage
from dispatch.channels.upkeep.kinds import Form
from dispatch.channels.wording import (
    alert_words,
    care_words,
    channel_test_words,
    duty_test_words,
    rating_words,
    roster_words,
)
from dispatch.core.links import LinkKeys

ACKNOWLEDGE, RECEIPT = "ack", "receipt"
"""Purposes of the links."""
REMINDER_VALID = dt.timedelta(days=7)
"""Of the link in a reminder: it is no alert, and may be read after days."""


class MessageLinks:
    """Signs the links of messages. Without keys messages go without links: better than not at all."""

    def __init__(self, keys: LinkKeys | None, console_url: str, hours: float) -> None:
        self._keys, self._url, self._valid = keys, console_url.rstrip("/"), dt.timedelta(hours=hours)

    def acknowledge(self, message_id: int, kind: str, key: str, created_at: dt.datetime) -> str:
        """The link that acknowledges a message."""
        return self._link("a", ACKNOWLEDGE, str(message_id), named(kind, key), created_at)

    def receipt(self, message_id: int, send_key: str, created_at: dt.datetime) -> str:
        """The address at which a gateway reports a receipt."""
        return self._link("receipts", RECEIPT, str(message_id), send_key, created_at)

    def page(self, page: Page, kind: str, key: str, created_at: dt.datetime, *, reminds: bool = False) -> str:
        """The link to a page of the console that needs no login; one in a reminder works for a week."""
        whose = named(kind, key)
        if reminds:
            created_at = created_at + REMINDER_VALID - self._valid
        return self._link(page.path.strip("/"), page.purpose, page.subject, whose, created_at)

    def console(self) -> str:
        """The console's address, for recipients with a login: warnings stand above its board."""
        return f"{self._url}/"

    def _link(self, path: str, purpose: str, subject: str, person: str, created_at: dt.datetime) -> str:
        if self._keys is None:
            return ""
        return f"{self._url}/{path}/{self._keys.sign(purpose, subject, person, created_at + self._valid)}"


def named(kind: str, key: str) -> str:
    """The recipient as a link's token names them: of a contact's key the resident's code, not the telephone number.

    The number of the message, which the token has beside it, tells which contact it is.
    """
    return f"{kind}:{key.partition('/')[0] if kind == 'contact' else key}"


def words_of(content: alert_words.Content) -> ModuleType:
    """The module with its ``title``, ``short``, ``long`` and ``spoken``."""
    if content.page is not None and content.page.purpose == RATING:
        return rating_words
    words = {"roster": roster_words, "duty_test": duty_test_words, "channel_test": channel_test_words}
    words["care"] = care_words
    return words.get(content.reason, alert_words)


def outgoing(message: ClaimedMessage, form: Form, links: MessageLinks) -> Outgoing:
    """Make what the adapter hands to the peer."""
    content = msgspec.convert(message.content, alert_words.Content)
    language = cast("alert_words.Language", message.language)
    recipient = (message.recipient_kind, message.recipient_key, message.created_at)
    if content.reason in ("roster", "channel_test"):
        link = links.console()
    else:
        reminds = content.reason == "care"
        link = (
            links.page(content.page, *recipient, reminds=reminds)
            if content.page
            else links.acknowledge(message.id, *recipient)
        )
    words = words_of(content)
    text = {
        "short": lambda: words.short(content, language, link),
        "long": lambda: words.long(content, language, link),
        "spoken": lambda: words.spoken(content, language),
    }[form]()
    return Outgoing(
        key=message.peer_key,
        message_id=message.id,
        channel=message.channel,
        address=message.addresses[message.channel],
        name=message.name_zh if language == "zh" else message.name_en,
        language=language,
        severity=message.severity,
        title=words.title(content, language),
        text=text,
        link=link,
        map_link=alert_words.map_link(content.items[0]),
        receipt_url=links.receipt(message.id, str(message.peer_key), message.created_at),
    )
