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
