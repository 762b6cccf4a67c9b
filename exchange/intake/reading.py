"""Read FHIR's Observations as they are sent: whose, of what, when, how much. Pure."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import msgspec

from exchange.fhir.codes import BP_PANEL, DIASTOLIC, GIVEN, LOINC, OWN_CHANNEL, SYSTOLIC, UCUM
from exchange.intake.units import UnitError, convert
from firmware_profiles.channels import CHANNELS
from ingest.quarantine.refusals import Code
from vocabulary.times import DAY_US, SECOND_US

FUTURE_US, PAST_US = 300 * SECOND_US, 89 * DAY_US
"""Accepted times, a day inside those of ingest: what is taken here is not refused there."""
TAKEN = GIVEN - {"consciousness", "supplemental_oxygen", "step_count", "perfusion_index", "rr_interval"}
"""Channels that another system can bring (the model ``external-system``)."""
_STATUSES = frozenset({"final", "amended", "corrected", "preliminary", "registered"})
LONGEST = 1000


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """An observation that is not taken; ``code`` is the reason for the quarantine."""

    def __init__(self, code: Code, zh: str, en: str) -> None:
        super().__init__(en)
        self.code, self.zh, self.en = code, zh, en


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One value of one channel; ``patient`` is the resident's row or code as the sender names it."""

    patient: str
    channel: str
    time_us: int
    """µs since 1970, whole milliseconds."""
    value: float
    identifier: bytes | None = None


def read(resource: Any, now_us: int) -> list[Measured]:
    """The values of an Observation: one, or two of a blood pressure. Raises Refused."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "Observation":
        raise Refused(Code.NOT_A_READING, "不是 Observation 资源", "this is no Observation")
    if resource.get("status") not in _STATUSES:
        raise Refused(
            Code.NOT_A_READING,
            "status 须为 final、amended、corrected 或 preliminary；更正或作废请联系平台",
            "status has to be final, amended, corrected or preliminary; nothing is taken back by this door",
        )
    patient, time_us = _patient(resource.get("subject")), _time(resource, now_us)
    identifier = _identifier(resource.get("identifier"))
    found = [
        Measured(patient=patient, channel=channel, time_us=time_us, value=value, identifier=identifier)
        for channel, value in _values(resource)
    ]
    if len({one.channel for one in found}) != len(found):
        raise Refused(Code.NOT_A_READING, "同一编码出现多次", "a code stands there twice")
    return found


def checked(channel: str, value: float) -> float:
    """A value that is physically possible. Raises Refused."""
    known = CHANNELS[channel]
    if not known.low <= value <= known.high:
        raise Refused(
            Code.IMPOSSIBLE_VALUE,
            f"{known.zh} {value:g} {known.unit} 超出可能范围（{known.low:g} 至 {known.high:g}）",
            f"{known.en} {value:g} {known.unit} is impossible (possible: {known.low:g} to {known.high:g})",
        )
    return value


def accepted(time_us: int, now_us: int) -> int:
    """A time that is accepted, to the millisecond. Raises Refused."""
    if time_us > now_us + FUTURE_US:
        raise Refused(Code.TIME_AHEAD, "时间在未来，请检查时钟", "the time lies ahead: check the clock")
    if time_us < now_us - PAST_US:
        raise Refused(Code.TIME_TOO_OLD, "时间早于 89 天前", "the time lies more than 89 days back")
    return time_us // 1000 * 1000


def _values(resource: Mapping[str, Any]) -> list[tuple[str, float]]:
    codes = _codings(resource.get("code"))
    if (LOINC, BP_PANEL[0]) in codes:
        parts = resource.get("component")
        if not isinstance(parts, list) or not 1 <= len(parts) <= 10:
            raise Refused(Code.NOT_A_READING, "血压须有 component", "a blood pressure has components")
        found = []
        for part in parts:
            if isinstance(part, dict) and "valueQuantity" in part:
                channel = _channel(_codings(part.get("code")))
                if channel not in (SYSTOLIC, DIASTOLIC, "mean_bp"):
                    raise _unknown(_codings(part.get("code")))
                found.append((channel, _value(channel, part["valueQuantity"])))
        if not found:
            raise Refused(Code.NOT_A_READING, "血压没有数值", "the blood pressure has no value")
        return found
    channel = _channel(codes)
    if channel is None:
        raise _unknown(codes)
    return [(channel, _value(channel, resource.get("valueQuantity")))]


def _codings(concept: Any) -> list[tuple[str, str]]:
    codings = concept.get("coding") if isinstance(concept, dict) else None
    return [
        (str(one.get("system", "")), str(one.get("code", "")))
        for one in (codings if isinstance(codings, list) else [])[:20]
        if isinstance(one, dict)
    ]


def _channel(codes: list[tuple[str, str]]) -> str | None:
    for system, code in codes:
        for channel in TAKEN:
            if (system == LOINC and code == CHANNELS[channel].loinc) or (system == OWN_CHANNEL and code == channel):
                return channel
        if (system, code) == (LOINC, "2708-6"):
            return "spo2"
    return None


def _unknown(codes: list[tuple[str, str]]) -> Refused:
    named = ", ".join(f"{system}|{code}"[:80] for system, code in codes[:3]) or "(none)"
    return Refused(Code.UNKNOWN_CHANNEL, f"未知编码：{named}", f"unknown code: {named}")


def _value(channel: str, quantity: Any) -> float:
    if not isinstance(quantity, dict):
        raise Refused(Code.NOT_A_READING, "缺少 valueQuantity", "there is no valueQuantity")
    if quantity.get("comparator"):
        raise Refused(Code.NOT_A_READING, "不接受 < 或 > 的数值", "a value with a comparator is no reading")
    value, unit = quantity.get("value"), quantity.get("code", quantity.get("unit", ""))
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise Refused(Code.NOT_A_READING, "数值缺失或有误", "the value is missing, or no number")
    try:
        number = convert(channel, Fraction(str(value)), str(unit), str(quantity.get("system", UCUM)))
    except UnitError as error:
        raise Refused(Code.WRONG_UNIT, f"单位不符：{str(unit)[:40]}", str(error)) from error
    return checked(channel, number)


def _patient(subject: Any) -> str:
    if isinstance(subject, dict):
        reference, identifier = subject.get("reference"), subject.get("identifier")
        if isinstance(reference, str) and reference.rpartition("Patient/")[2]:
            return f"Patient/{reference.rpartition('Patient/')[2]}"[:100]
        if isinstance(identifier, dict) and identifier.get("system") == "urn:shouwang:resident":
            return str(identifier.get("value", ""))[:100]
    raise unknown_patient()


def unknown_patient() -> Refused:
    """The refusal of a patient that is not there, or did not agree; it does not tell which."""
    return Refused(
        Code.UNKNOWN_PATIENT,
        "没有此老人，或老人未授权此系统",
        "there is no such patient, or the resident has not agreed to this system",
    )


def _time(resource: Mapping[str, Any], now_us: int) -> int:
    text = resource.get("effectiveDateTime", resource.get("effectiveInstant"))
    try:
        at = dt.datetime.fromisoformat(text) if isinstance(text, str) and len(text) > 10 else None
        time_us = None if at is None or at.tzinfo is None else us_of(at)
    except (ValueError, OverflowError):
        time_us = None
    if time_us is None:
        raise Refused(
            Code.NOT_A_READING,
            "effectiveDateTime 须含时刻和时区，例如 2026-11-01T08:00:00+08:00",
            "effectiveDateTime needs a time of day and a zone: 2026-11-01T08:00:00+08:00",
        )
    return accepted(time_us, now_us)


def us_of(at: dt.datetime) -> int:
    """µs since 1970."""
    return (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def _identifier(identifiers: Any) -> bytes | None:
    for one in identifiers if isinstance(identifiers, list) else []:
        if isinstance(one, dict) and isinstance(one.get("value"), str) and one["value"]:
            text = f"{one.get('system', '')}|{one['value']}"
            return hashlib.sha256(text.encode(errors="replace")).digest()
    return None
