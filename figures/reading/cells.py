"""Write numbers as cells: counts, shares with their interval, times, hours; what is not known is a dash."""

import math

from figures.core.sections import Cell, Language, State, pick
from figures.core.shares import FEW, FEWEST, Share

UNKNOWN = Cell("—")
_SPANS = ((120, 1, "秒", "s"), (7200, 60, "分钟", "min"), (172_800, 3600, "小时", "h"), (math.inf, 86_400, "天", "d"))


def text(words: str, link: str = "") -> Cell:
    """Words."""
    return Cell(words, words, link)


def count(n: int | None, link: str = "") -> Cell:
    """A number of cases; a link leads to them where there is one."""
    return UNKNOWN if n is None else Cell(f"{n:,}", n, link if n else "")


def number(value: float | None, digits: int = 1, link: str = "", state: State = "") -> Cell:
    """A number with so many digits."""
    return UNKNOWN if value is None else Cell(f"{value:,.{digits}f}", round(value, digits), link, state=state)


def per_cent(value: float | None, digits: int = 1) -> str:
    """A share of 0 to 1 in per cent; a share below 1 is never rounded up to all."""
    if value is None:
        return "—"
    shown = 100 * value
    if value < 1:
        shown = min(shown, 100 - 10**-digits)
    return f"{shown:.{digits}f}%"


def share(of: Share, link: str = "", wanted: float | None = None) -> Cell:
    """A share; red where it is surely below what is wanted (its whole interval is)."""
    if of.value is None:
        return UNKNOWN
    missed = wanted is not None and of.interval is not None and of.interval[1] < wanted
    return Cell(per_cent(of.value), round(of.value, 4), link, few=of.few, state="bad" if missed else "")


def part(of: Share, link: str = "") -> Cell:
    """A share of all that there are, of which none was drawn by chance: small ones can be compared, too."""
    return UNKNOWN if of.value is None else Cell(per_cent(of.value), round(of.value, 4), link)


def interval(of: Share) -> Cell:
    """The interval of a share."""
    if of.interval is None:
        return UNKNOWN
    low, high = of.interval
    words = f"{100 * low:.0f}–{100 * high:.0f}%"
    return Cell(words, words, few=of.few)


def span(
    language: Language, seconds: float | None, link: str = "", *, over: bool = False, n: int | None = None
) -> Cell:
    """A length of time, its value in seconds. ``over``: it is longer, and nobody knows how much: no value, then; ``n``:
    the cases of which it is a percentile, too few of which have none."""
    if seconds is None:
        return UNKNOWN
    if n is not None and n < FEWEST:
        return Cell(f"n<{FEWEST}", None, link, few=True)
    few = n is not None and n < FEW
    if over:
        return Cell(f"> {span_words(language, seconds)}", f"> {round(seconds, 1)}", link, few=few, state="unknown")
    return Cell(span_words(language, seconds), round(seconds, 1), link, few=few)


def span_words(language: Language, seconds: float) -> str:
    """A length of time in words: 45 s, 12.5 min, 3 h, 4 d."""
    size, zh, en = next((size, zh, en) for limit, size, zh, en in _SPANS if seconds < limit or limit == math.inf)
    return f"{seconds / size:.1f}".removesuffix(".0") + f" {pick(language, zh, en)}"


def hours(seconds: float | None, digits: int = 1, link: str = "") -> Cell:
    """Hours of a number of seconds."""
    return UNKNOWN if seconds is None else number(seconds / 3600, digits, link if seconds else "")
