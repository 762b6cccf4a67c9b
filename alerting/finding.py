"""What a detector says, and how it becomes an alert with a lasting identity."""

import uuid
from typing import Any, Literal

import msgspec

Severity = Literal["emergency", "urgent", "attention", "technical"]
Action = Literal["open", "update", "clear", "cancel", "note"]
RANK: dict[str, int] = {"emergency": 0, "urgent": 1, "attention": 2, "technical": 3}
NAMESPACE = uuid.UUID("6f1c3f3e-6d0c-5c8e-9a43-0e6f5c1b7a10")


class Finding(msgspec.Struct, frozen=True):
    """``open`` raises an alert; ``update`` raises its severity and tells more; ``clear`` says that it is over by
    itself, ``cancel`` that the resident took it back; ``note`` adds to its story.

    ``onset_us`` is when the episode began, by the sensor's clock; with subject and rule it is the alert's identity.
    """

    action: Action
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
    def alert_id(self) -> uuid.UUID:
        """UUIDv5 of subject, rule and onset: the same input gives the same id, in every process."""
        return alert_id(self.subject, self.rule, self.onset_us)


def alert_id(subject: str, rule: str, onset_us: int) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, f"{subject}|{rule}|{onset_us}")
