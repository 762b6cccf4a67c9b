"""Pairs of characters, by which Chinese and English texts are searched alike, whatever the database's collation. Pure.

pg_trgm takes letters alone for words, and in a database with the collation C a Chinese character is none.
"""

import unicodedata
from collections.abc import Iterable

LONGEST = 80
"""Characters of a search that are looked at."""
EXCERPT = 60
"""Characters of an excerpt on each side of what was found."""


def flat(text: str) -> str:
    """A text in small letters, of plain forms, with single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def grams(texts: Iterable[str]) -> list[str]:
    """All pairs of characters that follow each other in any of the texts, each once, in order; and single characters
    that are letters, so that a search by one of them finds."""
    found: set[str] = set()
    for text in texts:
        plain = flat(text)
        found.update(plain[place : place + 2] for place in range(len(plain) - 1))
        found.update(letter for letter in plain if letter.isalnum())
    return sorted(gram for gram in found if " " not in gram)


def asked(words: str) -> list[tuple[str, list[str]]]:
    """Each word of a search with the pairs that a text must have for it; of one character: itself."""
    found = []
    for word in flat(words[:LONGEST]).split():
        pairs = [word[place : place + 2] for place in range(len(word) - 1)]
        found.append((word, pairs or [word]))
    return found


def has_all(text: str, words: str) -> bool:
    """Whether a text has every word of a search, each as it stands: pairs alone may come from different places."""
    plain = flat(text)
    return all(word in plain for word in flat(words[:LONGEST]).split())


def excerpt(text: str, words: str) -> str:
    """The part of a text around the first word of a search; its beginning where the word is not in it."""
    plain = " ".join(text.split())
    first = next(iter(flat(words[:LONGEST]).split()), "")
    at = plain.lower().find(first) if first else -1
    if at < 0:
        return plain[: 2 * EXCERPT] + ("…" if len(plain) > 2 * EXCERPT else "")
    start, end = max(0, at - EXCERPT), min(len(plain), at + len(first) + EXCERPT)
    return ("…" if start else "") + plain[start:end] + ("…" if end < len(plain) else "")
