"""The console's two languages: gettext catalogues, Chinese first. English is the language of the message ids, but for
codes (of actions, states, evidence): the English catalogue has their words."""

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
    found = catalogue(language).get(text, text)
    return found.format(**values) if values else found


def pick(language: Language, zh: str | None, en: str | None) -> str:
    """The one of two wordings that the reader reads."""
    return (zh if language == "zh" else en) or zh or en or ""
