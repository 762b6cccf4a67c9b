"""How numbers and channels are said in a reason, in Chinese and English."""

from alerting.detection.context import Person
from alerting.finding import Action, Finding, Severity
from firmware_profiles.channels import CHANNELS

ROOMS = {
    "bedroom": ("卧室", "bedroom"),
    "living_room": ("客厅", "living room"),
    "kitchen": ("厨房", "kitchen"),
    "bathroom": ("卫生间", "bathroom"),
    "hall": ("门厅", "hall"),
    "inside": ("屋内", "inside"),
    "bedside": ("床头", "bedside"),
    "worn": ("随身", "worn"),
}
"""zh, en by the code of a room."""
_UNITS_ZH = {"/min": "次/分", "mm[Hg]": "mmHg", "Cel": "°C"}
_UNITS_EN = {"/min": "/min", "mm[Hg]": "mmHg", "Cel": "°C"}


def value_of(code: str, value: float) -> str:
    """The value with the channel's digits, without its unit."""
    return f"{value:.{1 if CHANNELS[code].resolution < 1 else 0}f}"


def said_zh(code: str, value: float) -> str:
    """'心率 128 次/分'."""
    channel = CHANNELS[code]
    return f"{channel.zh} {value_of(code, value)} {_UNITS_ZH.get(channel.unit, channel.unit)}"


def said_en(code: str, value: float) -> str:
    """'heart rate 128 /min'."""
    channel = CHANNELS[code]
    return f"{channel.en} {value_of(code, value)} {_UNITS_EN.get(channel.unit, channel.unit)}"


def room_of(code: str) -> tuple[str, str]:
    """A room's name, zh and en; its code where it is not known."""
    return ROOMS.get(code, (code, code))


def lasting(us: int) -> tuple[str, str]:
    """A duration in words, zh and en; seconds below two minutes, hours from two hours on."""
    seconds = us // 1_000_000
    if seconds < 120:
        return f"{seconds} 秒", f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} 分钟", f"{seconds // 60} min"
    return f"{seconds / 3600:.1f} 小时", f"{seconds / 3600:.1f} h"


def about(
    person: Person,
    rule: str,
    version: int,
    action: Action,
    severity: Severity,
    onset_us: int,
    sensed_us: int,
    zh: str,
    en: str,
    evidence: dict[str, object],
) -> Finding:
    """A finding about a person."""
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
