"""The area and the months that somebody asks for, checked against their account, and how fresh the roll-ups are."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, in_area, may_do, require
from care_network.errors import NotFoundError, ProvisioningError
from figures.core import months
from figures.core.sections import Language, pick
from vocabulary.times import SHANGHAI

MOST_MONTHS = 36
USUAL_MONTHS = 12
FIRST_DAY = dt.timedelta(days=1)
"""A district that began within it began with the month."""
STALE = dt.timedelta(hours=2)
LISTS: dict[str, Action] = {
    "alerts": Action.VIEW_ALERTS,
    "people": Action.VIEW_RESIDENT,
    "homes": Action.VIEW_RESIDENT,
    "households": Action.VIEW_RESIDENT,
    "devices": Action.VIEW_RESIDENT,
    "month_devices": Action.VIEW_RESIDENT,
    "device_months": Action.VIEW_FIGURES,
    "staff": Action.VIEW_NETWORK,
    "orders": Action.VIEW_ORDERS,
    "places": Action.VIEW_FIGURES,
}
"""Lists behind the figures, and the permission that each needs beside VIEW_FIGURES."""


class Area(msgspec.Struct, frozen=True):
    """A node of the area tree."""

    id: int
    path: str
    level: str
    zh: str
    en: str


class Counted(msgspec.Struct, frozen=True):
    """A month that was counted: when its alerts, its people and (within it) its registry were."""

    at: dt.datetime
    people_at: dt.datetime | None
    registry_at: dt.datetime | None
    until: dt.datetime | None


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """An area and months, as somebody may see them. ``counted``: of all months, also beyond the window; ``began``: the
    first home, alert or look of the district."""

    area: Area
    first: dt.date
    last: dt.date
    language: Language
    now: dt.datetime
    counted: dict[dt.date, Counted]
    refreshed_at: dt.datetime | None
    began: dt.datetime | None = None
    lists: frozenset[str]

    @property
    def months(self) -> list[dt.date]:
        """All months of the window, whether counted or not."""
        return months.between(self.first, self.last)

    @property
    def trend(self) -> list[dt.date]:
        """The months of the run charts: those of the window, and at least the twelve up to its end."""
        return months.between(min(self.first, months.after(self.last, 1 - USUAL_MONTHS)), self.last)

    @property
    def known(self) -> list[dt.date]:
        """Those of them that were counted."""
        return [month for month in self.months if month in self.counted]

    def seen(self, month: dt.date) -> tuple[dt.datetime, dt.datetime]:
        """The part of a month that its figures are about: from when the district began, up to its last count."""
        begin, end = months.span(month)
        counted = self.counted.get(month)
        began = begin if self.began is None or self.began < begin + FIRST_DAY else self.began
        return max(begin, began), min(end, self.now if counted is None else counted.at)

    def passed(self, month: dt.date) -> float:
        """That part, 0 to 1."""
        (since, until), (begin, end) = self.seen(month), months.span(month)
        return max(0.0, min(1.0, (until - since) / (end - begin)))

    def whole(self, month: dt.date) -> bool:
        """Whether it is all of the month: only such months are compared with others."""
        return self.seen(month) == months.span(month)

    def month_words(self, month: dt.date) -> str:
        """The month, and which part of it is meant where it is not the whole."""
        code, (since, until), (begin, end) = months.code(month), self.seen(month), months.span(month)
        said = []
        if since > begin:
            day = f"{since.astimezone(SHANGHAI):%m-%d}"
            said.append(self.say(f"自 {day} 起", f"from {day}"))
        if self.now < end:
            said.append(self.say("未结束", "not over"))
        elif until < end and month in self.counted:
            day = f"{until.astimezone(SHANGHAI):%m-%d %H:%M}"
            said.append(self.say(f"只统计到 {day}", f"counted up to {day}"))
        if not said:
            return code
        return self.say(f"{code}（{'，'.join(said)}）", f"{code} ({', '.join(said)})")

    @property
    def uncounted(self) -> str:
        """Say how many of the months have no figures; '' where all have."""
        if len(self.known) == len(self.months):
            return ""
        return self.say(
            f"{len(self.months)} 个月中只有 {len(self.known)} 个月有数据",
            f"only {len(self.known)} of {len(self.months)} months have figures",
        )

    @property
    def stale(self) -> bool:
        """Whether the last refresh is too old, or there was none."""
        return self.refreshed_at is None or self.now - self.refreshed_at > STALE

    @property
    def asked(self) -> dict[str, Any]:
        """Parameters of a query over the sums."""
        return {"area": self.area.id, "first": self.first, "last": self.last, "trend": self.trend[0]}

    def say(self, zh: str, en: str) -> str:
        """The text in the reader's language."""
        return pick(self.language, zh, en)

    def name(self, area: Area) -> str:
        """The area's name."""
        return self.say(area.zh, area.en)

    def link(self, kind: str, /, **filters: str) -> str:
        """The list of that kind behind a figure of this window; empty where the reader may not open it."""
        if kind not in self.lists:
            return ""
        given = {"area": self.area.path, "from": months.code(self.first), "to": months.code(self.last), **filters}
        return f"{kind}?{urlencode(given)}"

    @property
    def span_words(self) -> str:
        """The months in words."""
        first, last = months.code(self.first), self.month_words(self.last)
        return last if self.first == self.last else self.say(f"{first} 至 {last}", f"{first} to {last}")


def window(
    conn: Connection[Any],
    account: Account,
    language: Language,
    now: dt.datetime,
    *,
    area: str = "",
    first: str = "",
    last: str = "",
) -> Window:
    """The window asked for; left out: the account's own area, and the last 12 months.

    Raises NotPermittedError without VIEW_FIGURES, NotFoundError for an area that is none of theirs, ProvisioningError
    for months that cannot be.
    """
    require(account, Action.VIEW_FIGURES)
    path = area or account.area_path or ""
    row = None
    if in_area(account, path):
        row = conn.execute(
            "SELECT id, path::text, level, name_zh, name_en FROM area WHERE path::text = %s", (path,)
        ).fetchone()
    if row is None:
        raise NotFoundError(en="there is no such area", zh="没有该区域", field="area")
    present = months.month_at(now)
    until = _month(last, "to") or present
    since = _month(first, "from") or months.after(until, 1 - USUAL_MONTHS)
    if until > present:
        raise ProvisioningError(en="that month has not begun", zh="该月份尚未开始", field="to")
    if not since <= until:
        raise ProvisioningError(en="the first month lies after the last", zh="起始月份晚于结束月份", field="from")
    if len(months.between(since, until)) > MOST_MONTHS:
        raise ProvisioningError(en=f"{MOST_MONTHS} months at most", zh=f"最多 {MOST_MONTHS} 个月", field="from")
    rows = conn.execute("SELECT month, counted_at, people_at, registry_at, until FROM figure_month")
    counted = {month: Counted(*times) for month, *times in rows}
    mark = conn.execute("SELECT counted_at, began_at FROM figure_mark").fetchone()
    opened = frozenset(kind for kind, action in LISTS.items() if may_do(account, action))
    return Window(
        area=Area(*row),
        first=since,
        last=until,
        language=language,
        now=now,
        counted=counted,
        refreshed_at=mark and mark[0],
        began=mark and mark[1],
        lists=opened,
    )


@contextmanager
def planned_anew(conn: Connection[Any]) -> Iterator[None]:
    """Have each query planned for its own area and months: a plan for any of them takes ten times as long."""
    with conn.transaction():
        conn.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        yield


def below(conn: Connection[Any], w: Window) -> list[int]:
    """The areas of a window's figures: its own, and all below. A list, since a join makes the planner guess."""
    return [row[0] for row in conn.execute("SELECT id FROM area WHERE path <@ %s::text::ltree", (w.area.path,))]


def areas(conn: Connection[Any], account: Account) -> list[Area]:
    """The areas that the account may choose, down to communities, in the order of the tree."""
    rows = conn.execute(
        "SELECT id, path::text, level, name_zh, name_en FROM area WHERE path <@ %s::text::ltree AND (level <>"
        " 'compound' OR path::text = %s) ORDER BY path",
        (account.area_path, account.area_path),
    )
    return [Area(*row) for row in rows]


def _month(text: str, field: str) -> dt.date | None:
    try:
        return months.parse(text) if text else None
    except ValueError:
        raise ProvisioningError(en="a month is written 2026-11", zh="月份写作 2026-11", field=field) from None
