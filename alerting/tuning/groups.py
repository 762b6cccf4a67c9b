"""Put parameters in groups with a heading: by what they are about, in the order in which people look for them."""

from collections.abc import Mapping

from alerting.detection.detectors import all_detectors

GROUPS: Mapping[str, tuple[str, str]] = {
    "limit": ("体征上下限", "Limits of vital signs"),
    "baseline": ("体征偏离平时", "Vital signs away from the usual"),
    "news2_trend": ("NEWS2 评分上升", "Rise of NEWS2"),
    "blood_pressure": ("血压变化", "Change of blood pressure"),
    "weight": ("体重变化", "Change of weight"),
    "breathing": ("在床呼吸", "Breathing in bed"),
    "long_lie": ("跌倒后久卧", "Lying after a fall"),
    "inactivity": ("长时间无活动", "No activity"),
    "bathroom": ("卫生间停留过久", "Long stay in the bathroom"),
    "bed_exit": ("夜间离床", "Leaving the bed at night"),
    "morning": ("没有照常起床", "Not up as usual"),
    "day_night": ("昼夜颠倒", "Day and night reversed"),
    "sleep": ("睡眠变化", "Change of sleep"),
    "night_wandering": ("夜间外出", "Going out at night"),
    "climate": ("室温", "Room temperature"),
    "implausible": ("读数不可信", "Readings that cannot be right"),
    "sensor_health": ("传感器故障", "Sensor in trouble"),
    "sla": ("服务时限", "Service level"),
}
"""By the part of the name before the first dot."""


def group_of(name: str) -> str:
    """The part of a parameter's name that says to which group it belongs."""
    return name.partition(".")[0]


def heading_of(group: str) -> tuple[str, str]:
    """The heading of a group, zh and en. One of a detector from another package has the title of its first rule."""
    known = GROUPS.get(group)
    if known is not None:
        return known
    for detector in all_detectors().values():
        if any(group_of(name) == group for name in detector.parameters):
            for rule in detector.rules.values():
                if all(rule.title):
                    return rule.title
    return group, group


def place_of(group: str) -> int:
    """The place of a group in the order; groups of other packages come last."""
    return list(GROUPS).index(group) if group in GROUPS else len(GROUPS)
