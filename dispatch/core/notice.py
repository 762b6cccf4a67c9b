"""Encode and decode the message that carries an alert to every console: complete, so that no database is needed."""

from typing import Any

import msgspec

from vocabulary.alert_state import AlertState
from vocabulary.severity import Severity

TOPIC = "desk/v1/alerts"
MAX_BYTES = 512 * 1024


class NoticeError(ValueError):
    """The bytes are not a notice; the text says why."""


class AlertNotice(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as a console shows it. Times in µs since 1970, UTC."""

    id: str
    rule: str
    rule_version: int
    severity: Severity
    state: AlertState
    version: int
    subject: str
    household_id: int
    household_code: str
    address_zh: str
    address_en: str
    phone: str
    area_path: str
    area_zh: str
    area_en: str
    resident_id: int | None
    resident_code: str | None
    resident_zh: str | None
    resident_en: str | None
    onset_us: int
    sensed_us: int
    received_us: int
    raised_us: int
    reason_zh: str
    reason_en: str
    evidence: dict[str, Any]
    # What follows came later: a notice of an older program lacks it.
    headline_zh: str = ""
    """The alert in at most 14 Han."""
    headline_en: str = ""
    place_zh: str = ""
    """Compound and room, short."""
    place_en: str = ""
    resident_sex: str | None = None
    resident_age: int | None = None
    lives_alone: bool | None = None
    """None: not known."""
    owner_id: int | None = None
    """Account of whoever has it; None: nobody, or somebody without one."""
    owner_zh: str = ""
    """Empty: nobody has it."""
    owner_en: str = ""
    merged_into: str | None = None
    """The alert that it follows: people act on that one."""
    merged: int = 0
    """Number of alerts that follow it."""
    snoozed_us: int | None = None
    """A technical alert that rests until then."""
    closed_us: int | None = None
    word_us: int | None = None
    """When the family or the home told more of it, on which nobody has acted yet (``dispatch.alerts.lookup``)."""
    word_zh: str = ""
    word_en: str = ""

    def shows(self, now_us: int) -> bool:
        """Whether it stands in the queue by itself: it follows no other, and does not rest."""
        return self.merged_into is None and (self.snoozed_us is None or self.snoozed_us <= now_us)


_decoder = msgspec.json.Decoder(AlertNotice)


def encode(notice: AlertNotice) -> bytes:
    return msgspec.json.encode(notice)


def decode(payload: bytes) -> AlertNotice:
    """Decode a notice. Raises NoticeError, and nothing else."""
    if len(payload) > MAX_BYTES:
        raise NoticeError(f"a notice of {len(payload)} bytes is longer than {MAX_BYTES}")
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoticeError(f"not a valid notice: {error}") from error
