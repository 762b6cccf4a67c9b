"""Say in words why a resident is covered, weakly covered or blind."""

import datetime as dt
from typing import Any

import msgspec

from care_network.protection.functions import HAZARDS, serves
from vocabulary.labels import room_of
from vocabulary.times import SHANGHAI


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a cell is as it is: a code of :data:`WORDS`, the device it is about, since or until when, a number."""

    code: str
    at: int = 0
    """Seconds since 1970; 0: not known, or without meaning."""
    value: int = 0
    model: str = ""
    room: str = ""
    parts: tuple[str, ...] = ()


OK = Reason("")
_WORDS: dict[str, tuple[str, str, str, str]] = {
    # with a time; without one
    "": ("", "", "", ""),
    "none": ("", "", "未配置该类设备", "no such device"),
    "silent": ("离线自 {at}", "silent since {at}", "离线", "silent"),
    "unreachable": ("失联自 {at}", "out of contact since {at}", "失联", "out of contact"),
    "never": ("", "", "从未上报", "never heard"),
    "battery": ("", "", "电量 {value}%", "battery {value} %"),
    "low": ("", "", "电量低", "battery low"),
    "stuck": ("卡住自 {at}", "stuck since {at}", "卡住", "stuck"),
    "fault": ("故障自 {at}", "faulty since {at}", "故障", "faulty"),
    "doubt": ("读数存疑自 {at}", "readings in doubt since {at}", "读数存疑", "readings in doubt"),
    "paused": ("已暂停至 {at}", "paused until {at}", "已暂停", "paused"),
    "carer": ("护理员在场，暂停至 {at}", "a carer is there, paused until {at}", "护理员在场，已暂停",
              "a carer is there, paused"),
    "offline": ("网关离线自 {at}", "gateway offline since {at}", "网关离线", "gateway offline"),
    "no_gateway": ("", "", "未配置网关", "no gateway"),
    "never_online": ("", "", "网关从未上线", "gateway was never online"),
    "away": ("外出自 {at}", "away since {at}", "外出", "away"),
    "worn": ("最近一次活动 {at}，是否佩戴不明", "last movement {at}, not known whether it is worn", "是否佩戴不明",
             "not known whether it is worn"),
    "by_hand": ("仅按次测量，最近 {at}", "measured by hand only, last {at}", "仅按次测量", "measured by hand only"),
    "overdue": ("久未测量，最近 {at}", "not measured lately, last {at}", "久未测量", "not measured lately"),
    "rooms": ("", "", "仅{parts}", "only {parts}"),
    "missing": ("", "", "未配置{parts}报警器", "no {parts}"),
    "platform": ("平台自 {at} 收不到任何数据", "the platform has received nothing since {at}", "平台收不到任何数据",
                 "the platform receives nothing"),
    "undetected": ("检测自 {at} 起停顿", "detection stands still since {at}", "检测停顿", "detection stands still"),
    "died": ("{at} 去世，已不再守护", "died on {at}, no longer protected", "已去世，不再守护",
             "died, no longer protected"),
    "moved": ("{at} 迁出，已不再守护", "moved away on {at}, no longer protected", "已迁出，不再守护",
              "moved away, no longer protected"),
    "other": ("{at} 离开，已不再守护", "left on {at}, no longer protected", "已离开，不再守护",
              "left, no longer protected"),
    "unseen": ("平台自 {at} 未再核对", "not looked at since {at}", "尚未核对", "not known yet"),
}  # fmt: skip
CODES = frozenset(_WORDS)
TRANSIENT = frozenset({"away", "paused", "carer"})
"""Reasons that end by themselves; they are counted apart."""


def gone(reason: str, on: dt.date) -> Reason:
    """The reason for somebody who died or moved away on a day."""
    return Reason(reason, round(dt.datetime.combine(on, dt.time(), SHANGHAI).timestamp()))


def words_of(reason: Reason, now: dt.datetime) -> tuple[str, str]:
    """The reason in Chinese and English, with the device before it; ('', '') where all is well."""
    timed_zh, timed_en, zh, en = _WORDS.get(reason.code, ("", "", reason.code, reason.code))
    if reason.at and timed_zh:
        zh, en = timed_zh, timed_en
    parts = [_part(part) for part in reason.parts]
    values = {"value": reason.value, "at": clock(reason.at, now)}
    zh = zh.format(**values, parts="、".join(part[0] for part in parts))
    en = en.format(**values, parts=", ".join(part[1] for part in parts))
    return _named(reason, zh, en) if zh else ("", "")


def clock(at: int, now: dt.datetime) -> str:
    """A moment in Shanghai: the time alone where it is today, else with the date."""
    if not at:
        return ""
    moment = dt.datetime.fromtimestamp(at, dt.UTC).astimezone(SHANGHAI)
    return f"{moment:%H:%M}" if moment.date() == now.astimezone(SHANGHAI).date() else f"{moment:%m-%d %H:%M}"


def pack(reason: Reason) -> dict[str, Any]:
    """As it is stored."""
    packed: dict[str, Any] = msgspec.to_builtins(reason)
    return packed


def unpack(stored: Any) -> Reason:
    """As it was stored; what a newer program wrote is shown by its code."""
    return msgspec.convert(stored, Reason, strict=False)


def _part(part: str) -> tuple[str, str]:
    return HAZARDS[part] if part in HAZARDS else room_of(part)


def _named(reason: Reason, zh: str, en: str) -> tuple[str, str]:
    model = serves(reason.model) if reason.model else None
    if model is None:
        return zh, en
    room = room_of(reason.room) if reason.room and not model.worn else ("", "")
    name_en = f"{room[1]}: {model.en}" if room[1] else model.en
    return f"{room[0]}{model.zh}：{zh}", f"{name_en}: {en}"
