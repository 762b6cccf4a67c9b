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


ABOUT: Mapping[str, tuple[str, str]] = {
    "limit": (
        "看脉搏、呼吸、血氧、血压、体温、血糖等单项体征。多数读数持续超出上下限时报加急；手工测量须连续两次，先提示复测。",
        "Watches each vital sign by itself. Beyond a limit for most readings of some minutes it is urgent; what is"
        " measured by hand is asked for again first.",
    ),
    "baseline": (
        "把心率、呼吸、血氧与本人同一时段的平时值比较。突然、持续或缓慢偏离时报关注，次晨处理。",
        "Compares heart rate, breathing and SpO2 with the person's own hour of day. Away from it suddenly, for hours or"
        " slowly over days: attention.",
    ),
    "news2_trend": (
        "比较最近两小时与前一天的 NEWS2 评分。升高达到此值报关注，次晨处理。",
        "Compares the NEWS2 score of two hours with the day before. A rise by this much: attention, in the morning.",
    ),
    "blood_pressure": (
        "比较近几天与前几周的血压均值。变化达到此值报关注。",
        "Compares the mean pressure of days with the weeks before. A change by this much: attention.",
    ),
    "weight": (
        "看几天内的体重增加和几周内的缓慢变化，心衰老人尤其重要。达到此值报关注。",
        "Watches gain of weight within days and slow change over weeks, above all in heart failure. Attention.",
    ),
    "breathing": (
        "看在床时的呼吸。呼吸过慢或停顿报加急；同时没有脉搏报紧急。",
        "Watches breathing in bed. Too slow or paused: urgent; with no pulse besides: emergency.",
    ),
    "long_lie": (
        "看跌倒或久未活动之后是否一直未起身。超过此时间升级。",
        "Watches whether somebody stays down after a fall or stillness. Longer than this: graver.",
    ),
    "inactivity": (
        "看家中有多久没有任何活动，并与本人的习惯比较。超过此时间报警；白天外出未归另计。",
        "Watches how long nothing moves at home, against the own habit. Longer than this is told; an absence by "
        "day has its own time.",
    ),
    "bathroom": (
        "看在卫生间停留的时间。超过此时间报加急。",
        "Watches how long somebody stays in the bathroom. Longer than this: urgent.",
    ),
    "bed_exit": (
        "看夜间离床后多久未回床。超过此时间报警。",
        "Watches how long a bed stays empty at night. Longer than this is told.",
    ),
    "morning": (
        "看早晨是否照常起床活动。比平时晚出此时间报关注。",
        "Watches whether the morning begins as usual. Later than usual by this much: attention.",
    ),
    "day_night": (
        "看昼夜活动是否颠倒。连续多日如此报关注。",
        "Watches whether day and night change places. For days on end: attention.",
    ),
    "sleep": (
        "看在床时间和夜间起身次数与本人平时的差别。达到此值报关注，次晨处理。",
        "Watches hours in bed and ways out of bed against the own nights. By this much: attention, in the morning.",
    ),
    "night_wandering": (
        "看夜间大门打开后是否回来。超过此时间未回报警，有走失风险的老人应更短。",
        "Watches whether somebody who goes out at night comes back. Later than this is told; shorter for who "
        "may get lost.",
    ),
    "climate": (
        "看室温过高或过低持续多久。达到后报关注，极热报加急。",
        "Watches how long a room is too hot or too cold. Attention; in great heat urgent.",
    ),
    "implausible": (
        "看不可能的读数（如血氧 0）出现几次。达到后报设备预警，不作医疗判断。",
        "Counts values that no body gives. That many: a technical alert, and nothing medical.",
    ),
    "sensor_health": (
        "看传感器读数是否卡住或乱跳。达到后报设备预警。",
        "Watches sensors that stand still or jump. A technical alert.",
    ),
    "sla": (
        "接警、联系、到达、办结的时限。超过即告知值班台，并计入统计；不影响报警本身。",
        "Targets to acknowledge, contact, arrive and resolve. Later is told to the desk and counted; alerts "
        "themselves stay the same.",
    ),
}
"""By group: the things it watches, and what happens when its limit is crossed."""


def about(group: str) -> tuple[str, str] | None:
    """Say what a group watches, zh and en; None: it is of another package."""
    return ABOUT.get(group)
