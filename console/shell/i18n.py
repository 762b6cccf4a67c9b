"""Translate the console's texts: gettext catalogues, Chinese first.

Message ids are the English texts, or codes (of actions, states, evidence), whose words the English catalogue has.
"""

from functools import cache
from pathlib import Path
from typing import Literal

from babel.messages.pofile import read_po

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
LOCALE = Path(__file__).parents[1] / "locale"


@cache
def catalogue(language: Language) -> dict[str, str]:
    """Message ids and their translations."""
    with (LOCALE / f"{language}.po").open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file, locale=language) if m.id and m.string}


def translate(language: Language, text: str, **values: object) -> str:
    """``text`` in ``language``; a text without a translation stays as it is."""
    translated = catalogue(language).get(text, text)
    return translated.format(**values) if values else translated


def pick(language: Language, zh: str | None, en: str | None) -> str:
    """Choose the reader's wording; the other one where it is missing."""
    return (zh if language == "zh" else en) or zh or en or ""


ACTING = {
    "系统": "the system", "规则核定": "the rules", "家中服务键": "the service button at home",
    "长者终端": "the panel at home", "家属": "the family", "演示": "the demonstration",
}  # fmt: skip
"""Names in the histories of those who act without an account."""


def doer(language: Language, name: str | None, name_en: str | None = None) -> str:
    """Name who did something: as it was written down then, or, in English, as their account is called now."""
    if language == "zh" or not name:
        return name or name_en or ""
    return name_en or ACTING.get(name, name)
