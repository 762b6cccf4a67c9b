"""Read the search parameters of a request: known ones only, each with a message where it is wrong. Pure."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from exchange.shell.errors import ExchangeError
from vocabulary.times import SHANGHAI

LARGEST_ID = 2**31 - 1
DEFAULT_COUNT, MOST = 50, 1000
_ALWAYS = frozenset({"_count", "_page", "_format", "_pretty"})
_FORMATS = frozenset({"json", "application/json", "text/json", "application/fhir+json"})
_DATE = re.compile(
    r"^(eq|ge|gt|le|lt|sa|eb)?(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?)?)?\Z"
)
FIRST, LAST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.datetime(9000, 1, 1, tzinfo=dt.UTC)


class Span(msgspec.Struct, frozen=True):
    """Moments from ``since`` up to and without ``until``."""

    since: dt.datetime = FIRST
    until: dt.datetime = LAST

    def within(self, other: "Span") -> "Span":
        """Moments that both have."""
        return Span(max(self.since, other.since), min(self.until, other.until))


class Search(msgspec.Struct, frozen=True):
    """The parameters of one search."""

    given: Mapping[str, list[str]]
    count: int
    page: str
    """Where to go on; "": from the beginning."""

    def words(self, name: str) -> list[str] | None:
        """The values of a parameter, of which one has to fit; None: it is not given."""
        if name not in self.given:
            return None
        return [word for text in self.given[name] for word in text.split(",") if word]

    def ids(self, name: str, kind: str = "") -> list[int] | None:
        """The numbers of a parameter; what is no number of ours fits nothing. ``kind``: of references (Patient/7)."""
        words = self.words(name)
        if words is None:
            return None
        return [number for word in words if (number := number_of(word.removeprefix(f"{kind}/"))) is not None]

    def span(self, *names: str) -> Span:
        """The moments that all values of these date parameters allow. Raises ExchangeError."""
        span = Span()
        for name in names:
            for text in self.given.get(name, ()):
                span = span.within(span_of(name, text))
        return span

    def link(self, base: str, page: str) -> str:
        """The address of the page that begins at ``page``."""
        pairs = [(name, text) for name, texts in self.given.items() for text in texts if name != "_page"]
        return f"{base}?{urlencode([*pairs, *([('_page', page)] if page else [])])}"


def read(pairs: Sequence[tuple[str, str]], allowed: frozenset[str]) -> Search:
    """The search of a query string. Raises ExchangeError for a parameter that is not known: ignored, it would give more
    than was asked for."""
    given: dict[str, list[str]] = {}
    for name, text in pairs:
        if name not in allowed | _ALWAYS:
            known = ", ".join(sorted(allowed | {"_count"}))
            raise ExchangeError(
                400,
                en=f"the search parameter {name[:60]!r} is not supported here; these are: {known}",
                zh=f"此处不支持检索参数 {name[:60]!r}；支持的参数：{known}",
                code="not-supported",
            )
        given.setdefault(name, []).append(text)
    for text in given.get("_format", ()):
        if text.partition(";")[0].strip().replace(" ", "+") not in _FORMATS:
            raise ExchangeError(406, en="only JSON is given: _format=json", zh="只提供 JSON：_format=json")
    count = given.get("_count", [str(DEFAULT_COUNT)])[-1]
    if not (count.isascii() and count.isdecimal()) or int(count[:9]) < 1:
        raise ExchangeError(400, en="_count is a number from 1 on", zh="_count 须为正整数", code="value")
    return Search(given, min(int(count[:9]), MOST), given.get("_page", [""])[-1])


def number_of(text: str) -> int | None:
    """A row's number; None for a text that is none."""
    good = text.isascii() and text.isdecimal() and len(text) <= 10 and 0 < int(text) <= LARGEST_ID
    return int(text) if good else None


def page_of(text: str, parts: int) -> tuple[int, ...] | None:
    """The key in ``_page``: whole numbers with dots between; None for an empty text. Raises ExchangeError."""
    if not text:
        return None
    words = text.split(".")
    if len(words) != parts or not all(re.fullmatch(r"-?[0-9]{1,18}", word) for word in words):
        raise ExchangeError(
            400, en="_page is taken from a link of ours, as it is", zh="_page 只能取自本接口返回的链接", code="value"
        )
    return tuple(map(int, words))


def key_of(text: str) -> tuple[int, int]:
    """The key of two row numbers in ``_page``; (0, 0) for an empty text. Raises ExchangeError."""
    first, second = page_of(text, 2) or (0, 0)
    return min(max(first, 0), LARGEST_ID), min(max(second, 0), LARGEST_ID)


def span_of(name: str, text: str) -> Span:
    """The moments that a date parameter allows: ``ge2026-11-01``, ``2026-11``. Without a zone it is Shanghai's.

    Raises ExchangeError.
    """
    # a plus sign that was not escaped arrives as a blank
    match = _DATE.match(text.replace(" ", "+"))
    try:
        if match is None:
            raise ValueError
        low, high = _bounds(match)
    except (ValueError, OverflowError) as error:
        raise ExchangeError(
            400,
            en=f"{name}={text[:40]!r} is no date: write ge2026-11-01 or lt2026-11-02T08:00:00+08:00",
            zh=f"{name}={text[:40]!r} 不是日期：请写作 ge2026-11-01 或 lt2026-11-02T08:00:00+08:00",
            code="value",
        ) from error
    low, high = (min(max(at, FIRST), LAST) for at in (low, high))
    prefix = match[1] or "eq"
    spans = {
        "ge": Span(since=low), "gt": Span(since=high), "sa": Span(since=high), "le": Span(until=high),
        "lt": Span(until=low), "eb": Span(until=low), "eq": Span(low, high),
    }  # fmt: skip
    return spans[prefix]


def _bounds(match: re.Match[str]) -> tuple[dt.datetime, dt.datetime]:
    year, month, day = int(match[2]), match[3], match[4]
    zone: dt.tzinfo = SHANGHAI
    if match[9]:
        zone = dt.datetime.fromisoformat(f"2000-01-01T00:00:00{match[9]}").tzinfo or SHANGHAI
    if not 1 <= year < 9000:
        raise ValueError
    if month is None:
        return dt.datetime(year, 1, 1, tzinfo=zone), dt.datetime(year + 1, 1, 1, tzinfo=zone)
    if day is None:
        low = dt.datetime(year, int(month), 1, tzinfo=zone)
        return low, (low + dt.timedelta(days=32)).replace(day=1)
    low = dt.datetime(year, int(month), int(day), tzinfo=zone)
    if match[5] is None:
        return low, low + dt.timedelta(days=1)
    low = low.replace(hour=int(match[5]), minute=int(match[6]), second=int(match[7] or 0))
    if match[7] is None:
        return low, low + dt.timedelta(minutes=1)
    if match[8] is None:
        return low, low + dt.timedelta(seconds=1)
    low += dt.timedelta(microseconds=int(match[8][1:7].ljust(6, "0")))
    return low, low + dt.timedelta(milliseconds=1)


def us_of(at: dt.datetime) -> int:
    """µs since 1970."""
    return (at - FIRST) // dt.timedelta(microseconds=1)


def at_of(us: int) -> dt.datetime:
    """The moment of µs since 1970, held within what the database takes."""
    return FIRST + dt.timedelta(microseconds=min(max(us, 0), us_of(LAST)))


def instant(at: dt.datetime) -> str:
    """A moment as FHIR writes it, to the millisecond."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def bundle(search: Search, base: str, entries: list[dict[str, Any]], next_page: str = "") -> dict[str, Any]:
    """A Bundle of type searchset, with the link to the next page."""
    links = [{"relation": "self", "url": search.link(base, search.page)}]
    if next_page:
        links.append({"relation": "next", "url": search.link(base, next_page)})
    found: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if entries:  # an empty list is not allowed
        found["entry"] = entries
    return found


def entry(base: str, resource: dict[str, Any], mode: str = "match") -> dict[str, Any]:
    """One entry of such a Bundle; ``base``: the address of /fhir."""
    address = f"{base}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": address, "resource": resource, "search": {"mode": mode}}
