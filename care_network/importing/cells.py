"""Readers that turn the text of a spreadsheet's cell into a field's value.

Each raises ValueError for text that it cannot read; its hints say what to write.
"""

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from care_network.catalogues.workforce import Term
from vocabulary.times import SHANGHAI


class Reader(msgspec.Struct, frozen=True):
    """A function that reads a cell, and a hint on what to write in it, in Chinese and English."""

    read: Callable[[str], Any]
    zh: str
    en: str


def plain(text: str) -> str:
    """Normalise full-width digits, letters and punctuation to their plain forms, and trim the ends."""
    return unicodedata.normalize("NFKC", text).strip()


def _number(text: str) -> float:
    number = float(plain(text))
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _integer(text: str) -> int:
    number = float(plain(text))
    if not number.is_integer():
        raise ValueError(text)
    return int(number)


def _date(text: str) -> dt.date:
    found = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})[日]?", plain(text)) or re.fullmatch(
        r"(\d{4})(\d{2})(\d{2})", plain(text)
    )
    if found is None:
        raise ValueError(text)
    return dt.date(*map(int, found.groups()))


def _time(text: str) -> dt.time:
    found = re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", plain(text))
    if found is None:
        raise ValueError(text)
    hour, minute, second = (int(part or 0) for part in found.groups())
    # 24:00, midnight at the end of a day, is read as 00:00.
    return dt.time(0 if (hour, minute, second) == (24, 0, 0) else hour, minute, second)


def _moment(text: str) -> dt.datetime:
    clean = plain(text)
    try:
        time = dt.datetime.fromisoformat(clean)
    except ValueError:
        day, _, clock = clean.replace("T", " ").partition(" ")
        time = dt.datetime.combine(_date(day), _time(clock) if clock else dt.time())
    return time if time.tzinfo else time.replace(tzinfo=SHANGHAI)


_YES = frozenset({"是", "有", "y", "yes", "true", "1", "✓", "√"})
_NO = frozenset({"否", "无", "n", "no", "false", "0"})


_UNKNOWN = frozenset({"不详", "未知", "不清楚", "unknown", "?"})


def _maybe(text: str) -> bool | None:
    return None if plain(text).lower() in _UNKNOWN else _truth(text)


def _truth(text: str) -> bool:
    word = plain(text).lower()
    if word not in _YES | _NO:
        raise ValueError(text)
    return word in _YES


_DAYS = {name: number for number, names in enumerate(
    (("1", "一", "mon"), ("2", "二", "tue"), ("3", "三", "wed"), ("4", "四", "thu"), ("5", "五", "fri"),
     ("6", "六", "sat"), ("7", "日", "天", "sun")), start=1) for name in names}  # fmt: skip
_ONE_DAY = "(mon|tue|wed|thu|fri|sat|sun|[1-7一二三四五六日天])"


def _weekdays(text: str) -> tuple[int, ...]:
    word = re.sub(r"周|星期|[\s,;、和]|day\b", "", plain(text).lower())
    if word in ("每", "每天", "daily", "all"):
        return tuple(range(1, 8))
    days: set[int] = set()
    while word:
        found = re.match(rf"{_ONE_DAY}(?:[-~至到]{_ONE_DAY})?", word)
        if found is None:
            raise ValueError(text)
        first = _DAYS[found[1]]
        last = _DAYS[found[2]] if found[2] else first
        # 'sat-mon' goes over the end of the week.
        days |= {(day - 1) % 7 + 1 for day in range(first, last + 1 if last >= first else last + 8)}
        word = word[found.end() :]
    if not days:
        raise ValueError(text)
    return tuple(sorted(days))


def choice(options: Mapping[str, str]) -> Reader:
    """A reader of one code out of several, or its Chinese label; ``options``: label by code."""
    return Reader(lambda text: _code(plain(text), options), *_list_of(options))


def several(terms: Mapping[str, Term]) -> Reader:
    """A reader of codes or their Chinese labels, separated by ';', ',' or '、'."""
    options = {code: term.zh for code, term in terms.items()}
    zh, en = _list_of(options)

    def read(text: str) -> tuple[str, ...]:
        return tuple(_code(part, options) for part in re.split(r"[;,、\s]+", plain(text)) if part)

    return Reader(read, f"{zh}，多项用分号隔开", f"{en}; separate several by ';'")


def _code(word: str, options: Mapping[str, str]) -> str:
    for code, label in options.items():
        if word.lower() == code or word == unicodedata.normalize("NFKC", label):
            return code
    raise ValueError(word)


def _list_of(options: Mapping[str, str]) -> tuple[str, str]:
    return "填写 " + "、".join(options.values()) + " 之一", "write one of " + ", ".join(options)


def text(zh: str, en: str) -> Reader:
    """Words as they are."""
    return Reader(str.strip, zh, en)


def code(zh: str, en: str) -> Reader:
    """A reader of a code or telephone number, whose full-width characters become plain ones."""
    return Reader(plain, zh, en)


NUMBER = Reader(_number, "填写数字，如 114.2284", "write a number such as 114.2284")
INTEGER = Reader(_integer, "填写整数，如 1", "write a whole number such as 1")
DATE = Reader(_date, "填写日期，如 1941-05-06", "write a date such as 1941-05-06")
TIME = Reader(_time, "填写时刻，如 08:00", "write a time such as 08:00")
MOMENT = Reader(
    _moment, "填写日期和时刻，如 2026-11-01 08:00（北京时间）", "write a time such as 2026-11-01 08:00 (Shanghai)"
)
TRUTH = Reader(_truth, "填写 是 或 否", "write yes or no")
MAYBE = Reader(_maybe, "填写 是、否 或 不详", "write yes, no or unknown")
WEEKDAYS = Reader(_weekdays, "填写星期，如 一至五、六日 或 每天", "write weekdays such as 1-5, sat sun or daily")
