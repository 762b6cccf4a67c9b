"""Write messages that remind somebody of things in care and services, in the forms of
:mod:`dispatch.channels.wording.alert_words`.

None says more than how many reminders of which kind there are: names and facts stand on the page. Of one alone the kind
stands in the subject, too: it may be a question that waits for its answer.
"""

from dispatch.channels.wording.alert_words import Content, Language


def title(content: Content, language: Language) -> str:
    """Write the subject line."""
    number, item = content.count, content.items[0]
    if language == "zh":
        return f"【守望】您有 {number} 条提醒" + (f"：{item.reason_zh}" if number == 1 else "")
    return "[Shouwang] " + (f"a reminder for you: {item.reason_en}" if number == 1 else f"{number} reminders for you")


def short(content: Content, language: Language, link: str) -> str:
    """Write the text for SMS and Web Push."""
    if language == "zh":
        return (
            f"{title(content, language)}，请打开查看\n{link}" if link else f"{title(content, language)}，请登录平台查看"
        )
    return f"{title(content, language)}. Open to see\n{link}" if link else f"{title(content, language)}. Log in to see"


def long(content: Content, language: Language, link: str) -> str:
    """Write the text for e-mail and group robots: the kinds, too."""
    item = content.items[0]
    kinds = item.reason_zh if language == "zh" else item.reason_en
    lines = [title(content, language), "", kinds]
    return "\n".join([*lines, "", f"{'查看：' if language == 'zh' else 'See: '}{link}"] if link else lines)


def spoken(content: Content, language: Language) -> str:
    """Write the text for a voice call; none is made for a reminder (:mod:`dispatch.channels.reminders`)."""
    return title(content, language)
