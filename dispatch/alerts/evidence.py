"""Put an alert's evidence into words for the section "Why". Pure; keys without words are shown as they are."""

import datetime as dt
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from firmware_profiles.channels import CHANNELS, EVENTS
from vocabulary.labels import room_of, unit_of
from vocabulary.parameter import Parameter
from vocabulary.times import SECOND_US, SHANGHAI

LABELS: dict[str, tuple[str, str]] = {
    "window": ("观察时段", "time looked at"),
    "channel": ("测量项", "measured"),
    "value": ("数值", "value"),
    "limit": ("阈值", "limit"),
    "side": ("方向", "side"),
    "held_s": ("已持续", "for"),
    "readings": ("读数个数", "readings"),
    "usual": ("平时", "usual"),
    "spread": ("平时的波动", "own spread"),
    "days": ("逐日数值", "day by day"),
    "kg": ("逐日体重（kg）", "weights (kg)"),
    "usual_step_kg": ("平时每日变化（kg）", "usual step (kg)"),
    "level": ("近几日偏离", "off in the last days"),
    "sum_up": ("偏高累积量", "sum upwards"),
    "sum_down": ("偏低累积量", "sum downwards"),
    "minutes": ("分钟", "minutes"),
    "signal_quality": ("传感器自报信号质量（%）", "the sensor's own signal quality (%)"),
    "last_vital_us": ("最后一次生命体征", "last vital sign"),
    "last_heard_us": ("最后一次通信", "last heard"),
    "possible": ("可能的范围", "possible range"),
    "times": ("次数", "times"),
    "device": ("设备", "device"),
    "devices": ("可能的设备", "one of the devices"),
    "sensors": ("所用传感器", "sensors"),
    "state": ("状态", "state"),
    "room": ("房间", "room"),
    "room_before": ("此前所在", "room before"),
    "lasting_min": ("已持续（分钟）", "lasting (min)"),
    "usual_min": ("平时（分钟）", "usual (min)"),
    "up_by_day": ("近日起床时间", "up, by day"),
    "longest_min_by_day": ("每日最长（分钟）", "longest by day (min)"),
    "longest_min_by_night": ("每夜最长（分钟）", "longest by night (min)"),
    "night_min": ("夜间卧床（分钟）", "in bed by night (min)"),
    "day_min": ("白天卧床（分钟）", "in bed by day (min)"),
    "rise": ("评分升高", "rise of the score"),
    "event": ("事件", "event"),
    "seconds": ("偏差（秒）", "off by (s)"),
    "total": ("总分", "total"),
    "highest_single": ("单项最高分", "highest of one"),
    "spo2_scale": ("血氧评分标准", "SpO2 scale"),
    "before": ("此前数值", "before"),
    "values": ("各自读数", "their readings"),
    "refusals": ("网关 · 原因：次数", "gateway · reason: times"),
    "thrown_away": ("内容已丢弃", "thrown away"),
    "ahead_s": ("时钟偏差（秒）", "clock off by (s)"),
    "gateways": ("网关数", "gateways"),
    "names": ("网关", "gateways"),
    "simulated": ("模拟数据", "simulated"),
    "visit": ("服务单号", "number of the visit"),
    "request": ("申请编号", "number of the request"),
    "service": ("服务项目", "service"),
    "provider": ("服务机构", "provider"),
    "carer": ("上门人员", "who was to go"),
    "planned": ("计划时间", "planned for"),
    "after_minutes": ("提醒时限（分钟）", "told after (min)"),
    "by_rule": ("适用规则", "by the rule"),
    "left_out": ("未能保存的判断依据", "evidence that could not be stored"),
}
LABELS_OF: dict[tuple[str, str], tuple[str, str]] = {
    ("baseline", "days"): ("已学习天数", "days learnt"),
    ("disagreement", "devices"): ("两台设备", "the two devices"),
    ("erratic", "value"): ("一小时内跳变次数", "jumps within an hour"),
    ("weight", "days"): ("日期", "dates"),
}
"""By (kind of evidence, key), where the key means something else there."""
FALL: dict[str, tuple[str, str]] = {
    "confidence": ("判定把握", "confidence"),
    "peak_g": ("冲击峰值（g）", "peak (g)"),
    "free_fall_s": ("下坠时间（秒）", "falling (s)"),
    "impact_m_s": ("撞击速度（米/秒）", "speed of the impact (m/s)"),
    "tilt_deg": ("身体转角（°）", "turn of the body (°)"),
    "tilt_end_deg": ("倒地姿态（°）", "posture on the ground (°)"),
    "still_s": ("未动时间（秒）", "without moving (s)"),
    "active_later_g": ("倒地后活动（g）", "activity afterwards (g)"),
    "after_s": ("已观察（秒）", "watched for (s)"),
    "lasted_s": ("雷达持续见到（秒）", "seen by the radar for (s)"),
    "witnesses": ("见到的设备", "devices that saw it"),
}
"""Features that the gateway's fall detector reports."""
IN_CHANNELS_UNIT = frozenset({"value", "values", "before", "usual", "spread", "limit", "level", "possible", "days"})
CONSTANTS: dict[str, tuple[str, str]] = {
    "uncleared_hours": ("持续此时长（小时）未解除即视为卡住", "uncleared for so many hours it counts as stuck"),
    "again_s": ("此时间内再次发生视为同一事件（秒）", "again within this time (s) is the same episode"),
    "low": ("下限", "low limit"),
    "high": ("上限", "high limit"),
    "hold_s": ("须持续（秒）", "has to last (s)"),
    "readings": ("所需读数个数", "readings needed"),
    "single": ("单项达到（分）", "one parameter from (points)"),
    "hold_single_s": ("单项须持续（秒）", "one parameter has to last (s)"),
    "measure_again_s": ("须在此时间内复测（秒）", "to be measured again within (s)"),
    "apart": ("差异达到", "differ by"),
    "minutes": ("须持续（分钟）", "has to last (min)"),
    "jump": ("突变达到（°C）", "sudden change of (°C)"),
    "systolic": ("收缩压下降达到（mmHg）", "systolic lower by (mmHg)"),
    "diastolic": ("舒张压下降达到（mmHg）", "diastolic lower by (mmHg)"),
    "systolic_with": ("舒张压下降时收缩压下降至少（mmHg）", "with the diastolic, systolic lower by (mmHg)"),
    "below_usual": ("低于平时收缩压至少（mmHg）", "systolic below the usual by (mmHg)"),
    "arrest_s": ("在床且呼吸、心率均为 0，持续（秒）", "neither breath nor pulse in bed, for (s)"),
    "urgent": ("“加急”的总分", "urgent from (points)"),
    "emergency": ("“紧急”的总分", "emergency from (points)"),
    "fresh_s": ("有效时间（秒）", "is fresh for (s)"),
    "fresh_stream_s": ("连续测量的有效时间（秒）", "a stream's value is fresh for (s)"),
    "silent_days": ("无任何信号的最少天数", "least days without a sign"),
    "door_h": ("门持续打开（小时）", "door open for (h)"),
    "gateway_s": ("网关无通信（秒）", "gateway not heard for (s)"),
    "missed_heartbeats": ("错过的心跳次数", "heartbeats missed"),
}
"""Constants of rules that are no parameters: the second part of '<rule>.<constant>[.<channel>]'."""
STATES = {
    "quiet": ("无动静", "still"),
    "held": ("传感器持续有人", "held"),
    "bed": ("在床", "in bed"),
    "away": ("外出", "out"),
}
SIDES = {"low": ("低于", "below"), "high": ("高于", "above")}
APART = frozenset({"kind", "rule", "parts", "parameters", "signal", "features", "part", "complete", "unit"})
"""Keys that are shown elsewhere, or of no use to a reader, as is what an event carries: ``values`` with names."""


class EvidenceLine(NamedTuple):
    """A label and its value, in Chinese and in English."""

    label_zh: str
    label_en: str
    zh: str
    en: str


def readable(evidence: Any) -> dict[str, Any]:
    """Leave out the parts of evidence that are not of the shape in which the pages read them. Raises nothing.

    The row may have been written by another version, or by a detector of somebody else.
    """
    kept = dict(evidence) if isinstance(evidence, Mapping) else {}
    for name, fits in _SHAPES.items():
        if name in kept and not fits(kept[name]):
            del kept[name]
    if kept.get("kind") in ("news2", "news2_trend") and not {"parts", "total", "level"} & kept.keys():
        del kept["kind"]
    return kept


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_moment(value: Any) -> bool:
    return isinstance(value, int) and abs(value) <= _CALENDAR_US


def _is_window(value: Any) -> bool:
    return isinstance(value, dict) and _is_moment(value.get("since_us")) and _is_moment(value.get("until_us"))


def _are_parts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(part, dict) and isinstance(part.get("channel"), str) and part["channel"] in CHANNELS
        for part in value
    )


_CALENDAR_US = 4_000_000_000 * SECOND_US
_SHAPES: dict[str, Callable[[Any], bool]] = {
    "kind": lambda value: isinstance(value, str),
    "channel": lambda value: isinstance(value, str),
    "rule": lambda value: isinstance(value, dict) and all(isinstance(text, str) for text in value.values()),
    "window": _is_window,
    "parts": _are_parts,
    "parameters": lambda value: isinstance(value, dict) and all(map(_is_number, value.values())),
    "features": lambda value: isinstance(value, dict),
    "level": lambda value: not isinstance(value, dict),
}


def lines(evidence: dict[str, Any]) -> list[EvidenceLine]:
    """Explain the decision, in the order of LABELS: the database keeps no order of keys."""
    evidence = readable(evidence)
    kind = str(evidence.get("kind", ""))
    order = list(LABELS)
    entries = sorted(evidence.items(), key=lambda item: order.index(item[0]) if item[0] in LABELS else len(order))
    return [
        EvidenceLine(*LABELS_OF.get((kind, name), LABELS.get(name, (name, name))), *_shown(name, value, evidence))
        for name, value in entries
        if name not in APART and value not in (None, "", []) and (name, value) != ("usual_min", 0)
        if name == "window" or not isinstance(value, dict)
    ]


def fall(evidence: dict[str, Any]) -> list[EvidenceLine]:
    """List what the gateway measured of a fall; other features of a maker's own sensor keep their names."""
    described = []
    features, order = readable(evidence).get("features", {}), list(FALL)
    for name in sorted(features, key=lambda name: order.index(name) if name in FALL else len(order)):
        value = features[name]
        zh, en = FALL.get(name, (name, name))
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        if name == "confidence" and isinstance(value, float):
            text = f"{value:.0%}"
        described.append(EvidenceLine(zh, en, text, text))
    return described


def parameters(evidence: dict[str, Any], catalogue: Mapping[str, Parameter]) -> list[EvidenceLine]:
    """List the parameters and constants in force; ``catalogue``: the meaning of each parameter, by name."""
    found = readable(evidence).get("parameters", {})
    return [_parameter_line(name, value, catalogue.get(name)) for name, value in found.items()]


def channels(evidence: dict[str, Any]) -> list[str]:
    """List the channels worth a chart: the one that is judged, or those that gave points."""
    evidence = readable(evidence)
    codes = [evidence["channel"]] if evidence.get("channel") in CHANNELS else []
    codes += [part["channel"] for part in evidence.get("parts", ()) if part.get("points")]
    return [code for code in dict.fromkeys(codes) if code in CHANNELS]


def _parameter_line(name: str, value: Any, parameter: Parameter | None) -> EvidenceLine:
    rule, constant, channel = (*name.split("."), "", "")[:3]
    zh, en = CONSTANTS.get(constant, (name, name))
    unit = ""
    if parameter is not None:
        zh, en, unit = parameter.zh, parameter.en, parameter.unit
    elif channel in CHANNELS:
        zh, en = f"{CHANNELS[channel].zh}{zh}", f"{CHANNELS[channel].en} {en}"
    elif constant in ("low", "high") and rule.removeprefix("limit_") in CHANNELS:
        unit = CHANNELS[rule.removeprefix("limit_")].unit
    unit_zh, unit_en = unit_of(unit)
    return EvidenceLine(zh, en, f"{value:g} {unit_zh}".strip(), f"{value:g} {unit_en}".strip())


def _shown(name: str, value: Any, evidence: dict[str, Any]) -> tuple[str, str]:
    """The words of a value; of one that is not what its key means, the value as it is."""
    try:
        return _value_words(name, value, evidence)
    except (TypeError, ValueError, LookupError, ArithmeticError, OSError):
        plain = str(value)[:200]
        return plain, plain


def _value_words(name: str, value: Any, evidence: dict[str, Any]) -> tuple[str, str]:
    own = (evidence.get("kind"), name) in LABELS_OF
    if name == "window":
        span = f"{_clock(value['since_us'])} – {_clock(value['until_us'])}"
        return span, span
    if name.endswith("_us"):
        return _clock(value), _clock(value)
    if name == "held_s":
        return f"{value // 60} 分 {value % 60} 秒", f"{value // 60} min {value % 60} s"
    if (evidence.get("kind"), name) == ("weight", "days"):
        dates = [f"{dt.date(1970, 1, 1) + dt.timedelta(days=day):%m-%d}" for day in value]
        return "、".join(dates), ", ".join(dates)
    if name == "channel" and value in CHANNELS:
        return CHANNELS[value].zh, CHANNELS[value].en
    if name == "event" and value in EVENTS:
        return EVENTS[value].zh, EVENTS[value].en
    if name in ("room", "room_before"):
        return room_of(str(value))
    if isinstance(value, bool):
        return ("是", "yes") if value else ("否", "no")
    words = {"state": STATES, "side": SIDES}.get(name, {})
    if isinstance(value, str) and value in words:
        return words[value]
    between_zh, between = (" – ", " – ") if name == "possible" else ("、", ", ")
    parts = value if isinstance(value, list) else [value]
    channel = CHANNELS.get(str(evidence.get("channel")))
    if channel is None or own or name not in IN_CHANNELS_UNIT:
        texts = [_plain(part) for part in parts]
        return between_zh.join(texts), between.join(texts)
    texts = [_plain(round(part, 1) if isinstance(part, float) else part) for part in parts]
    zh, en = unit_of(channel.unit)
    return f"{between_zh.join(texts)}{'' if zh == '%' else ' '}{zh}".strip(), f"{between.join(texts)} {en}".strip()


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _clock(us: int) -> str:
    return dt.datetime.fromtimestamp(us / 1e6, SHANGHAI).strftime("%m-%d %H:%M:%S")
