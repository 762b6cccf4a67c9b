"""Write the message by which somebody tests a channel, in the forms of
:mod:`dispatch.channels.wording.alert_words`."""

from dispatch.channels.wording.alert_words import Content, Language
from vocabulary.times import SHANGHAI


def title(content: Content, language: Language) -> str:
    """Write the subject line."""
    return "【守望】渠道测试" if language == "zh" else "[Shouwang] Test of a channel"


def short(content: Content, language: Language, link: str) -> str:
    """Write the text for SMS and Web Push."""
    return f"{title(content, language)}{'：' if language == 'zh' else ': '}{_words(content, language)}"


def long(content: Content, language: Language, link: str) -> str:
    """Write the text for e-mail and group robots."""
    return short(content, language, link)


def spoken(content: Content, language: Language) -> str:
    """Write the text for a voice call."""
    return f"{'守望平台渠道测试。' if language == 'zh' else 'Shouwang, test of a channel. '}{_words(content, language)}"


def _words(content: Content, language: Language) -> str:
    at = content.items[0].onset.astimezone(SHANGHAI)
    if language == "zh":
        return f"{at:%H:%M:%S} 由 {content.place_zh} 发出。这不是预警，无需处理。"
    return f"sent at {at:%H:%M:%S} by {content.place_en}. This is no alert; there is nothing to do."
