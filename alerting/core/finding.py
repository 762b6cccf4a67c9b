"""The finding of a detector, and the lasting identity of its alert."""

import uuid
from typing import Any, Final, Literal

import msgspec

from vocabulary.severity import Severity
from vocabulary.times import DAY_US

FindingAction = Literal["open", "update", "clear", "cancel", "end", "note"]
CLOSING: Final = ("clear", "cancel")
OVER: Final = ("clear", "cancel", "end")
"""Actions after which the cause no longer lasts."""
NAMESPACE = uuid.UUID("6f1c3f3e-6d0c-5c8e-9a43-0e6f5c1b7a10")

OLDEST_US = 400 * DAY_US
"""Timestamps older than this come from an unset clock."""
AHEAD_US = DAY_US
"""Timestamps further in the future than this, likewise."""


def believable(time_us: int, now_us: int, ahead_us: int = AHEAD_US) -> bool:
    """Whether a device's timestamp can be right."""
    return now_us - OLDEST_US < time_us < now_us + ahead_us


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """``open`` raises an alert; ``update`` raises its severity or renews its reason; ``clear`` ends it by itself,
    ``cancel`` because the resident took it back; ``end`` tells that its cause is over and leaves it open for a person;
    ``note`` adds to its story.

    ``onset_us`` is when the episode began, by the sensor's clock; with subject and rule it is the alert's identity.
    """

    action: FindingAction
    rule: str
    rule_version: int
    severity: Severity
    subject: str
    household_id: int
    resident_id: int | None
    onset_us: int
    sensed_us: int
    reason_zh: str
    reason_en: str
    evidence: dict[str, Any] = {}

    @property
    def since_us(self) -> int:
        """When it began, for people to read; when it was sensed, where the sensor does not know the time."""
        return self.onset_us if believable(self.onset_us, self.sensed_us) else self.sensed_us

    @property
    def alert_id(self) -> uuid.UUID:
        """UUIDv5 of subject, rule and onset: the same input gives the same id, in every process."""
        return alert_id(self.subject, self.rule, self.onset_us)


def alert_id(subject: str, rule: str, onset_us: int) -> uuid.UUID:
    """The id of the alert of this subject, rule and onset."""
    return uuid.uuid5(NAMESPACE, f"{subject}|{rule}|{onset_us}")
