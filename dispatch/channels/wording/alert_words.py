"""Write messages about alerts: pure functions of content, language and form.

``short`` (SMS, Web Push): person, kind of alert, place, two links; the family name only and no measured values, for it
passes through other hands. ``long`` (e-mail, group robots): the reason in full. ``spoken``: read aloud, no links.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlencode

import msgspec

from dispatch.channels.notifications import Page, Reason
from vocabulary.severity import SEVERITY_WORDS
from vocabulary.times import SHANGHAI

Language = Literal["zh", "en"]
ADDRESS_MOST = 30
"""Characters of an address in a list of several."""
SAMPLE = 5
"""Number of alerts of a message that are described in full; the link leads to all."""


class MessageItem(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of a message, as it was when the message was made."""

    alert_id: str
    severity: str
    rule: str
    kind: tuple[str, str] = ("", "")
    """The rule's name without health data, in Chinese and English; empty: it is named by its severity."""
    reason_zh: str
    reason_en: str
    resident_zh: str
    resident_en: str
    sex: str
    household: str
    address_zh: str
    address_en: str
    phone: str
    onset: dt.datetime
    longitude: float | None = None
    latitude: float | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a message. ``items``: the gravest SAMPLE of ``count`` alerts."""

    reason: Reason
    severity: str
    step: int
    count: int
    homes: int
    place_zh: str
    place_en: str
    items: tuple[MessageItem, ...]
    to_family: bool = False
    told: int = 0
    """Staff and desks that were told of the alert by then; for the family."""
    taken_zh: str = ""
    """Owner of the alert; empty: nobody has taken it yet."""
    taken_en: str = ""
    open: int = 0
    """Emergencies of the recipient that are open, where the message is their list of this minute; else 0."""
    page: Page | None = None


_SEVERITY: Mapping[str, tuple[str, str]] = {
    severity: (zh, en.upper() if severity == "emergency" else en.capitalize())
    for severity, (zh, en) in SEVERITY_WORDS.items()
}
_REASON: Mapping[Reason, tuple[str, str]] = {
    "escalation": ("", ""),
    "update": ("情况更新：", "update: "),
    "breach": ("超时未处理：", "overdue: "),
    "over": ("已解除：", "over: "),
    "work_order": ("新工单：", "new work order: "),
    "handover": ("交班未结：", "handed over: "),
    "support": ("请求支援：", "support wanted: "),
    "order_off": ("工单已转出或取消，无需前往：", "order off, you need not go: "),
}
_ANSWER: Mapping[Reason, tuple[str, str]] = {
    "escalation": ("点此接警", "Acknowledge"),
    "update": ("查看并接警", "See and acknowledge"),
    "breach": ("点此接警", "Acknowledge"),
    "over": ("查看预警", "See the alert"),
    "work_order": ("查看工单", "See the order"),
    "handover": ("接班", "Take over"),
    "support": ("接警", "Acknowledge"),
    "order_off": ("查看工单", "See the order"),
}
_KNOWN = ("点此告诉我们您已知道", "Tell us that you know")
_TITLES = {"female": ("女士", "Ms"), "male": ("先生", "Mr")}
_DOUBLE_SURNAMES = ("欧阳", "司徒", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "夏侯", "慕容", "令狐")


def kind_of(item: MessageItem, severity: str) -> tuple[str, str]:
    """Name an alert in Chinese and in English."""
    return item.kind if all(item.kind) else (f"{_SEVERITY[severity][0]}预警", "alert")


def polite_name(item: MessageItem, language: Language) -> str:
    """The family name with its title; where no resident is known, the household."""
    if not item.resident_zh and not item.resident_en:
        return "整户" if language == "zh" else "whole home"
    if language == "en" and item.resident_en:
        return " ".join(part for part in (_TITLES.get(item.sex, ("", ""))[1], item.resident_en.split()[0]) if part)
    family = item.resident_zh[:2] if item.resident_zh.startswith(_DOUBLE_SURNAMES) else item.resident_zh[:1]
    return family + _TITLES.get(item.sex, ("老人", ""))[0]


def map_link(item: MessageItem) -> str:
    """Link to the home on a map; empty where no place is known."""
    return marker(item.longitude, item.latitude)


def marker(longitude: float | None, latitude: float | None) -> str:
    """Link to a marker in 高德地图 (https://lbs.amap.com/api/uri-api/guide/mobile-web/point); empty without a place.

    CGCS2000 and WGS 84 differ by centimetres; amap converts to its own grid (``coordinate=wgs84``).
    """
    if longitude is None or latitude is None:
        return ""
    position = f"{longitude:.6f},{latitude:.6f}"
    return "https://uri.amap.com/marker?" + urlencode({"position": position, "coordinate": "wgs84"}, safe=",")


def title(content: Content, language: Language) -> str:
    """Write the subject line: no name, no address."""
    zh = language == "zh"
    kind = kind_of(content.items[0], content.severity)[0 if zh else 1]
    grave = _SEVERITY[content.severity][0 if zh else 1]
    if content.open:
        return f"【守望】{grave}：{content.open} 条未结" if zh else f"[Shouwang] {grave}: {content.open} open"
    why = _REASON[content.reason][0 if zh else 1]
    # A kind that begins with its severity says it by itself: never "紧急：紧急呼救".
    said = not why and kind.lower().startswith(grave.lower())
    head = ("【守望】" if zh else "[Shouwang] ") + ("" if said else f"{grave}：" if zh else f"{grave}: ")
    many = "" if content.count == 1 else f" {content.count} 条" if zh else f" ({content.count})"
    return f"{head}{why}{kind}{many}"


def short(content: Content, language: Language, link: str) -> str:
    """Write the text for SMS and Web Push."""
    zh = language == "zh"
    item = content.items[0]
    place = content.place_zh if zh else content.place_en
    comma, stop = ("，", "。") if zh else (", ", ". ")
    if content.open:
        parts = _listed(content, zh=zh)
    elif content.count > 1:
        homes = f"{place} {content.homes} 户" if zh else f"{content.homes} homes, {place}"
        parts = [f"{title(content, language)}{comma}{homes}"]
    elif content.to_family:
        # The family knows the person and the place, and others may see the telephone.
        parts = [f"{title(content, language)}{comma}{polite_name(item, language)}{stop}{standing(content, language)}"]
    else:
        address = item.address_zh if zh else item.address_en
        parts = [f"{title(content, language)}{comma}{polite_name(item, language)}{comma}{address}"]
        if map_link(item):
            parts.append(f"{'导航' if zh else 'Map'} {map_link(item)}")
    if link:
        parts.append(f"{_answer(content, zh=zh)} {link}")
    return "\n".join(parts)  # a stop behind an address would become part of the link on many telephones


def standing(content: Content, language: Language) -> str:
    """How an alert stood when the family's message was made: the truth, and what they can do themselves."""
    zh = language == "zh"
    if content.reason == "over":
        return "预警已解除，想了解情况请致电值班台" if zh else "It is over; call the duty desk to hear more"
    if content.taken_zh:
        return (
            f"{content.taken_zh}已接警，请留意来电" if zh else f"{content.taken_en} has it; keep your telephone at hand"
        )
    if zh:
        told = f"已通知 {content.told} 人" if content.told else "正在通知值班人员"
        return f"{told}，还没有人接警。您也可以打电话回家，或致电值班台"
    told = f"{content.told} on duty were told" if content.told else "The duty team is being told"
    return f"{told}, nobody has taken it yet. You can call home, too, or the duty desk"


def _answer(content: Content, *, zh: bool) -> str:
    words = _KNOWN if content.to_family and content.reason != "over" else _ANSWER[content.reason]
    return words[0 if zh else 1]


def _listed(content: Content, *, zh: bool) -> list[str]:
    """List the open emergencies in lines of bounded length: SAMPLE of them, and how many more there are."""
    language: Language = "zh" if zh else "en"
    lines = [title(content, language)]
    for item in content.items:
        kind = kind_of(item, content.severity)[0 if zh else 1]
        address = "" if content.to_family else item.address_zh if zh else item.address_en
        facts = (polite_name(item, language), kind, address[:ADDRESS_MOST])
        lines.append(("，" if zh else ", ").join(fact for fact in facts if fact))
    rest = content.count - len(content.items)
    if rest > 0:
        lines.append(f"本次另有 {rest} 条" if zh else f"and {rest} more in this message")
    return lines


def long(content: Content, language: Language, link: str) -> str:
    """Write the text for e-mail and group robots: a line a fact, plain text that is valid Markdown, too."""
    zh = language == "zh"
    lines = [title(content, language)]
    if content.count > 1:
        place = content.place_zh if zh else content.place_en
        lines.append(
            f"{place}：{content.homes} 户，共 {content.count} 条预警"
            if zh
            else f"{place}: {content.homes} homes, {content.count} alerts"
        )
    for item in content.items:
        lines += ["", *_facts(item, zh, to_family=content.to_family)]
    if content.to_family and not content.open:
        lines += ["", standing(content, language)]
    if content.count > len(content.items):
        rest = content.count - len(content.items)
        lines += ["", f"另有 {rest} 条，请打开链接查看" if zh else f"and {rest} more: open the link"]
    if link:
        lines += ["", f"{_answer(content, zh=zh)}{'：' if zh else ': '}{link}"]
    return "\n".join(lines)


def spoken(content: Content, language: Language) -> str:
    """Write the text for a voice call; brief, as most gateways say it twice."""
    zh = language == "zh"
    item = content.items[0]
    kind = kind_of(item, content.severity)[0 if zh else 1]
    why = _REASON[content.reason][0 if zh else 1].rstrip(" :：")
    comma = "，" if zh else ", "
    if content.open:
        many = (
            f"共 {content.open} 条未结，本次 {content.count} 条" if zh else f"{content.open} open, {content.count} now"
        )
        body = comma.join([many, polite_name(item, language), kind])
    elif content.count > 1:
        homes = f"{content.homes} 户" if zh else f"{content.homes} homes"
        body = comma.join([content.place_zh if zh else content.place_en, homes, kind])
    elif content.to_family:
        body = comma.join([polite_name(item, language), kind])
    else:
        body = comma.join([polite_name(item, language), kind, item.address_zh if zh else item.address_en])
    grave = _SEVERITY[content.severity][0 if zh else 1]
    if content.reason == "over":  # nothing to acknowledge
        return f"守望平台通知。{why}。{body}。" if zh else f"Shouwang. {why}: {body}."
    asked = not content.to_family
    if zh:
        closing = "请点短信里的链接接警，或致电值班台。" if asked else f"{standing(content, language)}。"
        return f"守望平台{grave}通知。{why + '。' if why else ''}{body}。{closing}"
    prefix = f"{why}. " if why else ""
    closing = f"{standing(content, language)}."
    if asked:
        closing = "Acknowledge by the link in your messages, or call the duty desk."
    return f"Shouwang, {grave.lower()}. {prefix}{body}. {closing}"


def _facts(item: MessageItem, zh: bool, *, to_family: bool = False) -> list[str]:
    clock = item.onset.astimezone(SHANGHAI).strftime("%m-%d %H:%M:%S")
    resident = (item.resident_zh if zh else item.resident_en) or polite_name(item, "zh" if zh else "en")
    facts = [
        (("长者" if to_family else "老人") if zh else "Who", resident),
        ("原因" if zh else "Why", item.reason_zh if zh else item.reason_en),
        ("地址" if zh else "Where", item.address_zh if zh else item.address_en),
        ("电话" if zh else "Telephone", item.phone),
        ("时间" if zh else "When", clock),
        ("导航" if zh else "Map", map_link(item)),
    ]
    return [f"{label}{'：' if zh else ': '}{text}" for label, text in facts if text]
