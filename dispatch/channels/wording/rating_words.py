"""Write messages that ask the family to rate a visit, in the forms of :mod:`dispatch.channels.wording.alert_words`.

None names the alert: the visit is over, and the telephone may be seen by others.
"""

from dispatch.channels.wording.alert_words import Content, Language, polite_name


def title(content: Content, language: Language) -> str:
    """Write the subject line."""
    return "【守望】请评价上门服务" if language == "zh" else "[Shouwang] Please rate the visit"


def short(content: Content, language: Language, link: str) -> str:
    """Write the text for SMS and Web Push."""
    text = f"{title(content, language)}{_visit(content, language)}"
    return f"{text}\n{'评价' if language == 'zh' else 'Rate it'} {link}" if link else text


def long(content: Content, language: Language, link: str) -> str:
    """Write the text for e-mail and group robots."""
    return short(content, language, link)


def spoken(content: Content, language: Language) -> str:
    """Write the text for a voice call."""
    if language == "zh":
        return f"守望平台通知{_visit(content, language)}请点击短信链接评价。"
    return f"Shouwang{_visit(content, language)} Please rate the visit by the link in your messages."


def _visit(content: Content, language: Language) -> str:
    name = polite_name(content.items[0], language)
    return f"：{name}处的上门服务已完成。" if language == "zh" else f": the visit to {name} is done."
