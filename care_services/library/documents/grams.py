"""Pairs of characters, by which Chinese and English texts are searched alike, whatever the database's collation. Pure.

pg_trgm takes letters alone for words, and in a database with the collation C a Chinese character is none.
"""

import unicodedata
from collections.abc import Iterable

LONGEST = 80
"""Characters of a search that are looked at."""


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
