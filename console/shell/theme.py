"""Light or night: what the reader chose in this browser, and by the clock of Shanghai where they chose neither.

The server renders ``data-theme`` into the page, so that no page is white for a moment at night.
"""

import datetime as dt
from typing import Literal

import msgspec
from fastapi import Request

from vocabulary.times import SHANGHAI

Shown = Literal["light", "night"]
Choice = Literal["light", "night", "auto"]
COOKIE = "shouwang_theme"
NIGHT_FROM, NIGHT_UNTIL = 20, 7
"""Hours of the wall clock; the shift of the night works in a dark room."""


class Theme(msgspec.Struct, frozen=True):
    """The choice of this browser, and the colours that its pages have."""

    choice: Choice
    shown: Shown

    @property
    def other(self) -> Shown:
        """The colours to which the button in the header leads."""
        return "light" if self.shown == "night" else "night"


def choice_of(text: str | None) -> Choice:
    """The choice as a cookie or an address says it; anything unknown is left to the clock."""
    if text == "light":
        return "light"
    return "night" if text == "night" else "auto"


def theme_of(request: Request, now: dt.datetime) -> Theme:
    """The reader's theme at a moment."""
    choice = choice_of(request.cookies.get(COOKIE))
    return Theme(choice, by_clock(now) if choice == "auto" else choice)


def by_clock(now: dt.datetime) -> Shown:
    """Night from 20:00 to 07:00 in Shanghai."""
    hour = now.astimezone(SHANGHAI).hour
    return "night" if hour >= NIGHT_FROM or hour < NIGHT_UNTIL else "light"
