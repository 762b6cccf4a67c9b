"""The result of one check."""

import msgspec


class Check(msgspec.Struct, frozen=True):
    """``what`` is the row's name and never changes; ``text``: what was found and, where it is not good, what to do."""

    what: str
    good: bool
    text: str
    warning: bool = False
    """Good enough to go on with, but a person should know it."""

    @property
    def mark(self) -> str:
        """The word in front of the row."""
        return "BAD " if not self.good else "note" if self.warning else "ok  "
