"""Write the message that asks somebody before their shift whether they are there, in the forms of
:mod:`dispatch.channels.wording.alert_words`."""

from dispatch.channels.wording.alert_words import Content, Language
from vocabulary.times import SHANGHAI


def title(content: Content, language: Language) -> str:
    """Write the subject line."""
    return "【守望】班前测试" if language == "zh" else "[Shouwang] Test before your shift"


def short(content: Content, language: Language, link: str) -> str:
    """Write the text for SMS and Web Push."""
    text = f"{title(content, language)}{'：' if language == 'zh' else ': '}{_shift(content, language)}"
    if link:
        return f"{text}\n{'点此应答' if language == 'zh' else 'Answer'} {link}"
    return text + ("请致电值班台应答。" if language == "zh" else " Answer by a call to the duty center.")


def long(content: Content, language: Language, link: str) -> str:
    """Write the text for e-mail and group robots."""
    return short(content, language, link)


def spoken(content: Content, language: Language) -> str:
    """Write the text for a voice call."""
    if language == "zh":
        return f"守望平台班前测试。{_shift(content, language)}请点击短信链接应答，或致电值班台。"
    return (
        f"Shouwang, test before your shift. {_shift(content, language)} Answer by the link in your messages, or call"
        " the duty center."
    )


def _shift(content: Content, language: Language) -> str:
    item = content.items[0]
    begins = item.onset.astimezone(SHANGHAI)
    if language == "zh":
        return f"您 {begins:%m-%d %H:%M} 在{item.address_zh}开始值班，请在开始前 30 分钟应答。"
    return f"your duty at {item.address_en} begins on {begins:%m-%d at %H:%M}; answer 30 minutes before."
