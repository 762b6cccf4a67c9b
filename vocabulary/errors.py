"""Errors with a text for people, in Chinese and English."""


class BilingualError(Exception):
    """A refusal of what somebody asked for.

    ``message_zh`` and ``message_en`` say the same: why, and what to do. Both are keyword-only and required, so that
    nobody swaps or forgets one. ``str()`` gives the English text.
    """

    def __init__(self, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.message_en = en
        self.message_zh = zh
