"""Put numbers and channels into words, in Chinese and English."""

import datetime as dt

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.context import Person
from firmware_profiles.channels import CHANNELS
from vocabulary.labels import unit_of
from vocabulary.severity import Severity
from vocabulary.times import SECOND_US, SHANGHAI

_STATES = {
    ("consciousness", 0): ("清醒", "alert"),
    ("consciousness", 1): ("异常", "not alert"),
    ("supplemental_oxygen", 0): ("否", "no"),
    ("supplemental_oxygen", 1): ("是", "yes"),
}
"""Words for values that are codes, zh and en."""
VITAL_SIGNS = ("生命体征异常", "vital signs")
"""The name of vital signs' alerts in messages that pass through other hands: without the sign."""
UNSOUND = ("传感器读数异常", "unsound readings of a sensor")
"""Likewise of sensors whose readings cannot be right."""
_CHANGES = {
    "sudden": ("突然变化", "sudden change"),
    "shift": ("持续偏离", "lasting change"),
    "drift": ("缓慢变化", "slow change"),
}


def value_of(code: str, value: float) -> str:
    """The value with the channel's digits, without its unit."""
    return f"{value:.{1 if CHANNELS[code].resolution < 1 else 0}f}"


def name_of(code: str) -> tuple[str, str]:
    """A channel's name, zh and en, without the explanation of its values."""
    channel = CHANNELS[code]
    return channel.zh.split("（")[0], channel.en.split(" (")[0]


def title_of(code: str, zh: str, en: str) -> tuple[str, str]:
    """The title of a rule about one channel: '心率超出限值', 'heart rate beyond its limits'."""
    names = name_of(code)
    return f"{names[0]}{zh}", f"{names[1]}{en}"


def title_of_change(question: str, names: tuple[str, str]) -> tuple[str, str]:
    """The title of a rule about a change against the person's usual. ``question``: 'sudden', 'shift' or 'drift'."""
    zh, en = _CHANGES[question]
    return f"{names[0]}{zh}", f"{en} of {names[1]}"


def value_in_words(code: str, value: float) -> tuple[str, str]:
    """A channel and its value, zh and en: '心率 128 次/分', 'heart rate 128 /min'."""
    unit, number = CHANNELS[code].unit, value_of(code, value)
    names, values = name_of(code), _STATES.get((code, round(value)), (number, number))
    units = ("", "") if unit == "1" else unit_of(unit)
    gap = "" if unit == "%" else " "
    zh, en = (f"{names[i]} {values[i]}{units[i] and gap + units[i]}" for i in (0, 1))
    return zh, en


def change_of(code: str, by: float) -> tuple[str, str]:
    """By how much a value has changed, zh and en: '9 次/分'; of a percentage the points."""
    unit = CHANNELS[code].unit
    zh, en = ("个百分点", "points") if unit == "%" else unit_of(unit)
    return f"{value_of(code, by)} {zh}", f"{value_of(code, by)} {en}"


def short(number: float) -> str:
    """With one digit after the point where it is not zero."""
    return f"{number:.1f}".removesuffix(".0")


def lasting(us: int) -> tuple[str, str]:
    """A duration in words, zh and en; seconds below two minutes, hours from two hours on."""
    seconds = us // SECOND_US
    if seconds < 120:
        return f"{seconds} 秒", f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} 分钟", f"{seconds // 60} min"
    return f"{short(seconds / 3600)} 小时", f"{short(seconds / 3600)} h"


def since_when(us: int, now_us: int) -> str:
    """The local time of a moment: '16:29', and of another day '11-28 16:29'."""
    moment, now = (dt.datetime.fromtimestamp(time / SECOND_US, SHANGHAI) for time in (us, now_us))
    return moment.strftime("%H:%M" if moment.date() == now.date() else "%m-%d %H:%M")


def finding_about(
    person: Person,
    rule: str,
    version: int,
    action: FindingAction,
    severity: Severity,
    onset_us: int,
    sensed_us: int,
    zh: str,
    en: str,
    evidence: dict[str, object],
) -> Finding:
    """Build a finding about a person; ``zh`` and ``en`` are its reason."""
    return Finding(
        action=action,
        rule=rule,
        rule_version=version,
        severity=severity,
        subject=person.subject,
        household_id=person.household_id,
        resident_id=person.id,
        onset_us=onset_us,
        sensed_us=sensed_us,
        reason_zh=zh,
        reason_en=en[:1].upper() + en[1:],
        evidence=evidence,
    )
