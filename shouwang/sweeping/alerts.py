"""Lend the rounds of care the platform's alerts: they are opened and ended by dispatch, as all alerts are."""

import datetime as dt
import uuid
from typing import Any

from psycopg import Connection

from care_services.rounds.outside import CareAlert
from dispatch.alerts import lifecycle
from vocabulary.rule_words import KEY


class Alerts:
    """The alerts of the platform, as :class:`care_services.rounds.outside.Outside` asks for them."""

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

    def end_alert(self, conn: Connection[Any], key: uuid.UUID, at: dt.datetime, words: tuple[str, str]) -> bool:
        """Clear it, or add the words where a person has it."""
        return lifecycle.follow_up(conn, key, "clear", at, *words)

    def note_alert(self, conn: Connection[Any], key: uuid.UUID, at: dt.datetime, words: tuple[str, str]) -> bool:
        """Add the words to its history."""
        return lifecycle.follow_up(conn, key, "note", at, *words)
