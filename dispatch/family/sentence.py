"""Say in one sentence how a resident is, as far as the platform knows: pure, from facts to words, colour and age.

The family acts by this sentence. It claims nothing that nobody knows: green in one state alone, where nothing is open
and everything is fresh; grey wherever the platform is blind.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Literal

import msgspec

from vocabulary.alert_state import AlertState
from vocabulary.labels import room_of
from vocabulary.severity import GRAVE, RANK, Severity
from vocabulary.times import SHANGHAI

Colour = Literal["red", "amber", "green", "grey"]
State = Literal[
    "unanswered", "noticed", "taken", "hospital", "old", "paused", "no_gateway", "never", "out_of_contact",
    "undetected", "devices_silent", "unsensed", "wrong_clock", "no_life", "quiet", "fresh",
]  # fmt: skip
"""Which line of the table it is; ``fresh`` is the only green one."""
Doing = Literal["measuring", "moving", "door"]

SILENT = dt.timedelta(minutes=5)
"""A gateway that was not heard for longer is not in contact: frames come every few seconds, statuses at each change."""
OLD = dt.timedelta(seconds=10)
"""Age at which a look into the database is not the present any more."""
AHEAD = dt.timedelta(minutes=1)
"""A sign of life that far in the future has a wrong clock, and is none."""
DAY_QUIET, NIGHT_QUIET = dt.timedelta(hours=3), dt.timedelta(hours=10)
"""Longest time without a sign of life that is no news, of somebody whose usual days are not known yet. Our own figures:
people sleep eight hours, and few sit still for three by day."""
HOSPITAL_FOR = dt.timedelta(days=1)
"""So long the way to a hospital is said; nobody tells the platform of the way back."""
MORNING, EVENING = 8, 22
"""Hours of the day in Shanghai between which DAY_QUIET holds."""


class OpenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An open alert of the resident or of the home."""

    severity: Severity
    state: AlertState
    what_zh: str
    what_en: str
    at: dt.datetime
    told: int = 0
    """Number of people and desks who were told of it."""
    holder_zh: str = ""
    """The person who has it; empty: nobody, or not known by name."""
    holder_en: str = ""
    since: dt.datetime | None = None
    """Since when they have it."""


class Sign(msgspec.Struct, frozen=True):
    """The newest sign of life; ``room``: a code of :mod:`vocabulary.labels`, empty where it is not known."""

    at: dt.datetime
    doing: Doing
    room: str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Knowledge about a resident at ``now``."""

    now: dt.datetime
    read_at: dt.datetime
    """When it was read from the database."""
    alerts: tuple[OpenAlert, ...] = ()
    """Open ones of every severity."""
    has_gateway: bool = True
    offline: bool = False
    """The broker has told that the gateway is gone."""
    heard_at: dt.datetime | None = None
    """When the home was heard last; None: never."""
    detects: bool = True
    """Detection looks at what homes send: while it stands still, no alert means nothing."""
    paused_until: dt.datetime | None = None
    carer_there: bool = False
    """The pause is that of a carer in the home, not of work on the devices."""
    silent: tuple[tuple[str, str], ...] = ()
    """Devices that should be heard and are not, in Chinese and English."""
    worked_on: tuple[tuple[str, str], ...] = ()
    """Devices whose alerts rest while somebody works on them, likewise."""
    senses: bool = True
    """The home has a device that notices life: motion, doors, heart, breath."""
    life: Sign | None = None
    usual: dt.timedelta | None = None
    """The longest time without a sign that is usual at this hour; None: not known yet."""
    hospital_at: dt.datetime | None = None
    """When an alert of the last HOSPITAL_FOR ended with the way to a hospital: what moves at home may be others."""


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """The sentence, its colour, and how old the knowledge is on which it stands."""

    state: State
    colour: Colour
    zh: str
    en: str
    age_s: float | None
    """None: nothing was ever known."""


def sentence(facts: Facts) -> Sentence:
    """Say how the resident is. Total: every combination of facts has a sentence. Pure."""
    state, colour, zh, en = _words(facts)
    if facts.now - facts.read_at > OLD:
        ago_zh, ago_en = span(facts.now - facts.read_at)
        zh, en = f"这是 {ago_zh}前的情况：{zh}", f"This was {ago_en} ago: {en}"
        if colour == "green":
            state, colour = "old", "grey"
    return Sentence(state=state, colour=colour, zh=zh, en=en, age_s=_age_s(facts))


def _words(facts: Facts) -> tuple[State, Colour, str, str]:
    people = [alert for alert in facts.alerts if alert.severity != "technical"]
    if people:
        return of_alerts(people, facts.now)
    if facts.hospital_at is not None:
        zh, en = moment(facts.hospital_at, facts.now)
        return (
            "hospital",
            "amber",
            f"{zh} 登记已送医。家中若有活动，可能是别人。您可以打电话问问值班台。",
            f"Taken to hospital, noted {en}. Whoever moves at home may be somebody else. Call the desk and ask.",
        )
    blind = _blind(facts)
    if blind is not None:
        return blind[0], "grey", blind[1], blind[2]
    return _of_life(facts)


def urgency(alert: OpenAlert) -> tuple[bool, int, dt.datetime]:
    """A key by which the alert that needs somebody most comes first: a grave one that nobody has taken."""
    return alert.state != "raised" or alert.severity not in GRAVE, RANK[alert.severity], alert.at


def moment(at: dt.datetime, now: dt.datetime) -> tuple[str, str]:
    """A moment as people say it: 16:29 of today, 昨天 16:29, 11月28日 16:29; never an old time that looks new."""
    local, today = at.astimezone(SHANGHAI), now.astimezone(SHANGHAI).date()
    clock = local.strftime("%H:%M")
    days = {-1: ("昨天 ", "yesterday "), 0: ("", ""), 1: ("明天 ", "tomorrow ")}
    zh, en = days.get((local.date() - today).days) or (f"{local.month}月{local.day}日 ", f"{local.day} {local:%b} ")
    return zh + clock, en + clock


def of_alerts(alerts: Sequence[OpenAlert], now: dt.datetime) -> tuple[State, Colour, str, str]:
    """Say how alerts of people stand: the worst one in full, the others by their number."""
    worst = min(alerts, key=urgency)
    clock_zh, clock_en = moment(worst.at, now)
    zh, en = f"{clock_zh} {worst.what_zh}。", f"{clock_en[0].upper()}{clock_en[1:]}: {worst.what_en}. "
    colour: Colour = "amber"
    state: State
    if worst.state == "raised":
        state, colour = ("unanswered", "red") if worst.severity in GRAVE else ("noticed", "amber")
        if worst.told:
            zh += f"已通知 {worst.told} 人，还没有人接警。您也可以打电话或赶过去。"
            en += f"{worst.told} told, nobody has taken it yet. You can call or go there, too."
        else:
            zh += "还没有人接警。您也可以打电话或赶过去。"
            en += "Nobody has taken it yet. You can call or go there, too."
    else:
        state = "taken"
        who_zh, who_en = worst.holder_zh or "值班人员", worst.holder_en or "Somebody on duty"
        zh, en = f"{zh}{_step_zh(who_zh, worst, now)}。", f"{en}{_step_en(who_en, worst, now)}."
    if len(alerts) > 1:
        zh += f"另有 {len(alerts) - 1} 条预警。"
        en = en.rstrip() + f" {len(alerts) - 1} more open."
    return state, colour, zh, en.strip()


def _step_zh(who: str, alert: OpenAlert, now: dt.datetime) -> str:
    when = moment(alert.since, now)[0] if alert.since else ""
    if alert.state == "acknowledged":
        return f"{who} {when} 接警，正在处理" if when else f"{who}已接警，正在处理"
    if alert.state == "responding":
        return f"{who} {when} 出发，正在路上" if when else f"{who}正在路上"
    return f"{who} {when} 到达" if when else f"{who}已到达"


def _step_en(who: str, alert: OpenAlert, now: dt.datetime) -> str:
    when = moment(alert.since, now)[1] if alert.since else ""
    when = f"{' at' if when[0].isdigit() and ' ' not in when else ''} {when}" if when else ""
    if alert.state == "acknowledged":
        return f"{who} took it{when} and is dealing with it"
    if alert.state == "responding":
        return f"{who} set out{when} and is on the way" if when else f"{who} is on the way"
    return f"{who} arrived{when}" if when else f"{who} has arrived"


def _blind(facts: Facts) -> tuple[State, str, str] | None:
    """Why nothing can be said; None where everything is in contact."""
    if not facts.has_gateway:
        return (
            "no_gateway",
            "家中还没有安装设备，平台看不到情况。",
            "No devices are installed: the platform sees nothing.",
        )
    if facts.paused_until is not None and facts.paused_until > facts.now:
        zh, en = moment(facts.paused_until, facts.now)
        if facts.carer_there:
            return (
                "paused",
                f"护理员在家中，部分预警暂停至{_gap(zh)}。",
                f"A carer is there; some alerts rest until {en}.",
            )
        return (
            "paused",
            f"设备维护中，预警暂停至{_gap(zh)}。",
            f"Devices are being worked on; alerts rest until {en}.",
        )
    if facts.heard_at is None:
        return "never", "家中设备还没有传来数据。", "The devices at home have sent nothing yet."
    quiet = facts.now - facts.heard_at
    if facts.offline or quiet > SILENT:
        ago_zh, ago_en = span(max(quiet, dt.timedelta(0)))
        known_zh, known_en = _desk_knows(facts)
        return (
            "out_of_contact",
            f"与家中设备失去联系 {ago_zh}，此刻看不到情况。{known_zh}",
            f"No contact with the devices at home for {ago_en}: nothing can be seen now. {known_en}",
        )
    if not facts.detects:
        return (
            "undetected",
            "平台此刻没有分析家中数据，看不到情况。您可以先打电话问问。",
            "The platform is not looking at the home's data at this moment: nothing can be said. You can call and ask.",
        )
    if facts.silent:
        names_zh, names_en = "、".join(zh for zh, _ in facts.silent), ", ".join(en for _, en in facts.silent)
        return (
            "devices_silent",
            f"部分设备没有数据：{names_zh}。{_life_zh(facts)}",
            f"Some devices send nothing: {names_en}. {_life_en(facts)}".strip(),
        )
    if facts.worked_on:
        names_zh, names_en = "、".join(zh for zh, _ in facts.worked_on), ", ".join(en for _, en in facts.worked_on)
        return (
            "devices_silent",
            f"部分设备维护中，暂不报警：{names_zh}。{_life_zh(facts)}",
            f"Some devices are being worked on and raise no alarm: {names_en}. {_life_en(facts)}".strip(),
        )
    technical = [alert for alert in facts.alerts if alert.severity == "technical"]
    if technical:
        zh, en = _desk_knows(facts)
        return (
            "devices_silent",
            f"家中设备有问题：{technical[0].what_zh}。{zh}",
            f"A device at home has a problem: {technical[0].what_en}. {en}".strip(),
        )
    if not facts.senses:
        return (
            "unsensed",
            "家中设备在线，但没有能感知活动的设备。",
            "The devices are in contact, but none of them notices movement.",
        )
    if facts.life is not None and facts.life.at > facts.now + AHEAD:
        return (
            "wrong_clock",
            "家中设备的时间不准，活动记录暂不可信。",
            "A device's clock is wrong: its records cannot be trusted.",
        )
    return None


def _of_life(facts: Facts) -> tuple[State, Colour, str, str]:
    if facts.life is None:
        return (
            "no_life",
            "amber",
            "最近一天没有活动记录。您可以打电话问问。",
            "No sign of movement for a day. You can call.",
        )
    quiet, most = max(facts.now - facts.life.at, dt.timedelta(0)), usual_quiet(facts)
    if quiet > most:
        ago_zh, ago_en = span(quiet)
        most_zh, most_en = span(most)
        out_zh, out_en = (
            ("最后一次是家门开关，可能外出。", " The last was the door: perhaps out.")
            if facts.life.doing == "door"
            else ("", "")
        )
        return (
            "quiet",
            "amber",
            f"已 {ago_zh}没有活动记录，平时这个时候不超过 {most_zh}。{out_zh}您可以打电话问问。",
            f"No sign of movement for {ago_en}; usually not more than {most_en} at this hour.{out_en} You can call.",
        )
    return "fresh", "green", f"目前没有异常。{_life_zh(facts)}", f"Nothing unusual. {_life_en(facts)}".strip()


def _gap(words: str) -> str:
    """A gap before figures, none before a Han character."""
    return f" {words}" if words[0].isdigit() else words


def usual_quiet(facts: Facts) -> dt.timedelta:
    """The longest time without a sign of life that is no news at this hour."""
    if facts.usual is not None:
        return facts.usual
    hour = facts.now.astimezone(SHANGHAI).hour
    return DAY_QUIET if MORNING <= hour < EVENING else NIGHT_QUIET


def span(length: dt.timedelta) -> tuple[str, str]:
    """A length of time in words: 40 秒, 8 分钟, 3 小时, 2 天."""
    seconds = max(0, round(length.total_seconds()))
    for limit, size, zh, en in ((120, 1, "秒", "s"), (7200, 60, "分钟", "min"), (172_800, 3600, "小时", "h")):
        if seconds < limit:
            return f"{seconds // size} {zh}", f"{seconds // size} {en}"
    return f"{seconds // 86_400} 天", f"{seconds // 86_400} days"


def _desk_knows(facts: Facts) -> tuple[str, str]:
    """Say who deals with the lost contact, as far as it is true."""
    technical = [alert for alert in facts.alerts if alert.severity == "technical"]
    if any(alert.state != "raised" for alert in technical):
        return "值班台正在处理。", "The desk is dealing with it."
    if technical:
        return "已提醒值班台，还没有人处理。", "The desk was told; nobody deals with it yet."
    return "您可以先打电话问问。", "You can call and ask."


def _life_zh(facts: Facts) -> str:
    if facts.life is None:
        return ""
    ago = span(facts.now - facts.life.at)[0]
    room = room_of(facts.life.room)[0]
    if facts.life.doing == "door":
        return f"{ago}前家门开关过。"
    if facts.life.doing == "measuring":
        return f"{ago}前测到心跳或呼吸。"
    return f"{ago}前在{room}活动。" if room else f"{ago}前有活动。"


def _life_en(facts: Facts) -> str:
    if facts.life is None:
        return ""
    ago = span(facts.now - facts.life.at)[1]
    room = room_of(facts.life.room)[1]
    if facts.life.doing == "door":
        return f"The door moved {ago} ago."
    if facts.life.doing == "measuring":
        return f"Heartbeat or breath measured {ago} ago."
    return f"Moved in the {room} {ago} ago." if room else f"Moved {ago} ago."


def _age_s(facts: Facts) -> float | None:
    if facts.heard_at is None and not facts.alerts:
        return None
    known = facts.read_at if facts.alerts or facts.heard_at is None else min(facts.read_at, facts.heard_at)
    return max(0.0, (facts.now - known).total_seconds())
