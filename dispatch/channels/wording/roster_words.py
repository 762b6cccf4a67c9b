"""Write messages about holes in the roster, in the forms of :mod:`dispatch.channels.wording.alert_words`.

``short`` and ``spoken`` pass through other hands: they name time and place, and neither the absent nor their reasons.
"""

import datetime as dt

from dispatch.channels.wording.alert_words import Content, Language
from vocabulary.times import SHANGHAI

SILENT = "silent"
"""The rule of an item about people who are on the roster and did not answer; else they are missing on it."""


def title(content: Content, language: Language) -> str:
    """Write the subject line."""
    if language == "zh":
        return f"【守望】空班 {content.count} 处"
    return f"[Shouwang] Roster: {_holes(content.count)}"


def short(content: Content, language: Language, link: str) -> str:
    """Write the text for SMS and Web Push."""
    first, begins = content.items[0], _clock(content.items[0].onset)
    silent = first.rule == SILENT
    if language == "zh":
        more = "起" if content.count == 1 else "起（最早）"
        what = "有人未应答班前测试。请致电确认或安排替班。" if silent else "的预警将无人应答。请安排值班。"
        text = f"【守望】空班：{begins}{more}，{first.address_zh}{what}"
    else:
        more = "" if content.count == 1 else f", the first of {_holes(content.count)}"
        text = f"[Shouwang] Nobody would answer alerts in {first.address_en} from {begins}{more}. Arrange a duty."
        if silent:
            text = f"[Shouwang] {first.address_en}: somebody on duty from {begins}{more} has not answered the test."
            text += " Call them, or arrange a duty."
    return f"{text}\n{'查看' if language == 'zh' else 'See'} {link}" if link else text


def long(content: Content, language: Language, link: str) -> str:
    """Write the text for e-mail and group robots."""
    zh = language == "zh"
    lines = [title(content, language)]
    for item in content.items:
        lines += ["", item.reason_zh if zh else item.reason_en]
    rest = content.count - len(content.items)
    if rest:
        lines += ["", f"另有 {rest} 处" if zh else f"and {rest} more"]
    if link:
        lines += ["", f"查看：{link}" if zh else f"See: {link}"]
    return "\n".join(lines)


def spoken(content: Content, language: Language) -> str:
    """Write the text for a voice call."""
    begins = content.items[0].onset.astimezone(SHANGHAI)
    if language == "zh":
        when = f"{begins.month} 月 {begins.day} 日 {begins.hour} 点 {begins.minute} 分"
        if content.items[0].rule == SILENT:
            return f"守望平台通知。{when}开始的值班，有人未应答班前测试。请致电确认，或尽快安排替班。"
        return f"守望平台通知。值班表有 {content.count} 处空班，最早从{when}开始，预警将无人应答。请尽快安排值班。"
    if content.items[0].rule == SILENT:
        return (
            f"Shouwang. Somebody on duty from {begins:%H:%M} on {begins:%B} {begins.day} has not answered the test."
            " Please call them, or arrange a duty."
        )
    return (
        f"Shouwang. The roster has {_holes(content.count)}; from {begins:%H:%M} on {begins:%B} {begins.day} nobody"
        " would answer alerts. Please arrange a duty."
    )


def _holes(count: int) -> str:
    return "1 hole" if count == 1 else f"{count} holes"


def _clock(moment: dt.datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
