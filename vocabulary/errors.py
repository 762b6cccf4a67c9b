"""Errors that are said to people, in Chinese and English."""


class BilingualError(Exception):
    """Something that was asked for can not be done.

    ``message_zh`` and ``message_en`` say the same to the person who asked: why, and what to do. Both are keyword-only,
    so that nobody can swap them; an empty Chinese text falls back to the English one. ``str()`` gives the English text.
    """

    def __init__(self, *, en: str, zh: str = "") -> None:
        super().__init__(en)
        self.message_en = en
        self.message_zh = zh or en
