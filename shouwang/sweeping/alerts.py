"""Lend the rounds of care the platform's alerts and messages: they go the way of all alerts and messages."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from typing import Any, cast

from psycopg import Connection

from care_services.core.notice_round import Digest, Fate
from care_services.rounds.outside import CareAlert
from dispatch.alerts import lifecycle
from dispatch.alerts.platform import platform_household
from dispatch.channels import notifications
from dispatch.channels.notifications import REMINDED, Page, Recipient, RecipientKind
from vocabulary.rule_words import KEY


class Alerts:
    """The alerts and the messages of the platform, as :class:`care_services.rounds.outside.Outside` asks for them."""

    def open_alert(self, conn: Connection[Any], alert: CareAlert) -> bool:
        """Open the alert with its first event and its escalation policy; False where it was opened before."""
        zh, en = alert.title
        words = {"zh": zh, "en": en, "outside_zh": zh, "outside_en": en, "service": alert.service}
        return lifecycle.raise_alert(
            conn,
            lifecycle.NewAlert(
                id=alert.key, rule=alert.rule, rule_version=1, severity=alert.severity, subject=alert.subject,
                household_id=alert.household_id, resident_id=alert.resident_id, onset=alert.onset,
                sensed_at=alert.onset, received_at=alert.at, raised_at=alert.at, reason_zh=alert.reason[0],
                reason_en=alert.reason[1], evidence={**alert.evidence, KEY: words},
            ),
        )  # fmt: skip

    def platform_home(self, conn: Connection[Any]) -> int | None:
        """The household that stands for the platform, made where there is none."""
        return platform_household(conn)

    def end_alert(self, conn: Connection[Any], key: uuid.UUID, at: dt.datetime, words: tuple[str, str]) -> bool:
        """Clear it, or add the words where a person has it."""
        return lifecycle.follow_up(conn, key, "clear", at, *words)

    def note_alert(self, conn: Connection[Any], key: uuid.UUID, at: dt.datetime, words: tuple[str, str]) -> bool:
        """Add the words to its history."""
        return lifecycle.follow_up(conn, key, "note", at, *words)

    def send(self, conn: Connection[Any], digest: Digest, now: dt.datetime) -> None:
        """Ask for a notification: the delivery service sends a message by the recipient's channels."""
        kind, key = digest.to or ("service", f"{REMINDED}{digest.id}")
        page = Page(digest.page.path, digest.page.purpose, digest.page.subject)
        notifications.remind(conn, digest.id, Recipient(cast("RecipientKind", kind), key), page, now)

    def fates(self, conn: Connection[Any], digests: Collection[int]) -> Mapping[int, Fate]:
        """The states of their notifications."""
        return notifications.fates_of_reminders(conn, digests)

    def take_back(self, conn: Connection[Any], digests: Collection[int], now: dt.datetime) -> None:
        """Withdraw their notifications."""
        notifications.forget_reminders(conn, list(digests), now)
