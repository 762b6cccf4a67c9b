"""Text that may be stored and shown: bounded, without control characters and lone surrogates.

PostgreSQL's text has no NUL and its UTF-8 no surrogates; control characters and changes of the writing direction forge
lines of a log and the look of a page. A device's text is cleaned, because its event must go on; a person's is refused
with a reason, because they can type it again.
"""

import re

from vocabulary.errors import BilingualError

LONGEST = 2000
"""Characters of one text, at most."""
REPLACEMENT = "\ufffd"
_DIRECTIONS = "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # and the two separators of lines
_BAD = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff{_DIRECTIONS}]")
_BAD_BUT_LINES = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff{_DIRECTIONS}]")


class TextError(BilingualError):
    """A text that cannot be stored; the texts are for the person who typed it."""


def clean_text(text: str, longest: int = LONGEST, *, lines: bool = False) -> str:
    """Clean a text of a device: each bad character becomes U+FFFD, what is too long ends in "…". Raises nothing.

    ``lines``: line feeds and tabs may stay. Cleaning twice changes nothing.
    """
    if len(text) > longest:
        text = text[: max(0, longest - 1)] + "…"
    return (_BAD_BUT_LINES if lines else _BAD).sub(REPLACEMENT, text)


def check_text(text: str, longest: int = LONGEST, *, lines: bool = True) -> str:
    """Check a text that a person or a program typed, and give it back with line ends as line feeds.

    Raises TextError where it is too long or has a character that :func:`clean_text` would replace.
    """
    text = text.replace("\r\n", "\n")
    if len(text) > longest:
        raise TextError(
            zh=f"文字过长（{len(text)} 字，最多 {longest} 字），请缩短后再提交",
            en=f"the text has {len(text)} characters, {longest} at most: shorten it",
        )
    bad = (_BAD_BUT_LINES if lines else _BAD).search(text)
    if bad is not None:
        code = f"U+{ord(bad.group()):04X}"
        raise TextError(
            zh=f"第 {bad.start() + 1} 个字符（{code}）不能保存，请删除后再提交",
            en=f"character {bad.start() + 1} ({code}) cannot be stored: remove it",
        )
    return text
